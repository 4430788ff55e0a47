// Names that a hub is called by, and pages of other sites that would read it: a hub of one machine is not for them.
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { isKnown, mayRead } from "../../hub-server/names.ts";
import { type TestHub, testHub } from "../support/hub.ts";

const LOCAL = { isLocal: true, trusted: [] };
const OPEN = { isLocal: false, trusted: [] };
const NAMED = { isLocal: false, trusted: ["hub.example.org"] };

describe("the name of a hub that listens on its machine alone", () => {
  it.each([
    ["addresses", ["127.0.0.1:7860", "127.0.0.2:7860", "[::1]:7860", "192.168.1.5:7860", "0x7f.1:7860"]],
    ["names of this machine", ["localhost:7860", "LOCALHOST.:7860", "hub.localhost:7860", "nas:7860"]],
    [
      "names of its network",
      ["nas.local:7860", "hub.lan:7860", "hub.internal:7860", "hub.test:7860", "hub.home.arpa:7860"],
    ],
    ["a proxy's", ["hub.example.org", "hub.example.org:443", "hub.example.org:8443"]],
  ])("may be among %s", (_, hosts) => {
    expect(hosts.filter((host) => !isKnown(LOCAL, host, 7860))).toEqual([]);
  });

  it.each([
    "evil.example:7860",
    "EVIL.example.:7860",
    "localhost.evil.example:7860",
    "127.0.0.1.evil.example:7860",
    "evil-local.example:7860",
    "evil.locals:7860",
    "127.0.0.1.evil.example:07860",
  ])("is not %s", (host) => {
    expect([isKnown(LOCAL, host, 7860), isKnown(OPEN, host, 7860), isKnown(NAMED, host, 7860)]).toEqual([
      false,
      true,
      false,
    ]);
  });

  it("is none that is no name, and may be left out", () => {
    const none = ["evil.example:7860, 127.0.0.1:7860", "evil.example:x", "a b", ":7860"];
    expect(none.filter((host) => isKnown(LOCAL, host, 7860))).toEqual([]);
    expect(isKnown(LOCAL, "", 7860)).toBe(true);
  });

  it("is the port's also where browsers leave that out, and one that was allowed", () => {
    expect([isKnown(LOCAL, "evil.example", 80), isKnown(LOCAL, "evil.example", 7860)]).toEqual([false, true]);
    const named = { isLocal: true, trusted: ["hub.example.org"] };
    expect(isKnown(named, "hub.example.org:7860", 7860)).toBe(true);
    expect([isKnown(named, "other.example.org", 7860), isKnown(named, "localhost:7860", 7860)]).toEqual([false, true]);
  });
});

describe("pages that read it", () => {
  const reads = (origin: string, host = "127.0.0.1:7860", names = LOCAL) => mayRead(names, host, origin);

  it("are those of this machine, and programs that are no pages", () => {
    const own = [
      "http://localhost:3000",
      "http://127.0.0.1:7860",
      "https://[::1]",
      "chrome-extension://abc",
      "app://x",
    ];
    expect(own.filter((origin) => !reads(origin))).toEqual([]);
    const others = ["https://evil.example", "http://203.0.113.5", "http://localhost.evil.example", "null", "https://"];
    expect(others.filter((origin) => reads(origin))).toEqual([]);
    expect(others.filter((origin) => reads(origin, "localhost:7860"))).toEqual([]);
  });

  it("are all where the hub is for all: behind a proxy, or open to a network", () => {
    expect(reads("https://app.example", "hub.example.org")).toBe(true);
    expect(reads("https://app.example", "127.0.0.1:7860", OPEN)).toBe(true);
    expect(mayRead({ isLocal: true, trusted: ["app.example"] }, "localhost:7860", "https://app.example")).toBe(true);
  });
});

describe("a hub on this machine", () => {
  let hub: TestHub;
  let port: string;
  beforeAll(async () => {
    hub = await testHub();
    ({ port } = new URL(hub.url));
  });
  afterAll(() => hub.stop());

  const send = (method: string, path: string, headers: Record<string, string>) =>
    new Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }>((resolve, reject) => {
      const sent = request(`${hub.url}${path}`, { method, headers }, (answer) => {
        let text = "";
        answer.on("data", (chunk) => (text += chunk));
        answer.on("end", () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }));
      });
      sent.on("error", reject).end();
    });

  it("does nothing under a name that leads there by somebody else's will, whatever else is told", async () => {
    const host = `evil.example:${port}`;
    const forged = {
      host,
      "x-forwarded-host": "localhost",
      "x-forwarded-for": "10.0.0.1",
      "x-forwarded-proto": "https",
    };
    for (const path of ["/", "/api/models", "/login", "/a/b/resolve/main/x", "/api/docs", "/oauth/device"])
      for (const headers of [{ host }, forged, { host, origin: `http://${host}` }]) {
        const { status, headers: told, text } = await send("GET", path, headers);
        expect([path, status, told["x-error-code"], told["access-control-allow-origin"]]).toEqual([
          path,
          403,
          "UNKNOWN_HOST",
          undefined,
        ]);
        expect(text).toContain(`This hub is not called \\"${host}\\"`);
      }
    for (const method of ["POST", "OPTIONS"]) expect((await send(method, "/login", { host })).status).toBe(403);
  });

  it("is there by its addresses, by names of its network, and by a proxy's name", async () => {
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `nas.local:${port}`, "hub.example.org"])
      expect([host, (await send("GET", "/api/models", { host })).status]).toEqual([host, 200]);
  });

  it("lets pages of other sites read nothing", async () => {
    for (const origin of ["https://evil.example", "null"])
      for (const path of ["/api/models", "/api/models/a/b", "/nothing", "/a/b/resolve/main/x"]) {
        const { headers } = await send("GET", path, { origin });
        expect([path, headers["access-control-allow-origin"], headers["vary"]]).toEqual([path, undefined, "Origin"]);
        const asked = await send("OPTIONS", path, { origin, "access-control-request-method": "GET" });
        expect(asked.headers["access-control-allow-origin"]).toBeUndefined();
      }
    const own = await send("GET", "/api/models", { origin: "http://localhost:5173" });
    expect(own.headers["access-control-allow-origin"]).toBe("*");
  });

  it("makes its links of the name and the scheme that it was called by, and of nothing else", async () => {
    const headers = { host: "hub.example.org", "x-forwarded-host": "evil.example", "x-forwarded-proto": "javascript" };
    const { text } = await send("GET", "/.well-known/openid-configuration", headers);
    expect(JSON.parse(text)).toMatchObject({ issuer: "http://hub.example.org" });
    const broken = ['a"><script>', "a b", "a/b", "a@b", "a\\b", "a,b", "a;b", "a'b", "a<b"];
    for (const host of broken) {
      const answer = await send("GET", "/.well-known/openid-configuration", { host });
      expect([host, answer.status, answer.text.includes("<script>")]).toEqual([host, expect.any(Number), false]);
      if (answer.status === 200) expect(URL.canParse(JSON.parse(answer.text).issuer)).toBe(true);
    }
  });
});
