// Cumulative methods: each element stands for all up to it along an axis.
import * as build from "../../graph/build.ts";
import { isFloat } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { scan } from "../../graph/scan.ts";
import { axisOf } from "../../graph/shape.ts";
import { Tensor } from "../tensor.ts";
import type { DTypeOption, ValuesAndIndices } from "./reduce.ts";
import { dtypeOption } from "./reduce.ts";
import { onAxis, widened } from "./support.ts";

const combined = (combine: (a: Node, b: Node) => Node) => (node: Node, axis: number) =>
  scan([node], axis, ([a = node], [b = node]) => [combine(a, b)])[0] ?? node;

const product = combined(build.mul);
const logSum = combined((a, b) => build.call("logaddexp", [a, b]));

/** The latest of equal elements counts, and a NaN from where it stands, as in PyTorch. */
const extreme = (holds: (later: Node, earlier: Node) => Node) =>
  function (this: Tensor, dim: number): ValuesAndIndices {
    const { node } = this;
    const rank = node.shape.length;
    const axis = axisOf(dim, rank);
    const full = rank === 0 ? build.reshape(node, [1]) : node;
    const compared = full.dtype === "bool" ? build.cast(full, "int32") : full;
    const line = build.arangeLike(full, axis);
    const aligned = build.reshape(
      line,
      full.shape.map((size, at) => (at === axis ? size : 1)),
    );
    const places = build.expand(aligned, full.shape);
    const [, found = places] = scan([compared, places], axis, ([a = full, i = places], [b = full, j = places]) => {
      const stays = holds(b, a);
      const wins = isFloat(b.dtype) ? build.logicalOr(stays, build.call("isnan", [b])) : stays;
      return [build.where(wins, b, a), build.where(wins, j, i)];
    });
    const values = build.gatherElements(full, found, axis);
    const shaped = (result: Node): Tensor => Tensor.fromNode(build.reshape(result, node.shape), [this]);
    return { values: shaped(values), indices: shaped(found) };
  };

export const cumulativeMethods = {
  /** Sums from the start of an axis; whole numbers in int64. */
  cumsum(this: Tensor, dim: number, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption("cumsum", given);
    return this.map((node) => onAxis(dtype === undefined ? widened(node) : build.cast(node, dtype), dim, build.cumsum));
  },
  /** Products from the start of an axis; whole numbers in int64. */
  cumprod(this: Tensor, dim: number, given?: DTypeOption): Tensor {
    const { dtype } = dtypeOption("cumprod", given);
    return this.map((node) => onAxis(dtype === undefined ? widened(node) : build.cast(node, dtype), dim, product));
  },
  /**
   * The largest so far, and where it stands: the last of equal ones.
   *
   * @example
   * ```ts
   * await tensor([1, 3, 2]).cummax(0).values.tolist(); // [1, 3, 3]
   * ```
   */
  cummax: extreme(build.greaterEqual),
  /** The smallest so far, and where it stands. */
  cummin: extreme(build.lessEqual),
  /** ln of the sums of eˣ from the start of an axis. */
  logcumsumexp(this: Tensor, dim: number): Tensor {
    return this.map((node) => onAxis(node, dim, logSum));
  },
};
