// The hub on its embedded database.
import { expect, it } from "vitest";
import { createUserOnHost, lockOwner } from "../../hub-server/main.ts";
import { testHub } from "../support/hub.ts";
import { hubContract } from "./contract.suite.ts";
import { officialClientSuite } from "./huggingface-js.suite.ts";

hubContract("the embedded database", () => testHub());
officialClientSuite("the embedded database", () => testHub());

it("a second process on the data folder is refused, and told who has it", async () => {
  const hub = await testHub();
  try {
    await expect(testHub({ dataDir: hub.folder })).rejects.toMatchObject({
      code: "DATA_FOLDER_IN_USE",
      data: { pid: process.pid, url: hub.url },
    });
    const made = await createUserOnHost({ dataDir: hub.folder, name: "dora" });
    const me: { name: string } = await (
      await fetch(`${hub.url}/api/whoami-v2`, { headers: { authorization: `Bearer ${made.token}` } })
    ).json();
    expect(me.name).toBe("dora");
  } finally {
    await hub.stop();
  }
  expect(lockOwner(hub.folder)).toBeUndefined();
});

it("keeps everything over a restart", async () => {
  const first = await testHub();
  const token = await first.user("ana");
  await fetch(`${first.url}/api/repos/create`, {
    method: "POST",
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ name: "kept" }),
  });
  await first.close();
  const second = await testHub({ dataDir: first.folder });
  try {
    expect((await fetch(`${second.url}/ana/kept/resolve/main/.gitattributes`)).status).toBe(200);
  } finally {
    await second.close();
    await first.stop().catch(() => {});
  }
});
