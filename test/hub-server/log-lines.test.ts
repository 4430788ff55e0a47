// What a hub writes into its log when something fails: why, and none of the values that were in hand. And no word of clients that leave.
import { connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "drizzle-orm";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { inWords, withStack } from "../../hub-server/db/in-words.ts";
import { setLogListener } from "../../src/log.ts";
import { caller } from "../support/caller.ts";
import { describeGit } from "../support/git.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
let token: string;
let lines: string[];
let restore: () => void;
beforeAll(async () => {
  hub = await testHub();
  token = await hub.user("ana");
});
afterAll(() => hub.stop());
beforeEach(() => {
  lines = [];
  restore = setLogListener(({ level, message }) => lines.push(`${level}: ${message}`));
});
afterEach(() => restore());

describe("a statement that fails", () => {
  it("is logged with what the database said and where, without its values", async () => {
    await hub.deps.db.execute(sql`alter table webhooks rename column url to address`);
    const body = { url: "https://hooks.example/", secret: "zq-secret", watched: [{ type: "user", name: "ana" }] };
    const answer = await caller(hub, { token })("POST", "/api/settings/webhooks", body);
    await hub.deps.db.execute(sql`alter table webhooks rename column address to url`);
    expect([answer.status, JSON.stringify(answer.body)]).toEqual([500, expect.not.stringMatching(/zq-secret|insert/)]);
    const [line = "", ...more] = lines;
    expect(more).toEqual([]);
    expect(line).toMatch(
      /^error: request \S+: PostgresError: column "url" of relation "webhooks" does not exist, at: insert/,
    );
    expect(line).toMatch(/\n {4}at .*webhooks\.ts/);
    expect(line).not.toContain("zq-secret");
  });

  it("shows no value that it was given", async () => {
    const gone = hub.deps.db.execute(sql`insert into nowhere values (${"zq-secret"}, ${"\n    at zq-secret"})`);
    const error: unknown = await gone.catch((thrown: unknown) => thrown);
    expect(String(error)).toContain("zq-secret");
    const told = 'PostgresError: relation "nowhere" does not exist, at: insert into nowhere values ($1, $2)';
    expect(inWords(error)).toBe(told);
    expect(withStack(error)).toMatch(/^PostgresError: .*\n {4}at /);
    expect(withStack(error)).not.toContain("zq-secret");
  });

  it("of background work is noted without them, too, where a library wrote them into the text", async () => {
    const gone = hub.deps.db.execute(sql.raw(`select ${"1, ".repeat(200)} 'zq-secret' from nowhere`));
    expect(inWords(await gone.catch((thrown: unknown) => thrown))).not.toContain("zq-secret");
  });
});

describeGit("a client of git that breaks off", () => {
  it("is no error, whenever it does", async () => {
    await caller(hub, { token })("POST", "/api/repos/create", { name: "mood" });
    const { hostname, port } = new URL(hub.url);
    for (const after of [0, 2, 5, 10, 15, 20, 30, 40, 60]) {
      const socket = connect(Number(port), hostname).on("error", () => {});
      socket.write(`GET /ana/mood/info/refs?service=git-upload-pack HTTP/1.1\r\nHost: ${hostname}:${port}\r\n\r\n`);
      await sleep(after);
      socket.resetAndDestroy();
      await sleep(100);
    }
    expect(lines).toEqual([]);
  });
});
