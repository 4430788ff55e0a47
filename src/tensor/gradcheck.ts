// Gradients against differences of values: torch.autograd.gradcheck.
// Knows no operation, and trusts none.
import { requireFunction } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { isFloat } from "../graph/dtype.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList } from "./arguments.ts";
import { grad } from "./backward.ts";
import { fromHost } from "./host.ts";
import { enableGrad, noGrad } from "./scope.ts";
import { Tensor } from "./tensor.ts";

export interface GradcheckOptions {
  /** How far an element is moved to both sides. */
  eps?: number;
  atol?: number;
  rtol?: number;
  /** False: the result is false instead of an error. */
  raiseException?: boolean;
}

const gradcheckOptions = optionsOf<GradcheckOptions>({ eps: true, atol: true, rtol: true, raiseException: true });

type Checked = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

const outputsOf = (result: Tensor | readonly Tensor[]): readonly Tensor[] =>
  (result instanceof Tensor ? [result] : result).filter(({ dtype }) => isFloat(dtype));

/**
 * Compares the gradients of `fn` with central differences, element by element: |found - wanted| ≤ atol + rtol |wanted|.
 *
 * @param inputs tensors; those that require grad are checked, and have to be float64: float32 is too coarse for differences
 * @returns true
 * @throws GRADCHECK naming the output, the input, and the element where they differ first
 *
 * @example
 * ```ts
 * const x = tensor([0.5, 2], { dtype: "float64", requiresGrad: true });
 * gradcheck((x) => x.sin(), [x]); // true
 * ```
 */
export function gradcheck(fn: Checked, inputs: Tensor | readonly Tensor[], options?: GradcheckOptions): boolean {
  requireFunction("gradcheck", fn);
  const { eps = 1e-6, atol = 1e-5, rtol = 1e-3, raiseException = true } = gradcheckOptions("gradcheck", options);
  const given = inputs instanceof Tensor ? [inputs] : inputs;
  requireTensorList("gradcheck", given);
  try {
    requireDouble(given);
    compare(fn, given, { eps, atol, rtol });
  } catch (error) {
    const isFinding = error instanceof AbrazoError && error.code === "GRADCHECK";
    if (raiseException || !isFinding) throw error;
    return false;
  }
  return true;
}

/**
 * The same for second derivatives: the gradients of `fn` are checked as a function of the inputs and of what flows in.
 *
 * @example
 * ```ts
 * const x = tensor([0.5, 2], { dtype: "float64", requiresGrad: true });
 * gradgradcheck((x) => x.pow(3), [x]); // true
 * ```
 */
export function gradgradcheck(fn: Checked, inputs: Tensor | readonly Tensor[], options?: GradcheckOptions): boolean {
  requireFunction("gradgradcheck", fn);
  gradcheckOptions("gradgradcheck", options);
  const given = inputs instanceof Tensor ? [inputs] : inputs;
  requireTensorList("gradcheck", given);
  const seeds = outputsOf(noGrad(() => fn(...given))).map((output, which) => {
    const data = Float64Array.from({ length: output.numel() }, (_, at) => 0.5 + ((at + which) % 5) / 4);
    return fromHost(data, output.shape, "float64", { device: output.device, requiresGrad: true });
  });
  const first: Checked = (...all) =>
    enableGrad(() => {
      const [own, flowing] = [all.slice(0, given.length), all.slice(given.length)];
      const leaves = own.filter((_, index) => given[index]?.requiresGrad === true);
      const tracked = leaves.map((leaf) => (leaf.requiresGrad ? leaf : leaf.detach().requiresGrad_()));
      const called = own.map((input) => tracked[leaves.indexOf(input)] ?? input);
      const outputs = outputsOf(fn(...called));
      const made = { gradOutputs: flowing, createGraph: true, materializeGrads: true };
      return outputs.every(({ requiresGrad }) => requiresGrad) ? [...grad(outputs, tracked, made)] : [];
    });
  return gradcheck(first, [...given, ...seeds], options);
}

function requireDouble(inputs: readonly Tensor[]): void {
  const checked = inputs.filter(({ requiresGrad }) => requiresGrad);
  if (checked.length === 0) {
    throw new AbrazoError({
      code: "GRADCHECK_INPUTS",
      message:
        "gradcheck expects at least one input tensor to require gradient, but none of the them have requires_grad=True.",
      hint: "Make an input with { requiresGrad: true }.",
    });
  }
  const coarse = checked.find(({ dtype }) => dtype !== "float64");
  if (coarse === undefined) return;
  throw new AbrazoError({
    code: "GRADCHECK_INPUTS",
    message: `gradcheck compares in float64, but an input that requires grad is ${coarse.dtype}.`,
    hint: 'Make the inputs with { dtype: "float64" }: differences in float32 are as large as its rounding.',
  });
}

function compare(
  fn: Checked,
  inputs: readonly Tensor[],
  { eps, atol, rtol }: Record<"eps" | "atol" | "rtol", number>,
): void {
  const outputs = enableGrad(() => outputsOf(fn(...inputs)));
  const checked = inputs.flatMap((input, index) => (input.requiresGrad ? [{ input, index }] : []));
  for (const { input, index } of checked) {
    const before = Float64Array.from(input.dataSync(), Number);
    const valuesAt = (place: number, by: number): number[][] =>
      noGrad(() => {
        const moved = before.with(place, (before[place] ?? 0) + by);
        const own = fromHost(moved, input.shape, "float64", { device: input.device });
        return outputsOf(fn(...inputs.map((each) => (each === input ? own : each)))).map((output) =>
          Array.from(output.dataSync(), Number),
        );
      });
    const wanted = Array.from(before, (_, place) => {
      const [up, down] = [valuesAt(place, eps), valuesAt(place, -eps)];
      return up.map((values, output) => values.map((value, at) => (value - (down[output]?.[at] ?? 0)) / (2 * eps)));
    });
    for (const [which, output] of outputs.entries()) {
      for (let at = 0; at < output.numel(); at++) {
        const found = rowOf(output, input, at);
        for (const [place, value] of found.entries()) {
          const expected = wanted[place]?.[which]?.[at] ?? 0;
          if (Math.abs(value - expected) <= atol + rtol * Math.abs(expected)) continue;
          throw mismatch({ output: which, input: index, element: at, place, found: value, wanted: expected });
        }
      }
    }
  }
}

function rowOf(output: Tensor, input: Tensor, at: number): number[] {
  if (!output.requiresGrad) return new Array<number>(input.numel()).fill(0);
  const row = output.reshape([-1]).select(0, at);
  const [found] = grad(row, [input], { retainGraph: true, materializeGrads: true });
  return Array.from(found.dataSync(), Number);
}

function mismatch(where: Record<"output" | "input" | "element" | "place" | "found" | "wanted", number>): AbrazoError {
  return new AbrazoError({
    code: "GRADCHECK",
    message: `Jacobian mismatch for output ${where.output} with respect to input ${where.input}, element ${where.element} by element ${where.place}: numerical ${where.wanted}, analytical ${where.found}`,
    hint: "Elements are counted row by row. The gradient is wrong, or the function jumps there.",
    data: where,
  });
}
