// A state in several safetensors files with an index, as transformers and huggingface_hub write and read it.
// Knows no modules.
import { mkdir, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { requireType } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { DTYPES } from "../graph/dtype.ts";
import { readJson } from "../io/json.ts";
import { onFile } from "../io/system-error.ts";
import { optionsOf } from "../options.ts";
import type { Tensor } from "../tensor/index.ts";
import { loadSafetensors, loadStored, saveFile } from "./safetensors.ts";
import { eachOnce, underAllNames } from "./shared.ts";
import { entriesOf, type LoadOptions, loadOptions, type StateDict } from "./state.ts";

const INDEX = "model.safetensors.index.json";
const WHOLE = "model.safetensors";

const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** How large a file may become. */
export interface ShardOptions {
  /** Bytes of a file at most, or e.g. "5GB" (the default); a larger tensor has a file of its own. */
  maxShardSize?: number | string;
  metadata?: Readonly<Record<string, string>>;
}

const shardOptions = optionsOf<ShardOptions>({ maxShardSize: true, metadata: true });

const UNITS: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
};

function bytesOf(size: number | string): number {
  const [, amount, unit = ""] = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+)$/.exec(String(size)) ?? [];
  const bytes = typeof size === "number" ? size : Number(amount) * (UNITS[unit.toUpperCase()] ?? Number.NaN);
  if (bytes > 0) return bytes;
  throw new AbrazoError({
    code: "SHARD_SIZE",
    message: `The size of a shard is ${JSON.stringify(size)}, which says no number of bytes.`,
    hint: 'Write it as bytes, or as e.g. "5GB" or "200MB".',
  });
}

/**
 * Writes a state into a folder: one model.safetensors where it fits, else model-00001-of-0000N.safetensors and the index.
 * Files of an earlier save are removed.
 *
 * @example
 * ```ts
 * await saveSharded({ a: ones([100]), b: ones([100]) }, "checkpoint", { maxShardSize: "400B" });
 * const first = await safeOpen("checkpoint/model-00001-of-00002.safetensors");
 * first.keys(); // ["a"]
 * await first.close();
 * ```
 */
export async function saveSharded(state: StateDict, folder: string, given?: ShardOptions): Promise<void> {
  const { maxShardSize = "5GB", metadata = { format: "pt" } } = shardOptions("saveSharded", given);
  const { entries, otherNames } = eachOnce(entriesOf("saveSharded", state));
  const shards = shardsOf(entries, bytesOf(maxShardSize));
  requireType("saveSharded", "string", folder, 2);
  await onFile(folder, () => mkdir(folder, { recursive: true }));
  const before = (await readdir(folder)).filter((name) =>
    /^model(-\d{5}-of-\d{5})?\.safetensors(\.index\.json)?$/.test(name),
  );
  const written = new Set<string>();
  const weightMap: Record<string, string> = {};
  for (const [index, shard] of shards.entries()) {
    const number = (value: number): string => String(value).padStart(5, "0");
    const name = shards.length === 1 ? WHOLE : `model-${number(index + 1)}-of-${number(shards.length)}.safetensors`;
    const held = new Map(shard);
    const others = Object.entries(otherNames).filter(([, kept]) => held.has(kept));
    await saveFile(held, join(folder, name), { ...Object.fromEntries(others), ...metadata });
    written.add(name);
    for (const tensor of [...held.keys(), ...others.map(([other]) => other)]) weightMap[tensor] = name;
  }
  if (shards.length > 1) {
    const total = shards.flat().reduce((sum, [, tensor]) => sum + sizeOf(tensor), 0);
    const names = Object.fromEntries(Object.entries(weightMap).sort(([a], [b]) => (a < b ? -1 : 1)));
    const index = { metadata: { total_size: total }, weight_map: names };
    await writeFile(join(folder, INDEX), `${JSON.stringify(index, null, 2)}\n`);
    written.add(INDEX);
  }
  for (const name of before) if (!written.has(name)) await rm(join(folder, name));
}

const sizeOf = (tensor: Tensor): number => tensor.numel() * DTYPES[tensor.dtype].bytes;

/** In order: a shard is full when the next tensor no longer fits; one too large for any shard has its own. */
function shardsOf(entries: readonly [string, Tensor][], max: number): [string, Tensor][][] {
  const shards: [string, Tensor][][] = [];
  const alone: [string, Tensor][][] = [];
  let current: [string, Tensor][] = [];
  let filled = 0;
  for (const entry of entries) {
    const size = sizeOf(entry[1]);
    if (size > max) {
      alone.push([entry]);
      continue;
    }
    if (filled + size > max) {
      shards.push(current);
      [current, filled] = [[], 0];
    }
    current.push(entry);
    filled += size;
  }
  if (current.length > 0) shards.push(current);
  const all = [...shards, ...alone];
  return all.length > 0 ? all : [[]];
}

/**
 * The state of a folder, or of its index: every tensor that the index names, and no other.
 *
 * @throws SHARD_INDEX for an index that names what is not there
 *
 * @example
 * ```ts
 * await saveSharded({ a: ones([100]), b: ones([100]) }, "checkpoint", { maxShardSize: "400B" });
 * [...(await loadSharded("checkpoint")).keys()]; // ["a", "b"]
 * ```
 */
export async function loadSharded(path: string, given?: LoadOptions): Promise<Map<string, Tensor>> {
  const options = loadOptions("loadSharded", given);
  requireType("loadSharded", "string", path);
  const isIndex = path.endsWith(".json");
  const folder = isIndex ? dirname(path) : path;
  const names = isIndex ? [basename(path)] : await onFile(folder, () => readdir(folder));
  const index = isIndex ? basename(path) : names.find((name) => name === INDEX);
  if (index === undefined) return await loadSafetensors(join(folder, WHOLE), options);
  const { weight_map } = await readJson(join(folder, index), indexSchema);
  const tensors = new Map<string, Tensor>();
  const otherNames: [string, string][] = [];
  for (const file of new Set(Object.values(weight_map))) {
    if (file !== basename(file)) throw indexError(`${index} names the file "${file}", which is outside its folder.`);
    const stored = await loadStored(join(folder, file), options);
    otherNames.push(...stored.others);
    for (const [name, tensor] of stored.tensors) {
      if (weight_map[name] !== file) throw indexError(`${file} holds "${name}", which ${index} does not say.`);
      tensors.set(name, tensor);
    }
  }
  const all = underAllNames(tensors, otherNames);
  const missing = Object.keys(weight_map).filter((name) => !all.has(name));
  if (missing.length > 0) throw indexError(`The files lack ${missing.slice(0, 5).join(", ")}, which ${index} names.`);
  return all;
}

function indexError(message: string): AbrazoError {
  return new AbrazoError({
    code: "SHARD_INDEX",
    message,
    hint: "Index and files belong to different states, or the download is not whole.",
  });
}
