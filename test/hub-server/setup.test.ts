// The one-time link that makes the first user of an empty hub.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { startHub } from "../../hub-server/main.ts";
import { findUser, userCount } from "../../hub-server/services/users.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "abrazo-setup-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** What the form of the page sends. */
const submit = (url: string, fields: Record<string, string>) =>
  fetch(`${url}/setup`, {
    method: "POST",
    redirect: "manual",
    headers: { origin: url },
    body: new URLSearchParams(fields),
  });

it("makes one administrator, once, and is not offered again after a restart", async () => {
  const hub = await startHub({ port: 0, dataDir: folder });
  const link = hub.setupUrl ?? "";
  const secret = new URL(link).searchParams.get("secret") ?? "";
  try {
    expect(secret).toMatch(/^[\w-]{32}$/);
    expect(await (await fetch(link)).text()).toContain("<form");
    for (const wrong of ["", "x", `${secret}x`, secret.toUpperCase()]) {
      expect((await fetch(`${hub.url}/setup?secret=${wrong}`)).status).toBe(404);
      expect((await submit(hub.url, { secret: wrong, name: "eve", password: "long enough" })).status).toBe(404);
    }
    // What the user has to correct does not use the link up.
    expect((await submit(hub.url, { secret, name: "ana", password: "short" })).status).toBe(400);
    expect(await userCount(hub.deps)).toBe(0);

    const made = await Promise.all(
      ["ana", "eve", "ida"].map((name) => submit(hub.url, { secret, name, password: "correct horse" })),
    );
    expect(made.map(({ status }) => status).sort()).toEqual([303, 404, 404]);
    expect(await userCount(hub.deps)).toBe(1);
    const name = ["ana", "eve", "ida"][made.findIndex(({ status }) => status === 303)] ?? "";
    expect(await findUser(hub.deps, name)).toMatchObject({ admin: true });
    const cookie = made.find(({ status }) => status === 303)?.headers.get("set-cookie") ?? "";
    expect(cookie).toMatch(/HttpOnly/i);
    const page = await fetch(`${hub.url}/settings/tokens`, { headers: { cookie: cookie.split(";")[0] ?? "" } });
    expect(page.status).toBe(200);

    expect((await fetch(link)).status).toBe(404);
    expect((await submit(hub.url, { secret, name: "late", password: "correct horse" })).status).toBe(404);
  } finally {
    await hub.close();
  }
  const again = await startHub({ port: 0, dataDir: folder });
  try {
    expect(again.setupUrl).toBeUndefined();
    expect((await fetch(`${again.url}/setup?secret=${secret}`)).status).toBe(404);
    expect(await userCount(again.deps)).toBe(1);
  } finally {
    await again.close();
  }
});
