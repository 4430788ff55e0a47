// ViT (Dosovitskiy et al. 2020, arXiv 2010.11929): config → patches → encoder → pooler → classes.
// Downloads nothing and reads no picture; names of modules are the checkpoint's names.
import { z } from "zod";
import { Conv2d, functional as F, init, LayerNorm, Linear, Module, ModuleList, parameter } from "../nn/index.ts";
import { type Generator, type Tensor, zeros } from "../tensor/index.ts";
import {
  defineArchitecture,
  type HiddenOutput,
  type LogitsOutput,
  labelsOf,
  type PixelInputs,
  PreTrainedModel,
} from "./architecture.ts";
import type { InputName } from "./inputs.ts";
import { inFront, patchCount, requirePictures, side } from "./pictures.ts";
import { countedHeads } from "./prunable.ts";

const count = z.number().int().positive();

interface HeadSizes {
  hidden_size: number;
  num_attention_heads: number;
  head_dim?: number | null | undefined;
}

const widthOf = (config: HeadSizes): number => config.head_dim ?? config.hidden_size / config.num_attention_heads;

export const vitConfigSchema = z
  .looseObject({
    model_type: z.literal("vit"),
    hidden_size: count.default(768),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(12),
    intermediate_size: count.default(3072),
    hidden_act: z.string().default("gelu"),
    hidden_dropout_prob: z.number().default(0),
    attention_probs_dropout_prob: z.number().default(0),
    initializer_range: z.number().default(0.02),
    layer_norm_eps: z.number().default(1e-12),
    image_size: side.default(224),
    patch_size: side.default(16),
    num_channels: count.default(3),
    qkv_bias: z.boolean().default(true),
    head_dim: count.nullish(),
    pooler_output_size: count.nullish(),
    pooler_act: z.string().default("tanh"),
    id2label: z.record(z.string(), z.string()).default({ 0: "LABEL_0", 1: "LABEL_1" }),
  })
  .refine((config) => Number.isInteger(widthOf(config)), {
    path: ["num_attention_heads"],
    message: "does not divide hidden_size",
  })
  .refine(({ image_size, patch_size }) => patch_size <= image_size, {
    path: ["patch_size"],
    message: "is larger than image_size",
  });

export type VitConfig = z.infer<typeof vitConfigSchema>;

class PatchEmbeddings extends Module<[Tensor], Tensor> {
  readonly projection: Conv2d;

  constructor(config: VitConfig) {
    super();
    this.projection = new Conv2d(config.num_channels, config.hidden_size, config.patch_size, {
      stride: config.patch_size,
    });
  }

  override forward(pixelValues: Tensor): Tensor {
    return this.projection(pixelValues).flatten(2).transpose(1, 2); // [B, P, D]
  }
}

/** A token for the whole picture, then one a patch, each with its place. */
class Embeddings extends Module<[Tensor], Tensor> {
  readonly cls_token: Tensor;
  readonly position_embeddings: Tensor;
  readonly patch_embeddings: PatchEmbeddings;
  readonly #config: VitConfig;

  constructor(config: VitConfig) {
    super();
    this.cls_token = parameter(zeros([1, 1, config.hidden_size]));
    this.position_embeddings = parameter(zeros([1, 1 + patchCount(config), config.hidden_size]));
    this.patch_embeddings = new PatchEmbeddings(config);
    this.#config = config;
  }

  override forward(pixelValues: Tensor): Tensor {
    requirePictures(pixelValues, this.#config);
    const tokens = inFront(this.cls_token, this.patch_embeddings(pixelValues)).add(this.position_embeddings);
    return F.dropout(tokens, this.#config.hidden_dropout_prob, this.training); // [B, 1 + P, D]
  }
}

class SelfAttention extends Module<[Tensor], Tensor> {
  readonly query: Linear;
  readonly key: Linear;
  readonly value: Linear;
  readonly #heads: number;
  readonly #width: number;
  readonly #dropout: number;

  constructor(config: VitConfig) {
    super();
    this.#heads = config.num_attention_heads;
    this.#width = widthOf(config);
    const linear = () => new Linear(config.hidden_size, this.#heads * this.#width, { bias: config.qkv_bias });
    this.query = linear();
    this.key = linear();
    this.value = linear();
    this.#dropout = config.attention_probs_dropout_prob;
  }

  override forward(x: Tensor): Tensor {
    const split = (y: Tensor) => y.unflatten(-1, [this.#heads, this.#width]).transpose(1, 2); // [B, H, T, d]
    const context = F.scaledDotProductAttention(split(this.query(x)), split(this.key(x)), split(this.value(x)), {
      dropoutP: this.#dropout,
      training: this.training,
    });
    return context.transpose(1, 2).flatten(-2); // [B, T, H d]
  }
}

/** Dense → dropout: what both halves of a layer end with, before the sum. */
class Output extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly #dropout: number;

  constructor(config: VitConfig, inFeatures: number) {
    super();
    this.dense = new Linear(inFeatures, config.hidden_size);
    this.#dropout = config.hidden_dropout_prob;
  }

  override forward(x: Tensor): Tensor {
    return F.dropout(this.dense(x), this.#dropout, this.training);
  }
}

class Attention extends Module<[Tensor], Tensor> {
  readonly attention: SelfAttention;
  readonly output: Output;

  constructor(config: VitConfig) {
    super();
    this.attention = new SelfAttention(config);
    this.output = new Output(config, config.num_attention_heads * widthOf(config));
  }

  override forward(x: Tensor): Tensor {
    return this.output(this.attention(x));
  }
}

class Intermediate extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: VitConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.intermediate_size);
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(x: Tensor): Tensor {
    return this.#activation(this.dense(x)); // [B, T, F]
  }
}

class Layer extends Module<[Tensor], Tensor> {
  readonly attention: Attention;
  readonly intermediate: Intermediate;
  readonly output: Output;
  readonly layernorm_before: LayerNorm;
  readonly layernorm_after: LayerNorm;

  constructor(config: VitConfig) {
    super();
    this.attention = new Attention(config);
    this.intermediate = new Intermediate(config);
    this.output = new Output(config, config.intermediate_size);
    this.layernorm_before = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.layernorm_after = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
  }

  override forward(x: Tensor): Tensor {
    const attended = this.attention(this.layernorm_before(x)).add(x);
    return this.output(this.intermediate(this.layernorm_after(attended))).add(attended);
  }
}

class Encoder extends Module<[Tensor], Tensor> {
  readonly layer: ModuleList<Layer>;

  constructor(config: VitConfig) {
    super();
    this.layer = new ModuleList(Array.from({ length: config.num_hidden_layers }, () => new Layer(config)));
  }

  override forward(x: Tensor): Tensor {
    let hidden = x;
    for (const layer of this.layer) hidden = layer(hidden);
    return hidden;
  }
}

/** The first token's state → dense → activation. */
class Pooler extends Module<[Tensor], Tensor> {
  readonly dense: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: VitConfig) {
    super();
    this.dense = new Linear(config.hidden_size, config.pooler_output_size ?? config.hidden_size);
    this.#activation = F.activation(config.pooler_act);
  }

  override forward(hidden: Tensor): Tensor {
    return this.#activation(this.dense(hidden.select(1, 0)));
  }
}

/** What ViT's classes have in common. */
abstract class VitPreTrainedModel<Output extends HiddenOutput | LogitsOutput> extends PreTrainedModel<
  Output,
  PixelInputs
> {
  override get inputs(): readonly InputName[] {
    return ["pixelValues"];
  }

  /** ViT's own: the patches' filter as other matrices, first token and places normal within ±2. */
  override initialize(generator?: Generator): void {
    super.initialize(generator);
    const range = this.config.initializer_range ?? 0.02;
    const draw = generator === undefined ? {} : { generator };
    for (const module of this.modules()) {
      if (module instanceof Conv2d) {
        init.normal_(module.weight, 0, range, draw);
        if (module.bias !== undefined) init.zeros_(module.bias);
      } else if (module instanceof Embeddings) {
        init.truncNormal_(module.position_embeddings, 0, range, -2, 2, draw);
        init.truncNormal_(module.cls_token, 0, range, -2, 2, draw);
      }
    }
  }
}

/** The states of a picture and its patches, [B, 1 + P, D], and the first one pooled. */
export class ViTModel extends VitPreTrainedModel<HiddenOutput> {
  readonly embeddings: Embeddings;
  readonly encoder: Encoder;
  readonly layernorm: LayerNorm;
  readonly pooler: Pooler | undefined;

  constructor(config: VitConfig, { pooler = true } = {}) {
    super(config);
    this.embeddings = new Embeddings(config);
    this.encoder = new Encoder(config);
    this.layernorm = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.pooler = pooler ? new Pooler(config) : undefined;
  }

  override forward({ pixelValues }: PixelInputs): HiddenOutput {
    const lastHiddenState = this.layernorm(this.encoder(this.embeddings(pixelValues)));
    return this.pooler === undefined
      ? { lastHiddenState }
      : { lastHiddenState, poolerOutput: this.pooler(lastHiddenState) };
  }
}

/** The first token's state → classes: logits [B, C]. */
export class ViTForImageClassification extends VitPreTrainedModel<LogitsOutput> {
  readonly vit: ViTModel;
  readonly classifier: Linear;

  constructor(config: VitConfig) {
    super(config);
    this.vit = new ViTModel(config, { pooler: false });
    this.classifier = new Linear(config.hidden_size, labelsOf(config).length);
  }

  override forward(inputs: PixelInputs): LogitsOutput {
    return { logits: this.classifier(this.vit(inputs).lastHiddenState.select(1, 0)) };
  }
}

export const vit = defineArchitecture({
  modelType: "vit",
  config: vitConfigSchema,
  heads: {
    ViTModel: (config) => new ViTModel(config),
    ViTForImageClassification: (config) => new ViTForImageClassification(config),
  },
  maxLength: () => Number.POSITIVE_INFINITY,
  prunable: {
    stacks: [
      {
        layers: "encoder.layer",
        count: "num_hidden_layers",
        heads: [
          {
            made: ["attention.attention.query", "attention.attention.key", "attention.attention.value"],
            read: "attention.output.dense",
          },
        ],
        neurons: [{ made: ["intermediate.dense"], read: "output.dense" }],
      },
    ],
    heads: countedHeads({
      count: (config: VitConfig) => config.num_attention_heads,
      fields: (config, heads) => ({ num_attention_heads: heads, head_dim: widthOf(config) }),
    }),
    neurons: "intermediate_size",
  },
  // Pretraining leaves a pooler, and a token for hidden patches.
  checkpoint: { prefix: "vit", ignored: /^vit\.pooler\.|embeddings\.mask_token$/ },
});
