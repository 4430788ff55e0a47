// Writes the tables of models, of tasks and of what can be pruned into src/models/MODELS.md.
// npm run models
import { readFileSync, writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { modelsTable, pruningTable, tasksTable } from "../test/models/models-table.ts";

const path = packageFile("src", "models", "MODELS.md");
const tables = { models: modelsTable(), tasks: await tasksTable(), pruning: pruningTable() };
let text = readFileSync(path, "utf8");
for (const [name, table] of Object.entries(tables)) {
  text = text.replace(
    new RegExp(`(<!-- ${name} -->\n)[^]*?(<!-- end -->)`),
    (_, before, after) => `${before}\n${table}\n\n${after}`,
  );
}
writeFileSync(path, text);
