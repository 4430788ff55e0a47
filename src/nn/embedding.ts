// Embedding: rows of a table by id.
// Knows no model.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { noGrad, randn, type Tensor } from "../tensor/index.ts";
import { embedding } from "./functional/embedding.ts";
import type { LayerOptions } from "./linear.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";

const fromPretrainedOptions = optionsOf<{ freeze?: boolean; paddingIdx?: number }>({ freeze: true, paddingIdx: true });

/** How a table of vectors is made. */
export interface EmbeddingOptions extends LayerOptions {
  /** The row of this id starts at zero and takes no gradient; counted from the end when negative. */
  paddingIdx?: number | undefined;
}

const embeddingOptions = optionsOf<EmbeddingOptions>({ generator: true, paddingIdx: true });

/**
 * A table [count, width] of standard normals; ids of any shape [...] pick rows: [..., width]. PyTorch's max_norm, which
 * rewrites rows while they are read, is not here: clip the weight after a step instead.
 *
 * @example
 * ```ts
 * const table = new Embedding(10, 3, { paddingIdx: 0 });
 * table(tensor([[1, 2], [0, 9]])).shape; // [2, 2, 3]
 * `${table}`; // "Embedding(10, 3, padding_idx=0)"
 * ```
 */
export class Embedding extends Module<[Tensor], Tensor> {
  readonly numEmbeddings: number;
  readonly embeddingDim: number;
  readonly paddingIdx: number | undefined;
  readonly weight: Tensor;

  constructor(count: number, width: number, given?: EmbeddingOptions) {
    const { paddingIdx, ...options } = embeddingOptions("Embedding", given);
    super();
    this.numEmbeddings = count;
    this.embeddingDim = width;
    this.paddingIdx = checkedPadding(paddingIdx, count);
    this.weight = parameter(randn([count, width], options));
    const { paddingIdx: row } = this;
    if (row !== undefined) noGrad(() => this.weight.select(0, row).zero_());
  }

  /**
   * A table with these rows [count, width], frozen unless `freeze` is false.
   *
   * @example
   * ```ts
   * Embedding.fromPretrained(tensor([[1, 2.3], [4, 5.1]]))(tensor([1])).tolistSync(); // [[4, 5.099999904632568]]
   * ```
   */
  static fromPretrained(weight: Tensor, given?: { freeze?: boolean; paddingIdx?: number }): Embedding {
    const { freeze = true, paddingIdx } = fromPretrainedOptions("fromPretrained", given);
    if (weight.ndim !== 2) {
      throw new AbrazoError({
        code: "SHAPE_MISMATCH",
        message: "Embeddings parameter is expected to be 2-dimensional",
        hint: `The tensor given has ${weight.ndim} dimensions.`,
      });
    }
    const made = new Embedding(0, weight.size(1));
    const [count, width] = [weight.size(0), weight.size(1)];
    made.weight.assign(weight.detach().settle().node);
    return Object.assign(made, {
      numEmbeddings: count,
      embeddingDim: width,
      paddingIdx: checkedPadding(paddingIdx, count),
    }).requiresGrad_(!freeze);
  }

  override forward(ids: Tensor): Tensor {
    return embedding(ids, this.weight, { paddingIdx: this.paddingIdx });
  }

  override extraRepr(): string {
    const padding = this.paddingIdx === undefined ? "" : `, padding_idx=${this.paddingIdx}`;
    return `${this.numEmbeddings}, ${this.embeddingDim}${padding}`;
  }
}

function checkedPadding(paddingIdx: number | undefined, count: number): number | undefined {
  if (paddingIdx === undefined) return undefined;
  if (Number.isInteger(paddingIdx) && paddingIdx >= -count && paddingIdx < count) {
    return paddingIdx < 0 ? paddingIdx + count : paddingIdx;
  }
  throw new AbrazoError({
    code: "PADDING_IDX",
    message: "Padding_idx must be within num_embeddings",
    hint: `It is ${paddingIdx}; there are ${count} rows.`,
    data: { paddingIdx, count },
  });
}
