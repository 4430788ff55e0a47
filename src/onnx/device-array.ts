// float32 arrays in a device's memory that whoever made them holds: runs read them and write into them, and nothing comes to the host.
// Knows no graph.
import { sizeOf } from "../graph/shape.ts";
import { allocateOn, keepsResults, requireDevice } from "./devices.ts";
import { deviceTensor, type NativeTensor } from "./runtime.ts";

/**
 * float32 elements in a device's memory, which compiled graphs read and write: what a loop carries on never comes to the host.
 *
 * @example needs a GPU
 * ```ts
 * const x = symbolic("x", [2], "float32");
 * const graph = compileGraph({ inputs: [x], outputs: { y: x.mul(2) } }, { device: "webgpu" });
 * const [a, b] = [new DeviceArray("webgpu", [2]), new DeviceArray("webgpu", [2])];
 * graph.run({ x: { data: Float32Array.of(1, 2), shape: [2] } }, { y: a });
 * graph.run({ x: a }, { y: b });
 * graph.run({ x: b })["y"]?.data; // Float32Array [8, 16]
 * ```
 */
export class DeviceArray {
  readonly shape: readonly number[];
  readonly #memory: NativeTensor;

  /**
   * Takes memory; what lies in it is to be overwritten.
   *
   * @throws DEVICE_UNAVAILABLE where the device does not compute here
   */
  constructor(device: string, shape: readonly number[]) {
    requireDevice(device);
    this.shape = shape;
    this.#memory = allocateOn(device, 4 * sizeOf(shape));
  }

  /** Whether a device keeps arrays: WebGPU does. */
  static isKeptOn(device: string): boolean {
    return keepsResults(device, "float32");
  }

  /** As the runtime takes it; not for reading. */
  get native(): NativeTensor {
    return deviceTensor(this.#memory, "float32", this.shape);
  }

  /** Gives the memory back; nothing may read the array any more. */
  dispose(): void {
    this.#memory.dispose();
  }
}
