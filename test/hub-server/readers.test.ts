// Who may be told of a repository: the same people who see it, and found in one query for all of them.
import { PostgresJsSession } from "drizzle-orm/postgres-js";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findRepo } from "../../hub-server/services/access.ts";
import { readersAmong } from "../../hub-server/services/readers.ts";
import { findUser } from "../../hub-server/services/users.ts";
import { type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const PEOPLE = ["ana", "adm", "boss", "wri", "rea", "ben"] as const;
let hub: TestHub;
let boss: Call;
const calls = new Map<string, Call>();
const repo = (namespace: string, name: string) => ({ type: "model" as const, namespace, name });

beforeAll(async () => {
  hub = await testHub();
  for (const name of PEOPLE) calls.set(name, caller(hub, { token: await hub.user(name, { admin: name === "adm" }) }));
  boss = calls.get("boss") ?? caller(hub);
  expect((await boss("POST", "/api/organizations", { name: "lab" })).status).toBe(201);
  for (const [user, role] of [
    ["wri", "write"],
    ["rea", "read"],
  ])
    expect((await boss("POST", "/api/organizations/lab/members", { user, role })).status).toBeLessThan(300);
  for (const [as, organization, name, hidden] of [
    ["ana", "ana", "own", true],
    ["ana", "ana", "open", false],
    ["boss", "lab", "inner", true],
    ["boss", "lab", "grouped", true],
  ] as const) {
    const made = await calls.get(as)?.("POST", "/api/repos/create", { name, organization, private: hidden });
    expect(made?.status).toBeLessThan(300);
  }
  const group = {
    name: "few",
    users: [{ user: "rea", role: "read" }],
    repos: [{ type: "model", name: "lab/grouped" }],
  };
  expect((await boss("POST", "/api/organizations/lab/resource-groups", group)).status).toBeLessThan(300);
});
afterAll(() => hub.stop());

/** Names of those who may be told, and how many queries that took. */
async function toldOf(namespace: string, name: string): Promise<{ names: string[]; queries: number }> {
  const { db } = hub.deps;
  const found = await findRepo(hub.deps, repo(namespace, name));
  if (found === undefined) throw new Error(`There is no ${namespace}/${name}.`);
  const ids = new Map<string, string>();
  for (const person of PEOPLE) ids.set((await findUser(hub.deps, person))?.id ?? "", person);
  return db.transaction(async (tx) => {
    const asked = vi.spyOn(PostgresJsSession.prototype, "prepareQuery");
    const readers = await readersAmong(tx, found, [...ids.keys(), ...ids.keys()]);
    const queries = asked.mock.calls.length;
    asked.mockRestore();
    return { names: [...readers].map((id) => ids.get(id) ?? id).sort(), queries };
  });
}

describe("who may be told of a repository", () => {
  it.each([
    ["ana", "own", ["adm", "ana"], 1],
    ["ana", "open", [...PEOPLE].sort(), 0],
    ["lab", "inner", ["adm", "boss", "rea", "wri"], 1],
    ["lab", "grouped", ["adm", "boss", "rea"], 1],
  ])("%s/%s: those who see it", async (namespace, name, names, queries) => {
    expect(await toldOf(namespace, name)).toEqual({ names, queries });
    for (const person of PEOPLE) {
      const seen = await calls.get(person)?.("GET", `/api/models/${namespace}/${name}`);
      expect([person, seen?.status]).toEqual([person, names.includes(person) ? 200 : 404]);
    }
  });

  it("are no members who may come from some addresses alone: nobody knows where they are", async () => {
    const rules = { enforceIpRestriction: true, ipRanges: ["127.0.0.0/8"] };
    expect((await boss("PATCH", "/api/organizations/lab/settings/network-security", rules)).status).toBeLessThan(300);
    expect((await calls.get("rea")?.("GET", "/api/models/lab/inner"))?.status).toBe(200);
    expect((await toldOf("lab", "inner")).names).toEqual(["adm"]);
  });
});
