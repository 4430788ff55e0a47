// Python's view of people: tokens, logins, gated repositories, collections, likes and organizations.
import { afterAll, beforeAll, expect } from "vitest";
import { createSession, findUser } from "../../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../../hub-server/web/cookie.ts";
import { type Call, caller } from "../../support/caller.ts";
import { type TestHub, testHub } from "../../support/hub.ts";
import type { ClientHome, Python } from "../python.ts";
import { check, describeVersions } from "./harness.ts";

const SETUP = `
  import tempfile
  from huggingface_hub import HfApi, hf_hub_download, login, whoami
  api = HfApi(token=tokens["ana"])

  def caught(call):
      try:
          call()
      except Exception as error:
          return [type(error).__name__, str(error)]

  def fetch(repo, token, name="config.json"):
      path = hf_hub_download(repo, name, token=token, cache_dir=tempfile.mkdtemp())
      return open(path).read()
`;

describeVersions("accounts", ({ make }) => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;
  let browser: Call;

  beforeAll(async () => {
    hub = await testHub();
    const tokens = { ana: await hub.user("ana"), ben: await hub.user("ben"), cy: await hub.user("cy") };
    home = await make(hub.url);
    python = home.python();
    await python.run(SETUP, { tokens });
    const user = await findUser(hub.deps, "ana");
    browser = caller(hub, { cookie: `${SESSION_COOKIE}=${await createSession(hub.deps, user?.id ?? "")}` });
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  check(7, "a private repository: its owner, another user, nobody, a wrong token", async () => {
    const seen = await python.run<[string, string[], string[], string[]]>(`
      api.create_repo("ana/private", private=True)
      api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="ana/private")
      wrong = "hf_" + "x" * 34
      result = [
          fetch("ana/private", tokens["ana"]),
          caught(lambda: fetch("ana/private", tokens["ben"])),
          caught(lambda: fetch("ana/private", False)),
          caught(lambda: fetch("ana/private", wrong)),
      ]
    `);
    expect(seen[0]).toBe("{}");
    expect([seen[1][0], seen[2][0]]).toEqual(["RepositoryNotFoundError", "RepositoryNotFoundError"]);
    expect(seen[3][1]).toMatch(/401.*Invalid credentials/s);
    expect(seen[3][0]).not.toBe("RepositoryNotFoundError");
  });

  check(22, "whoami, and hf auth login --token", async () => {
    const who = await python.run<Record<string, unknown>>(`result = whoami(tokens["ana"])`);
    expect(who).toMatchObject({
      name: "ana",
      type: "user",
      auth: { accessToken: { displayName: "test", role: "write" } },
    });
    const [kind, message] = await python.run<[string, string]>(`result = caught(lambda: whoami("hf_" + "x" * 34))`);
    expect([kind, message]).toEqual(["HfHubHTTPError", expect.stringContaining("Invalid user token")]);
    const { token } = await hub.tokenOf("ana", "read");
    await home.program("hf", ["auth", "login", "--token", token]);
    const { stdout } = await home.program("hf", ["auth", "whoami"]);
    expect(stdout).toContain("ana");
    await home.program("hf", ["auth", "logout"]);
  });

  check(65, "the login of a device: pending, confirmed in a browser, stored, refreshed", async () => {
    const started = await python.run<Record<string, string>>(`
      from huggingface_hub.utils import _oauth_device as device
      info = device.request_device_code()
      result = info
    `);
    expect(started["verification_uri_complete"]).toBe(`${hub.url}/oauth/device?user_code=${started["user_code"]}`);
    const yes = new URLSearchParams({ user_code: started["user_code"] ?? "", decision: "allow" });
    setTimeout(() => void browser("POST", "/oauth/device/confirm", yes), 2000);
    const kept = await python.run<{ pending: number; name: string; scope: string; created: string }>(`
      pending = []
      tokens_given = device.poll_device_token(info, on_pending=lambda: pending.append(1))
      given = HfApi(token=tokens_given["access_token"])
      url = given.create_repo("from-device")
      result = {"pending": len(pending), "name": given.whoami()["name"], "scope": tokens_given["scope"], "created": url.repo_id}
    `);
    expect(kept).toMatchObject({ name: "ana", created: "ana/from-device" });
    expect(kept.pending).toBeGreaterThan(0);
    const refreshed = await python.run<unknown[]>(`
      again = device.refresh_access_token(tokens_given["refresh_token"])
      old = caught(lambda: device.refresh_access_token(tokens_given["refresh_token"]))
      result = [again["access_token"] != tokens_given["access_token"], old[0], old[1]]
    `);
    expect(refreshed.slice(0, 2)).toEqual([true, "DeviceCodeError"]);
    expect(refreshed[2]).toContain("invalid_grant");
  });

  check(65, "hf auth login: an address and a code, the token in the store once a browser has said yes", async () => {
    const login = home.program("hf", ["auth", "login"], { PYTHONUNBUFFERED: "1" });
    const shown = new Promise<string>((resolve) => {
      let text = "";
      login.child.stdout?.on("data", (chunk: string) => {
        text += chunk;
        const [, code] = /enter the code: (\S+)/.exec(text) ?? [];
        if (code !== undefined) resolve(code);
      });
    });
    const code = await Promise.race([shown, login.then(({ stdout }) => Promise.reject(new Error(stdout)))]);
    const yes = new URLSearchParams({ user_code: code, decision: "allow" });
    expect((await browser("POST", "/oauth/device/confirm", yes)).status).toBeLessThan(400);
    expect((await login).stdout).toContain(`${hub.url}/oauth/device?user_code=${code}`);
    const { stdout } = await home.program("hf", ["auth", "whoami"]);
    expect(stdout).toContain("ana");
    await home.program("hf", ["auth", "logout"]);
  });

  check(61, "a gated repository: nobody, somebody, accepted; tree and info stay visible", async () => {
    const seen = await python.run<[string[], string[], string, number, string]>(`
      api.create_repo("ana/gated")
      api.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="ana/gated")
      api.update_repo_settings("ana/gated", gated="manual")
      result = [
          caught(lambda: fetch("ana/gated", False)),
          caught(lambda: fetch("ana/gated", tokens["ben"])),
          fetch("ana/gated", tokens["ana"]),
          len(HfApi(token=False).list_repo_files("ana/gated")),
          HfApi(token=False).model_info("ana/gated").gated,
      ]
    `);
    expect(seen).toEqual([
      ["GatedRepoError", expect.stringMatching(/^401 /)],
      ["GatedRepoError", expect.stringMatching(/^403 /)],
      "{}",
      2,
      "manual",
    ]);
  });

  check(71, "access requests: listed, accepted, rejected, cancelled, granted", async () => {
    for (const name of ["ben", "cy"]) {
      const { token } = await hub.tokenOf(name, "write");
      expect((await caller(hub, { token })("POST", "/ana/gated/ask-access", {})).status).toBe(303);
    }
    const steps = await python.run<unknown>(`
      def users(kind):
          return [request.username for request in getattr(api, f"list_{kind}_access_requests")("ana/gated")]
      result = [users("pending")]
      api.accept_access_request("ana/gated", "ben")
      result += [users("accepted"), fetch("ana/gated", tokens["ben"])]
      api.reject_access_request("ana/gated", "cy", rejection_reason="Not now")
      result += [users("rejected"), caught(lambda: fetch("ana/gated", tokens["cy"]))[0]]
      api.cancel_access_request("ana/gated", "ben")
      result += [users("pending"), caught(lambda: fetch("ana/gated", tokens["ben"]))[0]]
      api.cancel_access_request("ana/gated", "cy")
      api.grant_access("ana/gated", "cy")
      result += [users("accepted"), fetch("ana/gated", tokens["cy"])]
      result += [caught(lambda: api.accept_access_request("ana/gated", "nobody-here"))[0]]
    `);
    expect(steps).toEqual([
      ["ben", "cy"],
      ["ben"],
      "{}",
      ["cy"],
      "GatedRepoError",
      ["ben"],
      "GatedRepoError",
      ["cy"],
      "{}",
      "HfHubHTTPError",
    ]);
  });

  check(73, "collections: made, filled, changed, listed, deleted", async () => {
    const seen = await python.run<Record<string, unknown>>(`
      api.create_repo("ana/first", exist_ok=True)
      api.create_repo("ana/second", exist_ok=True)
      made = api.create_collection(title="Small ones", description="For phones")
      same = api.create_collection(title="Small ones", exists_ok=True)
      refused = caught(lambda: api.create_collection(title="Small ones"))[0]
      api.add_collection_item(made.slug, "ana/first", "model", note="good")
      api.add_collection_item(made.slug, "ana/second", "model")
      twice = api.add_collection_item(made.slug, "ana/first", "model", exists_ok=True)
      items = api.get_collection(made.slug).items
      api.update_collection_item(made.slug, items[1].item_object_id, position=0, note="better")
      moved = [[item.item_id, item.note] for item in api.get_collection(made.slug).items]
      changed = api.update_collection_metadata(made.slug, title="Smaller ones", private=True, theme="pink")
      listed = [[one.title, one.position] for one in api.list_collections(owner="ana", item="models/ana/first")]
      hidden = list(HfApi(token=False).list_collections(owner="ana"))
      api.delete_collection_item(made.slug, items[0].item_object_id)
      left = len(api.get_collection(made.slug).items)
      api.delete_collection(made.slug)
      result = {
          "slug": made.slug, "same": same.slug == made.slug, "refused": refused, "twice": len(twice.items), "moved": moved,
          "changed": [changed.title, changed.private, changed.theme, changed.position], "listed": listed,
          "hidden": len(hidden), "left": left, "gone": caught(lambda: api.get_collection(made.slug))[0],
      }
    `);
    expect(seen["slug"]).toMatch(/^ana\/small-ones-[0-9a-f]{24}$/);
    expect(seen).toMatchObject({
      same: true,
      refused: "HfHubHTTPError",
      twice: 2,
      moved: [
        ["ana/second", "better"],
        ["ana/first", "good"],
      ],
      changed: ["Smaller ones", true, "pink", 0],
      listed: [["Smaller ones", 0]],
      hidden: 0,
      left: 1,
      gone: "HfHubHTTPError",
    });
  });

  check(74, "likes, likers, users and organizations", async () => {
    const { token } = await hub.tokenOf("ben", "write");
    const ben = caller(hub, { token });
    await python.run(`api.create_repo("ana/liked", exist_ok=True)`);
    await ben("POST", "/api/models/ana/liked/like");
    await ben("POST", "/api/organizations", { name: "lab", fullname: "The Lab" });
    await ben("POST", "/api/users/ana/follow");
    const seen = await python.run<Record<string, unknown>>(`
      other = HfApi(token=tokens["ben"])
      liked = other.list_liked_repos("ben")
      ana, lab = api.get_user_overview("ana"), api.get_organization_overview("lab")
      result = {
          "liked": [liked.user, liked.total, liked.models],
          "likers": [[user.username, user.fullname] for user in api.list_repo_likers("ana/liked")],
          "likes": api.model_info("ana/liked").likes,
          "ana": [ana.username, ana.fullname, ana.num_followers, ana.is_pro, ana.num_models > 0],
          "lab": [lab.name, lab.fullname, lab.num_users, lab.is_verified],
          "members": [user.username for user in api.list_organization_members("lab")],
          "followers": [user.username for user in api.list_user_followers("ana")],
          "following": [user.username for user in api.list_user_following("ben")],
          "lab followers": [user.username for user in api.list_organization_followers("lab")],
      }
      other.unlike("ana/liked")
      result["unliked"] = [other.list_liked_repos("ben").total, list(api.list_repo_likers("ana/liked"))]
    `);
    expect(seen).toEqual({
      liked: ["ben", 1, ["ana/liked"]],
      likers: [["ben", "ben"]],
      likes: 1,
      ana: ["ana", "ana", 1, false, true],
      lab: ["lab", "The Lab", 1, false],
      members: ["ben"],
      followers: ["ben"],
      following: ["ana"],
      "lab followers": [],
      unliked: [0, []],
    });
  });
});
