// Requests to a hub: token, errors with what to do, and the few answers that the library reads.
// Names no file of a repository.
import { z } from "zod";
import { AbrazoError } from "../errors.ts";
import { fullName, plural, type RepoId, repoPath } from "./repo-id.ts";

export interface HubAccess {
  endpoint: string;
  token: string | undefined;
}

/** An error that a hub answered, or the lack of an answer. */
export class HubError extends AbrazoError {}

/** Sends a request and turns every failure into an error that says what happened and what to do. */
export async function request({ endpoint, token }: HubAccess, path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (token !== undefined) headers.set("Authorization", `Bearer ${token}`);
  let response: Response;
  try {
    response = await fetch(`${endpoint}${path}`, { ...init, headers });
  } catch (cause) {
    throw unreachable(endpoint, cause);
  }
  if (response.ok || response.status === 304) return response;
  const body = init.method === "HEAD" ? "" : await response.text().catch(() => "");
  throw hubError(response.status, {
    message: response.headers.get("x-error-message") ?? bodyMessage(body),
    wireCode: response.headers.get("x-error-code") ?? undefined,
    requestId: response.headers.get("x-request-id") ?? undefined,
    signedIn: token !== undefined,
    endpoint,
  });
}

function bodyMessage(body: string): string | undefined {
  try {
    const { error }: { error?: unknown } = JSON.parse(body);
    return typeof error === "string" ? error : undefined;
  } catch {
    return undefined;
  }
}

export function unreachable(endpoint: string, cause: unknown): HubError {
  const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
  return new HubError({
    code: "HUB_UNREACHABLE",
    message: `${endpoint} does not answer: ${reason}`,
    hint: "Check the address and the network. What is in the cache works with HF_HUB_OFFLINE=1.",
    data: { endpoint },
    cause,
  });
}

interface Failure {
  message: string | undefined;
  wireCode: string | undefined;
  requestId: string | undefined;
  signedIn: boolean;
  endpoint: string;
}

export function hubError(status: number, { message, wireCode, requestId, signedIn, endpoint }: Failure): HubError {
  const hints: Readonly<Record<number, string>> = {
    401: signedIn ? "The token was refused; log in again: abrazo login." : "Log in: abrazo login.",
    403: "The token does not allow this; use one with the role write, of a user who may.",
    404: signedIn
      ? "Check the name and the revision."
      : "Check the name and the revision; a private repository needs a login: abrazo login.",
    412: "Somebody committed meanwhile; try again.",
  };
  return new HubError({
    code: wireCode === undefined ? `HUB_${status}` : `HUB_${screaming(wireCode)}`,
    message: `${endpoint} answered ${status}: ${message ?? "no reason given"}`,
    hint: hints[status],
    data: { status, wireCode, requestId, endpoint },
  });
}

const screaming = (name: string): string => name.replace(/([a-z])([A-Z])/g, "$1_$2").toUpperCase();

const infoSchema = z.looseObject({ id: z.string(), sha: z.string().nullish(), private: z.boolean().optional() });
const entrySchema = z.looseObject({
  type: z.enum(["file", "directory"]),
  path: z.string(),
  oid: z.string(),
  size: z.number(),
  lfs: z.looseObject({ oid: z.string(), size: z.number() }).optional(),
});
export type RemoteEntry = z.infer<typeof entrySchema>;

const apiPath = (id: RepoId): string => `/api/${plural(id.type)}/${fullName(id)}`;

/** The commit that a revision is at now. */
export async function commitOf(access: HubAccess, id: RepoId, revision: string): Promise<string> {
  const response = await request(access, `${apiPath(id)}/revision/${encodeURIComponent(revision)}`);
  const { sha } = infoSchema.parse(await response.json());
  if (sha != null) return sha;
  throw new HubError({
    code: "EMPTY_REPO",
    message: `${fullName(id)} has no commit yet.`,
    hint: "Push something to it first.",
  });
}

/** Every file of a commit, all pages. */
export async function listFiles(access: HubAccess, id: RepoId, revision: string): Promise<RemoteEntry[]> {
  const files: RemoteEntry[] = [];
  let path: string | undefined = `${apiPath(id)}/tree/${encodeURIComponent(revision)}?recursive=true`;
  while (path !== undefined) {
    const response: Response = await request(access, path);
    files.push(...z.array(entrySchema).parse(await response.json()));
    const next = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
    path = next === undefined ? undefined : new URL(next).pathname + new URL(next).search;
  }
  return files.filter(({ type }) => type === "file");
}

/** Path under which a file's bytes are served. */
export function resolvePath(id: RepoId, revision: string, path: string): string {
  const file = path.split("/").map(encodeURIComponent).join("/");
  return `${repoPath(id)}/resolve/${encodeURIComponent(revision)}/${file}`;
}
