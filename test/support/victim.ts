// A hub with somebody who has something of every kind that others may not see, and everybody who should not see it. Each hidden
// thing holds a word that stands nowhere else, so that an answer which holds one has told something.
import { createHash } from "node:crypto";
import { createSession, createToken, findUser } from "../../hub-server/services/users.ts";
import { SESSION_COOKIE } from "../../hub-server/web/cookie.ts";
import { type Answer, type Call, caller } from "./caller.ts";
import { type TestHub, testHub } from "./hub.ts";
import { publicKeyLine } from "./ssh-key.ts";

/** own: vic's private things · lab: of an organization of vic's · group: of a group in it · gate: behind a gate · kept: settings. */
export const REALMS = ["own", "lab", "group", "gate", "kept", "mail", "members"] as const;
export type Realm = (typeof REALMS)[number];

/** The words of a realm begin so. */
export const word = (realm: Realm, what: string): string => `zq${realm}${what}`;

export interface Stranger {
  call: Call;
  /** What they may see of it all. */
  sees: readonly Realm[];
  /** Where paths begin that are theirs to call. */
  may?: string;
}

export interface Victim {
  hub: TestHub;
  vic: Call;
  strangers: Record<string, Stranger>;
  /** Names of repositories, with what lies in them. */
  repos: Record<"own" | "lab" | "group" | "gate", { namespace: string; name: string }>;
  /** Values of parameters that exist. */
  ids: Record<"slug" | "itemId" | "webhookId" | "logId" | "tokenId" | "keyId" | "commentId", string> &
    Record<"resourceGroupId" | "serviceAccountId" | "serviceTokenId" | "sha" | "commit", string>;
}

async function ok(answer: Promise<Answer>): Promise<Answer> {
  const found = await answer;
  if (found.status >= 300) throw new Error(`${found.status}: ${JSON.stringify(found.body)}`);
  return found;
}

const line = (key: string, value: object) => JSON.stringify({ key, value });

/** Files, a branch, a tag, a pull request with a comment, a large file and likes: all named after the realm. */
async function fill(vic: Call, namespace: string, name: string, realm: Realm, type = "models"): Promise<void> {
  const base = `/api/${type}/${namespace}/${name}`;
  const file = (path: string, content: string) => line("file", { path, content, encoding: "utf-8" });
  const lines = [
    line("header", { summary: word(realm, "message") }),
    file(`${word(realm, "file")}.txt`, word(realm, "content")),
    file(`${word(realm, "file")}.ipynb`, JSON.stringify({ nbformat: 4, cells: [], said: word(realm, "content") })),
    file("README.md", `---\ntags:\n- ${word(realm, "tag")}\n---\n${word(realm, "card")}\n`),
  ];
  await ok(vic("POST", `${base}/commit/main`, lines.join("\n"), { "content-type": "application/x-ndjson" }));
  await ok(vic("POST", `${base}/branch/${word(realm, "branch")}`, {}));
  await ok(vic("POST", `${base}/tag/main`, { tag: word(realm, "version"), message: word(realm, "annotation") }));
  await ok(
    vic("POST", `${base}/discussions`, { title: word(realm, "title"), description: `@sam ${word(realm, "said")}` }),
  );
  await ok(vic("POST", `${base}/like`, {}));
}

async function sessionOf(hub: TestHub, name: string): Promise<Call> {
  const user = await findUser(hub.deps, name);
  return caller(hub, { cookie: `${SESSION_COOKIE}=${await createSession(hub.deps, user?.id ?? "")}` });
}

const VERIFIER = "v".repeat(64);
const REDIRECT = "https://app.example/callback";

/** A token that a user gave an app. */
export async function appToken(
  hub: TestHub,
  name: string,
  scope: string,
  orgs: readonly string[] = [],
): Promise<string> {
  const nobody = caller(hub);
  const app = await ok(nobody("POST", "/oauth/register", { client_name: "Viewer", redirect_uris: [REDIRECT] }));
  const form = new URLSearchParams({
    client_id: String(app.get("client_id")),
    redirect_uri: REDIRECT,
    response_type: "code",
    scope,
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
    code_challenge_method: "S256",
    decision: "allow",
  });
  for (const org of orgs) form.append("org", (await findUser(hub.deps, org))?.id ?? "");
  const { headers } = await (await sessionOf(hub, name))("POST", "/oauth/authorize", form);
  const code = new URL(headers.get("location") ?? "").searchParams.get("code") ?? "";
  const exchange = { grant_type: "authorization_code", code, redirect_uri: REDIRECT, code_verifier: VERIFIER };
  return String((await ok(nobody("POST", "/oauth/token", new URLSearchParams(exchange)))).get("access_token"));
}

/** A token of vic's with limits. */
async function limited(hub: TestHub, scopes: object): Promise<Call> {
  const id = (await findUser(hub.deps, "vic"))?.id ?? "";
  const all = { canReadGatedRepos: false, global: [], scoped: [], ...scopes };
  return caller(hub, { token: await createToken(hub.deps, id, { name: "limited", role: "fineGrained", scopes: all }) });
}

async function strangersOf(hub: TestHub, tokens: Record<"sam" | "rob" | "rey", string>): Promise<Victim["strangers"]> {
  const den = (await findUser(hub.deps, "den"))?.id ?? "";
  const everything = ["repo.manage", "collection.write", "org.write"];
  const open = await ok(caller(hub, { token: tokens.sam })("GET", "/api/models/vic/open/jwt"));
  const ofVic = await limited(hub, {
    scoped: [{ kind: "owner", id: den, permissions: everything }],
    global: ["discussion.write"],
  });
  const jwt = await ofVic("GET", "/api/models/vic/open/jwt");
  return {
    anonymous: { call: caller(hub), sees: [] },
    stranger: { call: caller(hub, { token: tokens.sam }), sees: [] },
    "stranger who only reads": {
      call: caller(hub, { token: (await hub.tokenOf("sam", "read")).token }),
      sees: [],
    },
    "stranger in a browser": { call: await sessionOf(hub, "sam"), sees: [] },
    "token of another repository": { call: caller(hub, { token: String(open.get("token")) }), sees: [] },
    "member until a moment ago": { call: caller(hub, { token: tokens.rob }), sees: [] },
    "member outside of the group": { call: caller(hub, { token: tokens.rey }), sees: ["lab"] },
    "token without permissions": { call: await limited(hub, {}), sees: ["mail"] },
    "token for another organization": { call: ofVic, sees: ["mail"] },
    "token of a token for another repository": {
      call: caller(hub, { token: String(jwt.get("token")) }),
      sees: ["mail"],
    },
    "app that knows memberships": {
      call: caller(hub, { token: await appToken(hub, "vic", "openid profile read-memberships", ["lab"]) }),
      sees: ["members"],
    },
    "app that keeps webhooks": {
      call: caller(hub, { token: await appToken(hub, "vic", "openid webhooks", ["lab"]) }),
      sees: [],
      may: "/api/settings/webhooks",
    },
  };
}

export async function victim(): Promise<Victim> {
  const hub = await testHub();
  const vic = caller(hub, { token: await hub.user("vic") });
  const tokens = { sam: await hub.user("sam"), rob: await hub.user("rob"), rey: await hub.user("rey") };
  await ok(vic("PATCH", "/api/settings/profile", { email: `${word("mail", "box")}@example.org` }));
  for (const name of ["lab", "den"]) await ok(vic("POST", "/api/organizations", { name }));
  for (const [user, role] of [
    ["rob", "write"],
    ["rey", "read"],
  ])
    await ok(vic("POST", "/api/organizations/lab/members", { user, role }));
  const repos = {
    own: { namespace: "vic", name: word("own", "repo") },
    lab: { namespace: "lab", name: word("lab", "repo") },
    group: { namespace: "lab", name: word("group", "repo") },
    gate: { namespace: "vic", name: "gate" },
  };
  for (const realm of ["own", "lab", "group"] as const)
    for (const type of ["model", "dataset", "space"] as const) {
      const { namespace: organization, name } = repos[realm];
      const sdk = type === "space" ? { sdk: "static" } : {};
      await ok(vic("POST", "/api/repos/create", { name, organization, type, private: true, ...sdk }));
      await fill(vic, organization, name, realm, `${type}s`);
    }
  await ok(vic("POST", "/api/repos/create", { name: "open" }));
  await ok(vic("POST", "/api/repos/create", { name: "gate" }));
  const secret = [
    line("header", { summary: "data" }),
    line("file", { path: "data.txt", content: word("gate", "content"), encoding: "utf-8" }),
    line("file", {
      path: "data.ipynb",
      content: JSON.stringify({ nbformat: 4, cells: [], said: word("gate", "content") }),
      encoding: "utf-8",
    }),
  ];
  await ok(vic("POST", "/api/models/vic/gate/commit/main", secret.join("\n")));
  await ok(vic("PUT", "/api/models/vic/gate/settings", { gated: "manual" }));
  const ids = await settings(hub, vic, repos);
  await ok(vic("DELETE", "/api/organizations/lab/members/rob"));
  return { hub, vic, strangers: await strangersOf(hub, tokens), repos, ids };
}

/** Collections, webhooks, tokens, SSH keys, groups and service accounts. */
async function settings(hub: TestHub, vic: Call, repos: Victim["repos"]): Promise<Victim["ids"]> {
  const item = { type: "model", id: `vic/${repos.own.name}` };
  const secret = { title: word("own", "collection"), private: true, item };
  const made = await ok(vic("POST", "/api/collections", secret));
  await ok(vic("POST", "/api/collections", { title: "For all", item: { ...item, note: word("own", "note") } }));
  await ok(vic("POST", "/api/collections", { ...secret, title: word("lab", "collection"), namespace: "lab" }));
  const inLab = { name: word("members", "group"), repos: [{ type: "model", name: `lab/${repos.group.name}` }] };
  const group = await ok(vic("POST", "/api/organizations/lab/resource-groups", inLab));
  for (const type of ["datasets", "spaces"])
    await ok(vic("POST", `/api/${type}/lab/${repos.group.name}/resource-group`, { resourceGroupId: group.get("id") }));
  const accounts = "/api/organizations/lab/service-accounts";
  const account = await ok(vic("POST", accounts, { name: "robot", description: word("kept", "robot") }));
  const robot = String(account.get("_id"));
  const robotToken = await ok(vic("POST", `${accounts}/${robot}/tokens`, { displayName: word("kept", "robottoken") }));
  await ok(vic("POST", "/api/settings/tokens", { name: word("kept", "token") }));
  const key = await ok(vic("POST", "/api/settings/ssh-keys", { key: publicKeyLine(), title: word("kept", "key") }));
  const hook = await ok(
    vic("POST", "/api/settings/webhooks", {
      url: `https://hooks.invalid/${word("kept", "hook")}`,
      secret: word("kept", "hooksecret"),
      watched: [
        { type: "user", name: "vic" },
        { type: "model", name: `lab/${repos.lab.name}` },
      ],
    }),
  );
  const about = `/api/models/vic/${repos.own.name}/discussions/1/comment`;
  const comment = await ok(vic("POST", about, { comment: word("own", "told") }));
  const { id: webhookId }: { id: string } = Object(hook.get("webhook"));
  const [log]: { id: string }[] = Object((await ok(vic("GET", `/api/settings/webhooks/${webhookId}/logs`))).body);
  const [token]: { id: string }[] = Object((await ok(vic("GET", "/api/settings/tokens"))).body);
  const [first]: { _id: string }[] = Object(made.get("items"));
  const { sha } = Object((await ok(vic("GET", `/api/models/vic/${repos.own.name}`))).body);
  const { id: commentId }: { id: string } = Object(comment.get("newMessage"));
  return {
    slug: String(made.get("slug")).split("/")[1] ?? "",
    itemId: first?._id ?? "",
    webhookId,
    logId: log?.id ?? "",
    tokenId: token?.id ?? "",
    keyId: String(key.get("id")),
    commentId,
    resourceGroupId: String(group.get("id")),
    serviceAccountId: robot,
    serviceTokenId: String(robotToken.get("_id")),
    sha: await largeFile(hub, vic, repos.own.name),
    commit: String(sha),
  };
}

/** A large file in a private repository; gives its SHA-256. */
async function largeFile(hub: TestHub, vic: Call, name: string): Promise<string> {
  const content = word("own", "large");
  const oid = createHash("sha256").update(content).digest("hex");
  const asked = { operation: "upload", transfers: ["basic"], objects: [{ oid, size: content.length }] };
  const batch = await ok(vic("POST", `/vic/${name}.git/info/lfs/objects/batch`, asked));
  const [object]: { actions: { upload: { href: string } } }[] = Object(batch.get("objects"));
  await fetch(object?.actions.upload.href ?? hub.url, { method: "PUT", body: content });
  const lines = [line("header", { summary: "large" }), line("lfsFile", { path: "m.bin", oid, size: content.length })];
  await ok(vic("POST", `/api/models/vic/${name}/commit/main`, lines.join("\n")));
  return oid;
}
