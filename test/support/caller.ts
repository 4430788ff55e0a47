// Calls of the API as one user makes them. Knows no routes.
import type { TestHub } from "./hub.ts";

export interface Answer {
  status: number;
  /** Parsed JSON, or the text. */
  body: unknown;
  headers: Headers;
  /** A field of a JSON object. */
  get(name: string): unknown;
}

export type Call = (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Answer>;

/** Calls with a token, or with a cookie, or as nobody. Redirects are not followed. */
export function caller(hub: Pick<TestHub, "url">, credentials: { token?: string; cookie?: string } = {}): Call {
  return async (method, path, body, headers = {}) => {
    const form = body instanceof URLSearchParams;
    const raw = form || typeof body === "string" || body instanceof Uint8Array;
    const response = await fetch(`${hub.url}${path}`, {
      method,
      redirect: "manual",
      headers: {
        ...(credentials.token !== undefined && { authorization: `Bearer ${credentials.token}` }),
        ...(credentials.cookie !== undefined && { cookie: credentials.cookie, origin: hub.url }),
        ...(body !== undefined && !raw && { "content-type": "application/json" }),
        ...(form && { "content-type": "application/x-www-form-urlencoded" }),
        ...headers,
      },
      ...(body !== undefined && {
        body: raw ? new Uint8Array(Buffer.from(form ? `${body}` : body)) : JSON.stringify(body),
      }),
    });
    const text = await response.text();
    const parsed = parse(text);
    return {
      status: response.status,
      body: parsed,
      headers: response.headers,
      get: (name) => (typeof parsed === "object" && parsed !== null ? Reflect.get(parsed, name) : undefined),
    };
  };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
