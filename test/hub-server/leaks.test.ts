// What nobody may learn or change who has no right to it: every route of the API and every page, called by everybody who should
// not get there, with what is there. Walked over the declarations, so that a new route is tested by being declared.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ROUTES } from "../../hub-server/api/index.ts";
import type { Route } from "../../hub-server/api/route.ts";
import { webRoutes } from "../../hub-server/web/routes.tsx";
import type { Answer } from "../support/caller.ts";
import { publicKeyLine } from "../support/ssh-key.ts";
import { REALMS, type Realm, type Stranger, type Victim, victim, word } from "../support/victim.ts";

let all: Victim;
let before: unknown;
beforeAll(async () => {
  all = await victim();
  before = await state();
});
afterAll(() => all.hub.stop());

const HASH = "0".repeat(64);
const user = { user: "sam", role: "admin" };

/** A body that each route takes, and that would change something. */
const BODIES: Readonly<Record<string, unknown>> = {
  createLocalUser: { name: "made" },
  addSshKey: { key: publicKeyLine("made") },
  createToken: { name: "made", role: "write" },
  validateYaml: { content: "", repoType: "model" },
  createCollection: { title: "made", namespace: "vic" },
  updateCollection: { title: "changed", private: false },
  addCollectionItem: { item: { type: "model", id: "vic/open" } },
  updateCollectionItems: [{ action: "update", _id: "0".repeat(24), data: { note: "changed" } }],
  updateCollectionItem: { note: "changed" },
  preupload: { files: [{ path: "a.txt", size: 1, sample: "" }] },
  createDiscussion: { title: "A title" },
  commentDiscussion: { comment: "changed" },
  editDiscussionComment: { content: "changed" },
  renameDiscussion: { title: "changed" },
  changeDiscussionStatus: { status: "closed" },
  pinDiscussion: { pinned: true },
  lockDiscussion: { locked: true },
  mergePullRequest: {},
  handleAccessRequest: { user: "sam", status: "accepted" },
  handleAccessRequests: { requests: [{ user: "sam" }], status: "accepted" },
  grantAccess: { user: "sam" },
  deleteLfsFiles: { deletions: { sha: [HASH], rewriteHistory: true } },
  duplicateLfsFiles: { target: { type: "model", name: "sam/place" }, files: [{ sha256: HASH, filename: "m.bin" }] },
  lfsVerify: { oid: HASH, size: 1 },
  lfsComplete: { oid: HASH, parts: [] },
  deleteNotifications: { discussionIds: ["0".repeat(24)] },
  markNotifications: { discussionIds: ["0".repeat(24)] },
  updateNotificationSettings: { notifications: { web_discussions_watched: false } },
  updateWatches: { add: [{ type: "user", id: "vic" }] },
  oauthRegister: { client_name: "app" },
  createOrganization: { name: "vic" },
  addMember: user,
  setMemberRole: { role: "admin" },
  revokeOrganizationToken: { token: `hf_${"x".repeat(34)}` },
  setNetworkSecurity: { enforceIpRestriction: true, ipRanges: ["10.0.0.0/8"] },
  quickSearchByBody: { q: "zq", limit: 20 },
  createRepo: { name: "lab/made" },
  deleteRepo: { name: "lab/deleted" },
  moveRepo: { fromRepo: "vic/open", toRepo: "sam/open" },
  duplicateRepo: { repository: "taken" },
  updateRepoSettings: { private: false, gated: false },
  createResourceGroup: { name: "made" },
  updateResourceGroup: { name: "changed" },
  setResourceGroupSettings: { autoJoin: { enabled: true, role: "admin" } },
  addResourceGroupUsers: { users: [user] },
  setResourceGroupUser: { role: "admin" },
  setRepoResourceGroup: { resourceGroupId: null },
  setCollectionResourceGroup: { resourceGroupId: null },
  createServiceAccount: { name: "made", role: "admin" },
  createServiceAccountToken: { role: "write" },
  updateServiceAccountToken: { role: "write" },
  updateProfile: { fullname: "changed" },
  getPathsInfo: { paths: ["README.md", "m.bin"] },
  createBranch: {},
  createTag: { tag: "made" },
  updateOrganization: { fullname: "changed" },
  superSquash: {},
  createWebhook: { url: "https://example.com/", watched: [{ type: "org", name: "lab" }] },
  updateWebhook: { url: "https://example.com/", watched: [] },
};
const BATCH = { operation: "download", transfers: ["basic"], objects: [{ oid: HASH, size: 1 }] };
const LOCK = { path: "a.txt" };

function bodyOf({ operation, body }: Route): unknown {
  if (/^lfsBatch/.test(operation)) return BATCH;
  if (/^lfsLock(Dataset|Space)?$/.test(operation)) return LOCK;
  if (/^lfs(Unlock|VerifyLocks)/.test(operation)) return {};
  return body === undefined ? undefined : BODIES[operation];
}

/** What stands for a route's star. */
function restOf(path: string, realm: Realm): string {
  if (/\/(resolve|raw|resolve-cache\/:type\/:namespace\/:name|blob)\/\*/.test(path))
    return realm === "gate" ? "main/data.txt" : `main/${word(realm, "file")}.txt`;
  if (path.includes("/notebook/")) return realm === "gate" ? "main/data.ipynb" : `main/${word(realm, "file")}.ipynb`;
  if (path.includes("/compare/")) return `main..${realm === "gate" ? "main" : word(realm, "branch")}`;
  if (path.includes("/branch/*")) return realm === "gate" ? "main" : word(realm, "branch");
  return "main";
}

const QUERIES: Readonly<Record<string, string>> = {
  quickSearch: "?q=zq&limit=20",
  listCollections: `?item=models/vic/${word("own", "repo")}`,
  listModels: "?search=zq&full=true",
  listMembers: "?search=",
  scanRepo: "",
};

interface Asked {
  method: string;
  path: string;
  body: unknown;
}

/** Calls of a path with everything that could stand in it. */
function callsOf(method: string, path: string, body: unknown, query = ""): Asked[] {
  const { ids, repos } = all;
  const realms = path.includes(":namespace") ? (["own", "lab", "group", "gate"] as const) : (["own"] as const);
  return realms.map((realm) => {
    const of = repos[realm];
    const collection = path.includes("/collections/");
    const values: Record<string, string> = {
      ...ids,
      type: path.startsWith("/api/") ? "models" : "",
      namespace: of.namespace,
      name: path.includes(":namespace") ? of.name : path.includes("organizations") ? "lab" : "vic",
      username: "vic",
      slug: collection ? ids.slug : "",
      num: "1",
      status: "pending",
      oid: ids.sha,
      hash: HASH,
      prefix: "default",
      number: "1",
      lock: "x",
      action: "disable",
      id: ids.commit,
      ...(path.includes("service-accounts") && { tokenId: ids.serviceTokenId }),
    };
    const filled = path
      .replace(/:(\w+)(\{[^}]*\}(?:\})?)?/g, (_, name: string) => values[name] ?? `no ${name}`)
      .replace("*", restOf(path, realm));
    return { method, path: filled + query, body };
  });
}

/** Words that an answer tells and that the caller neither knew nor may know. */
function told({ path, body }: Asked, answer: Answer, sees: readonly Realm[]): string[] {
  const text = [...answer.headers].map(([name, value]) => `${name}: ${value}`).join("\n") + JSON.stringify(answer.body);
  const known = decodeURIComponent(path) + JSON.stringify(body ?? null);
  const hidden = REALMS.filter((realm) => !sees.includes(realm)).join("|");
  const words = [...text.matchAll(new RegExp(`zq(?:${hidden})[a-z]+`, "gi"))].map(([found]) => found);
  return [...new Set(words)].filter((found) => !known.includes(found));
}

async function leaksOf(asked: readonly Asked[], { call, sees, may }: Stranger): Promise<string[]> {
  const out: string[] = [];
  for (const one of asked) {
    if (may !== undefined && one.path.startsWith(may)) continue;
    const answer = await call(one.method, one.path, one.body, { origin: all.hub.url });
    for (const found of told(one, answer, sees)) out.push(`${one.method} ${one.path}: ${found}`);
    if (answer.status >= 500 && answer.status !== 501) out.push(`${one.method} ${one.path}: ${answer.status}`);
  }
  return out;
}

/** All that vic has, as vic sees it. */
async function state(): Promise<unknown> {
  const { vic, repos, ids } = all;
  const paths = [
    ...Object.values(repos).flatMap(({ namespace, name }) => {
      const base = `/api/models/${namespace}/${name}`;
      const seen = ["", "/refs", "/commits/main", "/lfs-files", "/user-access-request/accepted", "/resource-group"];
      return seen.map((rest) => base + rest);
    }),
    `/api/models/vic/${repos.own.name}/discussions/1`,
    `/api/models/lab/${repos.group.name}/discussions/1`,
    "/api/settings/ssh-keys",
    "/api/settings/webhooks",
    `/api/settings/webhooks/${ids.webhookId}`,
    "/api/collections?owner=vic&owner=lab",
    "/api/organizations/lab/members",
    "/api/organizations/lab/resource-groups",
    "/api/organizations/lab/service-accounts",
    "/api/organizations/lab/settings/network-security",
    "/api/organizations/lab/audit-log/export",
    "/api/users/vic/overview",
  ];
  const seen: unknown[] = [];
  for (const path of paths) {
    const { status, body } = await vic("GET", path);
    expect([path, status]).toEqual([path, 200]);
    seen.push([path, body]);
  }
  const tokens: { name: string }[] = Object((await vic("GET", "/api/settings/tokens")).body);
  const text = JSON.stringify([seen, tokens.map(({ name }) => name)], (key, value: unknown) =>
    // What anybody may do to what is public, and what passes by itself.
    /^(likes|downloads|trendingScore|upvotes|numFollowers|numDiscussions|lastUsedAt|lastTriggerAt|fullname)$/.test(key)
      ? undefined
      : value,
  );
  return JSON.parse(text);
}

it("has a body for every route that takes one", () => {
  const without = ROUTES.filter((route) => route.body !== undefined && !route.body.safeParse(bodyOf(route)).success);
  expect(without.map(({ operation }) => operation)).toEqual([]);
});

const METHODS = new Set(["GET", "POST"]);
const pages = webRoutes({ setupSecret: "x" }).routes.filter(({ method, path }) => METHODS.has(method) && path !== "/*");
/** The form of a page says what it does in these. */
const FORM = new URLSearchParams({
  action: "close",
  decision: "accepted",
  user: "sam",
  role: "admin",
  status: "accepted",
  type: "model",
  id: "vic/open",
  comment: "changed",
  title: "changed",
  name: "vic",
  full_name: "changed",
});

describe("tells and changes nothing", () => {
  it.each([
    "anonymous",
    "stranger",
    "stranger who only reads",
    "stranger in a browser",
    "token of another repository",
    "member until a moment ago",
    "member outside of the group",
    "token without permissions",
    "token for another organization",
    "token of a token for another repository",
    "app that knows memberships",
    "app that keeps webhooks",
  ])("%s", { timeout: 300_000 }, async (who) => {
    const stranger = all.strangers[who];
    if (stranger === undefined) throw new Error(`There is no ${who}.`);
    const asked = ROUTES.flatMap((route) =>
      callsOf(route.method, route.path, bodyOf(route), QUERIES[route.operation] ?? ""),
    );
    const heads = asked.filter(({ method }) => method === "GET").map((one) => ({ ...one, method: "HEAD" }));
    const looked = pages.flatMap(({ method, path }) => callsOf(method, path, method === "POST" ? FORM : undefined));
    expect(await leaksOf([...asked, ...heads, ...looked], stranger)).toEqual([]);
    expect(await state()).toEqual(before);
  });
});
