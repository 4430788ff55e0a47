// Users that are made on the hub's machine, and the token that each begins with.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { createUserOnHost, startHub } from "../../hub-server/main.ts";

it("begin with tokens of different names, by which clients keep them", { timeout: 180_000 }, async () => {
  const dataDir = await mkdtemp(join(tmpdir(), "abrazo-host-users-"));
  const ana = await createUserOnHost({ dataDir, name: "ana" });
  const hub = await startHub({ port: 0, dataDir });
  const bob = await createUserOnHost({ dataDir, name: "bob" });
  const names = [ana, bob].map(async ({ token }) => {
    const response = await fetch(`${hub.url}/api/whoami-v2`, { headers: { Authorization: `Bearer ${token}` } });
    const { auth } = (await response.json()) as { auth: { accessToken: { displayName: string } } }; // safe because that is what whoami answers
    return auth.accessToken.displayName;
  });
  expect(await Promise.all(names)).toEqual(["ana-first", "bob-first"]);
  await hub.close();
  await rm(dataDir, { recursive: true, force: true });
});
