// What one request may ask for, and how many may wait. Bodies are read and parsed within it.
// Knows no routes and no tasks.
import type { Context } from "hono";
import { z } from "zod";
import { nearestName } from "../../src/errors.ts";
import { badRequest, RequestError, tooLarge } from "./errors.ts";

const count = z.number().int().positive();

export const limitsSchema = z.strictObject({
  /** Bytes of a body; 4 MiB when absent. */
  maxBodyBytes: count.default(4 * 1024 * 1024),
  /** Texts or images of a request; 256 when absent. */
  maxInputs: count.default(256),
  /** Characters of a text, or of a whole chat; 200 000 when absent. */
  maxTextLength: count.default(200_000),
  /** Tokens that a text may be asked to have; 2048 when absent. */
  maxNewTokens: count.default(2048),
  /** Texts for one prompt, and beams; 16 when absent. */
  maxSequences: count.default(16),
  /** Requests of one model that run or wait; 64 when absent. */
  maxQueue: count.default(64),
  /** Seconds that a request may take; 300 when absent. */
  timeout: z.number().positive().max(86_400).default(300),
});

/** What one request may ask for, and how many may wait. */
export type Limits = z.infer<typeof limitsSchema>;

const mediaType = (c: Context): string | undefined => c.req.header("content-type")?.split(";")[0]?.trim().toLowerCase();

function wrongType(c: Context, hint: string): RequestError {
  const message = `The body is ${mediaType(c) ?? "of no type"}.`;
  return new RequestError(415, { code: "UNSUPPORTED_MEDIA_TYPE", message, hint });
}

/**
 * The bytes of a body that is no JSON, where such types are taken, and where it says of no type too: Python's client sends bytes so.
 * A page that a browser shows could send that without asking first, but it says where it is from.
 */
export async function bytesOf(c: Context, types: readonly string[]): Promise<Uint8Array | undefined> {
  const type = mediaType(c);
  if (type === "application/json") return undefined;
  const isTaken = types.some((each) => (each.endsWith("*") ? type?.startsWith(each.slice(0, -1)) : type === each));
  const isUntyped = type === undefined && c.req.header("origin") === undefined;
  if (!isTaken && !isUntyped)
    throw wrongType(c, `Send ${types.join(" or ")}, or JSON with Content-Type: application/json.`);
  const bytes = new Uint8Array(await c.req.arrayBuffer());
  if (bytes.length > 0) return bytes;
  throw badRequest("The body is empty.", "inputs");
}

/** The body's JSON. */
export async function jsonOf(c: Context): Promise<unknown> {
  // Other types can be sent by any page that a browser shows, without asking first.
  if (mediaType(c) !== "application/json") throw wrongType(c, "Send JSON with Content-Type: application/json.");
  const text = await c.req.text();
  try {
    return JSON.parse(text);
  } catch {
    throw badRequest("The body is no JSON.");
  }
}

/** A value by its schema; null counts as absent. What is wrong is named, an unknown field with the nearest known one. */
export function parsed<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape, z.core.$strict>,
  value: unknown,
  { where = "", status = 400 }: { where?: string; status?: number } = {},
): z.infer<z.ZodObject<Shape, z.core.$strict>> {
  const result = schema.safeParse(withoutNulls(value));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const unknown = issue?.code === "unrecognized_keys" ? issue.keys[0] : undefined;
  if (unknown !== undefined) throw unknownField(`${where}${unknown}`, nearestName(unknown, Object.keys(schema.shape)));
  const param = `${where}${issue?.path.join(".") ?? ""}`.replace(/\.$/, "");
  throw new RequestError(status, {
    code: "INVALID_REQUEST",
    message: `${param === "" ? "The body" : param}: ${issue?.message ?? "not as expected"}`,
    ...(param === "" ? {} : { param }),
  });
}

export function unknownField(name: string, near: string | undefined): RequestError {
  return new RequestError(400, {
    code: "UNSUPPORTED_FIELD",
    message: `${name} is not supported here.`,
    hint: near === undefined ? "Leave it out." : `Did you mean "${near}"?`,
    param: name,
  });
}

function withoutNulls(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== null));
}

/** Refuses more texts, or longer ones, than a request may have. */
export function checkTexts(texts: readonly string[], { maxInputs, maxTextLength }: Limits, param: string): void {
  if (texts.length > maxInputs) throw tooLarge(`${param} has ${texts.length} texts; ${maxInputs} are allowed.`, param);
  const long = texts.find(({ length }) => length > maxTextLength);
  if (long === undefined) return;
  throw tooLarge(`A text of ${param} has ${long.length} characters; ${maxTextLength} are allowed.`, param);
}
