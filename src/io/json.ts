// Reading JSON files against a schema: errors name the file and the path inside it.
// Holds no schemas.
import { readFile } from "node:fs/promises";
import type { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { onFile } from "./system-error.ts";

/** Parses text; `name` is what the error calls it. */
export function parseJson<Schema extends z.ZodType>(text: string, schema: Schema, name: string): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new AbrazoError({
      code: "INVALID_JSON",
      message: `${name} is no JSON: ${cause instanceof Error ? cause.message : String(cause)}`,
      hint: "The file is damaged; get it again, or correct it at the place named.",
      data: { name },
      cause,
    });
  }
  return parseValue(value, schema, name);
}

/** As parseJson, of a value that was read before. */
export function parseValue<Schema extends z.ZodType>(value: unknown, schema: Schema, name: string): z.infer<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw new AbrazoError({
    code: "INVALID_JSON",
    message: `${name} is not as expected: ${issues.slice(0, 5).join("; ")}`,
    hint: "Correct the fields named.",
    data: { name, issues },
  });
}

export async function readJson<Schema extends z.ZodType>(path: string, schema: Schema): Promise<z.infer<Schema>> {
  return parseJson(await onFile(path, () => readFile(path, "utf8")), schema, path);
}
