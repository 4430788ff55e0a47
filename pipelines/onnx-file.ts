// An ONNX model as files: one, or where its weights exceed a limit the graph and its weights beside it, in parts.
// Knows no model types; parts are named as transformers.js asks for them.
import { type FileHandle, open, readdir, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { encodeModel, type OnnxInitializer, type OnnxModel } from "../src/onnx/proto.ts";

/** Protocol buffers end here, and so does what a browser can read in one piece. */
export const MOST_BYTES = 2 ** 31 - 1;
/** Smaller weights stay in the graph: runtimes read shapes off them. */
const LEAST_BYTES = 1024;
/** Weights begin at whole pages, so that they can be mapped. */
const PAGE = 4096;

/** What was written. */
export interface WrittenOnnx {
  /** Paths, that of the graph first. */
  files: string[];
  bytes: number;
}

/** Writes a model to `path`, and what is over `limit` bytes to path_data, path_data_1, … of so many bytes each. */
export async function writeOnnx(path: string, model: OnnxModel, limit: number): Promise<WrittenOnnx> {
  const { outside, parts } = divided(basename(path), model, limit);
  const graph = encodeModel(outside);
  const weights = parts.reduce((sum, { length }) => sum + length, 0);
  if (graph.length + weights <= limit) {
    const whole = encodeModel(model);
    await writeWhole(path, whole);
    await removeParts(path, 0);
    return { files: [path], bytes: whole.length };
  }
  const files = parts.map(({ name }) => join(dirname(path), name));
  for (const [index, part] of parts.entries()) await writePart(files[index] ?? "", part);
  await writeWhole(path, graph);
  await removeParts(path, parts.length);
  return { files: [path, ...files], bytes: graph.length + weights };
}

/** Under a temporary name first: a reader sees the whole file or none. */
export async function writeWhole(path: string, content: Uint8Array | string): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, content);
  await rename(temporary, path);
}

interface Part {
  name: string;
  length: number;
  pieces: { offset: number; bytes: Uint8Array }[];
}

/** The model with its large weights by reference, and where they lie. A weight over the limit has a part of its own. */
function divided(file: string, model: OnnxModel, limit: number): { outside: OnnxModel; parts: Part[] } {
  const parts: Part[] = [];
  const place = (bytes: Uint8Array): OnnxInitializer["content"] => {
    let part = parts.at(-1);
    const start = part === undefined ? 0 : Math.ceil(part.length / PAGE) * PAGE;
    if (part === undefined || start + bytes.length > limit) {
      part = { name: `${file}_data${parts.length === 0 ? "" : `_${parts.length}`}`, length: 0, pieces: [] };
      parts.push(part);
    }
    const offset = part.length === 0 ? 0 : start;
    part.pieces.push({ offset, bytes });
    part.length = offset + bytes.length;
    return { location: part.name, offset, length: bytes.length };
  };
  const initializers = model.initializers.map((initializer) => {
    const { content } = initializer;
    const isLarge = "bytes" in content && content.bytes.length >= LEAST_BYTES;
    return isLarge ? { ...initializer, content: place(content.bytes) } : initializer;
  });
  return { outside: { ...model, initializers }, parts };
}

async function writePart(path: string, { pieces }: Part): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = await open(temporary, "w");
  try {
    for (const { offset, bytes } of pieces) await writeAt(file, bytes, offset);
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

/** One write may take less than it is given. */
async function writeAt(file: FileHandle, bytes: Uint8Array, offset: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, at, Math.min(bytes.length - at, 2 ** 30), offset + at);
    at += bytesWritten;
  }
}

/** Removes parts beyond the first `count`, which an earlier export left. */
async function removeParts(path: string, count: number): Promise<void> {
  const [folder, prefix] = [dirname(path), `${basename(path)}_data`];
  const old = (await readdir(folder)).filter((name) => {
    const [, place = "_0"] = /^(_\d+)?$/.exec(name.slice(prefix.length)) ?? [undefined, "_-1"];
    return name.startsWith(prefix) && Number(place.slice(1)) >= count;
  });
  for (const name of old) await rm(join(folder, name));
}
