// Files that PyTorch, numpy and safetensors wrote, and what is in them: test/goldens/make_serialize.py.
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";

interface Expected {
  torch: Record<string, { dtype: string; shape: number[]; values: number[]; requires_grad: boolean }>;
  numpy: Record<string, { shape: number[]; values: number[] }>;
  npy: Record<"f4" | "i8" | "b1", string>;
  simple: { bytes: number; headerLength: number; header: string };
}

export const serializeFixture = (name: string): string => packageFile("test", "fixtures", "serialize", name);

export const serialized: Expected = JSON.parse(readFileSync(serializeFixture("expected.json"), "utf8"));

/** Runs `use` with a new folder, which is removed after it. */
export async function inFolder(use: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-"));
  try {
    await use(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}
