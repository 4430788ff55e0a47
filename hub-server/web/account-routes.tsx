// Login, first set-up, new repositories, access tokens, SSH keys: address → service calls → page.
// Holds no rules: services do.
import type { Hono } from "hono";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { AbrazoError } from "../../src/errors.ts";
import { fullName, parseRepoId, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import { networkOf } from "../address.ts";
import { type HubEnv, originOf } from "../api/route.ts";
import type { Context } from "../context.ts";
import type { TokenScopes } from "../db/schema.ts";
import { ServiceError } from "../errors.ts";
import { Attempts } from "../services/attempts.ts";
import { orgsOf } from "../services/organizations.ts";
import { createRepo } from "../services/repos.ts";
import { addSshKey, listSshKeys, removeSshKey } from "../services/ssh-keys.ts";
import { makeOwnToken, type NamedScopes, nameScopes } from "../services/tokens.ts";
import {
  checkPassword,
  createFirstUser,
  createSession,
  endSession,
  listTokens,
  revokeToken,
  userCount,
} from "../services/users.ts";
import { SESSION_COOKIE } from "./cookie.ts";
import { field, fields, safeNext } from "./forms.ts";
import { LoginPage, NewRepoPage, SetupPage, TokensPage } from "./pages/account.tsx";
import { SshKeysPage } from "./pages/ssh-keys.tsx";
import { addressesOf, type C, html, shellOf, signedIn } from "./respond.tsx";

export function accountRoutes(web: Hono<HubEnv>, setupSecret: string): void {
  login(web);
  setup(web, setupSecret);
  newRepository(web);
  tokens(web);
  sshKeys(web);
}

async function startSession(c: C, ctx: Context, userId: string): Promise<void> {
  const secure = originOf(c).startsWith("https:");
  setCookie(c, SESSION_COOKIE, await createSession(ctx, userId), {
    httpOnly: true,
    sameSite: "Lax",
    path: "/",
    secure,
    maxAge: 30 * 86_400,
  });
}

/** Passwords that may be tried: of one name from one network, and from one network at all. */
const guesses = { name: new Attempts(10, 300), network: new Attempts(100, 300) };

function login(web: Hono<HubEnv>): void {
  web.get("/login", (c) => {
    const next = safeNext(c.req.query("next"));
    if (c.get("ctx").actor !== undefined) return c.redirect(next, 303);
    return html(c, <LoginPage shell={shellOf(c)} next={next} />);
  });
  web.post("/login", async (c) => {
    const form = await c.req.formData();
    const [ctx, name, next] = [c.get("ctx"), field(form, "name"), safeNext(field(form, "next"))];
    const key = `${networkOf(c)} ${name.toLowerCase().slice(0, 100)}`;
    try {
      guesses.network.count(networkOf(c));
      guesses.name.count(key);
      const user = await checkPassword(ctx, name, field(form, "password").slice(0, 1000));
      guesses.name.forget(key);
      await startSession(c, ctx, user.id);
      return c.redirect(next, 303);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const page = <LoginPage shell={shellOf(c)} next={next} problem={error.message} name={name} />;
      return error.status === 429 ? html(c, page, 429, { ...error.headers }) : html(c, page, 401);
    }
  });
  web.post("/logout", async (c) => {
    const cookie = getCookie(c, SESSION_COOKIE);
    if (cookie !== undefined) await endSession(c.get("ctx"), cookie);
    deleteCookie(c, SESSION_COOKIE, { path: "/" });
    return c.redirect("/", 303);
  });
}

function setup(web: Hono<HubEnv>, secret: string): void {
  const closed = () => new ServiceError(404, "The set-up link is used up or wrong.", { code: "SETUP_CLOSED" });
  const open = async (c: C, given: string): Promise<void> => {
    if (given !== secret || (await userCount(c.get("ctx"))) > 0) throw closed();
  };
  web.get("/setup", async (c) => {
    await open(c, c.req.query("secret") ?? "");
    return html(c, <SetupPage shell={shellOf(c)} secret={secret} />);
  });
  web.post("/setup", async (c) => {
    const form = await c.req.formData();
    await open(c, field(form, "secret"));
    const name = field(form, "name");
    try {
      const user = await createFirstUser(c.get("ctx"), { name, password: field(form, "password") });
      if (user === undefined) throw closed();
      await startSession(c, c.get("ctx"), user.id);
      return c.redirect("/settings/tokens", 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status === 404) throw error;
      return html(c, <SetupPage shell={shellOf(c)} secret={secret} problem={error.message} name={name} />, 400);
    }
  });
}

function newRepository(web: Hono<HubEnv>): void {
  web.get("/new", (c) => html(c, <NewRepoPage shell={shellOf(c)} owner={signedIn(c).name} />));
  web.post("/new", async (c) => {
    const form = await c.req.formData();
    const owner = signedIn(c).name;
    const type: RepoType = field(form, "type") === "dataset" ? "dataset" : "model";
    const values = { type, name: field(form, "name").trim(), isPrivate: field(form, "private") === "yes" };
    try {
      const made = await createRepo(c.get("ctx"), { ...values, namespace: owner });
      return c.redirect(repoPath(made), 303);
    } catch (error) {
      if (!(error instanceof ServiceError)) throw error;
      const page = <NewRepoPage shell={shellOf(c)} owner={owner} problem={error.message} values={values} />;
      return html(c, page, error.status === 409 ? 409 : 400);
    }
  });
}

/** Pages that may hold a token are kept by nobody. */
const SECRET = { "Cache-Control": "no-store" } as const;

/** What a token allows, a place in a line. */
async function scopeWords(ctx: Context, scopes: TokenScopes | null): Promise<string[]> {
  if (scopes === null) return [];
  const { canReadGatedRepos, global, scoped } = await nameScopes(ctx, scopes);
  return [
    ...scoped.map(({ entity, permissions }) => `${entity.name}: ${permissions.join(", ")}`),
    ...global.map((name) => `everywhere: ${name}`),
    ...(canReadGatedRepos ? ["gated repositories"] : []),
  ];
}

/** The ticks of the form; the first place is the user, the others are organizations. */
function ticked(form: FormData, places: readonly string[]): NamedScopes {
  const own = places.flatMap((name, index): NamedScopes["scoped"][number][] => {
    const permissions = fields(form, `of ${name}`);
    return permissions.length === 0 ? [] : [{ entity: { type: index === 0 ? "user" : "org", name }, permissions }];
  });
  const repo = field(form, "repo").trim();
  const id = repo === "" ? undefined : parseRepoId(repo);
  const one = id && { entity: { type: id.type, name: fullName(id) }, permissions: [field(form, "repo_permission")] };
  return {
    canReadGatedRepos: field(form, "gated") === "yes",
    global: fields(form, "everywhere"),
    scoped: one === undefined ? own : [...own, one],
  };
}

function tokens(web: Hono<HubEnv>): void {
  const placesOf = async (c: C): Promise<string[]> => {
    const { id, name } = signedIn(c);
    return [name, ...(await orgsOf(c.get("ctx"), id)).map(({ org }) => org.name)];
  };
  const page = async (c: C, more: { made?: string; problem?: string } = {}) => {
    const ctx = c.get("ctx");
    const rows: Parameters<typeof TokensPage>[0]["tokens"][number][] = [];
    for (const row of await listTokens(ctx)) rows.push({ ...row, scopes: await scopeWords(ctx, row.scopes) });
    const props = { shell: shellOf(c), origin: originOf(c), tokens: rows, places: await placesOf(c), ...more };
    return html(c, <TokensPage {...props} />, more.problem === undefined ? 200 : 400, SECRET);
  };
  web.get("/settings/tokens", async (c) => {
    signedIn(c);
    return page(c);
  });
  web.post("/settings/tokens", async (c) => {
    const places = await placesOf(c);
    const form = await c.req.formData();
    const role = (["read", "fineGrained"] as const).find((one) => one === field(form, "role")) ?? "write";
    const days = Number(field(form, "days"));
    try {
      const { token } = await makeOwnToken(c.get("ctx"), {
        name: field(form, "name"),
        role,
        scopes: role === "fineGrained" ? ticked(form, places) : undefined,
        expiresAt: days > 0 && days <= 3660 ? new Date(Date.now() + days * 86_400_000) : undefined,
      });
      return page(c, { made: token });
    } catch (error) {
      if (!(error instanceof AbrazoError) || (error instanceof ServiceError && error.status >= 500)) throw error;
      return page(c, { problem: error.message });
    }
  });
  web.post("/settings/tokens/revoke", async (c) => {
    signedIn(c);
    await revokeToken(c.get("ctx"), field(await c.req.formData(), "id"));
    return c.redirect("/settings/tokens", 303);
  });
}

function sshKeys(web: Hono<HubEnv>): void {
  const page = async (c: C, more: { problem?: string; typed?: { title: string; key: string } } = {}) => {
    const ctx = c.get("ctx");
    const fingerprint = ctx.ssh.served?.fingerprint;
    const props = { shell: shellOf(c), ssh: addressesOf(c).ssh, fingerprint, keys: await listSshKeys(ctx), ...more };
    return html(c, <SshKeysPage {...props} />, more.problem === undefined ? 200 : 400, SECRET);
  };
  web.get("/settings/ssh-keys", async (c) => {
    signedIn(c);
    return page(c);
  });
  web.post("/settings/ssh-keys", async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const typed = { title: field(form, "title"), key: field(form, "key") };
    try {
      await addSshKey(c.get("ctx"), typed);
      return c.redirect("/settings/ssh-keys", 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
      // A private key is not shown again.
      const again = /PRIVATE KEY/.test(typed.key) ? { ...typed, key: "" } : typed;
      return page(c, {
        problem: error.hint === undefined ? error.message : `${error.message} ${error.hint}`,
        typed: again,
      });
    }
  });
  web.post("/settings/ssh-keys/remove", async (c) => {
    signedIn(c);
    await removeSshKey(c.get("ctx"), field(await c.req.formData(), "id"));
    return c.redirect("/settings/ssh-keys", 303);
  });
}
