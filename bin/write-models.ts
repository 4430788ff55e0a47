// Writes the tables of models and tasks into src/models/MODELS.md.
// npm run models
import { readFileSync, writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { modelsTable, tasksTable } from "../test/models/models-table.ts";

const path = packageFile("src", "models", "MODELS.md");
const text = readFileSync(path, "utf8");
const filled = (name: string, table: string, within: string): string =>
  within.replace(
    new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`),
    (_, before, after) => `${before}\n${table}\n\n${after}`,
  );
writeFileSync(path, filled("tasks", await tasksTable(), filled("models", modelsTable(), text)));
