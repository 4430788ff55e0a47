// What a server of models refuses, with the status for it; and every other error as one of those.
// Knows no routes: in which shape an error goes out is theirs.
import { AbrazoError, type AbrazoErrorOptions, suggestion } from "../../src/errors.ts";
import { log } from "../../src/log.ts";

/** An answer that is no result. */
export class RequestError extends AbrazoError {
  readonly status: number;
  /** The field that is wrong, where it is one. */
  readonly param: string | undefined;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    { param, headers = {}, ...options }: AbrazoErrorOptions & { param?: string; headers?: Record<string, string> },
  ) {
    super(options);
    this.status = status;
    this.param = param;
    this.headers = headers;
  }

  /** Message and hint, as one text. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message} ${this.hint}`;
  }
}

export const badRequest = (message: string, param?: string): RequestError =>
  new RequestError(400, { code: "INVALID_REQUEST", message, ...(param === undefined ? {} : { param }) });

export const tooLarge = (message: string, param?: string): RequestError =>
  new RequestError(413, { code: "TOO_LARGE", message, ...(param === undefined ? {} : { param }) });

export const unauthorized = (): RequestError =>
  new RequestError(401, {
    code: "UNAUTHORIZED",
    message: "This server wants its key.",
    hint: "Send it as Authorization: Bearer KEY.",
    headers: { "WWW-Authenticate": "Bearer" },
  });

export const unknownModel = (id: string, known: readonly string[]): RequestError =>
  new RequestError(404, {
    code: "MODEL_NOT_FOUND",
    message: `There is no model "${id}" here.`,
    hint: suggestion(id, known),
    param: "model",
  });

export const unknownAdapter = (id: string, name: string, known: readonly string[]): RequestError =>
  new RequestError(404, {
    code: "ADAPTER_NOT_FOUND",
    message: `${id} has no adapter "${name}" here.`,
    hint: known.length === 0 ? "It is served without any." : suggestion(name, known),
    param: "adapter_id",
  });

/** Too much to do, or about to stop: the caller may come again. */
export const busy = (message: string): RequestError =>
  new RequestError(503, { code: "OVERLOADED", message, hint: "Try again later.", headers: { "Retry-After": "1" } });

export const timedOut = (seconds: number): RequestError =>
  new RequestError(503, {
    code: "TIMEOUT",
    message: `The request took more than ${seconds} s.`,
    hint: "Ask for less at once, or try again later.",
    headers: { "Retry-After": "1" },
  });

/** Errors of the library that the caller's request brought about, with the status that says so. */
const CALLERS: Readonly<Record<string, number>> = {
  INVALID_OPTION: 400,
  UNKNOWN_OPTION: 400,
  CHAT_TEMPLATE: 400,
  INVALID_INPUT: 422,
  EMPTY_PROMPT: 422,
  PROMPT_TOO_LONG: 422,
  NO_MASK_TOKEN: 422,
  IMAGE_UNREADABLE: 422,
  NOT_A_PICTURE: 422,
  IMAGE_TOO_LARGE: 413,
};

/** Whether an error says what is wrong with a request. */
export const isCallers = (error: unknown): boolean =>
  error instanceof AbrazoError &&
  (error instanceof RequestError ? error.status < 500 : Object.hasOwn(CALLERS, error.code));

/** The thread that computed is gone, and the next request starts another. */
const lost = (): RequestError =>
  new RequestError(503, {
    code: "WORKER_DIED",
    message: "The thread that computed this ended unexpectedly; the server's log has the details.",
    hint: "Try again; if it happens again, ask for less at once.",
    headers: { "Retry-After": "1" },
  });

/** What to tell whoever asked. What nobody expected is logged, and told without details: they may name files. */
export function asRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  const status = error instanceof AbrazoError ? CALLERS[error.code] : undefined;
  if (error instanceof AbrazoError && status !== undefined) {
    const { code, message, hint, data } = error;
    const param = typeof data["option"] === "string" ? { param: snakeCase(data["option"]) } : {};
    return new RequestError(status, { code, message, hint, ...param });
  }
  log.error(`serve-model: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  if (error instanceof AbrazoError && error.code === "WORKER_DIED") return lost();
  return new RequestError(500, { code: "INTERNAL", message: "Internal error; the server's log has the details." });
}

export const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
