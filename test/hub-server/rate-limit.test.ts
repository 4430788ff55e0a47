// A limit of calls: counted by caller, told in headers, off unless somebody sets it.
import { connect } from "node:net";
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

  /** What the fourth of four calls is answered: as if they came from these addresses, told by a proxy. */
  const fourth = async (addresses: readonly [string, string, string, string], path = "/api/models", more = {}) => {
    let status = 0;
    for (const address of addresses)
      status = (await fetch(`${hub.url}${path}`, { headers: { "x-forwarded-for": address, ...more } })).status;
    return status;
  };

  it("takes the addresses of one network of IPv6 for one caller, however they are written, and no two networks", async () => {
    const one = [
      "2001:db8:0:1::1",
      "2001:0DB8:0000:0001:aaaa::2",
      "2001:db8::1:ffff:0:0:3",
      "2001:db8:0:1:1:2:1.2.3.4",
    ];
    expect(await fourth([one[0] ?? "", one[1] ?? "", one[2] ?? "", one[3] ?? ""])).toBe(429);
    expect(await fourth(["2001:db8:0:2::1", "2001:db8:0:3::1", "2001:db8:0:4::1", "2001:db8:0:5::1"])).toBe(200);
    expect(await fourth(["::ffff:10.0.1.1", "10.0.1.1", "::FFFF:10.0.1.1", "10.0.1.1"])).toBe(429);
    expect(await fourth(["::ffff:10.0.2.1", "::ffff:10.0.2.2", "::ffff:10.0.2.3", "::ffff:10.0.2.4"])).toBe(200);
  });

  it("takes no port for another caller, and no words for an address", async () => {
    expect(await fourth(["10.0.3.1:1001", "10.0.3.1:1002", "10.0.3.1", "10.0.3.1:1004"])).toBe(429);
    expect(await fourth(["[2001:db8:1::1]:1", "[2001:db8:1::1]:2", "2001:db8:1::1%eth0", "[2001:db8:1::1]"])).toBe(429);
    expect(await fourth(["a", "....", "999.1.1.1", "10.0.4.1, nobody"])).toBe(429);
  });

  it("counts calls with a token that is none, whichever", async () => {
    const made: number[] = [];
    for (const letter of "abcd") {
      const authorization = `Bearer hf_${letter.repeat(34)}`;
      const headers = { authorization, "x-forwarded-for": "10.0.5.1" };
      made.push((await fetch(`${hub.url}/api/models`, { headers })).status);
    }
    expect(made).toEqual([401, 401, 401, 429]);
  });

  it("knows the API by every spelling of its address", async () => {
    const { hostname, port } = new URL(hub.url);
    const raw = (path: string, address: string) =>
      new Promise<string>((resolve, reject) => {
        const socket = connect(Number(port), hostname).on("error", reject);
        socket.write(`GET ${path} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nX-Forwarded-For: ${address}\r\n\r\n`);
        socket.once("data", (chunk) => resolve(String(chunk).slice(9, 12)));
        socket.once("data", () => socket.destroy());
      });
    const spelled = [
      "/%61pi/models",
      "//api/models",
      "/api/lfs/../models",
      "/api/lfs/%2e%2E/models",
      "/x/../api/models",
      "/api/telemetry/%2e%2e/models",
      "/api/./models",
    ];
    for (const [index, path] of spelled.entries()) {
      const statuses: string[] = [];
      for (let call = 0; call < 4; call++) statuses.push(await raw(path, `10.0.6.${index}`));
      expect([path, statuses]).toEqual([path, ["200", "200", "200", "429"]]);
    }
    for (const path of ["/API/models", "/api%2fmodels"])
      expect([path, await raw(path, "10.0.7.1")]).toEqual([path, "404"]);
  });
});

describe("passwords", () => {
  let hub: TestHub;
  beforeAll(async () => {
    hub = await testHub();
    await hub.user("ana", { password: "correct horse" });
  });
  afterAll(() => hub.stop());

  const logIn = async (address: string, name: string, password = "guess") => {
    const body = new URLSearchParams({ name, password, next: "/" });
    const headers = { origin: hub.url, "x-forwarded-for": address };
    return (await fetch(`${hub.url}/login`, { method: "POST", redirect: "manual", headers, body })).status;
  };

  it("are guessed ten times for a name, from all addresses of a network, and in all spellings of the name", async () => {
    for (let index = 0; index < 10; index++)
      expect(await logIn(`2001:db8::${index}`, index % 2 === 0 ? "ana" : "ANA")).toBe(401);
    expect(await logIn("2001:db8::ffff", "Ana", "correct horse")).toBe(429);
    expect(await logIn("2001:db8:1::1", "ana", "correct horse")).toBe(303);
  });

  it("are guessed a hundred times for all names together", async () => {
    const tries = Array.from({ length: 100 }, (_, index) => `nobody-${index}`);
    for (const [index, name] of tries.entries()) expect(await logIn(`2001:db8:2:0:${index}::1`, name)).toBe(401);
    expect(await logIn("2001:db8:2::1", "ana", "correct horse")).toBe(429);
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
      headers: { origin: "http://localhost:5173", "access-control-request-headers": "authorization,range" },
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get("access-control-allow-origin")).toBe("*");
    expect(preflight.headers.get("access-control-allow-headers")).toMatch(/Authorization.*Range/);
    const missing = await fetch(`${hub.url}/ana/mood/resolve/main/x`);
    expect(missing.headers.get("access-control-allow-origin")).toBe("*");
    expect(missing.headers.get("access-control-expose-headers")).toMatch(/Content-Length.*ETag.*X-Error-Code/);
  });
});
