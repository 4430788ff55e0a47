// The few answers of a hub that the library reads.
// Names no file of a repository.
import { z } from "zod";
import { fullName, plural, type RepoId, repoPath } from "./repo-id.ts";
import { type HubAccess, HubError, requestJson, requestText, strange } from "./request.ts";

/** A commit's id: it names a folder of the cache, so nothing else may pass for one. */
const commitId = z.string().regex(/^[0-9a-f]{40}$/, "no commit id");

const infoSchema = z.looseObject({ id: z.string(), sha: commitId.nullish(), private: z.boolean().optional() });
const bytes = z.number().int().nonnegative();
const entrySchema = z.looseObject({
  type: z.enum(["file", "directory"]),
  path: z.string(),
  oid: z.string().regex(/^[0-9a-f]{40}$/, "no git object id"),
  size: bytes,
  lfs: z.looseObject({ oid: z.string().regex(/^[0-9a-f]{64}$/, "no SHA-256"), size: bytes }).optional(),
  xetHash: z
    .string()
    .regex(/^[0-9a-f]{64}$/, "no hash of Xet")
    .nullish(),
});
/**
 * A file or folder of a repository: its path, git object id and size; `lfs` where it is stored by its SHA-256, `xetHash`
 * where it can be had in chunks.
 */
export type RemoteEntry = z.infer<typeof entrySchema>;

/** Where a repository is asked about. */
export const apiPath = (id: RepoId): string => `/api/${plural(id.type)}/${fullName(id)}`;

/**
 * The commit that a revision is at now.
 *
 * @throws HubError EMPTY_REPO where the repository has none
 *
 * @example needs a hub
 * ```ts
 * await commitOf({ endpoint: "http://127.0.0.1:7860", token: undefined }, parseRepoId("ana/mood"), "main"); // "2640b68b09b3…"
 * ```
 */
export async function commitOf(access: HubAccess, id: RepoId, revision: string): Promise<string> {
  const path = `${apiPath(id)}/revision/${encodeURIComponent(revision)}`;
  const { sha } = (await requestJson(access, path, infoSchema)).value;
  if (sha != null) return sha;
  throw new HubError({
    code: "EMPTY_REPO",
    message: `${fullName(id)} has no commit yet.`,
    hint: "Push something to it first.",
  });
}

/**
 * Every file of a revision, all pages.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * await listFiles(access, parseRepoId("ana/mood"), "main");
 * // [{ type: "file", path: "config.json", oid: "c44f06c3…", size: 548 }, …]
 * ```
 */
export async function listFiles(access: HubAccess, id: RepoId, revision: string): Promise<RemoteEntry[]> {
  const path = `${apiPath(id)}/tree/${encodeURIComponent(revision)}?recursive=true`;
  const entries = await takeOf(pagesOf(access, path, entrySchema));
  return entries.filter(({ type }) => type === "file");
}

/** Items of a list of any length, page after page. */
export async function* pagesOf<Schema extends z.ZodType>(
  access: HubAccess,
  first: string,
  schema: Schema,
): AsyncGenerator<z.infer<Schema>> {
  const read = new Set<string>();
  let path: string | undefined = first;
  while (path !== undefined) {
    if (read.has(path)) throw strange(access.endpoint, `${path} names itself as its next page`);
    read.add(path);
    const page: { value: z.infer<Schema>[]; headers: Headers } = await requestJson(access, path, z.array(schema));
    yield* page.value;
    path = nextPage(access.endpoint, page.headers.get("link"));
  }
}

/** The first `limit` items. */
export async function takeOf<Item>(items: AsyncIterable<Item>, limit = Number.POSITIVE_INFINITY): Promise<Item[]> {
  const taken: Item[] = [];
  if (limit <= 0) return taken;
  for await (const item of items) if (taken.push(item) >= limit) break;
  return taken;
}

/** "?a=1&b=2&b=3", or nothing; what is undefined is left out. */
export function queryOf(
  values: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>,
): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) {
    if (value === undefined) continue;
    for (const each of Array.isArray(value) ? value : [value]) query.append(name, String(each));
  }
  return query.size === 0 ? "" : `?${query}`;
}

/** Path of the next page. Its host is left out: the token goes to the endpoint and nowhere else. */
function nextPage(endpoint: string, link: string | null): string | undefined {
  const next = /<([^>]+)>;\s*rel="next"/.exec(link ?? "")?.[1];
  if (next === undefined || !URL.canParse(next, endpoint)) return undefined;
  const { pathname, search } = new URL(next, endpoint);
  const prefix = new URL(endpoint).pathname.replace(/\/$/, "");
  return `${pathname.startsWith(`${prefix}/`) ? pathname.slice(prefix.length) : pathname}${search}`;
}

const pathsSchema = z.array(entrySchema);

/**
 * What stands at given paths of a revision; paths where nothing is are left out.
 *
 * @example needs a hub
 * ```ts
 * const access = { endpoint: "http://127.0.0.1:7860", token: undefined };
 * await getPathsInfo(access, parseRepoId("ana/mood"), ["config.json"]); // [{ type: "file", path: "config.json", … }]
 * ```
 */
export async function getPathsInfo(
  access: HubAccess,
  id: RepoId,
  paths: readonly string[],
  { revision = "main" }: { revision?: string | undefined } = {},
): Promise<RemoteEntry[]> {
  const path = `${apiPath(id)}/paths-info/${encodeURIComponent(revision)}`;
  const options = { method: "POST", json: { paths }, isRepeatable: true } as const;
  return (await requestJson(access, path, pathsSchema, options)).value;
}

const userSchema = z.looseObject({
  name: z.string(),
  orgs: z.array(z.looseObject({ name: z.string(), roleInOrg: z.string().optional() })).optional(),
  auth: z.looseObject({ accessToken: z.looseObject({ role: z.string().optional() }).optional() }).optional(),
});

/**
 * The user behind a token.
 *
 * @example needs a hub
 * ```ts
 * await whoAmI({ endpoint: "http://127.0.0.1:7860", token: "hf_…" }); // { name: "ana", role: "write", orgs: [] }
 * ```
 */
export async function whoAmI(
  access: HubAccess,
): Promise<{ name: string; role: string | undefined; orgs: { name: string; role: string | undefined }[] }> {
  const { name, auth, orgs = [] } = (await requestJson(access, "/api/whoami-v2", userSchema)).value;
  const of = orgs.map((org) => ({ name: org.name, role: org.roleInOrg }));
  return { name, role: auth?.accessToken?.role, orgs: of };
}

/** Path under which a file's bytes are served. */
export function resolvePath(id: RepoId, revision: string, path: string): string {
  const file = path.split("/").map(encodeURIComponent).join("/");
  return `${repoPath(id)}/resolve/${encodeURIComponent(revision)}/${file}`;
}

/** The text of a file, or undefined when it is not there. */
export async function readText(
  access: HubAccess,
  id: RepoId,
  revision: string,
  path: string,
): Promise<string | undefined> {
  try {
    return (await requestText(access, resolvePath(id, revision, path))).text;
  } catch (error) {
    if (error instanceof HubError && error.data["status"] === 404) return undefined;
    throw error;
  }
}
