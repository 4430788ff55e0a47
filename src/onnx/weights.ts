// Bytes of weights on their way into a session: read where a file holds them, and handed over beside the model.
// Knows no dtypes and no graphs.
import { closeSync, mkdtempSync, openSync, readSync, realpathSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { internalError } from "../errors.ts";
import { discard } from "./discard.ts";
import type { OnnxInitializer, OnnxModel } from "./proto.ts";

/** Of one read or write, which may also take less than it is asked for. */
const MOST_AT_ONCE = 2 ** 30;

export type WeightReader = (initializer: OnnxInitializer) => Uint8Array;

/** The bytes of weights, of which some lie in files of a folder. */
export function readerOf(folder = ""): WeightReader {
  return ({ name, content }) => {
    if ("bytes" in content) return content.bytes;
    const bytes = new Uint8Array(content.length);
    const file = openSync(join(folder, content.location), "r");
    try {
      for (let at = 0; at < bytes.length; ) {
        const got = readSync(file, bytes, at, Math.min(bytes.length - at, MOST_AT_ONCE), content.offset + at);
        if (got === 0) throw internalError(`the file of the weight ${name} ends before it does`);
        at += got;
      }
    } finally {
      closeSync(file);
    }
    return bytes;
  };
}

/** Smaller ones stay in the model: the runtime reads shapes off them. */
const LEAST_BYTES = 1024;
/** Weights begin where every dtype and every kernel may read. */
const ALIGNED = 64;

const roundedUp = (offset: number): number => Math.ceil(offset / ALIGNED) * ALIGNED;

/**
 * Weights beside a model, until its session is made: inside, they would be copied several times, and 2 GB would be the end.
 */
export interface WeightStore {
  /** A weight as the model names it, copied here unless it is small. */
  place(bytes: Uint8Array): OnnxInitializer["content"];
  /** Whether a weight is here already. */
  holds(content: OnnxInitializer["content"]): boolean;
  /** What the session's options say of it. */
  readonly options: { folder?: string; files?: readonly { path: string; data: Uint8Array }[] };
  release(): void;
}

/** A model with all of its weights in a store: a session takes either all from files or all from memory. */
export function gathered(model: OnnxModel, read: WeightReader, store: WeightStore): OnnxModel {
  const initializers = model.initializers.map((initializer): OnnxInitializer => {
    const { content } = initializer;
    return store.holds(content) ? initializer : { ...initializer, content: store.place(read(initializer)) };
  });
  return { ...model, initializers };
}

/**
 * A temporary file, which the session maps. It is gone for all others when it is released, while the session keeps what it
 * maps. Weights from memory a session copies twice, which the process then keeps.
 */
export class FileStore implements WeightStore {
  readonly #folder: string;
  readonly #file: number;
  #length = 0;

  constructor() {
    this.#folder = mkdtempSync(join(realpathSync(tmpdir()), "abrazo-weights-"));
    this.#file = openSync(join(this.#folder, "weights"), "wx", 0o600);
  }

  get options(): { folder: string } {
    return { folder: this.#folder };
  }

  place(bytes: Uint8Array): OnnxInitializer["content"] {
    if (bytes.length < LEAST_BYTES) return { bytes };
    const offset = roundedUp(this.#length);
    for (let at = 0; at < bytes.length; )
      at += writeSync(this.#file, bytes, at, Math.min(bytes.length - at, MOST_AT_ONCE), offset + at);
    this.#length = offset + bytes.length;
    return { location: "weights", offset, length: bytes.length };
  }

  holds(content: OnnxInitializer["content"]): boolean {
    return "location" in content && content.location === "weights";
  }

  release(): void {
    closeSync(this.#file);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** The system takes back at once what is larger than 32 MiB; smaller pieces stay with the process until all around them is free. */
const SLAB_BYTES = 2 ** 26;

interface Slab {
  path: string;
  data: Uint8Array<ArrayBuffer>;
  used: number;
}

/** A few large pieces of memory, where there is no file to be had that may be removed while it is mapped. */
export class MemoryStore implements WeightStore {
  readonly #slabs: Slab[] = [];

  get options(): { files: readonly { path: string; data: Uint8Array }[] } {
    return { files: this.#slabs };
  }

  place(bytes: Uint8Array): OnnxInitializer["content"] {
    if (bytes.length < LEAST_BYTES) return { bytes };
    const slab = this.#slabWith(bytes.length);
    const offset = roundedUp(slab.used);
    slab.data.set(bytes, offset);
    slab.used = offset + bytes.length;
    return { location: slab.path, offset, length: bytes.length };
  }

  holds(content: OnnxInitializer["content"]): boolean {
    return "location" in content && this.#slabs.some(({ path }) => path === content.location);
  }

  release(): void {
    discard(this.#slabs.splice(0).map(({ data }) => data.buffer));
  }

  #slabWith(length: number): Slab {
    const last = this.#slabs.at(-1);
    if (last !== undefined && roundedUp(last.used) + length <= last.data.length) return last;
    const slab = { path: `weights-${this.#slabs.length}`, data: new Uint8Array(Math.max(SLAB_BYTES, length)), used: 0 };
    this.#slabs.push(slab);
    return slab;
  }
}
