// The cases of test/goldens/models as repositories on disk: weights by the formula of their script, config.json from the case.
// Asserts nothing.
import { readdirSync, readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { writeSafetensors } from "../../src/io/safetensors.ts";
import type { BaseConfig } from "../../src/models/architecture.ts";
import type { InputName, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { packageFile } from "../../src/package-root.ts";

type Nested = number | readonly Nested[];

export interface ModelCase {
  note: string;
  config: BaseConfig & { architectures: string[] };
  /** Shapes of the checkpoint's tensors. */
  tensors: Record<string, number[]>;
  inputs: Partial<Record<InputName, Nested[]>>;
  outputs: Partial<Record<keyof typeof OUTPUT_NAMES, { shape: number[]; data: number[] }>>;
}

const folder = packageFile("test", "goldens", "models");

export const MODEL_CASES: readonly ModelCase[] = readdirSync(folder)
  .filter((name) => name.endsWith(".json"))
  .flatMap((name) => JSON.parse(readFileSync(join(folder, name), "utf8")).cases as ModelCase[]);

export const titleOf = ({ config, note }: ModelCase): string =>
  `${config.model_type} ${config.architectures[0]}${note === "" ? "" : ` (${note})`}`;

/** The elements of a tensor, as `element` of common.py has them. */
export function elements(name: string, shape: readonly number[]): Float32Array {
  const phase = (crc32(name) % 6283) / 1000;
  const base = shape.length === 1 && name.endsWith("weight") ? 1 : 0;
  const count = shape.reduce((product, size) => product * size, 1);
  return Float32Array.from({ length: count }, (_, at) => base + 0.4 * Math.sin(1.7 * at + phase));
}

/** Writes config.json and model.safetensors; `only` and `rename` change what the checkpoint holds. */
export async function writeCheckpoint(
  { config, tensors }: ModelCase,
  at: string,
  { rename = (name: string): string | undefined => name, config: changes = {} } = {},
): Promise<string> {
  await mkdir(at, { recursive: true });
  await writeFile(join(at, "config.json"), JSON.stringify({ ...config, ...changes }));
  const rows = Object.entries(tensors).flatMap(([name, shape]) => {
    const stored = rename(name);
    return stored === undefined ? [] : [{ name: stored, dtype: "F32" as const, shape, data: elements(name, shape) }];
  });
  await writeSafetensors(join(at, "model.safetensors"), rows);
  return at;
}
