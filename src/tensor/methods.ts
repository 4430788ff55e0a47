// The methods of Tensor, gathered from their families: each has PyTorch's name and argument order.
// Has no method of its own.
import { inspect } from "node:util";
import { AbrazoError } from "../errors.ts";
import { shapeError } from "../graph/shape.ts";
import { formatTensor } from "./format.ts";
import { activationMethods } from "./methods/activation.ts";
import { aliasMethods } from "./methods/aliases.ts";
import { compareMethods } from "./methods/compare.ts";
import { copyMethods } from "./methods/copies.ts";
import { countingMethods } from "./methods/counting.ts";
import { creationMethods } from "./methods/creation.ts";
import { cumulativeMethods } from "./methods/cumulative.ts";
import { deviceMethods } from "./methods/device.ts";
import { elementwiseMethods } from "./methods/elementwise.ts";
import { functionMethods } from "./methods/functions.ts";
import { gradientMethods } from "./methods/gradient.ts";
import { inPlaceMethods } from "./methods/in-place.ts";
import { indexingMethods } from "./methods/indexing.ts";
import { interopMethods } from "./methods/interop.ts";
import { linalgMethods } from "./methods/linalg.ts";
import { randomMethods } from "./methods/random.ts";
import { reduceMethods } from "./methods/reduce.ts";
import { scatterMethods } from "./methods/scatter.ts";
import { sortMethods } from "./methods/sort.ts";
import { splitMethods } from "./methods/splits.ts";
import { statisticsMethods } from "./methods/statistics.ts";
import { viewMethods } from "./methods/views.ts";
import { Tensor } from "./tensor.ts";

const printMethods = {
  /** The elements as PyTorch prints them. Computes them now. */
  toString(this: Tensor): string {
    return formatTensor(this);
  },
};

type ElementwiseMethods = typeof elementwiseMethods;
type FunctionMethods = typeof functionMethods;
type AliasMethods = typeof aliasMethods;
type ActivationMethods = typeof activationMethods;
type CumulativeMethods = typeof cumulativeMethods;
type StatisticsMethods = typeof statisticsMethods;
type CompareMethods = typeof compareMethods;
type ReduceMethods = typeof reduceMethods;
type ViewMethods = typeof viewMethods;
type CopyMethods = typeof copyMethods;
type InteropMethods = typeof interopMethods;
type CreationMethods = typeof creationMethods;
type RandomMethods = typeof randomMethods;
type IndexingMethods = typeof indexingMethods;
type ScatterMethods = typeof scatterMethods;
type SplitMethods = typeof splitMethods;
type LinalgMethods = typeof linalgMethods;
type SortMethods = typeof sortMethods;
type CountingMethods = typeof countingMethods;
type InPlaceMethods = typeof inPlaceMethods;
type GradientMethods = typeof gradientMethods;
type DeviceMethods = typeof deviceMethods;
type PrintMethods = typeof printMethods;

declare module "./tensor.ts" {
  interface Tensor
    extends ElementwiseMethods,
      FunctionMethods,
      AliasMethods,
      ActivationMethods,
      CumulativeMethods,
      StatisticsMethods,
      CompareMethods,
      ReduceMethods,
      ViewMethods,
      CopyMethods,
      InteropMethods,
      CreationMethods,
      RandomMethods,
      IndexingMethods,
      ScatterMethods,
      SplitMethods,
      LinalgMethods,
      SortMethods,
      CountingMethods,
      InPlaceMethods,
      GradientMethods,
      DeviceMethods,
      PrintMethods {
    /** The parts along the first axis: what a `for` loop and `const [a, b] = tensor` go through. */
    [Symbol.iterator](): ArrayIterator<Tensor>;
  }
}

/** Every method by name, for tests and documentation. */
export const METHODS = {
  ...elementwiseMethods,
  ...functionMethods,
  ...aliasMethods,
  ...activationMethods,
  ...cumulativeMethods,
  ...statisticsMethods,
  ...compareMethods,
  ...reduceMethods,
  ...viewMethods,
  ...copyMethods,
  ...interopMethods,
  ...creationMethods,
  ...randomMethods,
  ...indexingMethods,
  ...scatterMethods,
  ...splitMethods,
  ...linalgMethods,
  ...sortMethods,
  ...countingMethods,
  ...inPlaceMethods,
  ...gradientMethods,
  ...deviceMethods,
  ...printMethods,
} as const;

/** The tensors of a result of several: a list, or an object of PyTorch's named fields. Numbers are not walked through. */
function severalOf(result: unknown): readonly unknown[] {
  if (typeof result !== "object" || result === null) return [];
  if (Array.isArray(result)) return result[0] instanceof Tensor ? result : [];
  return Object.getPrototypeOf(result) === Object.prototype ? Object.values(result) : [];
}

/** Methods that call functions of the user's, whose errors are his own. */
const CALLING: ReadonlySet<string> = new Set(Object.keys(gradientMethods));

/** The result; where the method meets an argument of a type that it does not know, PyTorch's sentence says so. */
function checked<Given extends unknown[]>(
  name: string,
  method: (this: Tensor, ...given: Given) => unknown,
  tensor: Tensor,
  given: Given,
): unknown {
  try {
    return method.apply(tensor, given);
  } catch (error) {
    if (!(error instanceof TypeError) || CALLING.has(name)) throw error;
    const kinds = given.map((value) => (value instanceof Tensor ? "Tensor" : typeof value));
    const isSizes = kinds.length > 1 && kinds.every((kind) => kind === "number");
    throw new AbrazoError({
      code: "BAD_ARGUMENT",
      message: `${name}() received an invalid combination of arguments - got (${kinds.join(", ")})`,
      hint: isSizes
        ? `Sizes and axes are one list: ${name}([${given.join(", ")}]).`
        : "Tensors are given as tensors, sizes and axes as numbers and lists of them, options last.",
      cause: error,
    });
  }
}

/** The method itself, but what it makes knows by which name: print shows it as PyTorch's grad_fn. */
function named(name: string, method: (this: Tensor, ...given: never[]) => unknown): typeof method {
  return function (this: Tensor, ...given: never[]): unknown {
    const result = checked(name, method, this, given);
    if (result instanceof Tensor) {
      if (result !== this || name.endsWith("_")) result.madeBy(name, typeof given[0]);
    } else {
      for (const part of severalOf(result)) if (part instanceof Tensor) part.madeBy(name, typeof given[0]);
    }
    return result;
  };
}

Object.assign(
  Tensor.prototype,
  Object.fromEntries(Object.entries(METHODS).map(([name, method]) => [name, named(name, method)])),
);

Object.defineProperty(Tensor.prototype, Symbol.iterator, {
  value(this: Tensor): ArrayIterator<Tensor> {
    if (this.ndim === 0) throw shapeError("iteration over a 0-d tensor", "item() gives its number.");
    return this.unbind(0).values();
  },
});

// What console.log shows.
Object.defineProperty(Tensor.prototype, inspect.custom, {
  value(this: Tensor): string {
    return formatTensor(this);
  },
});
