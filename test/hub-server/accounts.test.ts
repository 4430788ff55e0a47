// Users, passwords, tokens and sessions.
import { afterAll, beforeAll, expect, it } from "vitest";
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
  expect(await actorOfSession(hub.deps, cookie)).toMatchObject({ name: "Ana", role: "write" });
  await endSession(hub.deps, cookie);
  expect(await actorOfSession(hub.deps, cookie)).toBeUndefined();
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
