// Buffers in a device's memory: freed when no node holds their value any more, and written again by the next result of
// their size; moved to the host when too many lie idle.
// Knows no graph and runs nothing.
import type { DType, TypedArray } from "../graph/dtype.ts";
import type { Value } from "../graph/node.ts";
import type { Shape } from "../graph/shape.ts";
import type { NativeTensor } from "./runtime.ts";

type DeviceValue = Extract<Value, { kind: "device" }>;

export interface DeviceBuffer {
  readonly device: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly bytes: number;
  /** What was allocated: `tensor` is this as a dtype and a shape. */
  readonly memory: NativeTensor;
  /** While it lies on the device. */
  tensor: NativeTensor | undefined;
  /** Its elements, once it was moved to the host. */
  moved: TypedArray | undefined;
  /** The run that read or made it last. */
  run: number;
}

/** What a value holds. */
interface Handle {
  buffer: DeviceBuffer;
  weight?: Uint8Array;
}

/** What lies on devices, what is ready there for the next results, and what went to them and came back, in bytes. */
export const deviceStats = { buffers: 0, bytes: 0, peakBytes: 0, spareBytes: 0, fromHost: 0, toHost: 0, moved: 0 };

const IDLE_FLOOR = 512 * 1024 ** 2;
/** Half is enough: the collector runs whenever about 64 MB of weights have come together. */
const WEIGHT = 1 / 2;

const wrap = (handle: Handle): DeviceValue => ({ kind: "device", device: handle.buffer.device, handle });

export class DeviceMemory {
  readonly #idleFloor: number;
  /** The one that was read or made longest ago first. */
  readonly #buffers = new Set<DeviceBuffer>();
  /** Called when the event loop turns, never inside a synchronous loop. */
  readonly #unreachable = new FinalizationRegistry<DeviceBuffer>((buffer) => this.#free(buffer));
  /** Freed buffers' memory by device and bytes. A loop needs the same sizes again, and allocating takes a run of its own. */
  readonly #spares = new Map<string, NativeTensor[]>();
  #spareBytes = 0;
  #held = 0;
  #inUse = 0;
  #usedLast = 0;
  #run = 0;

  constructor(idleFloor: number) {
    this.#idleFloor = idleFloor;
  }

  /** A value that lies on a device. Shared by all nodes that have it. */
  keep(tensor: NativeTensor, of: Omit<DeviceBuffer, "tensor" | "moved" | "run">): DeviceValue {
    const buffer: DeviceBuffer = { ...of, tensor, moved: undefined, run: -1 };
    this.#touch(buffer);
    this.#held += buffer.bytes;
    deviceStats.buffers++;
    deviceStats.bytes += buffer.bytes;
    deviceStats.peakBytes = Math.max(deviceStats.peakBytes, deviceStats.bytes);
    // The collector sees host memory alone, and a value is small: this memory, which nothing ever touches, stands for the buffer.
    const weight = Buffer.allocUnsafeSlow(Math.min(Math.ceil(buffer.bytes * WEIGHT), 2 ** 30));
    const value = wrap({ buffer, weight });
    this.#unreachable.register(value, buffer, buffer);
    return value;
  }

  /** Memory that a freed buffer left, of exactly this size. What lies in it is to be overwritten. */
  reuse(device: string, bytes: number): NativeTensor | undefined {
    const memory = this.#spares.get(`${device} ${bytes}`)?.pop();
    if (memory !== undefined) this.#countSpare(-bytes);
    return memory;
  }

  /** The buffer behind a value, which the run that is being made ready reads. */
  use(value: DeviceValue): DeviceBuffer {
    // safe because only keep() makes device values
    const { buffer } = value.handle as Handle;
    if (buffer.tensor !== undefined) this.#touch(buffer);
    return buffer;
  }

  /**
   * Ends a run. What is idle and will be read again is not told from garbage that the collector has yet to find: beyond
   * the larger of a floor and twice what the run used, the longest idle goes to the host, where it is still read right.
   */
  endRun(fetch: (value: DeviceValue, buffer: DeviceBuffer) => TypedArray): void {
    this.#usedLast = this.#inUse;
    let surplus = this.#surplus();
    if (surplus > 0) surplus -= this.#dropSpares();
    for (const buffer of this.#buffers) {
      if (surplus <= 0 || buffer.run === this.#run) break;
      buffer.moved = fetch(wrap({ buffer }), buffer);
      this.#free(buffer);
      deviceStats.moved += buffer.bytes;
      surplus -= buffer.bytes;
    }
    this.#run++;
    this.#inUse = 0;
  }

  #touch(buffer: DeviceBuffer): void {
    if (buffer.run !== this.#run) this.#inUse += buffer.bytes;
    buffer.run = this.#run;
    this.#buffers.delete(buffer);
    this.#buffers.add(buffer);
  }

  #free(buffer: DeviceBuffer): void {
    if (buffer.tensor === undefined) return;
    this.#recycle(buffer);
    buffer.tensor = undefined;
    this.#buffers.delete(buffer);
    // What the registry knows it holds, and with it the elements of a buffer that was moved.
    this.#unreachable.unregister(buffer);
    this.#held -= buffer.bytes;
    deviceStats.buffers--;
    deviceStats.bytes -= buffer.bytes;
  }

  /** Bytes beyond what may lie idle or spare. */
  #surplus(): number {
    return this.#held + this.#spareBytes - this.#usedLast - Math.max(this.#idleFloor, 2 * this.#usedLast);
  }

  #recycle({ device, bytes, memory }: DeviceBuffer): void {
    // What is freed still counts among the held.
    if (this.#surplus() > 0) {
      memory.dispose();
      return;
    }
    const key = `${device} ${bytes}`;
    const spares = this.#spares.get(key) ?? [];
    spares.push(memory);
    this.#spares.set(key, spares);
    this.#countSpare(bytes);
  }

  #dropSpares(): number {
    for (const memory of [...this.#spares.values()].flat()) memory.dispose();
    this.#spares.clear();
    const freed = this.#spareBytes;
    this.#countSpare(-freed);
    return freed;
  }

  #countSpare(bytes: number): void {
    this.#spareBytes += bytes;
    deviceStats.spareBytes += bytes;
  }
}

export const deviceMemory: DeviceMemory = new DeviceMemory(IDLE_FLOOR);
