import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readHeader, readTensor, writeSafetensors } from "../../src/io/safetensors.ts";
import { dataPath } from "../support/data.ts";

const folder = dataPath("fixtures", "safetensors", "vectors");

interface Case {
  file: string;
  valid: boolean;
  metadata?: Record<string, string> | null;
  tensors?: Record<string, { dtype: string; shape: number[]; data_hex: string }>;
}

describe.skipIf(folder === undefined)(
  "vectors of the reference implementation (skipped without ABRAZO_DATA)",
  async () => {
    const text = folder === undefined ? '{"cases":[]}' : await readFile(join(folder, "expected.json"), "utf8");
    const { cases }: { cases: Case[] } = JSON.parse(text);

    it.each(cases.filter(({ valid }) => !valid))("$file is refused", async ({ file }) => {
      await expect(readHeader(join(folder ?? "", file))).rejects.toMatchObject({ code: "INVALID_SAFETENSORS" });
    });

    it.each(cases.filter(({ valid }) => valid))("$file is read", async ({ file, tensors = {}, metadata }) => {
      const path = join(folder ?? "", file);
      const header = await readHeader(path);
      expect(header.metadata).toEqual(metadata ?? {});
      if (typeof tensors["count"] === "number") {
        expect(header.tensors.size).toBe(tensors["count"]);
        return;
      }
      expect([...header.tensors.keys()].sort()).toEqual(Object.keys(tensors).sort());
      for (const entry of header.tensors.values()) {
        const expected = tensors[entry.name];
        expect({ dtype: entry.dtype, shape: entry.shape }).toEqual({ dtype: expected?.dtype, shape: expected?.shape });
        expect(Buffer.from(await readTensor(path, entry)).toString("hex")).toBe(expected?.data_hex);
      }
    });
  },
);

describe("writer", () => {
  it("writes what it reads back, the same bytes for any order", async () => {
    const home = await mkdtemp(join(tmpdir(), "abrazo-"));
    try {
      const tensors = [
        { name: "b", dtype: "I64", shape: [2], data: new BigInt64Array([1n, -2n]) },
        { name: "a", dtype: "F32", shape: [1, 2], data: new Float32Array([0.5, -1]) },
      ];
      await writeSafetensors(join(home, "x"), tensors);
      await writeSafetensors(join(home, "y"), [...tensors].reverse());
      expect(await readFile(join(home, "x"))).toEqual(await readFile(join(home, "y")));
      const header = await readHeader(join(home, "x"));
      expect(header.metadata).toEqual({ format: "pt" });
      const entry = header.tensors.get("a");
      expect(entry && new Float32Array((await readTensor(join(home, "x"), entry)).buffer)).toEqual(
        new Float32Array([0.5, -1]),
      );
    } finally {
      await rm(home, { recursive: true });
    }
  });
});
