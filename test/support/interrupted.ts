// What is interrupted in the middle: calls that take several steps, each on a repository of its own, with what tells whether one has been
// done. Whatever is neither done nor as it was fails an expectation.
import { createHash } from "node:crypto";
import { expect } from "vitest";
import { type Caller, file, type Line } from "./calls.ts";
import { noise } from "./xet.ts";

type State = "before" | "after";

interface Interrupted {
  name: string;
  /** What the repository holds first. */
  prepare(ana: Caller, repo: string): Promise<unknown>;
  call(ana: Caller, repo: string): Promise<Response>;
  state(ana: Caller, repo: string): Promise<State>;
  /** What only works where nothing was lost; once the call has been done. */
  finish?(ana: Caller, repo: string): Promise<void>;
}

const MIB = 1024 * 1024;
/** The hub that is asked has to take uploads of this size in parts. */
export const TRANSFERS = { partSize: MIB, multipartAbove: MIB };
const LARGE = 2 * MIB + MIB / 2;
const PARTS = [1, 2, 3];

const api = (repo: string): string => `/api/models/ana/${repo}`;
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const create = (ana: Caller, name: string) => ana.ok("POST", "/api/repos/create", { name });
const commitsOf = async (ana: Caller, repo: string): Promise<number> =>
  (await ana.ok<unknown[]>("GET", `${api(repo)}/commits/main`)).length;

/** The SHA-256 of a file, or the status of an answer that gives none. */
async function hashOf(ana: Caller, repo: string, path: string): Promise<string> {
  const answer = await ana.call("GET", `/ana/${repo}/resolve/main/${path}`);
  return answer.status === 200 ? sha256(new Uint8Array(await answer.arrayBuffer())) : `${answer.status}`;
}

const expectFile = async (ana: Caller, repo: string, path: string, bytes: Uint8Array | string): Promise<void> =>
  expect([repo, path, await hashOf(ana, repo, path)]).toEqual([repo, path, sha256(bytes)]);

/** Before and after a commit; anything else is no state to be in. */
function between<Value>(repo: string, found: Value, before: Value, after: Value): State {
  expect([before, after], repo).toContainEqual(found);
  return found === after ? "after" : "before";
}

// Many files: more than wait for the transaction, and one that is a blob.
const MANY = 80;
const small = (repo: string, at: number): string => `${repo} ${at} `.repeat(4000).slice(0, 60_000);
const long = (repo: string): string => `${repo} `.repeat(30_000);

const commit: Interrupted = {
  name: "commit",
  prepare: create,
  call: (ana, repo) => {
    const files = Array.from({ length: MANY }, (_, at) => file(`folder-${at % 5}/${at}.txt`, small(repo, at)));
    const lines = [{ key: "header", value: { summary: "many" } }, ...files, file("long.txt", long(repo))];
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    return ana.call("POST", `${api(repo)}/commit/main`, undefined, text);
  },
  state: async (ana, repo) => {
    const entries = await ana.ok<{ type: string }[]>("GET", `${api(repo)}/tree/main?recursive=true`);
    const files = entries.filter(({ type }) => type === "file").length;
    const state = between(repo, files, 1, MANY + 2);
    expect(await commitsOf(ana, repo)).toBe(state === "before" ? 1 : 2);
    return state;
  },
  finish: async (ana, repo) => {
    for (const at of [0, MANY / 2, MANY - 1])
      await expectFile(ana, repo, `folder-${at % 5}/${at}.txt`, small(repo, at));
    await expectFile(ana, repo, "long.txt", long(repo));
  },
};

const begun: Interrupted = {
  name: "create",
  prepare: async () => {},
  call: (ana, name) => ana.call("POST", "/api/repos/create", { name, license: "mit" }),
  state: async (ana, repo) => {
    const { status } = await ana.call("GET", api(repo));
    const state = between(repo, status, 404, 200);
    if (state === "after") {
      expect(await commitsOf(ana, repo)).toBe(1);
      await expectFile(ana, repo, "README.md", "---\nlicense: mit\n---\n");
    }
    return state;
  },
};

const squash: Interrupted = {
  name: "squash",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    for (const text of ["first", "second"]) await ana.commit(api(repo), "main", [file("a.txt", `${repo} ${text}`)]);
  },
  call: (ana, repo) => ana.call("POST", `${api(repo)}/super-squash/main`, {}),
  state: async (ana, repo) => {
    await expectFile(ana, repo, "a.txt", `${repo} second`);
    return between(repo, await commitsOf(ana, repo), 3, 1);
  },
};

const move: Interrupted = {
  name: "move",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    await ana.commit(api(repo), "main", [file("a.txt", repo)]);
  },
  call: (ana, repo) =>
    ana.call("POST", "/api/repos/move", { fromRepo: `ana/${repo}`, toRepo: `ana/${repo}-moved`, type: "model" }),
  state: async (ana, repo) => {
    const { status } = await ana.call("GET", api(`${repo}-moved`));
    const state = between(repo, status, 404, 200);
    // By its old name it is found in any case.
    const old = await ana.call("GET", api(repo));
    if (old.status !== 200) expect([old.status, old.headers.get("location")]).toEqual([307, api(`${repo}-moved`)]);
    await expectFile(ana, state === "after" ? `${repo}-moved` : repo, "a.txt", repo);
    return state;
  },
};

const remove: Interrupted = {
  name: "delete",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    await ana.commit(api(repo), "main", [(await ana.lfs(api(repo), `weights of ${repo}`))("w.bin")]);
    // git has a folder of it now.
    expect((await ana.call("GET", `/ana/${repo}.git/info/refs?service=git-upload-pack`)).status).toBe(200);
  },
  call: (ana, name) => ana.call("DELETE", "/api/repos/delete", { name, type: "model" }),
  state: async (ana, repo) => {
    const { status } = await ana.call("GET", api(repo));
    const state = between(repo, status, 200, 404);
    if (state === "before") await expectFile(ana, repo, "w.bin", `weights of ${repo}`);
    return state;
  },
};

const merge: Interrupted = {
  name: "merge",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    await ana.commit(api(repo), "main", [file("b.txt", repo)], {}, "?create_pr=1");
  },
  call: (ana, repo) => ana.call("POST", `${api(repo)}/discussions/1/merge`, { comment: "Thanks" }),
  state: async (ana, repo) => {
    const request = await ana.ok<{ status: string; changes: { mergeCommitId?: string }; events: Line[] }>(
      "GET",
      `${api(repo)}/discussions/1`,
    );
    const state = between(repo, request.status, "open", "merged");
    const { sha } = await ana.ok<{ sha: string }>("GET", api(repo));
    const said = request.events.filter(({ type }) => type === "comment").length;
    if (state === "after") {
      expect([request.changes.mergeCommitId, said]).toEqual([sha, 1]);
      await expectFile(ana, repo, "b.txt", repo);
    } else {
      expect([request.changes.mergeCommitId, said]).toEqual([undefined, 0]);
      expect(await hashOf(ana, repo, "b.txt")).toBe("404");
    }
    return state;
  },
};

interface Upload {
  oid: string;
  complete: string;
  /** Links of the parts, the first at 1. */
  parts: Record<number, string>;
}
const uploads = new Map<string, Upload>();
const bytesOf = (repo: string): Buffer => noise(repo, LARGE);
const linksOf = (repo: string): Upload => uploads.get(repo) ?? { oid: "", complete: "", parts: {} };

/** Asks for the links of a large file in parts. */
export async function beginUpload(ana: Caller, repo: string): Promise<void> {
  const oid = sha256(bytesOf(repo));
  const asked = { operation: "upload", transfers: ["basic", "multipart"], objects: [{ oid, size: LARGE }] };
  interface Batch {
    objects: { actions?: { upload: { href: string; header?: Record<string, string> } } }[];
  }
  const { objects } = await ana.ok<Batch>("POST", `/ana/${repo}.git/info/lfs/objects/batch`, asked);
  const { href = "", header = {} } = objects[0]?.actions?.upload ?? {};
  const parts = PARTS.map((number) => [number, header[`0000${number}`] ?? ""] as const);
  uploads.set(repo, { oid, complete: href, parts: Object.fromEntries(parts) });
}

const partLink = (repo: string, number: number): string => linksOf(repo).parts[number] ?? "";
const putPart = (repo: string, number: number) =>
  fetch(partLink(repo, number), {
    method: "PUT",
    body: Uint8Array.from(bytesOf(repo).subarray((number - 1) * MIB, number * MIB)),
  });

/** ETags of the parts that the hub says it has. */
async function arrived(repo: string): Promise<{ partNumber: number; etag: string | null }[]> {
  const out = [];
  for (const partNumber of PARTS) {
    const { status, headers } = await fetch(partLink(repo, partNumber));
    if (status === 200) out.push({ partNumber, etag: headers.get("etag") });
  }
  return out;
}

async function complete(repo: string, parts: Awaited<ReturnType<typeof arrived>>): Promise<Response> {
  const { oid, complete: href } = linksOf(repo);
  return fetch(href, { method: "POST", body: JSON.stringify({ oid, parts }) });
}

/** Names the object in a commit, and reads it. */
async function commitLarge(ana: Caller, repo: string): Promise<void> {
  const value = { path: "large.bin", algo: "sha256", oid: linksOf(repo).oid, size: LARGE };
  await ana.commit(api(repo), "main", [{ key: "lfsFile", value }]);
  await expectFile(ana, repo, "large.bin", bytesOf(repo));
}

const part: Interrupted = {
  name: "part",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    await beginUpload(ana, repo);
    expect((await putPart(repo, 1)).status).toBe(200);
  },
  call: (_, repo) => putPart(repo, 2),
  state: async (_, repo) => {
    const numbers = (await arrived(repo)).map(({ partNumber }) => partNumber);
    return between(repo, numbers.join(), "1", "1,2");
  },
  finish: async (ana, repo) => {
    expect((await putPart(repo, 3)).status).toBe(200);
    expect((await complete(repo, await arrived(repo))).status).toBe(200);
    await commitLarge(ana, repo);
  },
};

/** What completes an upload names what it was told when the parts came. */
const etags = new Map<string, Awaited<ReturnType<typeof arrived>>>();

const completion: Interrupted = {
  name: "complete",
  prepare: async (ana, repo) => {
    await create(ana, repo);
    await beginUpload(ana, repo);
    for (const number of PARTS) expect((await putPart(repo, number)).status).toBe(200);
    etags.set(repo, await arrived(repo));
  },
  call: (_, repo) => complete(repo, etags.get(repo) ?? []),
  state: async (ana, repo) => {
    const { oid } = linksOf(repo);
    const asked = { operation: "download", transfers: ["basic"], objects: [{ oid, size: LARGE }] };
    const { objects } = await ana.ok<{ objects: { error?: unknown }[] }>(
      "POST",
      `/ana/${repo}.git/info/lfs/objects/batch`,
      asked,
    );
    if (objects[0]?.error === undefined) return "after";
    // Nothing that was acknowledged has to be sent again.
    expect([repo, await arrived(repo)]).toEqual([repo, etags.get(repo)]);
    return "before";
  },
  finish: commitLarge,
};

export const INTERRUPTED: readonly Interrupted[] = [commit, begun, squash, move, remove, merge, part, completion];
