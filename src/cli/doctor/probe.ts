// One question to a hub, asked raw: what came back is what is looked at, also where it is no answer of a hub.
// Judges nothing.
import type { HubAccess } from "../../hub/request.ts";

export interface Answer {
  status: number;
  headers: Headers;
  /** The beginning of the body. */
  text: string;
}

export interface Question {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** In place of the caller's; null for none. */
  token?: string | null;
}

const LIMIT_MS = 10_000;
const MOST = 64 * 1024;

/** What a path answers, without following where it leads. Throws what keeps it from being asked. */
export async function ask(access: HubAccess, path: string, question: Question = {}): Promise<Answer> {
  const { method = "GET", headers, json, token = access.token ?? null } = question;
  const response = await fetch(`${access.endpoint}${path}`, {
    method,
    redirect: "manual",
    signal: AbortSignal.timeout(LIMIT_MS),
    headers: {
      ...headers,
      ...(token !== null && { Authorization: `Bearer ${token}` }),
      ...(json !== undefined && { "Content-Type": "application/json" }),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
  });
  const text = method === "HEAD" ? "" : await beginningOf(response);
  return { status: response.status, headers: response.headers, text };
}

/** A body that is broken, say by a header that promises another encoding, ends where it breaks. */
async function beginningOf(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // safe because Node's bodies can be iterated, which their DOM types do not say
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      size += chunk.length;
      if (size > MOST) break;
    }
  } catch {}
  return Buffer.concat(chunks).toString("utf8");
}

/** The value of a JSON body at a path of keys, if it is a text. */
export function textAt(text: string, ...keys: readonly string[]): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  for (const key of keys) value = typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;
  return typeof value === "string" ? value : undefined;
}

/** The code of what failed below fetch: "ECONNREFUSED", "CERT_HAS_EXPIRED". */
export function failureOf(error: unknown): { code: string; words: string } {
  if (!(error instanceof Error)) return { code: "", words: String(error) };
  if (error.cause instanceof Error) return failureOf(error.cause);
  return { code: "code" in error ? String(error.code) : error.name, words: error.message };
}
