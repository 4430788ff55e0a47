// The table in OPERATIONS.md is what trying the operations gives.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { METHOD_CASES } from "./goldens.ts";
import { operationRows } from "./operations-table.ts";

const cells = (line: string): string[] =>
  line
    .split(/(?<!\\)\|/)
    .slice(1, -1)
    .map((text) => text.trim().replaceAll("\\|", "|"));

it("the table of operations is true (npm run operations writes it)", () => {
  const [, table = ""] = readFileSync(packageFile("src", "tensor", "OPERATIONS.md"), "utf8").split(
    /<!-- (?:table|end) -->/,
  );
  const written = table.trim().split("\n").slice(2).map(cells);
  const found = operationRows().map(({ op, call, dtypes, gradient }) => [`\`${op}\``, `\`${call}\``, dtypes, gradient]);
  expect(written.map(([op, call, dtypes, , gradient]) => [op, call, dtypes, gradient])).toEqual(found);
  for (const [op, , , placement] of written) expect(placement, op).toMatch(/^(yes|host|.+ on the CPU)$/);
});

it("seed/1-12 there are more than a hundred operations, in-place twins and other names of the same not counted", () => {
  const bodies = new Map<string, string>();
  for (const { op, py } of METHOD_CASES) if (!op.endsWith("_") && !bodies.has(op)) bodies.set(op, py);
  expect(bodies.size).toBeGreaterThan(250);
});
