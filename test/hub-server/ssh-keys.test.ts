// SSH keys by the API and on their page: added, listed, removed, and what is refused.
import { execFileSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parsePublicKey } from "../../hub-server/services/ssh-keys.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { keyField, publicKeyLine } from "../support/ssh-key.ts";

let hub: TestHub;
let ana: string;
let ben: string;

beforeAll(async () => {
  hub = await testHub();
  ana = await hub.user("ana", { password: "correct horse" });
  ben = await hub.user("ben");
});
afterAll(() => hub.stop());

function rsaKey(bits: number): string {
  const { n = "", e = "" } = generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
  const number = (text: string) => keyField(Buffer.concat([Buffer.of(0), Buffer.from(text, "base64url")]));
  return `ssh-rsa ${Buffer.concat([keyField(Buffer.from("ssh-rsa")), keyField(Buffer.from(e, "base64url")), number(n)]).toString("base64")}`;
}

async function call(token: string | undefined, method: string, path = "", body?: object) {
  const response = await fetch(`${hub.url}/api/settings/ssh-keys${path}`, {
    method,
    headers: { ...(token !== undefined && { authorization: `Bearer ${token}` }), "content-type": "application/json" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: response.status, code: response.headers.get("x-error-code"), body: await response.json() };
}

describe("keys by the API", () => {
  it("are added, listed without those of others, and removed by their owner alone", async () => {
    const line = publicKeyLine();
    const made = await call(ana, "POST", "", { key: `${line}\n` });
    expect(made).toMatchObject({
      status: 201,
      body: { title: "ana@laptop", key: line.split(" ").slice(0, 2).join(" "), lastUsedAt: null },
    });
    expect(made.body.fingerprint).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/);
    const named = await call(ana, "POST", "", { key: publicKeyLine(""), title: "  ci " });
    expect(named.body.title).toBe("ci");
    expect((await call(ana, "GET")).body.map(({ title }: { title: string }) => title)).toEqual(["ana@laptop", "ci"]);
    expect((await call(ben, "GET")).body).toEqual([]);
    expect(await call(ben, "DELETE", `/${made.body.id}`)).toMatchObject({ status: 404, code: "SSH_KEY_NOT_FOUND" });
    expect(await call(ben, "POST", "", { key: line })).toMatchObject({ status: 409, code: "SSH_KEY_EXISTS" });
    expect((await call(ana, "DELETE", `/${made.body.id}`)).status).toBe(200);
    expect(await call(ana, "DELETE", `/${made.body.id}`)).toMatchObject({ status: 404 });
    expect((await call(ben, "POST", "", { key: line })).status).toBe(201);
    expect(await call(ana, "DELETE", "/nonsense")).toMatchObject({ status: 404 });
  });

  it("are for users with a token that may write everywhere", async () => {
    expect((await call(undefined, "GET")).status).toBe(401);
    const { token: reads } = await hub.tokenOf("ana", "read");
    expect((await call(reads, "GET")).status).toBe(200);
    expect((await call(reads, "POST", "", { key: publicKeyLine() })).status).toBe(403);
    const made = await fetch(`${hub.url}/api/settings/tokens`, {
      method: "POST",
      headers: { authorization: `Bearer ${ana}`, "content-type": "application/json" },
      body: JSON.stringify({
        name: "fine",
        role: "fineGrained",
        fineGrained: { global: [], scoped: [{ entity: { type: "user", name: "ana" }, permissions: ["repo.manage"] }] },
      }),
    });
    const { token: fine }: { token: string } = await made.json();
    expect((await call(fine, "GET")).status).toBe(403);
    expect((await call(fine, "POST", "", { key: publicKeyLine() })).status).toBe(403);
  });

  it.each([
    ["nothing", "", /is no kind of key/],
    ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl", /private key.*\.pub/s],
    ["a kind that is not known", `ssh-dss ${publicKeyLine().split(" ")[1]}`, /"ssh-dss" is no kind of key/],
    ["a key of another kind than it says", publicKeyLine().replace("ssh-ed25519", "ssh-rsa"), /cut off or damaged/],
    ["two keys", `${publicKeyLine()}\n${publicKeyLine()}`, /more than one line/],
    ["half a key", publicKeyLine().slice(0, 50), /cut off or damaged/],
    ["what is no base64", "ssh-ed25519 %%%%", /cut off or damaged/],
    ["a short RSA key", rsaKey(1024), /has 1024 bits; 2048 are the least/],
  ])("refuse %s in words", async (_, key, words) => {
    const { status, code, body } = await call(ana, "POST", "", { key });
    expect([status, code, `${body.error} ${body.hint ?? ""}`]).toEqual([
      400,
      "INVALID_SSH_KEY",
      expect.stringMatching(words),
    ]);
  });

  it("are fifty at most", async () => {
    const cem = await hub.user("cem");
    for (let number = 0; number < 50; number++)
      expect((await call(cem, "POST", "", { key: publicKeyLine(`${number}`) })).status).toBe(201);
    expect((await call(cem, "POST", "", { key: publicKeyLine() })).status).toBe(400);
  });

  it("have the fingerprint that ssh-keygen shows", () => {
    const line = publicKeyLine();
    let said: string;
    try {
      said = execFileSync("ssh-keygen", ["-l", "-f", "-"], { input: line, encoding: "utf8", stdio: "pipe" });
    } catch {
      return expect(parsePublicKey(line).fingerprint).toMatch(/^SHA256:/);
    }
    expect(said).toContain(parsePublicKey(line).fingerprint);
  });
});

describe("the page of keys", () => {
  it("adds and removes, shows what is wrong, and never a private key again", async () => {
    const login = await fetch(`${hub.url}/login`, {
      method: "POST",
      redirect: "manual",
      headers: { origin: hub.url },
      body: new URLSearchParams({ name: "ana", password: "correct horse" }),
    });
    const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
    const post = (path: string, form: Record<string, string>) =>
      fetch(`${hub.url}${path}`, {
        method: "POST",
        redirect: "manual",
        headers: { cookie, origin: hub.url },
        body: new URLSearchParams(form),
      });
    const page = async () => (await fetch(`${hub.url}/settings/ssh-keys`, { headers: { cookie } })).text();
    expect((await fetch(`${hub.url}/settings/ssh-keys`, { redirect: "manual" })).status).toBe(401);
    expect((await post("/settings/ssh-keys", { key: publicKeyLine("<b>desk</b>"), title: "" })).status).toBe(303);
    expect(await page()).toContain("&lt;b&gt;desk&lt;/b&gt;");
    const wrong = await post("/settings/ssh-keys", { key: "-----BEGIN RSA PRIVATE KEY-----\nMIIsecret", title: "x" });
    const text = await wrong.text();
    expect([wrong.status, text.includes("That is a private key"), text.includes("MIIsecret")]).toEqual([
      400,
      true,
      false,
    ]);
    const [, id = ""] = /name="id" value="([^"]+)"(?![\s\S]*name="id")/.exec(await page()) ?? [];
    expect((await post("/settings/ssh-keys/remove", { id })).status).toBe(303);
    expect(await page()).not.toContain("desk");
  });
});
