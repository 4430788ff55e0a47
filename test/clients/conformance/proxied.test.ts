// Python through nginx, set up as the README says: names with slashes in them stay one part of the address.
import { afterAll, beforeAll, beforeEach, describe, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import { missingNginx, type Nginx, startNginx } from "../../support/nginx.ts";
import { type Recorder, recorder } from "../../support/recorder.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const reason = missingNginx();

describe.skipIf(reason !== undefined)(reason === undefined ? "nginx" : `nginx (skipped: ${reason})`, () => {
  describeVersions("behind nginx", ({ make }) => {
    let hub: TestHub;
    /** Between nginx and the hub: what nginx makes of an address. */
    let behind: Recorder;
    let nginx: Nginx;
    let home: ClientHome;
    let python: Python;

    beforeAll(async () => {
      hub = await testHub();
      behind = await recorder(() => hub.url);
      nginx = await startNginx(behind.url);
      home = await make(nginx.url, await hub.user("ana"));
      python = home.python();
      await python.run(`
        from transformers import AutoConfig
        from huggingface_hub import CommitOperationAdd, HfApi, HfFileSystem, hf_hub_download, snapshot_download
        api = HfApi()
        config = lambda dim: ('{"model_type": "distilbert", "n_heads": 2, "dim": %d}' % dim).encode()
        api.create_repo("ana/mood")
        api.upload_file(path_or_fileobj=config(32), path_in_repo="config.json", repo_id="ana/mood")
      `);
    });
    beforeEach(() => {
      behind.take();
    });
    afterAll(async () => {
      await home?.remove();
      await nginx?.stop();
      await behind?.stop();
      await hub?.stop();
    });

    const found = (name: string) => {
      const asked = behind.calls.filter(({ url }) => url.includes(`/${encodeURIComponent(name)}`));
      return [asked.length > 0, asked.some(({ status }) => status >= 400 && status !== 404 && status !== 416)];
    };

    check(12, "from_pretrained of a branch with a slash in its name, through nginx", async () => {
      const loaded = await python.run(`
        api.create_branch("ana/mood", branch="feat/x")
        operations = [CommitOperationAdd("config.json", config(48)), CommitOperationAdd("w.bin", b"weights" * 9000)]
        api.create_commit("ana/mood", operations, commit_message="Narrower", revision="feat/x")
        snapshot = snapshot_download("ana/mood", revision="feat/x")
        result = [
            AutoConfig.from_pretrained("ana/mood", revision="feat/x").dim, AutoConfig.from_pretrained("ana/mood").dim,
            open(f"{snapshot}/w.bin", "rb").read() == b"weights" * 9000,
            HfFileSystem().read_bytes("ana/mood@feat%2Fx/config.json") == config(48),
        ]
        api.delete_branch("ana/mood", branch="feat/x")
        result.append([ref.name for ref in api.list_repo_refs("ana/mood").branches])
      `);
      expect(loaded).toEqual([48, 32, true, true, ["main"]]);
      expect(found("feat/x")).toEqual([true, false]);
      expect(behind.calls.filter(({ url }) => url.includes("feat/x"))).toEqual([]);
    });

    check(12, "from_pretrained of a pull request, through nginx", async () => {
      const loaded = await python.run(`
        change = api.create_commit("ana/mood", [CommitOperationAdd("config.json", config(96))], commit_message="Wider", create_pr=True)
        result = [change.pr_revision, AutoConfig.from_pretrained("ana/mood", revision="refs/pr/1").dim]
      `);
      expect(loaded).toEqual(["refs/pr/1", 96]);
      expect(found("refs/pr/1")).toEqual([true, false]);
    });
  });
});
