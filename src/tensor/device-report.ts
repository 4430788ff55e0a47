// Which kernel ran on which device, as the runtime's own profile tells.
// Knows no operation.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { topological } from "../graph/walk.ts";
import { requireDevice } from "../onnx/devices.ts";
import { lower } from "../onnx/lower.ts";
import { encodeModel } from "../onnx/proto.ts";
import { toSession } from "../onnx/represent.ts";
import { nativeTensor, Session } from "../onnx/runtime.ts";
import { sessionOptions } from "../onnx/session.ts";
import { optionsOf } from "../options.ts";
import { requireTensorList } from "./arguments.ts";
import { elementsOf } from "./realize.ts";
import { Tensor } from "./tensor.ts";

const deviceReportOptions = optionsOf<{ device?: string }>({ device: true });

/** One kernel of a run. */
export interface PlacedKernel {
  /** ONNX name of the kernel, e.g. "MatMul". Several recorded operations may be one. */
  kernel: string;
  /** "cpu", "webgpu", "cuda": where it ran. */
  device: string;
  /** Dtypes of its results, in ONNX's words, e.g. "float". */
  outputs: readonly string[];
  milliseconds: number;
}

interface ProfileEvent {
  cat: string;
  dur?: number;
  args?: { provider?: string; op_name?: string; output_type_shape?: Record<string, number[]>[] };
}

/**
 * Computes tensors once more, apart from everything else, and tells where each kernel ran: a device leaves to the CPU what
 * it has no kernel for. What is already computed counts as given.
 *
 * @param target tensors, or a function that makes them
 * @param options.device the device to compute on, instead of the tensors' own
 * @throws DEVICE_UNAVAILABLE, UNKNOWN_DEVICE
 *
 * @example
 * ```ts
 * const a = ones([64, 64]);
 * deviceReport(() => a.matmul(a)).map(({ kernel, device }) => `${kernel} on ${device}`); // ["MatMul on cpu"]
 * ```
 */
export function deviceReport(
  target: Tensor | readonly Tensor[] | (() => Tensor | readonly Tensor[]),
  given?: { device?: string },
): PlacedKernel[] {
  const { device } = deviceReportOptions("deviceReport", given);
  const made = typeof target === "function" ? target() : target;
  const tensors = made instanceof Tensor ? [made] : made;
  requireTensorList("deviceReport", tensors);
  const devices = new Set(tensors.map((tensor) => device ?? tensor.device));
  return [...devices].flatMap((place) =>
    profile(
      tensors.filter((tensor) => (device ?? tensor.device) === place),
      place,
    ),
  );
}

function profile(tensors: readonly Tensor[], device: string): PlacedKernel[] {
  requireDevice(device);
  const outputs = tensors.map(({ node }) => node);
  const lowered = lower(topological(outputs), outputs, { device, initializer: () => undefined });
  const feeds = lowered.inputs.map(({ name, node }) => {
    const { dtype, data } = toSession(node.dtype, elementsOf(node, device));
    return [name, nativeTensor(dtype, data, node.shape.map(Number))] as const;
  });
  const folder = mkdtempSync(join(tmpdir(), "abrazo-profile-"));
  try {
    const options = {
      ...sessionOptions(device, lowered.flops, undefined),
      enableProfiling: true,
      profileFilePrefix: join(folder, "profile"),
    };
    const names = lowered.model.outputs.map(({ name }) => name);
    const session = new Session(encodeModel(lowered.model), names, options);
    try {
      session.run(Object.fromEntries(feeds));
    } finally {
      session.release();
    }
    return readdirSync(folder).flatMap((name) => kernelsOf(readFileSync(join(folder, name), "utf8")));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function kernelsOf(text: string): PlacedKernel[] {
  const events: ProfileEvent[] = JSON.parse(text);
  return events.flatMap(({ cat, dur = 0, args }) => {
    if (cat !== "Node" || args?.provider === undefined) return [];
    return {
      kernel: args.op_name ?? "",
      device: args.provider.replace(/ExecutionProvider$/, "").toLowerCase(),
      outputs: (args.output_type_shape ?? []).flatMap((output) => Object.keys(output)),
      milliseconds: dur / 1000,
    };
  });
}
