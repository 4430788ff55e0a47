// Transformer: encoder and decoder layers and stacks (Vaswani et al. 2017, arXiv 1706.03762), with PyTorch's parameters.
// Knows no words and no positions.
import { argumentError } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { fromTypedArray, Generator, type Tensor } from "../tensor/index.ts";
import { type AttendOptions, MultiheadAttention } from "./attention.ts";
import { ModuleList } from "./container.ts";
import { Dropout } from "./dropout.ts";
import { gelu, relu } from "./functional/activation.ts";
import { optionError } from "./functional/sizes.ts";
import { xavierUniform_ } from "./init.ts";
import { type LayerOptions, Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./normalization.ts";

const stackOptions = optionsOf<{ norm?: LayerNorm }>({ norm: true });

type Act = "relu" | "gelu" | ((x: Tensor) => Tensor);

/** How a layer of a transformer is made. */
export interface TransformerLayerOptions extends LayerOptions {
  dimFeedforward?: number;
  dropout?: number;
  activation?: Act;
  layerNormEps?: number;
  /** Sequences are [N, T, E] instead of [T, N, E]. */
  batchFirst?: boolean;
  /** Normalization before attention and feed-forward instead of after. */
  normFirst?: boolean;
  bias?: boolean;
}

const transformerLayerOptions = optionsOf<TransformerLayerOptions>({
  generator: true,
  dimFeedforward: true,
  dropout: true,
  activation: true,
  layerNormEps: true,
  batchFirst: true,
  normFirst: true,
  bias: true,
});

type Resolved = Required<Omit<TransformerLayerOptions, "generator">>;

function layerCount(numLayers: number): number {
  if (Number.isInteger(numLayers) && numLayers >= 0) return numLayers;
  throw optionError(
    `num_layers must be a whole number from 0 on, but got ${String(numLayers)}`,
    "It comes after the layer.",
  );
}

function resolved(options: TransformerLayerOptions): Resolved {
  const { dimFeedforward = 2048, dropout = 0.1, activation = "relu", layerNormEps = 1e-5 } = options;
  const { batchFirst = false, normFirst = false, bias = true } = options;
  return { dimFeedforward, dropout, activation, layerNormEps, batchFirst, normFirst, bias };
}

function activationOf(activation: Act): (x: Tensor) => Tensor {
  if (typeof activation === "function") return activation;
  if (activation === "relu") return relu;
  if (activation === "gelu") return (x) => gelu(x);
  throw new AbrazoError({
    code: "UNKNOWN_ACTIVATION",
    message: `activation should be relu/gelu, not ${String(activation)}`,
    hint: "Or pass a function of a tensor.",
  });
}

/** A layer of the same sizes with the same weights and modes. Its own first weights are drawn for nothing, and not from the default generator. */
function copyOf<Layer extends TransformerEncoderLayer | TransformerDecoderLayer>(from: Layer, to: Layer): Layer {
  to.loadStateDict(from.stateDict());
  const frozen = from.parameters().map(({ requiresGrad }) => !requiresGrad);
  for (const [at, tensor] of to.parameters().entries()) if (frozen[at] === true) tensor.requiresGrad_(false);
  to.train(from.training);
  return to;
}

/** Masks of a call of an encoder. */
export interface EncoderOptions {
  /** Which sources each sees, [T, T], as MultiheadAttention's attnMask. */
  mask?: Tensor | undefined;
  srcKeyPaddingMask?: Tensor | undefined;
  isCausal?: boolean;
}

const encoderOptions = optionsOf<EncoderOptions>({ mask: true, srcKeyPaddingMask: true, isCausal: true });

/**
 * Self-attention and feed-forward, each with a residual and a normalization: [T, N, E] → [T, N, E].
 *
 * @example
 * ```ts
 * new TransformerEncoderLayer(8, 2, { batchFirst: true })(ones([3, 5, 8])).shape; // [3, 5, 8]
 * ```
 */
export class TransformerEncoderLayer extends Module<[Tensor, EncoderOptions?], Tensor> {
  readonly self_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly #options: Resolved;

  constructor(dModel: number, nhead: number, given?: TransformerLayerOptions) {
    const options = transformerLayerOptions("TransformerEncoderLayer", given);
    super();
    this.#options = resolved(options);
    const { dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = this.#options;
    const draw = options.generator === undefined ? {} : { generator: options.generator };
    activationOf(this.#options.activation);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...draw });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...draw });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...draw });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
  }

  override forward(source: Tensor, given?: EncoderOptions): Tensor {
    const { mask, srcKeyPaddingMask, isCausal = false } = encoderOptions("TransformerEncoderLayer.forward", given);
    const options = { attnMask: mask, keyPaddingMask: srcKeyPaddingMask, isCausal, needWeights: false };
    const attend = (x: Tensor) => this.dropout1(this.self_attn(x, x, x, options)[0]);
    const feed = (x: Tensor) =>
      this.dropout2(this.linear2(this.dropout(activationOf(this.#options.activation)(this.linear1(x)))));
    if (this.#options.normFirst) {
      const attended = source.add(attend(this.norm1(source)));
      return attended.add(feed(this.norm2(attended)));
    }
    const attended = this.norm1(source.add(attend(source)));
    return this.norm2(attended.add(feed(attended)));
  }

  /** Another layer with the same weights, modes and sizes. */
  clone(): TransformerEncoderLayer {
    const { embedDim, numHeads } = this.self_attn;
    return copyOf(
      this,
      new TransformerEncoderLayer(embedDim, numHeads, { ...this.#options, generator: new Generator(0) }),
    );
  }
}

/**
 * Copies of a layer, one after the other, and perhaps a normalization. The copies start from the layer's weights.
 *
 * @example
 * ```ts
 * const encoder = new TransformerEncoder(new TransformerEncoderLayer(8, 2), 3);
 * encoder(ones([5, 3, 8])).shape; // [5, 3, 8]
 * ```
 */
export class TransformerEncoder extends Module<[Tensor, EncoderOptions?], Tensor> {
  readonly layers: ModuleList<TransformerEncoderLayer>;
  readonly norm: LayerNorm | undefined;

  constructor(layer: TransformerEncoderLayer, numLayers: number, given?: { norm?: LayerNorm }) {
    const { norm } = stackOptions("TransformerEncoder", given);
    if (!(layer instanceof TransformerEncoderLayer))
      throw argumentError("TransformerEncoder", 1, "a TransformerEncoderLayer", layer);
    super();
    this.layers = new ModuleList(Array.from({ length: layerCount(numLayers) }, () => layer.clone()));
    this.norm = norm;
  }

  override forward(source: Tensor, given?: EncoderOptions): Tensor {
    const options = encoderOptions("TransformerEncoder.forward", given);
    let hidden = source;
    for (const layer of this.layers) hidden = layer(hidden, options);
    return this.norm === undefined ? hidden : this.norm(hidden);
  }
}

/** Masks of a call of a decoder. */
export interface DecoderOptions {
  tgtMask?: Tensor | undefined;
  memoryMask?: Tensor | undefined;
  tgtKeyPaddingMask?: Tensor | undefined;
  memoryKeyPaddingMask?: Tensor | undefined;
  tgtIsCausal?: boolean;
  memoryIsCausal?: boolean;
}

const decoderOptions = optionsOf<DecoderOptions>({
  tgtMask: true,
  memoryMask: true,
  tgtKeyPaddingMask: true,
  memoryKeyPaddingMask: true,
  tgtIsCausal: true,
  memoryIsCausal: true,
});

/**
 * Self-attention, attention to an encoder's output and feed-forward: targets [T, N, E] and memory [S, N, E] → [T, N, E].
 *
 * @example
 * ```ts
 * new TransformerDecoderLayer(8, 2)(ones([5, 3, 8]), ones([7, 3, 8])).shape; // [5, 3, 8]
 * ```
 */
export class TransformerDecoderLayer extends Module<[Tensor, Tensor, DecoderOptions?], Tensor> {
  readonly self_attn: MultiheadAttention;
  readonly multihead_attn: MultiheadAttention;
  readonly linear1: Linear;
  readonly dropout: Dropout;
  readonly linear2: Linear;
  readonly norm1: LayerNorm;
  readonly norm2: LayerNorm;
  readonly norm3: LayerNorm;
  readonly dropout1: Dropout;
  readonly dropout2: Dropout;
  readonly dropout3: Dropout;
  readonly #options: Resolved;

  constructor(dModel: number, nhead: number, given?: TransformerLayerOptions) {
    const options = transformerLayerOptions("TransformerDecoderLayer", given);
    super();
    this.#options = resolved(options);
    const { dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = this.#options;
    const draw = options.generator === undefined ? {} : { generator: options.generator };
    activationOf(this.#options.activation);
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...draw });
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst, ...draw });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias, ...draw });
    this.dropout = new Dropout(dropout);
    this.linear2 = new Linear(dimFeedforward, dModel, { bias, ...draw });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.norm3 = new LayerNorm(dModel, { eps, bias });
    this.dropout1 = new Dropout(dropout);
    this.dropout2 = new Dropout(dropout);
    this.dropout3 = new Dropout(dropout);
  }

  override forward(target: Tensor, memory: Tensor, given?: DecoderOptions): Tensor {
    const options = decoderOptions("TransformerDecoderLayer.forward", given);
    const own: AttendOptions = {
      attnMask: options.tgtMask,
      keyPaddingMask: options.tgtKeyPaddingMask,
      isCausal: options.tgtIsCausal ?? false,
      needWeights: false,
    };
    const across: AttendOptions = {
      attnMask: options.memoryMask,
      keyPaddingMask: options.memoryKeyPaddingMask,
      isCausal: options.memoryIsCausal ?? false,
      needWeights: false,
    };
    const attend = (x: Tensor) => this.dropout1(this.self_attn(x, x, x, own)[0]);
    const look = (x: Tensor) => this.dropout2(this.multihead_attn(x, memory, memory, across)[0]);
    const feed = (x: Tensor) =>
      this.dropout3(this.linear2(this.dropout(activationOf(this.#options.activation)(this.linear1(x)))));
    if (this.#options.normFirst) {
      const attended = target.add(attend(this.norm1(target)));
      const looked = attended.add(look(this.norm2(attended)));
      return looked.add(feed(this.norm3(looked)));
    }
    const attended = this.norm1(target.add(attend(target)));
    const looked = this.norm2(attended.add(look(attended)));
    return this.norm3(looked.add(feed(looked)));
  }

  /** Another layer with the same weights, modes and sizes. */
  clone(): TransformerDecoderLayer {
    const { embedDim, numHeads } = this.self_attn;
    return copyOf(
      this,
      new TransformerDecoderLayer(embedDim, numHeads, { ...this.#options, generator: new Generator(0) }),
    );
  }
}

/**
 * Copies of a layer, one after the other, and perhaps a normalization. The copies start from the layer's weights.
 *
 * @example
 * ```ts
 * const decoder = new TransformerDecoder(new TransformerDecoderLayer(8, 2), 3);
 * decoder(ones([5, 3, 8]), ones([7, 3, 8])).shape; // [5, 3, 8]
 * ```
 */
export class TransformerDecoder extends Module<[Tensor, Tensor, DecoderOptions?], Tensor> {
  readonly layers: ModuleList<TransformerDecoderLayer>;
  readonly norm: LayerNorm | undefined;

  constructor(layer: TransformerDecoderLayer, numLayers: number, given?: { norm?: LayerNorm }) {
    const { norm } = stackOptions("TransformerDecoder", given);
    if (!(layer instanceof TransformerDecoderLayer))
      throw argumentError("TransformerDecoder", 1, "a TransformerDecoderLayer", layer);
    super();
    this.layers = new ModuleList(Array.from({ length: layerCount(numLayers) }, () => layer.clone()));
    this.norm = norm;
  }

  override forward(target: Tensor, memory: Tensor, given?: DecoderOptions): Tensor {
    const options = decoderOptions("TransformerDecoder.forward", given);
    let hidden = target;
    for (const layer of this.layers) hidden = layer(hidden, memory, options);
    return this.norm === undefined ? hidden : this.norm(hidden);
  }
}

/** How a transformer is made. */
export interface TransformerOptions extends TransformerLayerOptions {
  dModel?: number;
  nhead?: number;
  numEncoderLayers?: number;
  numDecoderLayers?: number;
}

const transformerOptions = optionsOf<TransformerOptions>({
  ...transformerLayerOptions.names,
  dModel: true,
  nhead: true,
  numEncoderLayers: true,
  numDecoderLayers: true,
});

/** Masks of a call of a whole transformer. */
export interface TransformerMasks extends DecoderOptions {
  srcMask?: Tensor | undefined;
  srcKeyPaddingMask?: Tensor | undefined;
  srcIsCausal?: boolean;
}

const maskOptions = optionsOf<TransformerMasks>({
  ...decoderOptions.names,
  srcMask: true,
  srcKeyPaddingMask: true,
  srcIsCausal: true,
});

/**
 * An encoder and a decoder that looks at its output: sources [S, N, E] and targets [T, N, E] → [T, N, E].
 *
 * @example
 * ```ts
 * const model = new Transformer({ dModel: 8, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 2, dimFeedforward: 16 });
 * model(ones([7, 3, 8]), ones([5, 3, 8])).shape; // [5, 3, 8]
 * ```
 */
export class Transformer extends Module<[Tensor, Tensor, TransformerMasks?], Tensor> {
  readonly encoder: TransformerEncoder;
  readonly decoder: TransformerDecoder;

  constructor(given?: TransformerOptions) {
    const {
      dModel = 512,
      nhead = 8,
      numEncoderLayers = 6,
      numDecoderLayers = 6,
      ...options
    } = transformerOptions("Transformer", given);
    super();
    const { layerNormEps: eps, bias } = resolved(options);
    const norm = () => new LayerNorm(dModel, { eps, bias });
    this.encoder = new TransformerEncoder(new TransformerEncoderLayer(dModel, nhead, options), numEncoderLayers, {
      norm: norm(),
    });
    this.decoder = new TransformerDecoder(new TransformerDecoderLayer(dModel, nhead, options), numDecoderLayers, {
      norm: norm(),
    });
    const draw = options.generator === undefined ? {} : { generator: options.generator };
    for (const tensor of this.parameters()) if (tensor.ndim > 1) xavierUniform_(tensor, 1, draw);
  }

  override forward(source: Tensor, target: Tensor, given?: TransformerMasks): Tensor {
    const masks = maskOptions("Transformer.forward", given);
    const { srcMask, srcKeyPaddingMask, srcIsCausal = false, ...rest } = masks;
    const memory = this.encoder(source, { mask: srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder(target, memory, rest);
  }

  /**
   * A mask [size, size] to be added to scores: -∞ above the diagonal, so that each sees what came before it.
   *
   * @example
   * ```ts
   * Transformer.generateSquareSubsequentMask(2).tolistSync(); // [[0, -Infinity], [0, 0]]
   * ```
   */
  static generateSquareSubsequentMask(size: number): Tensor {
    const cells = Float32Array.from({ length: size * size }, (_, place) =>
      place % size > Math.floor(place / size) ? Number.NEGATIVE_INFINITY : 0,
    );
    return fromTypedArray(cells, [size, size]);
  }
}
