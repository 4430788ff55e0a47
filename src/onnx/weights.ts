// Bytes of weights on their way into a session: read where a file holds them, and handed over beside the model.
// Knows no dtypes and no graphs.
import { closeSync, openSync, readSync } from "node:fs";
import { join } from "node:path";
import { internalError } from "../errors.ts";
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

/** Bytes under the name by which a model refers to them. */
export interface OutsideWeight {
  path: string;
  data: Uint8Array;
}

/**
 * A model with its large weights beside it: inside, they would be copied several times, and 2 GB would be the end. What lies in
 * files is read too, as a session takes either all from files or all from memory.
 */
export function withoutWeights(model: OnnxModel, read: WeightReader): { model: OnnxModel; weights: OutsideWeight[] } {
  const weights: OutsideWeight[] = [];
  const initializers = model.initializers.map((initializer): OnnxInitializer => {
    const bytes = read(initializer);
    if (bytes.length < LEAST_BYTES) return { ...initializer, content: { bytes } };
    const path = `weight-${weights.length}`;
    weights.push({ path, data: bytes });
    return { ...initializer, content: { location: path, offset: 0, length: bytes.length } };
  });
  return { model: { ...model, initializers }, weights };
}
