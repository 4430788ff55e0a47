// Users, passwords, tokens and sessions.
import { afterAll, beforeAll, expect, it } from "vitest";
import { sessions } from "../../hub-server/db/schema.ts";
import {
  actorOfSession,
  checkPassword,
  createSession,
  createToken,
  createUser,
  endSession,
  findUser,
  listTokens,
  newToken,
  revokeToken,
  userCount,
} from "../../hub-server/services/users.ts";
import { type TestHub, testHub } from "../support/hub.ts";

let hub: TestHub;
beforeAll(async () => {
  hub = await testHub();
});
afterAll(() => hub.stop());

it("makes users once, whatever the case, and refuses names that cannot be", async () => {
  const before = await userCount(hub.deps);
  await createUser(hub.deps, { name: "Ana", password: "correct horse" });
  expect(await userCount(hub.deps)).toBe(before + 1);
  expect(await findUser(hub.deps, "ana")).toMatchObject({ name: "Ana", admin: false });
  await expect(createUser(hub.deps, { name: "ana" })).rejects.toMatchObject({ status: 409 });
  for (const name of ["", "api", "a b", "-x", "x.git", "a".repeat(97)]) {
    await expect(createUser(hub.deps, { name })).rejects.toMatchObject({ status: 400 });
  }
  await expect(createUser(hub.deps, { name: "ben", password: "short" })).rejects.toMatchObject({ status: 400 });
});

it("checks passwords and keeps sessions until they are ended", async () => {
  await expect(checkPassword(hub.deps, "ana", "wrong")).rejects.toMatchObject({ status: 401 });
  await expect(checkPassword(hub.deps, "nobody", "wrong")).rejects.toMatchObject({ status: 401 });
  const user = await checkPassword(hub.deps, "ana", "correct horse");
  const cookie = await createSession(hub.deps, user.id);
  const actor = await actorOfSession(hub.deps, cookie);
  expect(actor).toMatchObject({ name: "Ana", role: "write" });
  expect(Math.abs((actor?.credential.createdAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  await endSession(hub.deps, cookie);
  expect(await actorOfSession(hub.deps, cookie)).toBeUndefined();
});

it("forgets sessions that are over when another one begins", async () => {
  const user = await checkPassword(hub.deps, "ana", "correct horse");
  const over = await createSession(hub.deps, user.id);
  await hub.deps.db.update(sessions).set({ expiresAt: new Date(Date.now() - 1000) });
  expect(await actorOfSession(hub.deps, over)).toBeUndefined();
  const next = await createSession(hub.deps, user.id);
  expect(await hub.deps.db.$count(sessions)).toBe(1);
  expect(await actorOfSession(hub.deps, next)).toMatchObject({ name: "Ana" });
});

it("shows tokens by their ending alone, and a revoked one is refused", async () => {
  const user = await findUser(hub.deps, "ana");
  if (user === undefined) throw new Error("ana is missing");
  expect(newToken()).toMatch(/^hf_[A-Za-z0-9]{34}$/);
  await expect(createToken(hub.deps, user.id, { name: "bad", token: "secret" })).rejects.toMatchObject({ status: 400 });
  const token = await createToken(hub.deps, user.id, { name: "laptop" });
  const whoami = () => fetch(`${hub.url}/api/whoami-v2`, { headers: { authorization: `Bearer ${token}` } });
  expect((await whoami()).status).toBe(200);
  const actor = await actorOfSession(hub.deps, await createSession(hub.deps, user.id));
  const ctx = { ...hub.deps, actor };
  const [listed] = await listTokens(ctx);
  expect(listed).toMatchObject({ name: "laptop", ending: token.slice(-4) });
  expect(JSON.stringify(listed)).not.toContain(token);
  await revokeToken(ctx, listed?.id ?? "");
  expect((await whoami()).status).toBe(401);
});
