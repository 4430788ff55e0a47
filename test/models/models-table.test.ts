// MODELS.md says what there is.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { modelsTable, pruningTable, tasksTable } from "./models-table.ts";

it("the tables of models, tasks and pruning are true (npm run models writes them)", async () => {
  const text = readFileSync(packageFile("src", "models", "MODELS.md"), "utf8");
  expect(text).toContain(`\n${modelsTable()}\n`);
  expect(text).toContain(`\n${await tasksTable()}\n`);
  expect(text).toContain(`\n${pruningTable()}\n`);
});
