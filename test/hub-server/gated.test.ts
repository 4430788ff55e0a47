// Gated repositories: what is seen, what is asked, and what owners decide.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Answer, type Call, caller } from "../support/caller.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { operation } from "../support/operations.ts";

let hub: TestHub;
let as: Record<string, Call>;
let reader: Call;
const nobody: Call = (...call) => caller(hub)(...call);
const by = (name: string): Call => as[name] ?? nobody;

const CARD = `---
extra_gated_prompt: "You agree to be kind."
extra_gated_fields:
  Company: text
  Country:
    type: select
    options: [Spain, {label: "Elsewhere", value: other}]
  Birthday: date_picker
  I am kind: checkbox
---
# Gated
`;
const ANSWERS = { Company: "Acme", Country: "other", Birthday: "2000-01-31", "I am kind": true };

/** A gated repository of ana's with a card that asks nothing, or that asks all of the above. */
async function gatedRepo(name: string, mode: "auto" | "manual", { type = "model", card = "# Gated\n" } = {}) {
  const files = [
    { path: "README.md", content: Buffer.from(card).toString("base64"), encoding: "base64" },
    { path: "weights.txt", content: Buffer.from("secret").toString("base64"), encoding: "base64" },
  ];
  expect((await by("ana")("POST", "/api/repos/create", { name, type, files })).status).toBe(200);
  expect((await by("ana")("PUT", `/api/${type}s/ana/${name}/settings`, { gated: mode })).status).toBe(200);
}

const prefix = (type: string): string => (type === "model" ? "" : `/${type}s`);
const bytes = (who: Call, name: string, type = "model") =>
  who("GET", `${prefix(type)}/ana/${name}/resolve/main/weights.txt`);
const ask = (who: Call, name: string, body: unknown = {}, type = "model") =>
  who("POST", `${prefix(type)}/ana/${name}/ask-access`, body);
const requests = (path: string, type = "model") => `/api/${type}s/ana/${path.replace("/", "/user-access-request/")}`;
const names = ({ body }: Answer): string[] =>
  Array.isArray(body) ? body.map((row: { user: { user: string } }) => row.user.user) : [];
const status = ({ status: code, headers }: Answer) => [code, headers.get("x-error-code")];

beforeAll(async () => {
  hub = await testHub();
  as = {};
  for (const name of ["ana", "ben", "cy", "dee", "eve"]) as[name] = caller(hub, { token: await hub.user(name) });
  reader = caller(hub, { token: (await hub.tokenOf("ben", "read")).token });
  await by("ben")("PATCH", "/api/settings/profile", { email: "ben@example.org", fullname: "Ben C" });
});
afterAll(() => hub.stop());

describe("one repository", () => {
  it.each(["model", "dataset"])(
    "%s: shows itself to everybody and its bytes to nobody who was not let in",
    async (type) => {
      const name = `shown-${type}`;
      await gatedRepo(name, "manual", { type });
      expect(status(await bytes(nobody, name, type))).toEqual([401, "GatedRepo"]);
      expect(status(await bytes(by("ben"), name, type))).toEqual([403, "GatedRepo"]);
      expect((await bytes(by("ana"), name, type)).body).toBe("secret");
      expect((await nobody("GET", `/api/${type}s/ana/${name}`)).get("gated")).toBe("manual");
      expect((await nobody("GET", `/api/${type}s/ana/${name}/tree/main`)).status).toBe(200);
      expect(status(await nobody("GET", `${prefix(type)}/ana/${name}/raw/main/weights.txt`))).toEqual([
        401,
        "GatedRepo",
      ]);
      expect(status(await by("ben")("GET", `/api/${type}s/ana/${name}/xet-read-token/main`))).toEqual([
        403,
        "GatedRepo",
      ]);
      const page = await by("ben")("GET", `${prefix(type)}/ana/${name}/blob/main/weights.txt`);
      expect(page.body).not.toContain("secret");
      // The gate comes before the file: who may not have it does not learn whether it is there.
      expect(status(await by("ben")("GET", `${prefix(type)}/ana/${name}/resolve/main/not-there.txt`))).toEqual([
        403,
        "GatedRepo",
      ]);
    },
  );

  const asking = async (type: string) => {
    const name = `auto-${type}`;
    await gatedRepo(name, "auto", { type, card: CARD });
    await expect.poll(async () => (await ask(by("ben"), name, {}, type)).status).toBe(400);
    for (const [answers, problem] of [
      [{ ...ANSWERS, Country: "Mars" }, "Mars"],
      [{ ...ANSWERS, Birthday: "soon" }, "date"],
      [{ ...ANSWERS, "I am kind": false }, "agreed"],
      [{ ...ANSWERS, Company: "x".repeat(2001) }, "2000"],
    ] as const) {
      const refused = await ask(by("ben"), name, answers, type);
      expect([refused.status, refused.get("error")]).toEqual([400, expect.stringContaining(problem)]);
    }
    expect((await ask(nobody, name, ANSWERS, type)).status).toBe(401);
    expect((await ask(reader, name, ANSWERS, type)).status).toBe(403);
    const asked = await ask(by("ben"), name, ANSWERS, type);
    expect([asked.status, asked.headers.get("location")]).toEqual([303, `${prefix(type)}/ana/${name}`]);
    expect((await bytes(by("ben"), name, type)).body).toBe("secret");
    expect((await bytes(reader, name, type)).body).toBe("secret");
    const form = new URLSearchParams({ ...ANSWERS, "I am kind": "on" });
    expect((await ask(by("cy"), name, form, type)).status).toBe(303);
    expect((await bytes(by("cy"), name, type)).status).toBe(200);
  };
  operation("POST /{namespace}/{repo}/ask-access", () => asking("model"));
  operation("POST /datasets/{namespace}/{repo}/ask-access", () => asking("dataset"));

  operation("GET /api/{models|datasets}/{namespace}/{repo}/user-access-request/{status}", async (types) => {
    const type = types.slice(0, -1);
    const name = `list-${type}`;
    await gatedRepo(name, "manual", { type });
    for (const who of ["ben", "cy"]) expect((await ask(by(who), name, {}, type)).status).toBe(303);
    const list = (state: string, who = "ana") => by(who)("GET", requests(`${name}/${state}`, type));
    expect(names(await list("pending"))).toEqual(["ben", "cy"]);
    const [first] = JSON.parse(JSON.stringify((await list("pending")).body));
    expect(first).toMatchObject({
      status: "pending",
      user: { user: "ben", fullname: "Ben C", email: "ben@example.org" },
    });
    expect(first.timestamp).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(names(await list("accepted"))).toEqual([]);
    expect((await list("pending", "ben")).status).toBe(403);
    expect((await list("everything")).status).toBe(400);
    expect((await by("ana")("GET", `${requests(`${name}/pending`, type)}?limit=5`)).status).toBe(400);
    expect(names(await by("ana")("GET", `${requests(`${name}/pending`, type)}?q=ben`))).toEqual(["ben"]);
    expect(names(await by("ana")("GET", `${requests(`${name}/pending`, type)}?after=2999-01-01T00:00:00Z`))).toEqual(
      [],
    );
  });

  operation("POST /api/{models|datasets}/{namespace}/{repo}/user-access-request/handle", async (types) => {
    const type = types.slice(0, -1);
    const name = `handle-${type}`;
    await gatedRepo(name, "manual", { type });
    const handle = (user: string, state: string, more: object = {}, who = "ana") =>
      by(who)("POST", requests(`${name}/handle`, type), { user, status: state, ...more });
    expect((await handle("ben", "accepted")).status).toBe(404);
    await ask(by("ben"), name, {}, type);
    expect((await bytes(by("ben"), name, type)).get("error")).toContain("awaiting a review");
    expect((await handle("ben", "accepted", {}, "ben")).status).toBe(403);
    expect((await handle("nobody-here", "accepted")).get("error")).toBe("User not found");
    expect((await handle("ben", "perhaps")).status).toBe(400);
    expect((await handle("ben", "rejected", { rejectionReason: "x".repeat(201) })).status).toBe(400);
    expect((await handle("ben", "accepted")).status).toBe(200);
    expect((await bytes(by("ben"), name, type)).body).toBe("secret");
    expect((await handle("ben", "accepted")).status).toBe(404);
    expect((await handle("ben", "pending")).status).toBe(200);
    expect((await bytes(by("ben"), name, type)).status).toBe(403);
    expect((await handle("ben", "rejected", { rejectionReason: "Not now." })).status).toBe(200);
    expect((await bytes(by("ben"), name, type)).get("error")).toContain("rejected");
    expect((await ask(by("ben"), name, {}, type)).status).toBe(303);
    expect(names(await by("ana")("GET", requests(`${name}/rejected`, type)))).toEqual(["ben"]);
    expect((await handle("ben", "reset")).status).toBe(200);
    await ask(by("ben"), name, {}, type);
    expect(names(await by("ana")("GET", requests(`${name}/pending`, type)))).toEqual(["ben"]);
    const id = String((await by("ben")("GET", "/api/whoami-v2")).get("id"));
    expect((await by("ana")("POST", requests(`${name}/handle`, type), { userId: id, status: "accepted" })).status).toBe(
      200,
    );
    expect((await bytes(by("ben"), name, type)).status).toBe(200);
  });

  operation("POST /api/{models|datasets}/{namespace}/{repo}/user-access-request/grant", async (types) => {
    const type = types.slice(0, -1);
    const name = `grant-${type}`;
    await gatedRepo(name, "manual", { type });
    const grant = (user: string, who = "ana") => by(who)("POST", requests(`${name}/grant`, type), { user });
    expect((await grant("ben", "ben")).status).toBe(403);
    expect((await grant("ben")).status).toBe(200);
    expect((await bytes(by("ben"), name, type)).body).toBe("secret");
    expect((await grant("ben")).get("error")).toBe("That user already has access to the repo");
    expect((await grant("ana")).status).toBe(400);
    expect((await grant("nobody-here")).status).toBe(404);
    expect((await by("ana")("POST", requests(`${name}/grant`, type), {})).status).toBe(400);
    // Who was let in without asking never agreed to show their address.
    const list = await by("ana")("GET", requests(`${name}/accepted`, type));
    expect(JSON.stringify(list.body)).not.toContain("ben@example.org");
    expect(list.body).toMatchObject([{ grantedBy: { user: "ana" } }]);
  });

  operation("POST /api/{models|datasets}/{namespace}/{repo}/user-access-request/cancel", async (types) => {
    const type = types.slice(0, -1);
    const name = `cancel-${type}`;
    await gatedRepo(name, "manual", { type });
    const cancel = () => by("ben")("POST", requests(`${name}/cancel`, type));
    expect((await cancel()).status).toBe(404);
    await ask(by("ben"), name, {}, type);
    expect((await cancel()).body).toEqual({ ok: true });
    expect(names(await by("ana")("GET", requests(`${name}/pending`, type)))).toEqual([]);
  });

  operation("POST /api/{models|datasets}/{namespace}/{repo}/user-access-request/batch", async (types) => {
    const type = types.slice(0, -1);
    const name = `batch-${type}`;
    await gatedRepo(name, "manual", { type });
    for (const who of ["ben", "cy"]) await ask(by(who), name, {}, type);
    const who = [{ user: "ben" }, { user: "nobody-here" }, { user: "dee" }, { user: "cy" }];
    const batch = (body: object) => by("ana")("POST", requests(`${name}/batch`, type), body);
    expect((await batch({ status: "accepted", requests: who })).body).toEqual([
      { user: "ben", ok: true },
      { user: "nobody-here", ok: false, error: "user_not_found" },
      { user: "dee", ok: false, error: "request_not_found" },
      { user: "cy", ok: true },
    ]);
    expect((await bytes(by("cy"), name, type)).status).toBe(200);
    expect((await batch({ status: "accepted", requests: [{ user: "ben" }] })).body).toEqual([
      { user: "ben", ok: true },
    ]);
    expect((await batch({ status: "accepted", requests: [] })).status).toBe(400);
    const many = Array.from({ length: 101 }, () => ({ user: "ben" }));
    expect((await batch({ status: "accepted", requests: many })).status).toBe(400);
  });

  const reporting = async (type: string) => {
    const name = `report-${type}`;
    await gatedRepo(name, "auto", { type, card: "---\nextra_gated_fields:\n  Why: text\n---\n" });
    await expect.poll(async () => (await ask(by("ben"), name, {}, type)).status).toBe(400);
    await ask(by("ben"), name, { Why: '=HYPERLINK("http://evil")' }, type);
    const report = await by("ana")("GET", `${prefix(type)}/ana/${name}/user-access-report`);
    const [head, row] = String(report.body).split("\r\n");
    expect(head).toBe('"username","fullname","email","status","requested at","reviewed at","Why"');
    expect(row).toMatch(/^"ben","Ben C","ben@example.org","accepted","[^"]+","","'=HYPERLINK\(""http:\/\/evil""\)"$/);
    expect(report.headers.get("content-disposition")).toContain("attachment");
    expect((await by("ben")("GET", `${prefix(type)}/ana/${name}/user-access-report`)).status).toBe(403);
  };
  operation("GET /{namespace}/{repo}/user-access-report", () => reporting("model"));
  operation("GET /datasets/{namespace}/{repo}/user-access-report", () => reporting("dataset"));
});

describe("private and gated", () => {
  it("is not there for strangers, and does not take their requests", async () => {
    await gatedRepo("both", "auto");
    await by("ana")("PUT", "/api/models/ana/both/settings", { private: true });
    expect(status(await ask(by("ben"), "both"))).toEqual([404, "RepoNotFound"]);
    expect(status(await bytes(by("ben"), "both"))).toEqual([404, "RepoNotFound"]);
  });

  it("is opened again by taking the gate away; requests stay", async () => {
    await gatedRepo("opened", "manual");
    await ask(by("ben"), "opened");
    await by("ana")("PUT", "/api/models/ana/opened/settings", { gated: false });
    expect((await bytes(nobody, "opened")).body).toBe("secret");
    expect((await ask(by("cy"), "opened")).status).toBe(400);
    await by("ana")("PUT", "/api/models/ana/opened/settings", { gated: "auto" });
    expect((await bytes(by("ben"), "opened")).status).toBe(403);
    expect(names(await by("ana")("GET", requests("opened/pending")))).toEqual(["ben"]);
  });
});
