// What passes between threads: tensors, images, lists and plain objects by value, things with a source by their source.
// Knows no threads.
import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { AbrazoError } from "../errors.ts";
import type { DType, TypedArray } from "../graph/dtype.ts";
import { fromHost } from "../tensor/create.ts";
import { Tensor } from "../tensor/index.ts";
import { isPlain } from "./collate.ts";
import type { ModuleSource } from "./dataset.ts";
import { Image } from "./vision/image.ts";

export type Wire =
  | { kind: "value"; value: unknown }
  | { kind: "tensor"; dtype: DType; shape: readonly number[]; data: TypedArray }
  | { kind: "image"; width: number; height: number; channels: number; data: Uint8Array }
  | { kind: "list"; items: Wire[] }
  | { kind: "object"; entries: [string, Wire][] }
  | { kind: "source"; module: string; export: string; args: Wire[] };

/**
 * A value as it is posted.
 *
 * @param path where the value stands, for the error
 * @param give buffers of tensors are put here, to be given away instead of copied
 */
export function toWire(value: unknown, path: string, give?: Set<ArrayBuffer>): Wire {
  if (value instanceof Tensor) {
    const data = value.dataSync();
    giveAway(data, give);
    return { kind: "tensor", dtype: value.dtype, shape: value.shape, data };
  }
  if (value instanceof Image) {
    const { width, height, channels, data } = value;
    return { kind: "image", width, height, channels, data };
  }
  if (typeof value === "symbol") throw cannotSend(value, path);
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return { kind: "value", value };
  const source = sourceOf(value);
  if (source !== undefined) return sourceToWire(source, path);
  if (Array.isArray(value)) {
    // A long list of numbers, such as the indices of a subset, goes as it is.
    if (value.every((item) => typeof item === "number")) return { kind: "value", value };
    return { kind: "list", items: value.map((item, index) => toWire(item, `${path}[${index}]`, give)) };
  }
  if (isCloneable(value)) return { kind: "value", value };
  if (typeof value === "function" || !isPlain(value)) throw cannotSend(value, path);
  return {
    kind: "object",
    entries: Object.entries(value).map(([name, item]) => [name, toWire(item, `${path}.${name}`, give)]),
  };
}

function giveAway(data: TypedArray, give: Set<ArrayBuffer> | undefined): void {
  const { buffer } = data;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === data.byteLength) give?.add(buffer);
}

const isCloneable = (value: object): boolean =>
  ArrayBuffer.isView(value) ||
  [ArrayBuffer, SharedArrayBuffer, Date, RegExp, Map, Set, Error].some((type) => value instanceof type);

function sourceOf(value: object): ModuleSource | undefined {
  if (!("source" in value) || typeof value.source !== "object" || value.source === null) return undefined;
  // safe because a thing with a source says so in this form
  return "module" in value.source ? (value.source as ModuleSource) : undefined;
}

function sourceToWire({ module, export: name = "default", args = [] }: ModuleSource, path: string): Wire {
  const wired = args.map((arg, index) => toWire(arg, `${path}.args[${index}]`));
  return { kind: "source", module: String(module), export: name, args: wired };
}

function cannotSend(value: unknown, path: string): AbrazoError {
  const what =
    typeof value === "object" && value !== null ? `an object of ${value.constructor.name}` : `a ${typeof value}`;
  return new AbrazoError({
    code: "CANNOT_SEND_TO_WORKER",
    message: `can't pickle ${path}: ${what} cannot be sent to a worker thread.`,
    hint:
      "Functions and objects with methods do not pass between threads. Put the class into a module without side effects, " +
      'export it, and name it by a field: source = { module: import.meta.url, export: "MyDataset", args: [...] }; each worker ' +
      "then makes its own. Or use numWorkers: 0.",
    data: { path },
  });
}

/** The value that was posted; things with a source are made anew. */
export async function fromWire(wire: Wire): Promise<unknown> {
  switch (wire.kind) {
    case "list":
      return Promise.all(wire.items.map(fromWire));
    case "object":
      return Object.fromEntries(
        await Promise.all(wire.entries.map(async ([name, item]) => [name, await fromWire(item)] as const)),
      );
    case "source":
      return makeFromSource(wire);
    default:
      return plainFromWire(wire);
  }
}

/** A batch that was posted: it holds nothing that would have to be imported. */
export function plainFromWire(wire: Wire): unknown {
  switch (wire.kind) {
    case "value":
      return wire.value;
    case "tensor":
      return fromHost(wire.data, wire.shape, wire.dtype);
    case "image":
      return new Image(wire.data, wire.width, wire.height, wire.channels);
    case "list":
      return wire.items.map(plainFromWire);
    case "object":
      return Object.fromEntries(wire.entries.map(([name, item]) => [name, plainFromWire(item)]));
    case "source":
      throw cannotSend(wire, `batch (${wire.export} of ${wire.module})`);
  }
}

async function makeFromSource({ module, export: name, args }: Extract<Wire, { kind: "source" }>): Promise<unknown> {
  const exported: Readonly<Record<string, unknown>> = await importModule(module);
  const maker = exported[name];
  const given = await Promise.all(args.map(fromWire));
  if (typeof maker !== "function") {
    throw new AbrazoError({
      code: "EXPORT_MISSING",
      message: `${module} has no class or function named "${name}"; it exports ${Object.keys(exported).join(", ") || "nothing"}.`,
      hint: "Export the class, and name it in the source's `export`.",
      data: { module, export: name },
    });
  }
  // Arrow and async functions have no prototype and cannot be called with `new`.
  return maker.prototype === undefined ? maker(...given) : Reflect.construct(maker, given);
}

async function importModule(module: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return await import(isAbsolute(module) ? pathToFileURL(module).href : module);
  } catch (cause) {
    throw new AbrazoError({
      code: "MODULE_FAILED",
      message: `A worker could not import ${module}: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "Name the module by its URL or absolute path, e.g. import.meta.url; a TypeScript module needs tsx beside it.",
      data: { module },
      cause,
    });
  }
}
