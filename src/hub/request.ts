// Requests to a hub: token, time limits, second tries, and errors that say what happened and what to do.
// Knows no route and no file of a repository.
import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { log } from "../log.ts";
import { toldWait, waitAfterAnswer, waitAfterCut } from "./retry.ts";
import { answerLimit, HUGGING_FACE, isOffline } from "./settings.ts";

/** A hub, and as whom it is asked; without a token as nobody. */
export interface HubAccess {
  endpoint: string;
  token: string | undefined;
}

/**
 * An error that a hub answered, or the lack of an answer; `data.status` is the HTTP status where there is one.
 *
 * @example
 * ```ts
 * const error = new HubError({ code: "EMPTY_REPO", message: "ana/mood has no commit yet." });
 * error instanceof AbrazoError; // true
 * ```
 */
export class HubError extends AbrazoError {}

/** Whether a hub cannot be asked at present, so that what is cached may stand in for its answer. */
export function isAway(error: unknown): boolean {
  if (!(error instanceof HubError)) return false;
  const { status } = error.data;
  return error.code === "HUB_UNREACHABLE" || status === 502 || status === 503 || status === 504;
}

/** Ends a request of which nothing has been heard for a while. */
export class Patience {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(endpoint: string) {
    const milliseconds = answerLimit();
    const reason = unreachable(endpoint, `nothing came for ${milliseconds / 1000} s`);
    this.#timer = setTimeout(() => this.#controller.abort(reason), milliseconds);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Something came: the time starts anew. */
  renew(): void {
    this.#timer.refresh();
  }

  end(): void {
    clearTimeout(this.#timer);
  }
}

/** What a request asks for, besides its path. */
export interface RequestOptions {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | "HEAD";
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent twice it does what it does once, so it may be repeated. GET and HEAD are. */
  isRepeatable?: boolean;
}

/** Sends a request; whoever reads the body ends the patience. Every failure is an error that says what to do. */
export async function request(
  access: HubAccess,
  path: string,
  { patience, method = "GET", headers, json, isRepeatable }: RequestOptions & { patience: Patience },
): Promise<Response> {
  const init: RequestInit = {
    method,
    headers: {
      ...headers,
      ...(json !== undefined && { "Content-Type": "application/json" }),
      ...authorizationOf(access),
    },
    ...(json !== undefined && { body: JSON.stringify(json) }),
    signal: patience.signal,
  };
  const again = isRepeatable ?? (method === "GET" || method === "HEAD");
  const response = await send(access, `${access.endpoint}${path}`, init, { isRepeatable: again, patience });
  patience.renew();
  return response;
}

/** The header that says who asks. */
function authorizationOf(access: HubAccess): { Authorization?: string } {
  checkSendable(access);
  return access.token === undefined ? {} : { Authorization: `Bearer ${access.token}` };
}

/** Refuses a token that no header can hold: fetch would repeat it in its error. */
export function checkSendable({ endpoint, token }: HubAccess): void {
  if (token === undefined || /^[\x21-\x7e]+$/.test(token)) return;
  throw new AbrazoError({
    code: "INVALID_TOKEN",
    message: "The token is empty, or holds a space, a line break or a letter that none has.",
    hint: `Log in: abrazo login --endpoint ${endpoint}`,
    data: { endpoint },
  });
}

/** The JSON at a path, checked, with the headers that came with it. */
export async function requestJson<Schema extends z.ZodType>(
  access: HubAccess,
  path: string,
  schema: Schema,
  options: RequestOptions = {},
): Promise<{ value: z.infer<Schema>; headers: Headers }> {
  const { text, headers } = await requestText(access, path, options);
  return { value: parseAnswer(access.endpoint, path, text, schema), headers };
}

/**
 * Sends lines of JSON, of any number and length, and reads the answer. A hub may think about them for as long as it
 * takes; they are made anew when they have to be sent again.
 */
export async function requestLines<Schema extends z.ZodType>(
  access: HubAccess,
  path: string,
  schema: Schema,
  lines: () => AsyncIterable<Uint8Array>,
): Promise<z.infer<Schema>> {
  const authorization = authorizationOf(access);
  const init = (): RequestInit & { duplex: "half" } => ({
    method: "POST",
    headers: { "Content-Type": "application/x-ndjson", ...authorization },
    // safe because Node's fetch types and stream types describe the same object
    body: Readable.toWeb(Readable.from(lines())) as ReadableStream<Uint8Array>,
    duplex: "half",
  });
  const response = await send(access, `${access.endpoint}${path}`, init, { isRepeatable: false });
  const text = await response.text().catch((cause: unknown) => {
    throw unreachable(access.endpoint, cause);
  });
  return parseAnswer(access.endpoint, path, text, schema);
}

/** Text that is read at once ends here: no list of files is longer, and what never ends fills no memory. */
const MOST_BYTES = 256 * 1024 * 1024;

/** The text at a path. */
export async function requestText(
  access: HubAccess,
  path: string,
  options: RequestOptions = {},
): Promise<{ text: string; headers: Headers }> {
  const patience = new Patience(access.endpoint);
  try {
    const { body, headers } = await request(access, path, { ...options, patience });
    const chunks: Uint8Array[] = [];
    let size = 0;
    // safe because Node's bodies can be iterated, which their DOM types do not say
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      patience.renew();
      size += chunk.length;
      if (size > MOST_BYTES) throw strange(access.endpoint, `${path} is longer than ${MOST_BYTES} bytes`);
      chunks.push(chunk);
    }
    return { text: Buffer.concat(chunks).toString("utf8"), headers };
  } catch (cause) {
    throw cause instanceof AbrazoError ? cause : unreachable(access.endpoint, cause);
  } finally {
    patience.end();
  }
}

/** A login page, a proxy's notice or another kind of server is no answer of a hub. */
function parseAnswer<Schema extends z.ZodType>(
  endpoint: string,
  path: string,
  text: string,
  schema: Schema,
): z.infer<Schema> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw strange(endpoint, `${path} is no JSON`, cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join(".") || "the whole"}: ${issue.message}`);
  throw strange(endpoint, `${path} is not as expected: ${issues.slice(0, 3).join("; ")}`, result.error);
}

/** An answer that no hub gives. */
export function strange(endpoint: string, what: string, cause?: unknown): HubError {
  return new HubError({
    code: "HUB_ANSWER_INVALID",
    message: `${endpoint} does not answer as a hub: ${what}.`,
    hint: "Check the address; a proxy or a login page of the network may have answered instead.",
    data: { endpoint },
    cause,
  });
}

interface SendOptions {
  isRepeatable: boolean;
  patience?: Patience;
}

/** A request, or how to make it where its body can be read but once. */
type Init = RequestInit | (() => RequestInit);

async function send(access: HubAccess, url: string, init: Init, options: SendOptions): Promise<Response> {
  if (isOffline()) {
    throw new HubError({
      code: "OFFLINE",
      message: `${access.endpoint} was not asked: HF_HUB_OFFLINE or ABRAZO_OFFLINE is set.`,
      hint: "Unset it to use the network.",
      data: { endpoint: access.endpoint },
    });
  }
  for (let tries = 0; ; tries++) {
    const sent = await trySend(access, url, init, { ...options, tries });
    if (sent instanceof Response) return sent;
    await pause(access, sent.wait, options.patience);
  }
}

/** The answer, or how long to wait before the next try. */
async function trySend(
  access: HubAccess,
  url: string,
  init: Init,
  { isRepeatable, tries }: SendOptions & { tries: number },
): Promise<Response | { wait: number }> {
  let response: Response;
  try {
    response = await fetch(url, typeof init === "function" ? init() : init);
  } catch (cause) {
    const wait = cause instanceof HubError ? undefined : waitAfterCut(cause, tries, isRepeatable);
    if (wait !== undefined) return { wait };
    throw cause instanceof HubError ? cause : unreachable(new URL(url).origin, cause);
  }
  if (response.ok || response.status === 304) return response;
  const body = await response.text().catch(() => "");
  const wait = waitAfterAnswer(response, tries, isRepeatable);
  if (wait === undefined) throw hubError(response, body, access);
  return { wait };
}

/** Waits as the hub told, without losing patience meanwhile. */
async function pause({ endpoint }: HubAccess, milliseconds: number, patience: Patience | undefined): Promise<void> {
  if (milliseconds >= 2500) log.info(`${endpoint} asks to wait; trying again in ${Math.ceil(milliseconds / 1000)} s.`);
  const renewing = setInterval(() => patience?.renew(), 100);
  await sleep(milliseconds);
  clearInterval(renewing);
  patience?.renew();
}

/** Calls of the official client that do once what they do twice. */
const REPEATABLE = /\/(preupload\/|info\/lfs\/objects\/batch$|v1\/xorbs\/|v1\/shards$|v1\/chunks\/)/;

/** Calls that a hub may think about. */
const THOUGHT_ABOUT = /\/commit\/|\/complete(_multipart)?$/;

/** The official client's fetch: the same errors and second tries, a limit on silence, and word of the bytes of files as they are sent. */
export function fetchFor(access: HubAccess, sent: (bytes: number) => void): typeof fetch {
  return async (input, given = {}) => {
    const url = input instanceof Request ? input.url : `${input}`;
    const init = withoutForeignToken(access, url, given);
    const isRepeatable = !["POST", "DELETE"].includes(init.method ?? "GET") || REPEATABLE.test(new URL(url).pathname);
    if (init.body instanceof Blob) {
      return send(access, url, { ...init, body: new CountedBlob(init.body, sent) }, { isRepeatable });
    }
    // A hub may think for as long as a commit or the hash of a large file takes it, and bytes may take a slow line.
    if (THOUGHT_ABOUT.test(new URL(url).pathname) || init.body instanceof Uint8Array)
      return send(access, url, init, { isRepeatable });
    const patience = new Patience(access.endpoint);
    const signals = [patience.signal, ...(init.signal == null ? [] : [init.signal])];
    try {
      return await send(access, url, { ...init, signal: AbortSignal.any(signals) }, { isRepeatable, patience });
    } finally {
      patience.end();
    }
  };
}

/** The token goes to its hub alone, also when an answer names another host. */
function withoutForeignToken({ endpoint, token }: HubAccess, url: string, init: RequestInit): RequestInit {
  const headers = new Headers(init.headers);
  const isOwn = token !== undefined && headers.get("authorization") === `Bearer ${token}`;
  if (!isOwn || new URL(url).origin === new URL(endpoint).origin) return init;
  headers.delete("authorization");
  return { ...init, headers };
}

/** A file that tells how much of it was read. */
class CountedBlob extends Blob {
  readonly #source: Blob;
  readonly #read: (bytes: number) => void;

  constructor(source: Blob, read: (bytes: number) => void) {
    super([]);
    this.#source = source;
    this.#read = read;
    Object.defineProperty(this, "size", { value: source.size });
  }

  override stream(): ReturnType<Blob["stream"]> {
    const count = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
      transform: (chunk, controller) => {
        this.#read(chunk.length);
        controller.enqueue(chunk);
      },
    });
    return this.#source.stream().pipeThrough(count);
  }
}

export function unreachable(endpoint: string, cause: unknown): HubError {
  const reason = cause instanceof Error ? (cause.cause instanceof Error ? cause.cause : cause).message : String(cause);
  return new HubError({
    code: "HUB_UNREACHABLE",
    message: `${endpoint} does not answer: ${reason || "no reason given"}`,
    hint: "Check the address and the network. What is in the cache works with HF_HUB_OFFLINE=1.",
    data: { endpoint },
    cause: cause instanceof Error ? cause : undefined,
  });
}

function hubError(
  { status, headers }: Pick<Response, "status" | "headers">,
  body: string,
  { endpoint, token }: HubAccess,
): HubError {
  const wireCode = headers.get("x-error-code") ?? undefined;
  const login = `abrazo login --endpoint ${endpoint}`;
  const isPlain = wireCode === undefined || wireCode === "FORBIDDEN";
  const hints: Readonly<Record<number, string | undefined>> = {
    401: token === undefined ? `Log in: ${login}` : `The token was refused; log in again: ${login}`,
    403: isPlain ? "The token does not allow this; use one with the role write, of a user who may." : undefined,
    404: whatToCheck(wireCode, token === undefined ? login : undefined),
    413: isPlain
      ? "A proxy before the hub limits what may be sent; abrazo doctor names the line to change."
      : undefined,
    412: "Somebody committed meanwhile; try again.",
    429: `Too many requests; try again ${limitEnd(headers)}.`,
    501: "This hub does not do that.",
  };
  const told = bodyWords(body);
  // A header holds no letters beyond ASCII.
  const message = told.error ?? headers.get("x-error-message") ?? "no reason given";
  return new HubError({
    code: wireCode === undefined ? `HUB_${status}` : `HUB_${screaming(wireCode)}`,
    message: `${endpoint} answered ${status}: ${message}`,
    hint: `${hints[status] ?? ""}${elsewhere(status, endpoint)}` || undefined,
    data: { status, wireCode, requestId: headers.get("x-request-id") ?? undefined, endpoint, slug: told.slug },
  });
}

/** What may be wrong in a name that leads nowhere; where the hub says which name it is, nothing need be added. */
function whatToCheck(wireCode: string | undefined, login: string | undefined): string | undefined {
  if (wireCode === "NO_PAGE") return "Check the address of the hub.";
  if (wireCode !== undefined && !/^(Repo|Revision|Entry)NotFound$/.test(wireCode)) return undefined;
  return `Check the name and the revision${login === undefined ? "." : `; a private repository needs a login: ${login}`}`;
}

function limitEnd(headers: Headers): string {
  const told = toldWait(headers);
  return told === undefined ? "later" : `in ${Math.ceil(told / 1000)} s`;
}

/** Who names no hub asks Hugging Face's, which answers 401 for what it does not have, too. */
function elsewhere(status: number, endpoint: string): string {
  const missing = endpoint === HUGGING_FACE && (status === 401 || status === 404);
  return missing ? " Is it on a hub of your own? ABRAZO_ENDPOINT or --endpoint names that." : "";
}

/** What a refusal says, and the collection that it names as being there already. */
function bodyWords(body: string): { error?: string | undefined; slug?: string | undefined } {
  try {
    const { error, slug }: { error?: unknown; slug?: unknown } = JSON.parse(body);
    return {
      error: typeof error === "string" ? error : undefined,
      slug: typeof slug === "string" ? slug : undefined,
    };
  } catch {
    return {};
  }
}

const screaming = (name: string): string => name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();
