// The table of src/models/MODELS.md, made from the declarations: which classes each model type has, and which task runs each.
// Written by `npm run models`; a test holds the file to it.

import { AUTO_CLASSES } from "../../pipelines/task.ts";
import { TASKS } from "../../pipelines/tasks.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";

const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** Model types with their classes, without the part of the name that all of them share. */
export function modelsTable(): string {
  const rows = ARCHITECTURES.map(({ modelType, heads }) => [
    `\`${modelType}\``,
    Object.keys(heads)
      .map((name) => `\`${name}\``)
      .join(", "),
  ]);
  return table(["`model_type`", "classes"], rows);
}

/** Tasks with the auto class whose models they run. */
export async function tasksTable(): Promise<string> {
  const rows = await Promise.all(
    Object.entries(TASKS).map(async ([name, { aliases, load }]) => {
      const { auto } = await load();
      const known = ARCHITECTURES.filter(({ heads }) =>
        Object.keys(heads).some((each) => AUTO_CLASSES[auto].has(each)),
      );
      const also = aliases.map((alias) => `\`${alias}\``).join(", ");
      return [
        `\`${name}\`${also === "" ? "" : `, also ${also}`}`,
        `\`${auto}\``,
        known.map(({ modelType }) => modelType).join(", "),
      ];
    }),
  );
  return table(["task", "models of", "model types"], rows);
}
