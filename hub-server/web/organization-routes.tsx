// Pages of organizations: making one, what it has, who belongs, and its settings.
// Holds no rules: services do.
import type { Hono } from "hono";
import type { RepoType } from "../../src/hub/repo-id.ts";
import type { HubEnv } from "../api/route.ts";
import { ORG_ROLES, type OrgRole } from "../db/schema/organizations.ts";
import { ServiceError } from "../errors.ts";
import { roleIn } from "../services/access.ts";
import { listRepos } from "../services/list-repos.ts";
import {
  addMember,
  createOrg,
  getOrg,
  listMembers,
  removeMember,
  requireOrg,
  setRole,
  updateOrg,
} from "../services/organizations.ts";
import { findUser } from "../services/users.ts";
import { field } from "./forms.ts";
import { NewOrgPage, OrgPage, OrgSettingsPage } from "./pages/organization.tsx";
import { type C, html, shellOf, signedIn } from "./respond.tsx";

/** Repositories of each type, and members, on the page of an organization. */
const SHELF = 8;
const MOST_MEMBERS = 500;

export function organizationPages(web: Hono<HubEnv>): void {
  web.get("/organizations/new", (c) => {
    signedIn(c);
    return html(c, <NewOrgPage shell={shellOf(c)} />);
  });
  web.post("/organizations/new", async (c) => {
    signedIn(c);
    const form = await c.req.formData();
    const values = {
      name: field(form, "name").trim(),
      fullName: field(form, "full_name"),
      details: field(form, "details"),
    };
    try {
      const org = await createOrg(c.get("ctx"), values);
      return c.redirect(`/${org.name}`, 303);
    } catch (error) {
      if (!(error instanceof ServiceError) || error.status >= 500) throw error;
      const page = <NewOrgPage shell={shellOf(c)} problem={error.message} values={values} />;
      return html(c, page, error.status === 409 ? 409 : 400);
    }
  });
  settings(web);
  web.get("/:name", async (c, next) => {
    const ctx = c.get("ctx");
    const org = await findUser(ctx, c.req.param("name"));
    if (org?.kind !== "org") return next();
    const of = (type: RepoType) => listRepos(ctx, { type, filters: { author: [org.name] }, limit: SHELF });
    const props = {
      shell: shellOf(c),
      org,
      role: ctx.actor?.admin === true ? ("admin" as const) : await roleIn(ctx, org.id),
      members: await listMembers(ctx, org.id, { limit: MOST_MEMBERS, offset: 0 }),
      models: await of("model"),
      datasets: await of("dataset"),
    };
    return html(c, <OrgPage {...props} />);
  });
}

const roleOf = (text: string): OrgRole => ORG_ROLES.find((role) => role === text) ?? "read";

function settings(web: Hono<HubEnv>): void {
  const base = "/organizations/:name/settings";
  const page = async (c: C, problem?: string) => {
    const ctx = c.get("ctx");
    signedIn(c);
    const org = await requireOrg(ctx, c.req.param("name") ?? "", "admin");
    const members = await listMembers(ctx, org.id, { limit: MOST_MEMBERS, offset: 0 });
    const props = { shell: shellOf(c), org, members, ...(problem !== undefined && { problem }) };
    return html(c, <OrgSettingsPage {...props} />, problem === undefined ? 200 : 400);
  };
  /** A form of the settings: what it does, then the page again. */
  const change = (path: string, act: (c: C, name: string, form: FormData) => Promise<void>) =>
    web.post(`${base}${path}`, async (c) => {
      signedIn(c);
      const name = (await getOrg(c.get("ctx"), c.req.param("name"))).name;
      try {
        await act(c, name, await c.req.formData());
      } catch (error) {
        if (!(error instanceof ServiceError) || error.status >= 500 || error.status === 403) throw error;
        return page(c, error.message);
      }
      return c.redirect(`/organizations/${name}/settings`, 303);
    });
  web.get(base, (c) => page(c));
  change("", (c, name, form) =>
    updateOrg(c.get("ctx"), name, { fullName: field(form, "full_name"), details: field(form, "details") }),
  );
  change("/members", (c, name, form) =>
    addMember(c.get("ctx"), name, field(form, "user").trim(), roleOf(field(form, "role"))),
  );
  change("/role", (c, name, form) =>
    setRole(c.get("ctx"), name, field(form, "user"), { role: roleOf(field(form, "role")) }),
  );
  change("/remove", (c, name, form) => removeMember(c.get("ctx"), name, field(form, "user")));
}
