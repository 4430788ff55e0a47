// The weights of a folder: model.safetensors or the shards that an index names, and what each tensor is called in a model.
// Branches on no architecture: each declares how names may differ.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { DTYPES, isDType } from "../graph/dtype.ts";
import { readJson } from "../io/json.ts";
import { readHeader, type TensorEntry } from "../io/safetensors.ts";
import { fromFile, type Tensor } from "../tensor/index.ts";
import type { CheckpointNames } from "./architecture.ts";

/** A tensor of a folder, where it lies. */
export interface StoredTensor extends TensorEntry {
  path: string;
}

const WEIGHTS = "model.safetensors";
const INDEX = "model.safetensors.index.json";
const indexSchema = z.looseObject({ weight_map: z.record(z.string(), z.string()) });

/** Whether a folder has weights that we read. */
export const hasWeights = (folder: string): boolean =>
  existsSync(join(folder, WEIGHTS)) || existsSync(join(folder, INDEX));

/**
 * Every tensor of a folder by its name in the files.
 *
 * @throws FILE_MISSING without weights or without a shard; SHARD_MISMATCH where a shard lacks what the index says
 */
export async function readWeights(folder: string): Promise<Map<string, StoredTensor>> {
  const whole = join(folder, WEIGHTS);
  if (existsSync(whole)) return stored(whole);
  const index = join(folder, INDEX);
  if (!existsSync(index)) throw missing(folder, WEIGHTS);
  const { weight_map: places } = await readJson(index, indexSchema);
  const shards = new Map<string, Map<string, StoredTensor>>();
  for (const name of new Set(Object.values(places))) {
    // A name with a path in it could lead out of the folder.
    if (!/^[^/\\]+\.safetensors$/.test(name) || !existsSync(join(folder, name))) throw missing(folder, name);
    shards.set(name, await stored(join(folder, name)));
  }
  return new Map(Object.entries(places).map(([name, file]) => [name, inShard(shards, name, file)]));
}

async function stored(path: string): Promise<Map<string, StoredTensor>> {
  const { tensors } = await readHeader(path);
  return new Map([...tensors].map(([name, entry]) => [name, { ...entry, path }]));
}

function inShard(shards: ReadonlyMap<string, Map<string, StoredTensor>>, name: string, file: string): StoredTensor {
  const found = shards.get(file)?.get(name);
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "SHARD_MISMATCH",
    message: `${INDEX} says that "${name}" lies in ${file}, which has no such tensor.`,
    hint: "The index and the shards belong to different versions: fetch them again together.",
    data: { name, file },
  });
}

function missing(folder: string, name: string): AbrazoError {
  return new AbrazoError({
    code: "FILE_MISSING",
    message: `${folder} has no ${name}.`,
    hint:
      name === WEIGHTS ? "Weights are read from safetensors; convert other formats first." : "Fetch the missing shard.",
    data: { folder, name },
  });
}

/**
 * A model's names of stored tensors → their names in the files. A checkpoint may lack the prefix of the model's body, have one
 * that a model without a head lacks, and repeat or leave out the second name of a tied tensor.
 *
 * @param own the model's names, and the tensor behind each: tied names have one
 */
export function ownNames(
  storedNames: Iterable<string>,
  own: ReadonlyMap<string, Tensor>,
  { prefix, ignored, tied = {} }: CheckpointNames,
): Map<string, string> {
  const names = new Map<string, string>();
  for (const name of storedNames) {
    const full = fullName(name, own, prefix);
    if (own.has(full)) names.set(full, name);
    else if (ignored?.test(full) !== true && tied[full] === undefined) names.set(full, name);
  }
  const byTensor = new Map(
    [...names].flatMap(([full, name]) => {
      const tensor = own.get(full);
      return tensor === undefined ? [] : [[tensor, name] as const];
    }),
  );
  for (const [full, tensor] of own) {
    const name = byTensor.get(tensor);
    if (!names.has(full) && name !== undefined) names.set(full, name);
  }
  return names;
}

function fullName(name: string, own: ReadonlyMap<string, unknown>, prefix: string | undefined): string {
  // Checkpoints converted from TensorFlow name the parts of a norm gamma and beta.
  const modern = name.replace(/LayerNorm\.gamma$/, "LayerNorm.weight").replace(/LayerNorm\.beta$/, "LayerNorm.bias");
  if (prefix === undefined || own.has(modern)) return modern;
  const bare = modern.startsWith(`${prefix}.`) ? modern.slice(prefix.length + 1) : `${prefix}.${modern}`;
  return own.has(bare) ? bare : modern;
}

const DTYPE_OF_TAG: ReadonlyMap<string, string> = new Map(
  Object.entries(DTYPES).map(([name, { safetensors }]) => [safetensors, name]),
);

/** A stored tensor by reference: nothing is read. */
export function mapped(name: string, { path, offset, byteLength, shape, dtype: tag }: StoredTensor): Tensor {
  const dtype = DTYPE_OF_TAG.get(tag);
  if (dtype !== undefined && isDType(dtype)) return fromFile({ path, offset, byteLength }, shape, dtype);
  throw new AbrazoError({
    code: "UNSUPPORTED_DTYPE",
    message: `${path}: tensor "${name}" has the dtype ${tag}, which has no kernels here.`,
    hint: `Supported: ${[...DTYPE_OF_TAG.keys()].join(", ")}.`,
  });
}
