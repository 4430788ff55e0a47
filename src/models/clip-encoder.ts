// What CLIP's two towers share: fields of their configs, the encoder, fresh weights.
// Knows neither texts nor pictures.
import { z } from "zod";
import { type AnyModule, functional as F, init, LayerNorm, Linear, Module, ModuleList } from "../nn/index.ts";
import type { Generator, Tensor } from "../tensor/index.ts";

const count = z.number().int().positive();

/** Fields of both towers; those that are not said have the sizes of CLIP's first model. */
export const towerFields = (defaults: { hidden: number; heads: number; intermediate: number }) => ({
  hidden_size: count.default(defaults.hidden),
  num_hidden_layers: count.default(12),
  num_attention_heads: count.default(defaults.heads),
  intermediate_size: count.default(defaults.intermediate),
  projection_dim: count.default(512),
  hidden_act: z.string().default("quick_gelu"),
  layer_norm_eps: z.number().default(1e-5),
  attention_dropout: z.number().default(0),
  initializer_range: z.number().default(0.02),
  initializer_factor: z.number().default(1),
});

export type TowerConfig = z.infer<z.ZodObject<ReturnType<typeof towerFields>>>;

/** Whether the heads share the width; a schema refines itself by it. */
export const dividesHeads = ({ hidden_size, num_attention_heads }: TowerConfig): boolean =>
  hidden_size % num_attention_heads === 0;

export const NOT_DIVIDED = { path: ["num_attention_heads"], message: "does not divide hidden_size" };

class Attention extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly k_proj: Linear;
  readonly v_proj: Linear;
  readonly q_proj: Linear;
  readonly out_proj: Linear;
  readonly #heads: number;
  readonly #width: number;
  readonly #dropout: number;

  constructor(config: TowerConfig) {
    super();
    const linear = () => new Linear(config.hidden_size, config.hidden_size);
    this.k_proj = linear();
    this.v_proj = linear();
    this.q_proj = linear();
    this.out_proj = linear();
    this.#heads = config.num_attention_heads;
    this.#width = config.hidden_size / config.num_attention_heads;
    this.#dropout = config.attention_dropout;
  }

  override forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const split = (y: Tensor) => y.unflatten(-1, [this.#heads, this.#width]).transpose(1, 2); // [B, H, T, d]
    const context = F.scaledDotProductAttention(split(this.q_proj(x)), split(this.k_proj(x)), split(this.v_proj(x)), {
      attnMask: mask,
      dropoutP: this.#dropout,
      training: this.training,
    });
    return this.out_proj(context.transpose(1, 2).flatten(-2)); // [B, T, D]
  }
}

class MLP extends Module<[Tensor], Tensor> {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly #activation: (x: Tensor) => Tensor;

  constructor(config: TowerConfig) {
    super();
    this.fc1 = new Linear(config.hidden_size, config.intermediate_size);
    this.fc2 = new Linear(config.intermediate_size, config.hidden_size);
    this.#activation = F.activation(config.hidden_act);
  }

  override forward(x: Tensor): Tensor {
    return this.fc2(this.#activation(this.fc1(x)));
  }
}

class Layer extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly self_attn: Attention;
  readonly layer_norm1: LayerNorm;
  readonly mlp: MLP;
  readonly layer_norm2: LayerNorm;

  constructor(config: TowerConfig) {
    super();
    this.self_attn = new Attention(config);
    this.layer_norm1 = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
    this.mlp = new MLP(config);
    this.layer_norm2 = new LayerNorm(config.hidden_size, { eps: config.layer_norm_eps });
  }

  override forward(x: Tensor, mask: Tensor | undefined): Tensor {
    const attended = this.self_attn(this.layer_norm1(x), mask).add(x);
    return this.mlp(this.layer_norm2(attended)).add(attended);
  }
}

/** States [B, T, D] → states; an additive mask hides keys. */
export class Encoder extends Module<[Tensor, Tensor | undefined], Tensor> {
  readonly layers: ModuleList<Layer>;

  constructor(config: TowerConfig) {
    super();
    this.layers = new ModuleList(Array.from({ length: config.num_hidden_layers }, () => new Layer(config)));
  }

  override forward(x: Tensor, mask: Tensor | undefined): Tensor {
    let hidden = x;
    for (const layer of this.layers) hidden = layer(hidden, mask);
    return hidden;
  }
}

/** Deviations of CLIP's fresh weights by the end of their name, before `initializer_factor`; the first that fits counts. */
const DEVIATIONS: readonly (readonly [end: RegExp, deviation: (config: TowerConfig) => number])[] = [
  [/\.(?:[qkv]_proj|fc2)\.weight$/, (config) => (config.hidden_size * 2 * config.num_hidden_layers) ** -0.5],
  [/(?:\.out_proj\.weight|class_embedding|_projection\.weight)$/, (config) => config.hidden_size ** -0.5],
  [/\.fc1\.weight$/, (config) => (2 * config.hidden_size) ** -0.5],
  [/_embedding\.weight$/, (config) => config.initializer_range],
];

/** Fresh weights of a tower: norms of ones, biases of zeros, all else normal by the table. */
export function initializeTower(tower: AnyModule, config: TowerConfig, generator?: Generator): void {
  for (const [name, weight] of tower.namedParameters()) {
    const [, deviation] = DEVIATIONS.find(([end]) => end.test(name)) ?? [];
    if (deviation !== undefined) drawNormal(weight, deviation(config) * config.initializer_factor, generator);
    else if (name.endsWith("bias")) init.zeros_(weight);
    else init.ones_(weight);
  }
}

export function drawNormal(weight: Tensor, deviation: number, generator: Generator | undefined): void {
  init.normal_(weight, 0, deviation, generator === undefined ? {} : { generator });
}
