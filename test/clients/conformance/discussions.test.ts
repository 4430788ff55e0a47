// Discussions, pull requests and webhooks with Python's client, and what transformers asks of a model without safetensors.
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect } from "vitest";
import { type TestHub, testHub } from "../../support/hub.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SETUP = `
  from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
  from huggingface_hub.errors import HfHubHTTPError
  api = HfApi()
  def details(repo, num):
      return api.get_discussion_details(repo, num)
`;

describeVersions("discussions", ({ make }) => {
  let hub: TestHub;
  let home: ClientHome;
  let other: ClientHome;
  /** The owner, and somebody who may read and no more. */
  let ana: Python;
  let ben: Python;
  let receiver: Server;
  const received: { headers: IncomingMessage["headers"]; payload: Record<string, unknown> }[] = [];

  beforeAll(async () => {
    hub = await testHub({ webhookHosts: ["127.0.0.1"] });
    home = await make(hub.url, await hub.user("ana"));
    other = await make(hub.url, await hub.user("ben"));
    [ana, ben] = [home.python(), other.python()];
    await Promise.all([ana.run(SETUP), ben.run(SETUP)]);
    receiver = createServer(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(Buffer.from(chunk));
      received.push({ headers: request.headers, payload: JSON.parse(Buffer.concat(chunks).toString("utf8")) });
      response.end();
    });
    await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
  });
  afterAll(async () => {
    receiver?.close();
    await home?.remove();
    await other?.remove();
    await hub?.stop();
  });

  check(51, "create_commit(create_pr=True) by somebody who may not write", async () => {
    await ana.run(`
      api.create_repo("ana/proposals")
      api.upload_file(path_or_fileobj=b"one", path_in_repo="a.txt", repo_id="ana/proposals")
    `);
    const made = await ben.run<{ url: string; num: number; revision: string }>(`
      operations = [
          CommitOperationAdd("a.txt", b"two"),
          CommitOperationAdd("model.bin", bytes(range(256)) * 64),
      ]
      info = api.create_commit("ana/proposals", operations, commit_message="Two is better", commit_description="By far.", create_pr=True)
      result = {"url": info.pr_url, "num": info.pr_num, "revision": info.pr_revision}
    `);
    expect(made).toEqual({ url: `${hub.url}/ana/proposals/discussions/1`, num: 1, revision: "refs/pr/1" });
    const read = await ana.run(`
      small = open(hf_hub_download("ana/proposals", "a.txt", revision="refs/pr/1")).read()
      large = open(hf_hub_download("ana/proposals", "model.bin", revision="refs/pr/1"), "rb").read()
      main = open(hf_hub_download("ana/proposals", "a.txt")).read()
      refs = api.list_repo_refs("ana/proposals", include_pull_requests=True)
      result = [small, large == bytes(range(256)) * 64, main, [ref.ref for ref in refs.pull_requests]]
    `);
    expect(read).toEqual(["two", true, "one", ["refs/pr/1"]]);
  });

  check(51, "upload_folder(create_pr=True), and further commits to its revision", async () => {
    const shown = await ben.run(`
      import pathlib, tempfile
      folder = pathlib.Path(tempfile.mkdtemp())
      for index in range(5):
          (folder / f"{index}.txt").write_text(f"text {index}")
      (folder / "weights.safetensors").write_bytes(b"x" * 2_000_000)
      api.upload_folder(repo_id="ana/proposals", folder_path=folder, create_pr=True, commit_message="A folder")
      num = max(discussion.num for discussion in api.get_repo_discussions("ana/proposals"))
      api.upload_file(path_or_fileobj=b"more", path_in_repo="more.txt", repo_id="ana/proposals", revision=f"refs/pr/{num}")
      found = details("ana/proposals", num)
      files = api.list_repo_files("ana/proposals", revision=f"refs/pr/{num}")
      result = [found.is_pull_request, [event.type for event in found.events][-1], len([f for f in files if f.endswith(".txt")]), "weights.safetensors" in files]
    `);
    expect(shown).toEqual([true, "commit", 7, true]);
  });

  check(51, "commits to a pull request of somebody else are refused", async () => {
    const refused = await ben.run(`
      api.create_repo("ben/own", exist_ok=True)
      result = []
      for revision in ("main", "refs/pr/99"):
          try:
              api.create_commit("ana/proposals", [CommitOperationAdd("x.txt", b"x")], commit_message="x", revision=revision)
          except HfHubHTTPError as error:
              result.append(error.response.status_code)
    `);
    expect(refused).toEqual([403, 404]);
  });

  check(70, "discussions: create, comment, edit, hide, rename, close", async () => {
    await ana.run(`api.create_repo("ana/talk")`);
    const shown = await ben.run(`
      made = api.create_discussion("ana/talk", "  How does it work?  ", description="I **wonder**.")
      comment = api.comment_discussion("ana/talk", made.num, "Nobody?")
      edited = api.edit_discussion_comment("ana/talk", made.num, comment.id, "Anybody?")
      second = api.comment_discussion("ana/talk", made.num, "spam")
      hidden = api.hide_discussion_comment("ana/talk", made.num, second.id)
      renamed = api.rename_discussion("ana/talk", made.num, "It works")
      closed = api.change_discussion_status("ana/talk", made.num, "closed", comment="Thanks.")
      found = details("ana/talk", made.num)
      result = {
          "made": [made.title, made.status, made.num, made.author, made.is_pull_request, made.repo_id, made.repo_type, made.git_reference],
          "comment": [comment.content, comment.author, comment.edited, comment.hidden],
          "edited": [edited.content, edited.edited, edited.number_of_edits, edited.last_edited_by, edited.rendered],
          "hidden": [hidden.hidden, hidden.content],
          "renamed": [renamed.old_title, renamed.new_title],
          "closed": closed.new_status,
          "found": [found.status, found.title, found.url, [event.type for event in found.events]],
          "listed": [[d.num for d in api.get_repo_discussions("ana/talk", discussion_status=status)] for status in ("open", "closed")],
      }
    `);
    expect(shown).toEqual({
      made: ["How does it work?", "open", 1, "ben", false, "ana/talk", "model", null],
      comment: ["Nobody?", "ben", false, false],
      edited: ["Anybody?", true, 1, "ben", "<p>Anybody?</p>"],
      hidden: [true, "This comment has been hidden"],
      renamed: ["How does it work?", "It works"],
      closed: "closed",
      found: [
        "closed",
        "It works",
        `${hub.url}/ana/talk/discussions/1`,
        ["comment", "comment", "comment", "title-change", "comment", "status-change"],
      ],
      listed: [[], [1]],
    });
  });

  check(70, "pull requests: draft, publish, diff, merge", async () => {
    const draft = await ben.run(`
      made = api.create_pull_request("ana/talk", "Some changes")
      api.upload_file(path_or_fileobj=b"hello\\n", path_in_repo="hello.txt", repo_id="ana/talk", revision=made.git_reference)
      found = details("ana/talk", made.num)
      result = [made.num, made.status, made.git_reference, found.target_branch, found.conflicting_files, found.merge_commit_oid, "+hello" in found.diff, found.events[-1].summary]
    `);
    expect(draft).toEqual([
      2,
      "draft",
      "refs/pr/2",
      "refs/heads/main",
      [],
      null,
      true,
      "Upload hello.txt with huggingface_hub",
    ]);
    const merged = await ana.run(`
      before = api.repo_info("ana/talk").sha
      opened = api.change_discussion_status("ana/talk", 2, "open")
      api.merge_pull_request("ana/talk", 2, comment="Thanks!")
      found = details("ana/talk", 2)
      after = api.repo_info("ana/talk").sha
      again = None
      try:
          api.merge_pull_request("ana/talk", 2)
      except HfHubHTTPError as error:
          again = error.response.status_code
      result = [opened.new_status, found.status, found.merge_commit_oid == after, before != after, open(hf_hub_download("ana/talk", "hello.txt")).read(), again]
    `);
    expect(merged).toEqual(["open", "merged", true, true, "hello\n", 409]);
  });

  check(70, "pull requests with conflicts say where", async () => {
    const shown = await ana.run(`
      info = api.create_commit("ana/talk", [CommitOperationAdd("hello.txt", b"mine")], commit_message="Mine", create_pr=True)
      api.upload_file(path_or_fileobj=b"theirs", path_in_repo="hello.txt", repo_id="ana/talk")
      found = details("ana/talk", info.pr_num)
      try:
          api.merge_pull_request("ana/talk", info.pr_num)
      except HfHubHTTPError as error:
          result = [found.conflicting_files, error.response.status_code, "hello.txt" in str(error)]
    `);
    expect(shown).toEqual([["hello.txt"], 409, true]);
  });

  check(70, "more than a page of discussions, on a dataset", async () => {
    const listed = await ana.run(`
      api.create_repo("ana/rows", repo_type="dataset")
      for index in range(53):
          api.create_discussion("ana/rows", f"Number {index}", repo_type="dataset")
      found = list(api.get_repo_discussions("ana/rows", repo_type="dataset"))
      result = [len(found), len({d.num for d in found}), found[0].repo_type, found[0].url]
    `);
    expect(listed).toEqual([53, 53, "dataset", `${hub.url}/datasets/ana/rows/discussions/53`]);
  });

  check(72, "webhooks: create, list, update, disable, enable, delivery on a commit, delete", async () => {
    // safe because a server that listens on a port has an address of this kind
    const url = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`;
    const made = await ana.run<{ id: string }>(
      `
      api.create_repo("ana/watched")
      hook = api.create_webhook(url=url, watched=[{"type": "user", "name": "ana"}], domains=["repo", "discussion"], secret="my-secret")
      updated = api.update_webhook(hook.id, watched=[{"type": "model", "name": "ana/watched"}], domains=["repo"])
      disabled = api.disable_webhook(hook.id)
      enabled = api.enable_webhook(hook.id)
      same = api.get_webhook(hook.id)
      listed = [each.id for each in api.list_webhooks()]
      api.upload_file(path_or_fileobj=b"x", path_in_repo="x.txt", repo_id="ana/watched")
      result = {
          "id": hook.id,
          "hook": [hook.url, hook.secret, hook.domains, [[w.type, w.name] for w in hook.watched], hook.disabled],
          "updated": [updated.url, updated.secret, updated.domains, [[w.type, w.name] for w in updated.watched]],
          "switched": [disabled.disabled, enabled.disabled, same == enabled],
          "listed": listed == [hook.id],
          "sha": api.repo_info("ana/watched").sha,
      }
    `,
      { url },
    );
    expect(made).toMatchObject({
      hook: [url, "my-secret", ["repo", "discussion"], [["user", "ana"]], false],
      updated: [url, "my-secret", ["repo"], [["model", "ana/watched"]]],
      switched: [true, false, true],
      listed: true,
    });
    for (let tries = 0; tries < 100 && received.length === 0; tries++) await sleep(100);
    const [first] = received;
    expect(first?.headers["x-webhook-secret"]).toBe("my-secret");
    // Python's own model of the payload takes it.
    const parsed = await ana.run(
      `
      from importlib.util import find_spec
      if find_spec("pydantic") is None:
          result = [payload["event"]["scope"], payload["repo"]["name"], payload["updatedRefs"][0]["newSha"] == payload["repo"]["headSha"], payload["webhook"]["version"]]
      else:
          from huggingface_hub import WebhookPayload
          told = WebhookPayload(**payload)
          result = [told.event.scope, told.repo.name, told.updatedRefs[0].newSha == payload["repo"]["headSha"], told.webhook.version]
      api.delete_webhook(payload["webhook"]["id"])
      result.append(api.list_webhooks())
    `,
      { payload: first?.payload },
    );
    expect(parsed).toEqual(["repo.content", "ana/watched", true, 3, []]);
  });

  check(79, "a model with .bin alone: what transformers asks for a conversion is answered", async () => {
    const asked = await ana.run(`
      api.create_repo("ana/old")
      api.upload_file(path_or_fileobj=b"x" * 100, path_in_repo="pytorch_model.bin", repo_id="ana/old")
      title = "Adding \`safetensors\` variant of this model"
      try:
          from transformers.safetensors_conversion import previous_pr
      except ImportError:
          # The same calls, where there is no transformers.
          def previous_pr(api, model_id, pr_title, token):
              main = api.list_repo_commits(model_id)[0].commit_id
              for each in api.get_repo_discussions(repo_id=model_id):
                  if each.title == pr_title and each.status == "open" and each.is_pull_request:
                      if main == api.list_repo_commits(model_id, revision=each.git_reference)[1].commit_id:
                          return each
      def previous():
          found = previous_pr(api, "ana/old", title, None)
          return found and found.num
      before = previous()
      api.create_commit("ana/old", [CommitOperationAdd("model.safetensors", b"y" * 100)], commit_message=title, create_pr=True)
      num = previous()
      result = [before, num, api.file_exists("ana/old", "model.safetensors", revision=f"refs/pr/{num}"), api.model_info("ana/old").private]
    `);
    expect(asked).toEqual([null, 1, true, false]);
  });
});
