// Each refusal as @huggingface/hub tells it: status, our sentence, the request's id.
import * as hf from "@huggingface/hub";
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, expect } from "vitest";
import { setLogListener } from "../../src/log.ts";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let limited: TestHub;
let ana: string;
let ben: string;
const repo = { type: "model", name: "ana/mood" } as const;
const file = { path: "a.txt", content: new Blob(["a"]) };

beforeAll(async () => {
  hub = await testHub();
  ana = await hub.user("ana");
  ben = await hub.user("ben");
  limited = await testHub({ rateLimit: { requests: 1, seconds: 3600 } });
  await hf.createRepo({ hubUrl: hub.url, accessToken: ana, repo });
});
afterAll(async () => {
  await hub?.stop();
  await limited?.stop();
});

async function collect(list: AsyncIterable<unknown>): Promise<number> {
  let count = 0;
  for await (const _ of list) count++;
  return count;
}

/** What a call was refused with. */
async function refusal(call: Promise<unknown>): Promise<hf.HubApiError> {
  const thrown: unknown = await call.then(
    (value) => Promise.reject(new Error(`It was to fail, and gave ${JSON.stringify(value)}`)),
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(hf.HubApiError);
  // safe because of the line above
  return thrown as hf.HubApiError;
}

async function expectRefusal(call: Promise<unknown>, status: number, message: RegExp): Promise<void> {
  const error = await refusal(call);
  expect([error.statusCode, error.message]).toEqual([status, expect.stringMatching(message)]);
  expect(error.requestId).toMatch(/\S/);
  expect(error.message).toContain(`Request ID: ${error.requestId}`);
}

check(38, "401, of a token that nobody has", async () => {
  const wrong = { hubUrl: hub.url, accessToken: `hf_${"x".repeat(34)}` };
  await expectRefusal(hf.whoAmI(wrong), 401, /Invalid credentials/);
  await expectRefusal(hf.uploadFile({ ...wrong, repo, file }), 401, /Invalid credentials/);
});

check(38, "403, of what another one owns", async () => {
  const stranger = { hubUrl: hub.url, accessToken: ben, repo };
  await expectRefusal(hf.uploadFile({ ...stranger, file }), 403, /ben may not write to ana\/mood/);
  await expectRefusal(hf.deleteRepo(stranger), 403, /ben may not/);
});

check(38, "404, of what is not there", async () => {
  const missing = { hubUrl: hub.url, repo: { type: "model", name: "ana/nothing" } as const };
  await expectRefusal(collect(hf.listFiles(missing)), 404, /Repository not found/);
  await expectRefusal(hf.modelInfo({ hubUrl: hub.url, name: "ana/nothing" }), 404, /Repository not found/);
  await expectRefusal(collect(hf.listFiles({ ...missing, repo, revision: "nothing" })), 404, /Invalid rev id: nothing/);
});

check(38, "409, of what is there already", async () => {
  await expectRefusal(
    hf.createRepo({ hubUrl: hub.url, accessToken: ana, repo }),
    409,
    /exists already|already created/,
  );
});

check(38, "429, of too many calls", async () => {
  const call = () => collect(hf.listModels({ hubUrl: limited.url }));
  await call();
  await expectRefusal(call(), 429, /More than 1 calls in 3600 seconds/);
});

check(38, "500, of a fault of the hub's own, without its details", async () => {
  const logged: string[] = [];
  const restore = setLogListener(({ message }) => logged.push(message));
  await hub.deps.db.execute(sql`ALTER TABLE refs RENAME TO refs_away`);
  try {
    const call = collect(hf.listFiles({ hubUrl: hub.url, repo }));
    const error = await refusal(call);
    expect([error.statusCode, error.message]).toEqual([500, expect.stringMatching(/^Internal error/)]);
    expect(error.message).not.toMatch(/refs/);
    expect(logged.join("\n")).toContain(`request ${error.requestId}: `);
  } finally {
    await hub.deps.db.execute(sql`ALTER TABLE refs_away RENAME TO refs`);
    restore();
  }
  expect(await collect(hf.listFiles({ hubUrl: hub.url, repo }))).toBe(1);
});

check(64, "every answer has an id, which an error's text names", async () => {
  const answer = await fetch(`${hub.url}/api/models/ana/mood`, { headers: { "x-request-id": "mine-1" } });
  expect(answer.headers.get("x-request-id")).toBe("mine-1");
  const error = await refusal(hf.modelInfo({ hubUrl: hub.url, name: "ana/nothing" }));
  expect(error.message).toContain(`Request ID: ${error.requestId}`);
});
