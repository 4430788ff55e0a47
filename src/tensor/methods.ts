// The methods of Tensor, gathered from their families: each has PyTorch's name and argument order.
// Has no method of its own.
import { formatTensor } from "./format.ts";
import { compareMethods } from "./methods/compare.ts";
import { elementwiseMethods } from "./methods/elementwise.ts";
import { inPlaceMethods } from "./methods/in-place.ts";
import { indexingMethods } from "./methods/indexing.ts";
import { linalgMethods } from "./methods/linalg.ts";
import { reduceMethods } from "./methods/reduce.ts";
import { viewMethods } from "./methods/views.ts";
import { Tensor } from "./tensor.ts";

const printMethods = {
  /** The elements as PyTorch prints them. Computes them now. */
  toString(this: Tensor): string {
    return formatTensor(this);
  },
};

type ElementwiseMethods = typeof elementwiseMethods;
type CompareMethods = typeof compareMethods;
type ReduceMethods = typeof reduceMethods;
type ViewMethods = typeof viewMethods;
type IndexingMethods = typeof indexingMethods;
type LinalgMethods = typeof linalgMethods;
type InPlaceMethods = typeof inPlaceMethods;
type PrintMethods = typeof printMethods;

declare module "./tensor.ts" {
  interface Tensor
    extends ElementwiseMethods,
      CompareMethods,
      ReduceMethods,
      ViewMethods,
      IndexingMethods,
      LinalgMethods,
      InPlaceMethods,
      PrintMethods {}
}

/** Every method by name, for tests and documentation. */
export const METHODS = {
  ...elementwiseMethods,
  ...compareMethods,
  ...reduceMethods,
  ...viewMethods,
  ...indexingMethods,
  ...linalgMethods,
  ...inPlaceMethods,
  ...printMethods,
} as const;

Object.assign(Tensor.prototype, METHODS);
