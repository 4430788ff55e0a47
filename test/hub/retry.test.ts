// When a request is sent again: what the hub says of limits, and what fails in passing.
import { createServer, type ServerResponse } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { commitOf, createDiscussion, deleteBranch, parseRepoId } from "../../src/hub/index.ts";
import { filterOf, fnmatch } from "../../src/hub/patterns.ts";
import { setLogListener } from "../../src/log.ts";

let answers: ((response: ServerResponse) => void)[] = [];
let asked = 0;
let endpoint = "";
const server = createServer((_, response) => {
  asked++;
  const next = answers.shift();
  if (next !== undefined) next(response);
  else response.end(JSON.stringify({ id: "x/y", sha: "a".repeat(40), num: 1 }));
});
const status =
  (code: number, headers: Record<string, string> = {}) =>
  (response: ServerResponse) =>
    response.writeHead(code, headers).end();

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  endpoint = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
});
beforeEach(() => {
  asked = 0;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const id = parseRepoId("x/y");
const read = () => commitOf({ endpoint, token: undefined }, id, "main");
const write = () => createDiscussion({ endpoint, token: "hf_x" }, id, "Title");

describe("a request", () => {
  it.each([408, 500, 502, 503, 504])("to read is sent again after %i", async (code) => {
    answers = [status(code), status(code)];
    expect(await read()).toBe("a".repeat(40));
    expect(asked).toBe(3);
  });

  it("is given up after a few tries", async () => {
    answers = Array.from({ length: 9 }, () => status(503));
    await expect(read()).rejects.toMatchObject({ data: { status: 503 } });
    expect(asked).toBe(4);
  });

  it.each([400, 401, 403, 404, 409, 412, 501])("is not sent again after %i", async (code) => {
    answers = [status(code)];
    await expect(read()).rejects.toMatchObject({ data: { status: code } });
    expect(asked).toBe(1);
  });

  it("that changes something is sent again only where it was refused for a limit", async () => {
    answers = [status(502)];
    await expect(write()).rejects.toMatchObject({ data: { status: 502 } });
    answers = [status(500)];
    await expect(deleteBranch({ endpoint, token: "hf_x" }, id, "dev")).rejects.toMatchObject({ data: { status: 500 } });
    expect(asked).toBe(2);
    answers = [status(429, { "Retry-After": "0" })];
    expect(await write()).toBe(1);
    expect(asked).toBe(4);
  });

  it("waits as it is told, says so, and does not wait for ever", async () => {
    const said: string[] = [];
    const restore = setLogListener(({ message }) => said.push(message));
    try {
      answers = [status(429, { ratelimit: '"api";r=0;t=3' })];
      const begun = performance.now();
      await read();
      expect(performance.now() - begun).toBeGreaterThan(2900);
      expect(said).toEqual([`${endpoint} asks to wait; trying again in 3 s.`]);
    } finally {
      restore();
    }
    answers = [status(429, { "Retry-After": "3600" })];
    await expect(read()).rejects.toMatchObject({ hint: expect.stringContaining("in 3600 s") });
  });

  it("to read is sent again when the connection breaks, one that changes something is not", async () => {
    answers = [(response) => response.destroy()];
    expect(await read()).toBe("a".repeat(40));
    expect(asked).toBe(2);
    answers = [(response) => response.destroy()];
    await expect(write()).rejects.toMatchObject({ code: "HUB_UNREACHABLE" });
    expect(asked).toBe(3);
  });
});

describe("patterns", () => {
  it.each([
    ["*.json", ["a.json", "sub/a.json"], ["a.json5", "json"]],
    ["sub/", ["sub/a", "sub/b/c"], ["sub", "subs/a"]],
    ["?.bin", ["a.bin", "/.bin"], ["ab.bin"]],
    ["[a-c]x", ["ax", "cx"], ["dx", "[a-c]x"]],
    ["[!a]x", ["bx"], ["ax"]],
    ["[]]x", ["]x"], ["x"]],
    ["[ab", ["[ab"], ["a"]],
    ["a+(b).{c}", ["a+(b).{c}"], ["aab.c"]],
    ["[z-a]", ["[z-a]"], ["z"]],
  ])("%s", (pattern, right, wrong) => {
    for (const path of right) expect(fnmatch(pattern)(path), path).toBe(true);
    for (const path of wrong) expect(fnmatch(pattern)(path), path).toBe(false);
  });

  it("let through what is included and not excluded", () => {
    const wanted = filterOf({ include: ["*.json", "*.bin"], exclude: ["old/"] });
    expect(["a.json", "b.bin", "c.txt", "old/a.json"].map(wanted)).toEqual([true, true, false, false]);
    expect(filterOf({})("anything")).toBe(true);
  });
});
