// Access that is over: what was made of it while it held ends with it, though it was signed for a time.
import { createHash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createSession, createToken, findUser } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { appToken } from "../support/victim.ts";
import {
  bytesOf,
  hashOf,
  makeShard,
  makeXorb,
  noise,
  pieces,
  sha256Of,
  type TestFile,
  XetClient,
} from "../support/xet.ts";

let hub: TestHub;
let boss: Call;
let made = 0;
beforeAll(async () => {
  hub = await testHub();
  boss = caller(hub, { token: await hub.user("boss") });
  await ok(boss("POST", "/api/organizations", { name: "lab" }));
});
afterAll(() => hub.stop());

async function ok(answer: ReturnType<Call>) {
  const found = await answer;
  expect(found.status, JSON.stringify(found.body)).toBeLessThan(300);
  return found;
}

const CONTENT = "weights of the lab";
const OID = createHash("sha256").update(CONTENT).digest("hex");
const FILE: TestFile = { terms: [{ xorb: makeXorb(pieces(noise("lost", 2500), 1000)), start: 0, end: 3 }] };
const PROPOSED: TestFile = { terms: [{ xorb: makeXorb(pieces(noise("more", 2500), 1000)), start: 0, end: 3 }] };

interface Place {
  name: string;
  member: string;
  token: string;
  /** Everything that the member got hold of while they had access: what it was, and its status now. */
  now(): Promise<Record<string, number>>;
}

const linkOf = (body: unknown, action: "upload" | "download"): string =>
  // safe because an answer of another form has no such link, which the test sees
  (body as { objects: { actions?: Record<string, { href: string }> }[] }).objects[0]?.actions?.[action]?.href ?? "";

/** A repository of lab with a large file of each kind, and a member who asks for all that it gives. */
async function place({ hidden = true } = {}): Promise<Place> {
  const [name, member] = [`r${made}`, `mem${made++}`];
  const id = `lab/${name}`;
  const token = await hub.user(member);
  await ok(boss("POST", "/api/organizations/lab/members", { user: member, role: "write" }));
  await ok(boss("POST", "/api/repos/create", { name, organization: "lab", private: hidden }));
  const mem = caller(hub, { token });
  const xet = new XetClient(hub.url, token);
  const batch = (operation: string, oid: string, size: number) =>
    ok(mem("POST", `/${id}.git/info/lfs/objects/batch`, { operation, objects: [{ oid, size }] }));
  const put = linkOf((await batch("upload", OID, CONTENT.length)).body, "upload");
  expect((await fetch(put, { method: "PUT", body: CONTENT })).status).toBe(200);
  await xet.upload(id, FILE);
  expect((await xet.commit(id, "x.bin", FILE)).status).toBe(200);
  const lines = [
    { key: "header", value: { summary: "more" } },
    { key: "lfsFile", value: { path: "a.bin", algo: "sha256", oid: OID, size: CONTENT.length } },
  ];
  await ok(mem("POST", `/api/models/${id}/commit/main`, lines.map((line) => JSON.stringify(line)).join("\n")));
  const download = linkOf((await batch("download", OID, CONTENT.length)).body, "download");
  const other = `other things of ${name}`;
  const upload = linkOf(
    (await batch("upload", createHash("sha256").update(other).digest("hex"), other.length)).body,
    "upload",
  );
  const [read, write] = [await xet.token("read", id), await xet.token("write", id)];
  const owner = (await findUser(hub.deps, "lab"))?.id ?? "";
  const scopes = {
    canReadGatedRepos: true,
    global: [],
    scoped: [{ kind: "owner" as const, id: owner, permissions: ["repo.write"] }],
  };
  const user = (await findUser(hub.deps, member))?.id ?? "";
  const fine = await createToken(hub.deps, user, { name: "fine", role: "fineGrained", scopes });
  const readOnly = (await hub.tokenOf(member, "read")).token;
  const jwt = String((await ok(mem("GET", `/api/models/${id}/jwt`))).get("token"));
  const app = await appToken(hub, member, "openid read-repos", ["lab"]);
  const session = await createSession(hub.deps, user);
  const status = async (answer: Promise<Response>) => (await answer).status;
  const file = (headers: Record<string, string>) => status(fetch(`${hub.url}/${id}/resolve/main/a.bin`, { headers }));
  const bearer = (value: string) => file({ authorization: `Bearer ${value}` });
  const cas = (method: string, path: string, accessToken: string, body?: Uint8Array<ArrayBuffer>) =>
    status(
      fetch(`${hub.url}/cas${path}`, {
        method,
        headers: { authorization: `Bearer ${accessToken}` },
        ...(body !== undefined && { body }),
      }),
    );
  const { xorb } = PROPOSED.terms[0] ?? FILE.terms[0] ?? { xorb: makeXorb([]) };
  const now = async () => ({
    token: await bearer(token),
    "token that reads": await bearer(readOnly),
    "token with limits": await bearer(fine),
    "token of the repository": await bearer(jwt),
    "token of an app": await bearer(app),
    session: await file({ cookie: `${SESSION_COOKIE}=${session}` }),
    git: await status(
      fetch(`${hub.url}/${id}.git/info/refs?service=git-upload-pack`, {
        headers: { authorization: `Basic ${Buffer.from(`${member}:${token}`).toString("base64")}` },
      }),
    ),
    "link to a file": await status(fetch(download)),
    "link for an upload": await status(fetch(upload, { method: "PUT", body: other })),
    "plan by a token of chunks": await cas("GET", `/v2/reconstructions/${hashOf(FILE)}`, read.accessToken),
    "xorb by a token of chunks": await cas(
      "POST",
      `/v1/xorbs/default/${xorb.hash}`,
      write.accessToken,
      Uint8Array.from(xorb.bytes),
    ),
    "file by a token of chunks": await cas(
      "POST",
      "/v1/shards",
      write.accessToken,
      Uint8Array.from(makeShard([PROPOSED], [xorb])),
    ),
  });
  return { name, member, token, now };
}

const valuesOf = (statuses: Record<string, number>) => [...new Set(Object.values(statuses))].sort();

describe("what was made of an access", () => {
  it("works while it holds", async () => {
    const { now } = await place();
    expect(valuesOf(await now())).toEqual([200]);
    expect(sha256Of(FILE)).not.toBe(OID);
    expect(bytesOf(FILE).length).toBe(2500);
  });

  it("ends at once when a member is taken out", async () => {
    const { member, now } = await place();
    await ok(boss("DELETE", `/api/organizations/lab/members/${member}`));
    const after = await now();
    expect(Object.entries(after).filter(([, status]) => ![401, 403, 404].includes(status))).toEqual([]);
  });

  it("ends at once when a repository is made private, for those who are no members", async () => {
    const { name, member, now } = await place({ hidden: false });
    await ok(boss("DELETE", `/api/organizations/lab/members/${member}`));
    const open = await now();
    expect([open.token, open["link to a file"], open["plan by a token of chunks"]]).toEqual([200, 200, 200]);
    await ok(boss("PUT", `/api/models/lab/${name}/settings`, { private: true }));
    const after = await now();
    expect(Object.entries(after).filter(([, status]) => ![401, 403, 404].includes(status))).toEqual([]);
  });

  it("ends at once when a repository is deleted, also where another takes its name", async () => {
    const { name, now } = await place();
    await ok(boss("DELETE", "/api/repos/delete", { name, organization: "lab" }));
    await ok(boss("POST", "/api/repos/create", { name, organization: "lab", private: true }));
    const { git, ...after } = await now();
    expect(git).toBe(200);
    expect(Object.entries(after).filter(([, status]) => ![401, 403, 404].includes(status))).toEqual([]);
  });

  it("goes on when a repository moves", async () => {
    const { name, now } = await place();
    await ok(boss("POST", "/api/repos/move", { fromRepo: `lab/${name}`, toRepo: `lab/${name}-moved` }));
    const after = await now();
    for (const kept of ["link to a file", "link for an upload", "plan by a token of chunks"])
      expect([kept, after[kept]]).toEqual([kept, 200]);
  });

  it("ends with the token that asked for it, and what was not made by that one goes on", async () => {
    const { token, now } = await place();
    const rows = await caller(hub, { token })("GET", "/api/settings/tokens");
    // safe because the list is one of tokens; another would have no such id
    const own = (rows.body as { id: string; name: string }[]).find(({ name }) => name === "test")?.id;
    await ok(caller(hub, { token })("DELETE", `/api/settings/tokens/${own}`));
    const ended = Object.entries(await now()).filter(([, status]) => status !== 200);
    expect(ended).toEqual([
      ["token", 401],
      ["token of the repository", 401],
      ["git", 401],
      ["link to a file", 403],
      ["link for an upload", 403],
      ["plan by a token of chunks", 403],
      ["xorb by a token of chunks", 403],
      ["file by a token of chunks", 403],
    ]);
  });

  it("is nobody else's: a link that names another user is refused", async () => {
    const { token, name } = await place();
    const answer = await ok(
      caller(hub, { token })("POST", `/lab/${name}.git/info/lfs/objects/batch`, {
        operation: "download",
        objects: [{ oid: OID, size: CONTENT.length }],
      }),
    );
    const link = new URL(linkOf(answer.body, "download"));
    for (const parameter of ["user", "by"]) {
      const forged = new URL(link);
      forged.searchParams.delete(parameter);
      expect((await fetch(forged)).status).toBe(403);
      forged.searchParams.set(parameter, (await findUser(hub.deps, "boss"))?.id ?? "");
      expect((await fetch(forged)).status).toBe(403);
    }
    expect((await fetch(link)).status).toBe(200);
  });
});
