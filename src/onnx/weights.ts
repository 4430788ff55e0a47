// Bytes of weights on their way into a session: read where a file holds them, and handed over beside the model.
// Knows no dtypes and no graphs.
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { internalError } from "../errors.ts";
import { discard } from "./discard.ts";
import type { OnnxInitializer, OnnxModel } from "./proto.ts";

/** One read may take less than it is asked for. */
const MOST_READ = 2 ** 30;

export type WeightReader = (initializer: OnnxInitializer) => Uint8Array;

/** The bytes of weights, of which some lie in files of a folder. */
export function readerOf(folder = ""): WeightReader {
  return ({ name, content }) => {
    if ("bytes" in content) return content.bytes;
    const bytes = new Uint8Array(content.length);
    const file = openSync(join(folder, content.location), "r");
    try {
      for (let at = 0; at < bytes.length; ) {
        const got = readSync(file, bytes, at, Math.min(bytes.length - at, MOST_READ), content.offset + at);
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
/** The system takes back at once what is larger than 32 MiB; smaller pieces stay with the process until all around them is free. */
const SLAB_BYTES = 2 ** 26;

interface Slab {
  /** The name by which a model refers to it. */
  path: string;
  data: Uint8Array<ArrayBuffer>;
  used: number;
}

/**
 * Weights beside a model, in a few large pieces of memory: inside, they would be copied several times, and 2 GB would be the end.
 */
export class WeightSlabs {
  readonly #slabs: Slab[] = [];

  /** Contents of the files that a model refers to. */
  get files(): readonly { path: string; data: Uint8Array }[] {
    return this.#slabs;
  }

  /** A weight as a model names it, copied here unless it is small. */
  place(bytes: Uint8Array): OnnxInitializer["content"] {
    if (bytes.length < LEAST_BYTES) return { bytes };
    const { path, data, used } = this.#roomFor(bytes.length);
    data.set(bytes, used);
    return { location: path, offset: used, length: bytes.length };
  }

  /** A model with all of its weights here: a session takes either all from files or all from memory. */
  gather(model: OnnxModel, read: WeightReader): OnnxModel {
    const initializers = model.initializers.map((initializer): OnnxInitializer => {
      const { content } = initializer;
      if (!("bytes" in content) && this.#slabs.some(({ path }) => path === content.location)) return initializer;
      return { ...initializer, content: this.place(read(initializer)) };
    });
    return { ...model, initializers };
  }

  /** Frees all of it. */
  release(): void {
    discard(this.#slabs.splice(0).map(({ data }) => data.buffer));
  }

  /** Where so many bytes go, aligned for every dtype. */
  #roomFor(length: number): Slab {
    const last = this.#slabs.at(-1);
    const start = Math.ceil((last?.used ?? 0) / 64) * 64;
    if (last !== undefined && start + length <= last.data.length) {
      last.used = start + length;
      return { ...last, used: start };
    }
    const data = new Uint8Array(Math.max(SLAB_BYTES, length));
    const slab = { path: `weights-${this.#slabs.length}`, data, used: length };
    this.#slabs.push(slab);
    return { ...slab, used: 0 };
  }
}
