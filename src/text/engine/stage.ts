// What the tables of stages have in common: a stage of tokenizer.json is an object with a `type`, its fields are checked by a
// schema, and a type that a table lacks is an error that names the nearest. Knows no stage.
import type { z } from "zod";
import { AbrazoError, suggestion } from "../../errors.ts";

/** One stage of tokenizer.json. */
export interface Stage {
  type: string;
  [field: string]: unknown;
}

/** The maker of a stage by its type. */
export function makerOf<Maker>(kind: string, table: Readonly<Record<string, Maker>>, stage: Stage): Maker {
  const maker = Object.hasOwn(table, stage.type) ? table[stage.type] : undefined;
  if (maker !== undefined) return maker;
  throw new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `tokenizer.json has a ${kind} of type "${stage.type}", which is not supported.`,
    hint: suggestion(stage.type, Object.keys(table)),
    data: { kind, type: stage.type },
  });
}

/** The fields of a stage, checked. */
export function stageSchema<Schema extends z.ZodType>(schema: Schema, stage: Stage): z.infer<Schema> {
  const result = schema.safeParse(stage);
  if (result.success) return result.data;
  const issues = result.error.issues.map(({ path, message }) => `${path.join(".") || "the whole"}: ${message}`);
  throw new AbrazoError({
    code: "INVALID_TOKENIZER",
    message: `The stage "${stage.type}" of tokenizer.json is not as expected: ${issues.join("; ")}`,
    hint: "Correct the fields named.",
    data: { type: stage.type, issues },
  });
}
