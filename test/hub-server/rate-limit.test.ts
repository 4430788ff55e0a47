// A limit of calls: counted by caller, told in headers, off unless somebody sets it.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parseRateLimit, rateLimiter } from "../../hub-server/rate-limit.ts";
import { type TestHub, testHub } from "../support/hub.ts";

describe("rateLimiter", () => {
  it("counts each caller in windows, and says how many calls are left until when", () => {
    let time = 1_000_000_000_000;
    const count = rateLimiter({ requests: 2, seconds: 10 }, () => time);
    time += 3500;
    expect(count("ana")).toEqual({
      RateLimit: '"api";r=1;t=7',
      "RateLimit-Policy": '"fixed window";"api";q=2;w=10',
    });
    expect(count("ana")["RateLimit"]).toBe('"api";r=0;t=7');
    expect(() => count("ana")).toThrow(
      expect.objectContaining({
        status: 429,
        code: "RATE_LIMITED",
        message: "More than 2 calls in 10 seconds.",
        headers: { RateLimit: '"api";r=0;t=7', "RateLimit-Policy": expect.any(String), "Retry-After": "7" },
      }),
    );
    expect(count("ben")["RateLimit"]).toBe('"api";r=1;t=7');
    time += 6500;
    expect(count("ana")["RateLimit"]).toBe('"api";r=1;t=10');
  });

  it("does not keep more callers than it can hold: those beyond share", () => {
    const count = rateLimiter({ requests: 2, seconds: 10 }, () => 0);
    for (let index = 0; index < 100_000; index++) count(`${index}`);
    count("one more");
    count("and one");
    expect(() => count("and another")).toThrow(/More than 2/);
    expect(count("0")["RateLimit"]).toBe('"api";r=0;t=10');
  });
});

describe("parseRateLimit", () => {
  it("takes calls and seconds", () => {
    expect(parseRateLimit("1000/300")).toEqual({ requests: 1000, seconds: 300 });
    expect(parseRateLimit("")).toBeUndefined();
  });

  it.each(["1000", "0/300", "1000/0", "1e3/300", "1000/300s", "-1/1", "9999999999/1"])("refuses %s", (text) => {
    expect(() => parseRateLimit(text)).toThrow(expect.objectContaining({ code: "BAD_RATE_LIMIT" }));
  });
});

describe("a hub with a limit", () => {
  let hub: TestHub;
  let token: string;
  beforeAll(async () => {
    hub = await testHub({ rateLimit: { requests: 3, seconds: 3600 } });
    token = await hub.user("ana");
  });
  afterAll(() => hub.stop());

  it("refuses the caller who went over it, by name or by address, and nobody else; files and pages do not count", async () => {
    const call = (headers: Record<string, string> = {}) => fetch(`${hub.url}/api/models`, { headers });
    const ana = { authorization: `Bearer ${token}` };
    for (const left of [2, 1, 0]) {
      const response = await call(ana);
      expect([response.status, response.headers.get("ratelimit")]).toEqual([
        200,
        expect.stringMatching(new RegExp(`^"api";r=${left};t=\\d+$`)),
      ]);
    }
    const refused = await call(ana);
    expect(refused.status).toBe(429);
    expect(refused.headers.get("x-error-code")).toBe("RATE_LIMITED");
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(refused.headers.get("x-request-id")).toBeTruthy();
    expect((await call()).status).toBe(200);
    for (const address of ["10.0.0.1", "10.0.0.2"]) {
      const answers = [];
      for (let index = 0; index < 4; index++)
        answers.push((await call({ "x-forwarded-for": `1.2.3.4, ${address}` })).status);
      expect(answers).toEqual([200, 200, 200, 429]);
    }
    for (let index = 0; index < 5; index++) {
      expect((await fetch(`${hub.url}/models`, { headers: ana })).status).toBe(200);
      expect((await fetch(`${hub.url}/ana/none/resolve/main/x`, { headers: ana })).status).toBe(404);
    }
  });
});

describe("a hub without one", () => {
  let hub: TestHub;
  beforeAll(async () => {
    hub = await testHub();
  });
  afterAll(() => hub.stop());

  it("says nothing of limits", async () => {
    const response = await fetch(`${hub.url}/api/models`);
    expect([response.status, response.headers.get("ratelimit")]).toEqual([200, null]);
  });

  it("names every answer by the id that the caller gave, or one of its own", async () => {
    const id = async (path: string, headers: Record<string, string> = {}) =>
      (await fetch(`${hub.url}${path}`, { headers })).headers.get("x-request-id");
    for (const path of [
      "/api/models",
      "/api/models/a/b",
      "/api/jobs/hardware",
      "/compat",
      "/nothing/at/all",
      "/a/b/resolve/main/x",
    ]) {
      expect(await id(path), path).toMatch(/^[0-9a-f-]{36}$/);
      expect(await id(path, { "x-request-id": "mine" }), path).toBe("mine");
      expect(await id(path, { "x-amzn-trace-id": "theirs" }), path).toBe("theirs");
    }
  });

  it("takes an endpoint that ends in a slash", async () => {
    expect((await fetch(`${hub.url}//api/models`)).status).toBe(200);
    expect((await fetch(`${hub.url}//datasets/a/b/resolve/main/x`)).headers.get("x-error-code")).toBe("RepoNotFound");
  });

  it("lets pages of other origins call it, and read what it answers", async () => {
    const preflight = await fetch(`${hub.url}/ana/mood/resolve/main/x`, {
      method: "OPTIONS",
      headers: { origin: "https://elsewhere.example", "access-control-request-headers": "authorization,range" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/Authorization.*Range/);
    const missing = await fetch(`${hub.url}/ana/mood/resolve/main/x`);
    expect(missing.headers.get("access-control-allow-origin")).toBe("*");
    expect(missing.headers.get("access-control-expose-headers")).toMatch(/Content-Length.*ETag.*X-Error-Code/);
  });
});
