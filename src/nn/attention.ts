// MultiheadAttention, with PyTorch's parameters.
// Knows no transformer.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { isFloat } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { type Tensor, zeros } from "../tensor/index.ts";
import { attentionWeights, causalMask } from "./functional/attention.ts";
import { dropout } from "./functional/dropout.ts";
import { linear } from "./functional/linear.ts";
import { xavierUniform_, zeros_ } from "./init.ts";
import { type LayerOptions, Linear } from "./linear.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";

/** How an attention layer is made. */
export interface MultiheadAttentionOptions extends LayerOptions {
  /** Dropout of the attention weights. */
  dropout?: number;
  bias?: boolean;
  /** Features of keys and of values, where they are not those of the queries. */
  kdim?: number | undefined;
  vdim?: number | undefined;
  /** Sequences are [N, T, E] instead of [T, N, E]. */
  batchFirst?: boolean;
}

const multiheadAttentionOptions = optionsOf<MultiheadAttentionOptions>({
  generator: true,
  dropout: true,
  bias: true,
  kdim: true,
  vdim: true,
  batchFirst: true,
});

/** Masks of one call of attention, and whether its weights are given. */
export interface AttendOptions {
  /** [N, S], or [S] of a sequence alone: bool, true hides a key; or a float that is added to the scores. */
  keyPaddingMask?: Tensor | undefined;
  /** [T, S] or [N · heads, T, S]: bool, true hides a key from a query; or a float that is added to the scores. */
  attnMask?: Tensor | undefined;
  /** Each query sees keys up to its own place. */
  isCausal?: boolean;
  /** The weights are given as well. */
  needWeights?: boolean;
  /** Weights are the mean over the heads, [N, T, S], instead of [N, heads, T, S]. */
  averageAttnWeights?: boolean;
}

const attendOptions = optionsOf<AttendOptions>({
  keyPaddingMask: true,
  attnMask: true,
  isCausal: true,
  needWeights: true,
  averageAttnWeights: true,
});

/** PyTorch prints the output projection by this name. */
class NonDynamicallyQuantizableLinear extends Linear {}

/**
 * Attention in several heads (Vaswani et al. 2017, arXiv 1706.03762): queries [T, N, E], keys [S, N, kdim] and values
 * [S, N, vdim] give [T, N, E] and the weights. Sequences alone have no N.
 *
 * @throws BAD_PARAMETER where heads do not divide embedDim; SHAPE_MISMATCH for inputs and masks that do not fit
 *
 * @example
 * ```ts
 * const attention = new MultiheadAttention(8, 2, { batchFirst: true });
 * const x = ones([3, 5, 8]);
 * const [output, weights] = attention(x, x, x);
 * output.shape; // [3, 5, 8]
 * weights?.shape; // [3, 5, 5]
 * ```
 */
export class MultiheadAttention extends Module<[Tensor, Tensor, Tensor, AttendOptions?], [Tensor, Tensor | undefined]> {
  readonly embedDim: number;
  readonly numHeads: number;
  readonly dropout: number;
  readonly batchFirst: boolean;
  readonly in_proj_weight: Tensor | undefined;
  readonly q_proj_weight: Tensor | undefined;
  readonly k_proj_weight: Tensor | undefined;
  readonly v_proj_weight: Tensor | undefined;
  readonly in_proj_bias: Tensor | undefined;
  readonly out_proj: Linear;

  constructor(embedDim: number, numHeads: number, given?: MultiheadAttentionOptions) {
    const {
      dropout = 0,
      bias = true,
      kdim = embedDim,
      vdim = embedDim,
      batchFirst = false,
      ...options
    } = multiheadAttentionOptions("MultiheadAttention", given);
    super();
    if (embedDim % numHeads !== 0 || numHeads <= 0) {
      throw new AbrazoError({
        code: "BAD_PARAMETER",
        message:
          numHeads > 0
            ? "embed_dim must be divisible by num_heads"
            : `embed_dim and num_heads must be greater than 0, got embed_dim=${embedDim} and num_heads=${numHeads} instead`,
        hint: `They are ${embedDim} and ${numHeads}.`,
      });
    }
    this.embedDim = embedDim;
    this.numHeads = numHeads;
    this.dropout = dropout;
    this.batchFirst = batchFirst;
    // The output projection draws first, as in PyTorch.
    this.out_proj = new NonDynamicallyQuantizableLinear(embedDim, embedDim, { bias, ...options });
    if (this.out_proj.bias !== undefined) zeros_(this.out_proj.bias);
    const drawn = (rows: number, columns: number) => parameter(xavierUniform_(zeros([rows, columns]), 1, options));
    if (kdim === embedDim && vdim === embedDim) this.in_proj_weight = drawn(3 * embedDim, embedDim);
    else {
      this.q_proj_weight = drawn(embedDim, embedDim);
      this.k_proj_weight = drawn(embedDim, kdim);
      this.v_proj_weight = drawn(embedDim, vdim);
    }
    this.in_proj_bias = bias ? parameter(zeros([3 * embedDim])) : undefined;
  }

  override forward(query: Tensor, key: Tensor, value: Tensor, given?: AttendOptions): [Tensor, Tensor | undefined] {
    const {
      keyPaddingMask,
      attnMask,
      isCausal = false,
      needWeights = true,
      averageAttnWeights = true,
    } = attendOptions("MultiheadAttention.forward", given);
    const single = query.ndim === 2;
    if (query.ndim !== 2 && query.ndim !== 3)
      throw unfit(`query should be unbatched 2D or batched 3D tensor but received ${query.ndim}-D query tensor`);
    if (query.size(-1) !== this.embedDim) {
      throw unfit(`was expecting embedding dimension of ${this.embedDim}, but got ${query.size(-1)}`);
    }
    // Heads stand beside the batch: [N, heads, T, d].
    const split = (x: Tensor, index: number, weight: Tensor | undefined) => {
      const batched = single ? x.unsqueeze(0) : this.batchFirst ? x : x.transpose(0, 1);
      return this.#project(batched, index, weight)
        .unflatten(-1, [this.numHeads, this.embedDim / this.numHeads])
        .transpose(1, 2);
    };
    const q = split(query, 0, this.q_proj_weight);
    const k = split(key, 1, this.k_proj_weight);
    const v = split(value, 2, this.v_proj_weight);
    const mask = this.#mask(q, k, { keyPaddingMask, attnMask, isCausal });
    const weights = dropout(attentionWeights(q, [k], mask), this.dropout, this.training); // [N, heads, T, S]
    const context = weights.matmul(v).transpose(1, 2).flatten(-2); // [N, T, E]
    const output = this.out_proj(context);
    const ordered = single ? output.squeeze(0) : this.batchFirst ? output : output.transpose(0, 1);
    if (!needWeights) return [ordered, undefined];
    const shown = averageAttnWeights ? weights.mean(1) : weights;
    return [ordered, single ? shown.squeeze(0) : shown];
  }

  #project(x: Tensor, index: number, own: Tensor | undefined): Tensor {
    const part = (tensor: Tensor) =>
      tensor.map((node) => build.slice(node, 0, index * this.embedDim, (index + 1) * this.embedDim));
    const weight = own ?? (this.in_proj_weight && part(this.in_proj_weight));
    if (weight === undefined) throw unfit("the input projection has no weight");
    return linear(x, weight, this.in_proj_bias && part(this.in_proj_bias));
  }

  /** One mask of all: bool, true letting a query see a key, or a float that is added to the scores. */
  #mask(q: Tensor, k: Tensor, { keyPaddingMask, attnMask, isCausal }: AttendOptions): Tensor | undefined {
    const wide = [
      keyPaddingMask && (keyPaddingMask.ndim === 1 ? keyPaddingMask : keyPaddingMask.unsqueeze(1).unsqueeze(1)),
      attnMask && (attnMask.ndim === 3 ? attnMask.unflatten(0, [-1, this.numHeads]) : attnMask),
      isCausal === true ? causalMask(q, k).logicalNot() : undefined,
    ].filter((mask) => mask !== undefined);
    const floats = wide.filter((mask) => isFloat(mask.dtype));
    const hidden = wide.filter((mask) => !isFloat(mask.dtype)).map((mask) => mask.to("bool"));
    const sum = floats.length === 0 ? undefined : floats.reduce((all, mask) => all.add(mask));
    const hides = hidden.length === 0 ? undefined : hidden.reduce((all, mask) => all.logicalOr(mask));
    if (sum === undefined) return hides?.logicalNot();
    if (hides === undefined) return sum;
    return sum.add(hides.to(sum.dtype).mul(-3.4028234663852886e38));
  }
}

function unfit(message: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint: "[T, N, E], [N, T, E] with batchFirst, or [T, E]." });
}
