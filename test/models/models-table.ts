// The table of src/models/MODELS.md, made from the declarations: which classes each model type has, and which task runs each.
// Written by `npm run models`; a test holds the file to it.

import { AUTO_CLASSES } from "../../pipelines/task.ts";
import { TASKS } from "../../pipelines/tasks.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";

/** A table as the formatter leaves it: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, at) => Math.max(...[head, ...rows].map((cells) => cells[at]?.length ?? 0)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n");
}

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

/** What can be taken out of each model type, and what of its config says so. */
export function pruningTable(): string {
  const rows = ARCHITECTURES.flatMap(({ modelType, prunable }) => {
    if (prunable === undefined) return [];
    const { heads, neurons, stacks } = prunable;
    return [
      [
        `\`${modelType}\``,
        heads.isListed ? "`pruned_heads`" : "its number of heads",
        heads.areAlike ? "as many of each layer" : "over the whole model",
        heads.isListed ? "no" : "yes",
        `\`${neurons}\``,
        stacks.map(({ count }) => `\`${count}\``).join(", "),
      ],
    ];
  });
  const head = ["`model_type`", "heads are said by", "and chosen", "read by transformers 5", "neurons", "layers"];
  return table(head, rows);
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
