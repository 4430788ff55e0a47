// Checks of what stands between here and the hub: proxies that decode, drop, pack, rewrite or refuse what has to pass as it is.
// Each is seen by what a hub answers to a call that changes nothing.
import { randomUUID } from "node:crypto";
import { type Finding, findingsOf, type Patient } from "./finding.ts";
import { type Answer, ask } from "./probe.ts";

/** A file of a repository that can be read, to try with. */
interface Sample {
  /** "models/ana/mood" as in the API, "ana/mood" as in addresses. */
  api: string;
  page: string;
  branch: string;
  file: string;
  etag: string;
}

/** Some repository with a file on its branch. */
async function sampleOf({ access }: Patient): Promise<Sample | undefined> {
  for (const [type, prefix] of [
    ["models", ""],
    ["datasets", "datasets/"],
  ] as const) {
    const names = parsed(await ask(access, `/api/${type}?limit=5&full=true`));
    for (const item of Array.isArray(names) ? names : []) {
      const id = fieldOf(item, "id");
      if (typeof id !== "string") continue;
      const tree = parsed(await ask(access, `/api/${type}/${id}/tree/main`));
      const file = (Array.isArray(tree) ? tree : []).find((entry) => fieldOf(entry, "type") === "file");
      const [path, oid] = [fieldOf(file, "path"), fieldOf(fieldOf(file, "lfs"), "oid") ?? fieldOf(file, "oid")];
      if (typeof path !== "string" || typeof oid !== "string") continue;
      return {
        api: `${type}/${id}`,
        page: `${prefix}${id}`,
        branch: "main",
        file: encodeURIComponent(path),
        etag: oid,
      };
    }
  }
  return undefined;
}

function parsed({ text }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

const fieldOf = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;

/** All checks of the way. Those of files need a repository that can be read. */
export async function checkWay(patient: Patient): Promise<Finding[]> {
  const sample = await sampleOf(patient);
  const files = sample === undefined ? [findingsOf("files").skipped("there is no repository to try with")] : [];
  if (sample !== undefined) {
    for (const check of [checkSlashes, checkHead, checkPacking, checkRange])
      files.push(...(await check(patient, sample)));
  }
  return [
    ...files,
    ...(await checkDeleteBody(patient)),
    ...(await checkSize(patient)),
    ...(await checkOrigin(patient)),
  ];
}

/** "main%2Ffile" is a revision that does not exist; decoded on the way it is a file that does. */
async function checkSlashes({ access }: Patient, { api, page, branch, file }: Sample): Promise<Finding[]> {
  const { ok, wrong } = findingsOf("%2F");
  const joined = `/${page}/resolve/${branch}%2F${file}`;
  const decoded = await ask(access, joined, { headers: { Range: "bytes=0-0" } });
  if (decoded.status < 400) {
    return [
      wrong("A proxy decodes %2F: branches and pull requests with a slash cannot be reached.", {
        seen: `GET ${joined}: ${decoded.status}, as if the slash were none of the name`,
        change:
          "nginx: proxy_pass without a path, not even / (proxy_pass http://hub:7860;). Apache: AllowEncodedSlashes NoDecode and ProxyPass … nocanon",
      }),
    ];
  }
  const path = `/api/${api}/revision/refs%2Fheads%2F${branch}`;
  const kept = await ask(access, path);
  if (kept.status < 400) return [ok("arrives as it is")];
  return [
    wrong("A proxy refuses or encodes %2F again: branches and pull requests with a slash cannot be reached.", {
      seen: `GET ${path}: ${kept.status}${kept.headers.has("x-request-id") ? "" : ", not by the hub"}`,
      change: "Apache: AllowEncodedSlashes NoDecode. nginx: proxy_pass http://hub:7860; without a path",
    }),
  ];
}

const ETAG_CHANGE =
  "nginx: gzip off; etag off; for the hub. Cloudflare: a rule without compression and e-mail obfuscation";

/** What every download asks first, and takes the name of the file in the cache from. */
async function checkHead({ access }: Patient, { page, branch, file, etag }: Sample): Promise<Finding[]> {
  const { ok, wrong } = findingsOf("etag");
  const path = `/${page}/resolve/${branch}/${file}`;
  const { status, headers } = await ask(access, path, { method: "HEAD", headers: { "Accept-Encoding": "gzip, br" } });
  const commit = headers.get("x-repo-commit");
  if (status !== 200 || commit === null) {
    return [
      wrong("Downloads fail: HEAD of a file is not answered by the hub itself.", {
        seen: `HEAD ${path}: ${status}, X-Repo-Commit: ${commit ?? "none"}`,
        change: "let the proxy pass HEAD and the headers X-Repo-Commit, X-Linked-Etag and X-Linked-Size",
      }),
    ];
  }
  const given = headers.get("x-linked-etag") ?? headers.get("etag") ?? "none";
  const plain = headers.get("etag") ?? "none";
  if (given === `"${etag}"` && plain === given) return [ok("is the hash of the file")];
  return [
    wrong("A proxy rewrites ETag: the caches of clients fetch files again, or break.", {
      seen: `HEAD ${path}: ETag: ${plain}, while the file is "${etag}"`,
      change: ETAG_CHANGE,
    }),
  ];
}

async function checkPacking({ access }: Patient, { page, branch, file }: Sample): Promise<Finding[]> {
  const { ok, wrong } = findingsOf("compression");
  const path = `/${page}/resolve/${branch}/${file}`;
  const { headers } = await ask(access, path, { headers: { "Accept-Encoding": "gzip, deflate, br" } });
  const encoding = headers.get("content-encoding");
  if (encoding === null || encoding === "identity") return [ok("files are not packed on the way")];
  return [
    wrong("A proxy compresses files: their length is lost, and downloads cannot go on where they stopped.", {
      seen: `GET ${path}: Content-Encoding: ${encoding}`,
      change: 'nginx: gzip off; or proxy_set_header Accept-Encoding "";',
    }),
  ];
}

async function checkRange({ access }: Patient, { page, branch, file }: Sample): Promise<Finding[]> {
  const { ok, wrong, skipped } = findingsOf("range");
  const path = `/${page}/resolve/${branch}/${file}`;
  const { status, headers, text } = await ask(access, path, { headers: { Range: "bytes=0-0" } });
  if (status === 206 && headers.get("content-range") !== null) return [ok("parts of files can be had")];
  if (status >= 300 && status < 400) return [skipped("files are served from another address")];
  if (status === 200 && text === "") return [skipped("the file to try with is empty")];
  return [
    wrong("A proxy drops Range: downloads that were cut off begin anew.", {
      seen: `GET ${path} with Range: bytes=0-0: ${status}, Content-Range: ${headers.get("content-range") ?? "none"}`,
      change: "nginx: proxy_set_header Range $http_range; proxy_force_ranges on; and no cache of slices",
    }),
  ];
}

/** A repository that cannot exist is not found; without the body nobody knows which is meant. */
async function checkDeleteBody({ access }: Patient): Promise<Finding[]> {
  const { ok, wrong, skipped } = findingsOf("delete");
  if (access.token === undefined) return [skipped("needs a login")];
  const json = { name: `doctor-${randomUUID()}`, organization: `doctor-${randomUUID().slice(0, 8)}`, type: "model" };
  const { status } = await ask(access, "/api/repos/delete", { method: "DELETE", json });
  if (status === 401) return [skipped("the token is not taken")];
  if (status === 403 || status === 404) return [ok("the body of a DELETE arrives")];
  return [
    wrong("A proxy drops the body of DELETE, or refuses it: repositories cannot be deleted.", {
      seen: `DELETE /api/repos/delete of a repository that does not exist: ${status}, where a hub answers 404`,
      change: "let the proxy pass DELETE with its body; nginx: limit_except GET POST PUT PATCH DELETE { deny all; }",
    }),
  ];
}

const LARGE = 4 * 1024 * 1024;

/** Commits hold files of up to megabytes. */
async function checkSize({ access }: Patient): Promise<Finding[]> {
  const { ok, wrong } = findingsOf("upload size");
  const json = { content: `---\nlicense: mit\n---\n${"x".repeat(LARGE)}`, repoType: "model" };
  let answer: Answer;
  try {
    answer = await ask(access, "/api/validate-yaml", { method: "POST", json });
  } catch (error) {
    // Some end the connection in place of an answer.
    answer = { status: 413, headers: new Headers(), text: error instanceof Error ? error.message : "" };
  }
  if (answer.status !== 413 || answer.headers.has("x-request-id")) return [ok("4 MB pass")];
  return [
    wrong("A proxy limits what may be sent: pushes fail.", {
      seen: "POST /api/validate-yaml with 4 MB: 413, not by the hub",
      change: "nginx: client_max_body_size 0; proxy_request_buffering off;",
    }),
  ];
}

/** Links of the hub's answers must lead back the way that was asked. */
async function checkOrigin({ access }: Patient): Promise<Finding[]> {
  const { ok, wrong, skipped } = findingsOf("own address");
  const { headers } = await ask(access, "/api/models?limit=1");
  const next = /<(https?:\/\/[^>]+)>/.exec(headers.get("link") ?? "")?.[1];
  if (next === undefined || !URL.canParse(next)) return [skipped("no answer with a link to look at")];
  const [theirs, ours] = [new URL(next).origin, new URL(access.endpoint).origin];
  if (theirs === ours) return [ok("the hub knows how it is reached")];
  return [
    wrong("The hub gives links to another address: listings, uploads and chunks go astray.", {
      seen: `Link: <${theirs}/…> where ${ours} was asked`,
      change: "nginx: proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme;",
    }),
  ];
}
