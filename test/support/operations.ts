// Tests of the operations of Hugging Face's list, by their rows: which ones there are is read off these calls.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { it } from "vitest";
import { packageFile } from "../../src/package-root.ts";

/**
 * A test that changes or reads real state through this operation, and sees the effect by another route, client or page.
 * "GET /api/{models|datasets|spaces}/…" is three rows, each with a test of its own that is given its word.
 */
export function operation(row: `${string} /${string}`, test: (type: string) => Promise<void>): void {
  for (const { name, type } of expanded(row)) it(name, () => test(type));
}

/** The rows that tests call `operation` with, read from their sources. A template's ${…} stands for each type of repository. */
export function testedOperations(): string[] {
  const folder = packageFile("test");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(test|suite)\.ts$/.test(name),
  );
  return files.flatMap((file) => {
    const calls = readFileSync(join(folder, file), "utf8").matchAll(/\boperation\(\s*["`]([A-Z]+ \/[^"`]*)["`]/g);
    return [...calls].flatMap(([, row = ""]) =>
      expanded(row.replace(/\$\{\w+\}/, `{${TYPES}}`)).map(({ name }) => name),
    );
  });
}

const TYPES = "models|datasets|spaces";

function expanded(row: string): { name: string; type: string }[] {
  const [group, words = ""] = /\{([\w|]*\|[\w|]*)\}/.exec(row) ?? [];
  return group === undefined
    ? [{ name: row, type: "" }]
    : words.split("|").map((type) => ({ name: row.replace(group, type), type }));
}
