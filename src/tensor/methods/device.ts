// Other dtypes and other devices.
import { AbrazoError, nearestName, suggestion } from "../../errors.ts";
import * as build from "../../graph/build.ts";
import { DTYPES, type DType, isDType, requireDType } from "../../graph/dtype.ts";
import type { Node } from "../../graph/node.ts";
import { DEVICES, isDevice, requireDevice } from "../../onnx/devices.ts";
import { optionsOf } from "../../options.ts";
import { elementsOf } from "../realize.ts";
import { gradEnabled } from "../scope.ts";
import { Storage } from "../storage.ts";
import { Tensor } from "../tensor.ts";

/** The elements on the host as a node that gradients still go through. */
function fetched(tensor: Tensor): Node {
  const { node, device } = tensor;
  if (device === "cpu") return node;
  const copy = build.clone(node);
  copy.value = { kind: "host", data: elementsOf(node, device) };
  return copy;
}

function moved(tensor: Tensor, device: string): Tensor {
  requireDevice(device);
  if (device === tensor.device) return tensor;
  const requiresGrad = tensor.requiresGrad && gradEnabled();
  const node = fetched(tensor);
  return new Tensor(new Storage(requiresGrad ? node : build.cutOff(node)), { requiresGrad, device });
}

function cast(tensor: Tensor, dtype: DType): Tensor {
  return dtype === tensor.dtype ? tensor : tensor.map((node) => build.cast(node, dtype));
}

const targetOptions = optionsOf<{ device?: string; dtype?: DType }>({ device: true, dtype: true });

/** One word may be either; what is near a dtype is taken for one. */
function unknownTarget(name: string): AbrazoError {
  const dtype = nearestName(name, Object.keys(DTYPES));
  return new AbrazoError({
    code: dtype === undefined ? "UNKNOWN_DEVICE" : "UNKNOWN_DTYPE",
    message: `There is no ${dtype === undefined ? "device" : "dtype"} "${name}".`,
    hint: dtype === undefined ? suggestion(name, [...DEVICES, ...Object.keys(DTYPES)]) : `Did you mean "${dtype}"?`,
  });
}

export const deviceMethods = {
  /**
   * The same tensor in another dtype, on another device, or both. Itself where nothing changes.
   *
   * @throws DEVICE_UNAVAILABLE, UNKNOWN_DEVICE
   *
   * @example
   * ```ts
   * const x = tensor([1, 2]);
   * x.to("float32").dtype; // "float32"
   * x.to("cpu") === x; // true
   * x.to({ dtype: "float64", device: "cpu" }).dtype; // "float64"
   * ```
   */
  to(this: Tensor, target: string | { device?: string; dtype?: DType }): Tensor {
    if (typeof target === "string" && !isDType(target) && !isDevice(target)) throw unknownTarget(target);
    const { device, dtype } =
      typeof target !== "string"
        ? targetOptions("to", target)
        : isDType(target)
          ? { dtype: target }
          : { device: target };
    if (dtype !== undefined) requireDType(dtype);
    const typed = dtype === undefined ? this : cast(this, dtype);
    return device === undefined ? typed : moved(typed, device);
  },
};
