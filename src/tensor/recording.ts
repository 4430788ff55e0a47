// Scopes that change or watch what is recorded: mixed precision, and the search for numbers that are not finite.
// Knows no operation: each says what autocast does with it.
import { requireFunction } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { cast, recordThrough } from "../graph/build.ts";
import { DTYPES, type DType, isFloat } from "../graph/dtype.ts";
import { makeNode, type Node } from "../graph/node.ts";
import type { Op } from "../graph/op.ts";
import { requireDevice } from "../onnx/devices.ts";
import { optionsOf } from "../options.ts";
import { checkFinite } from "./anomaly.ts";
import { currentScope, inScope } from "./scope.ts";
import { Tensor } from "./tensor.ts";

let isInstalled = false;

/** Recording looks at scopes only once one of these was entered. */
function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  recordThrough((op, inputs, attrs) => {
    const { autocast, anomaly } = currentScope();
    const node = makeNode(op, autocast === undefined ? inputs : fitted(op, inputs, autocast), attrs);
    if (anomaly !== undefined && !anomaly.stacks.has(node)) anomaly.stacks.set(node, new Error().stack ?? "");
    return node;
  });
}

/** float64 is never cast, as in PyTorch: who computes in it wants it. */
const isCastable = ({ dtype }: Node): boolean => isFloat(dtype) && dtype !== "float64";

function fitted(op: Op, inputs: readonly Node[], lower: DType): readonly Node[] {
  const floats = inputs.filter(isCastable);
  if (op.autocast === undefined && (floats.length < 2 || floats.every(({ dtype }) => dtype === floats[0]?.dtype))) {
    return inputs;
  }
  const widest = floats.some(({ dtype }) => DTYPES[dtype].bytes > 2) ? "float32" : (floats[0]?.dtype ?? lower);
  const dtype = op.autocast === undefined ? widest : op.autocast === "lower" ? lower : "float32";
  return inputs.map((input) => (isCastable(input) ? recast(input, dtype) : input));
}

/** A cast that only undoes another is left out: going up to float32 and back down changes nothing. */
function recast(node: Node, dtype: DType): Node {
  const [source] = node.inputs;
  const isWidened =
    source !== undefined && node.value === undefined && source.dtype === dtype && cast(source, node.dtype) === node;
  return isWidened && DTYPES[dtype].bytes < DTYPES[node.dtype].bytes ? source : cast(node, dtype);
}

/** In which dtype operations run, and whether they do. */
export interface AutocastOptions {
  /** float16 or bfloat16. */
  dtype?: "float16" | "bfloat16";
  /** Where the tensors lie; checked to be there. */
  device?: string;
  /** False: nothing is cast, also inside another autocast. */
  enabled?: boolean;
}

const autocastOptions = optionsOf<AutocastOptions>({ dtype: true, device: true, enabled: true });

/**
 * Runs `fn` with mixed precision: products (matmul, linear layers, convolutions) are recorded in `dtype`; sums, softmax,
 * norms, losses and exponentials in float32; what has operands of both is computed in the wider. Parameters stay float32,
 * and so do their gradients. The backward pass computes each operation in the dtype that its forward had.
 *
 * On the CPU this gains nothing. onnxruntime has no float16 kernels there: it casts to float32, computes, and rounds what is
 * read; bfloat16 is float32 rounded after every operation. A training step of three linear layers of 1024, batch 128, on two
 * cores: 22 ms in float32, 55 in float16, 57 in bfloat16. Use it there to try what a device will compute. On a device with
 * float16 units (`device: "webgpu"`, where the driver has shader-f16) products are faster, whole steps were not: on an H100 a
 * product of 2048 × 2048 took 0.5 ms in float16 and 1.7 in float32, a step of BERT 82 ms instead of 66 (4 layers × 256, batch
 * 32 × 64) and 550 instead of 194 (4 × 768, 32 × 128).
 *
 * @throws AUTOCAST_DTYPE for another dtype; DEVICE_UNAVAILABLE
 *
 * @example
 * ```ts
 * const w = ones([2, 2], { requiresGrad: true });
 * const y = autocast({ dtype: "float16" }, () => w.matmul(w));
 * y.dtype; // "float16"
 * y.sum().backward();
 * w.grad?.dtype; // "float32"
 * ```
 */
export function autocast<Result>(options: AutocastOptions, fn: () => Result): Result {
  requireFunction("autocast", fn, 2);
  const { dtype = "bfloat16", device = "cpu", enabled = true } = autocastOptions("autocast", options);
  if (dtype !== "float16" && dtype !== "bfloat16") {
    throw new AbrazoError({
      code: "AUTOCAST_DTYPE",
      message: `In autocast, but the target dtype is not supported: ${String(dtype)}.`,
      hint: "Autocast computes in float16 or bfloat16.",
    });
  }
  requireDevice(device);
  install();
  return inScope({ autocast: enabled ? dtype : undefined }, fn);
}

/**
 * The dtype in which products are recorded here, or undefined outside of autocast.
 *
 * @example
 * ```ts
 * autocast({ dtype: "float16" }, () => autocastDType()); // "float16"
 * ```
 */
export function autocastDType(): DType | undefined {
  return currentScope().autocast;
}

/**
 * Runs `fn` and looks at every value that is read in it, every gradient that backward() makes in it, and what it returns.
 * The first that holds nan or an infinity throws an error that names the operation where that began, its inputs, and
 * whether it was in the forward or the backward pass. Each such value is computed at once: for finding faults, not for training.
 *
 * @throws NOT_FINITE
 *
 * @example
 * ```ts
 * const x = tensor([-1, 4], { dtype: "float32", requiresGrad: true });
 * detectAnomaly(() => x.sqrt().sum().backward()); // throws Function 'sqrt' returned nan values in the forward pass.
 * ```
 */
export function detectAnomaly<Result>(fn: () => Result): Result {
  requireFunction("detectAnomaly", fn);
  install();
  const scope = { anomaly: { origins: new WeakMap(), stacks: new WeakMap() } };
  return inScope(scope, () => {
    const result = fn();
    if (result instanceof Tensor) checkFinite([result]);
    if (!(result instanceof Promise)) return result;
    // safe because a promise for the same value is what fn gave
    return result.then((value) => {
      if (value instanceof Tensor) checkFinite([value]);
      return value;
    }) as Result;
  });
}
