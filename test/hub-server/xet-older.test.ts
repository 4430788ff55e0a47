// Older clients of Xet, replayed: what each asks first, and what it goes by.
import { afterAll, beforeAll, describe, expect } from "vitest";
import { check } from "../clients/conformance/harness.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { Cas, hashOf, makeShard, makeXorb, noise, sha256Of, XetClient } from "../support/xet.ts";

let hub: TestHub;
let ana: XetClient;

beforeAll(async () => {
  hub = await testHub();
  ana = new XetClient(hub.url, await hub.user("ana"));
  await ana.createRepo("old");
});
afterAll(() => hub.stop());

interface Batch {
  transfer: string;
  objects: { oid: string; actions?: { upload: { href: string; header?: Record<string, string> }; verify?: unknown } }[];
}

const batchOf = async (transfers: readonly string[], oid: string, ref?: string): Promise<Batch> => {
  const response = await ana.call("POST", "/ana/old.git/info/lfs/objects/batch", {
    operation: "upload",
    transfers,
    objects: [{ oid, size: 5000 }],
    hash_algo: "sha256",
    ...(ref !== undefined && { ref: { name: ref } }),
  });
  expect(response.status).toBe(200);
  return response.json();
};

describe("older clients", () => {
  check(88, "huggingface_hub 0.30 to 0.35: xetEnabled decides", async () => {
    const info: Record<string, unknown> = await (await ana.call("GET", "/api/models/ana/old?expand=xetEnabled")).json();
    expect(info).toMatchObject({ id: "ana/old", xetEnabled: true });
    // Where it has no hf_xet it goes by LFS all the same.
    expect((await batchOf(["basic", "multipart"], "a".repeat(64))).transfer).toBe("basic");
  });

  check(89, "huggingface_hub 1.0 to 1.19: the answer to the batch decides", async () => {
    expect((await batchOf(["basic", "multipart", "xet"], "b".repeat(64), "main")).transfer).toBe("xet");
    expect((await batchOf(["basic", "multipart"], "b".repeat(64), "main")).transfer).toBe("basic");
    const token: Record<string, unknown> = await (await ana.tokenResponse("write", "ana/old")).json();
    expect(Object.keys(token).sort()).toEqual(["accessToken", "casUrl", "exp"]);
  });

  check(90, "git-xet: credentials in the header of each object", async () => {
    const data = [noise("git-xet", 5000)];
    const xorb = makeXorb(data);
    const file = { terms: [{ xorb, start: 0, end: 1 }] };
    const transfers = ["basic", "ssh", "lfs-standalone-file", "xet"];
    const batch = await batchOf(transfers, sha256Of(file), "refs/heads/main");
    const { href = "", header = {} } = batch.objects[0]?.actions?.upload ?? {};
    expect(batch.transfer).toBe("xet");
    expect(Object.keys(header).sort()).toEqual([
      "X-Xet-Access-Token",
      "X-Xet-Cas-Url",
      "X-Xet-Session-Id",
      "X-Xet-Token-Expiration",
    ]);
    const {
      "X-Xet-Cas-Url": casUrl = "",
      "X-Xet-Access-Token": accessToken = "",
      "X-Xet-Token-Expiration": exp,
    } = header;
    const cas = new Cas({ casUrl, accessToken, exp: Number(exp) });
    expect((await cas.putXorb(xorb.hash, xorb.bytes)).status).toBe(200);
    expect((await cas.putShard(makeShard([file], [xorb]))).status).toBe(200);
    // When it runs out, the address gives another one.
    const path = href.slice(hub.url.length);
    expect((await ana.call("GET", path)).status).toBe(200);
    // What is there is not asked for again; and downloads never go by Xet.
    expect((await batchOf(transfers, sha256Of(file))).objects[0]).toEqual({ oid: sha256Of(file), size: 5000 });
    expect((await cas.plan(hashOf(file))).status).toBe(200);
  });

  check(29, "a commit of an object that was never uploaded", async () => {
    const file = { terms: [{ xorb: makeXorb([noise("never", 100)]), start: 0, end: 1 }] };
    const response = await ana.commit("ana/old", "never.bin", file);
    expect(response.status).toBe(400);
    const answer: { error: string } = await response.json();
    expect(answer.error).toMatch(/LFS pointer pointed to a file that does not exist/);
    expect((await ana.call("HEAD", "/ana/old/resolve/main/never.bin")).status).toBe(404);
  });
});
