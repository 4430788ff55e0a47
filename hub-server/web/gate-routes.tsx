// Pages of gated repositories: asking for access, and what their owners decide.
// Holds no rules: services do.
import type { Hono } from "hono";
import { plural, REPO_TYPES, type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import type { HubEnv } from "../api/route.ts";
import { REQUEST_STATUSES } from "../db/schema/gates.ts";
import { ServiceError } from "../errors.ts";
import { mayAccess, requireAccess } from "../services/access.ts";
import { gateForm } from "../services/gate-form.ts";
import { askAccess, decide, grantAccess, listRequests, ownRequest } from "../services/gates.ts";
import { field, toLogin } from "./forms.ts";
import { AskPage, RequestsPage } from "./pages/gates.tsx";
import { type C, html, idOf, pageNumber, shellOf, signedIn } from "./respond.tsx";

const PAGE = 50;

export function gatePages(web: Hono<HubEnv>): void {
  for (const type of REPO_TYPES) {
    const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name`;
    asking(web, base, type);
    deciding(web, base, type);
  }
}

function asking(web: Hono<HubEnv>, base: string, type: RepoType): void {
  const page = async (c: C, problem?: string) => {
    const ctx = c.get("ctx");
    const repo = await requireAccess(ctx, "read", idOf(c, type));
    if (repo.gated === null) return c.redirect(repoPath(repo), 303);
    const props = {
      shell: shellOf(c),
      repo,
      form: gateForm(repo.cardData),
      allowed: await mayAccess(ctx, "content", repo),
      request: await ownRequest(ctx, repo),
      manages: await mayAccess(ctx, "write", repo),
      ...(problem !== undefined && { problem }),
    };
    return html(c, <AskPage {...props} />, problem === undefined ? 200 : 400);
  };
  web.get(`${base}/access`, async (c) => (c.get("ctx").actor === undefined ? toLogin(c) : page(c)));
  web.post(`${base}/access`, async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const answers = Object.fromEntries([...form].filter(([, value]) => typeof value === "string"));
    try {
      const { repo } = await askAccess(c.get("ctx"), idOf(c, type), answers);
      return c.redirect(`${repoPath(repo)}/access`, 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status !== 400) throw error;
      return page(c, error.message);
    }
  });
}

function deciding(web: Hono<HubEnv>, base: string, type: RepoType): void {
  const page = async (c: C, problem?: string) => {
    const ctx = c.get("ctx");
    signedIn(c);
    const repo = await requireAccess(ctx, "write", idOf(c, type));
    const status = REQUEST_STATUSES.find((one) => one === c.req.query("status")) ?? "pending";
    const number = pageNumber(c.req.query("p"));
    const rows = await listRequests(ctx, repo, status, { limit: PAGE, offset: number * PAGE });
    const props = {
      shell: shellOf(c),
      repo,
      status,
      rows: rows.slice(0, PAGE),
      page: number,
      more: rows.length > PAGE,
    };
    const said = problem === undefined ? {} : { problem };
    return html(c, <RequestsPage {...props} {...said} />, problem === undefined ? 200 : 400);
  };
  web.get(`${base}/access-requests`, (c) => page(c));
  web.post(`${base}/access-requests`, async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const [user, word] = [field(form, "user").trim(), field(form, "status")];
    const ctx = c.get("ctx");
    try {
      const status = REQUEST_STATUSES.find((one) => one === word);
      if (word === "grant") await grantAccess(ctx, idOf(c, type), { user });
      else if (status !== undefined) {
        const reason = field(form, "reason").slice(0, 200) || undefined;
        await decide(ctx, idOf(c, type), { user }, { status, reason });
      }
    } catch (error) {
      if (!(error instanceof ServiceError) || ![400, 404].includes(error.status) || error.wireCode !== undefined)
        throw error;
      return page(c, error.message);
    }
    return c.redirect(new URL(c.req.url).pathname, 303);
  });
}
