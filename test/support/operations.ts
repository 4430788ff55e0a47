// Tests of the operations of Hugging Face's list, by their rows: which ones there are is read off these calls.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";

/**
 * A test that changes or reads real state through this operation, and sees the effect by another route, client or page.
 * "GET /api/{models|datasets|spaces}/…" is three rows, each with a test of its own that is given its word.
 */
export function operation(row: `${string} /${string}`, test: (type: string) => Promise<void>): void {
  for (const { name, type } of expanded(row))
    it(name, async () => {
      const done = await callsOf(() => test(type));
      const isOwn = (call: string) => asPattern(name).test(call);
      expect(done.some(isOwn), `the test calls ${name}, which succeeds`).toBe(true);
      expect(
        done.some((call) => !isOwn(call)),
        `the test makes or sees the effect of ${name} by another route, too`,
      ).toBe(true);
    });
}

/** The calls that succeed while a test runs, each as "GET /api/…". */
async function callsOf(test: () => Promise<void>): Promise<string[]> {
  const done: string[] = [];
  const real = globalThis.fetch;
  globalThis.fetch = async (input, init) => {
    const response = await real(input, init);
    const { url, method } = input instanceof Request ? input : { url: String(input), method: init?.method ?? "GET" };
    if (response.status < 400) done.push(`${method.toUpperCase()} ${new URL(url).pathname}`);
    return response;
  };
  try {
    await test();
  } finally {
    globalThis.fetch = real;
  }
  return done;
}

/** Whether a call is of a row: a parameter takes a part of the path, one that may hold slashes the rest of it. */
function asPattern(row: string): RegExp {
  const parts = row.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  const names = [...row.matchAll(/\{(\w+)\}/g)].map(([, name]) =>
    /^(rev|path|compare)$/.test(name ?? "") ? ".+" : "[^/]+",
  );
  return new RegExp(`^${parts.map((part, at) => part + (names[at] ?? "")).join("")}/?$`);
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
