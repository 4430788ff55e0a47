// Access to gated repositories: asking, and the lists and decisions of owners.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { type RepoType, repoPath } from "../../src/hub/repo-id.ts";
import { REQUEST_STATUSES } from "../db/schema/gates.ts";
import { badRequest } from "../errors.ts";
import {
  accessReport,
  askAccess,
  decide,
  decideAll,
  grantAccess,
  type ListedRequest,
  listRequests,
  withdrawRequest,
} from "../services/gates.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { wireUser } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody, type Route, repoOf, wholeBody } from "./route.ts";

/** Operations of models and of datasets that one route answers. */
const rows = (method: string, rest: string): string[] =>
  ["models", "datasets"].map((type) => `${method} /api/${type}/{namespace}/{repo}/user-access-request/${rest}`);

const time = (name: string, value: string | undefined): Date | undefined => {
  if (value === undefined) return undefined;
  const date = new Date(value);
  if (Number.isNaN(date.getTime())) throw badRequest(`"${value}" is no time for ${name}.`);
  return date;
};

function wire(c: HonoContext<HubEnv>, { request, user, granter }: ListedRequest) {
  return {
    user: { ...wireUser(c, user), ...(request.sharesEmail && { email: user.email }) },
    timestamp: request.createdAt.toISOString(),
    ...(request.reviewedAt !== null && { reviewedAt: request.reviewedAt.toISOString() }),
    status: request.status,
    ...(request.fields !== null && Object.keys(request.fields).length > 0 && { fields: request.fields }),
    ...(granter !== null && { grantedBy: wireUser(c, granter) }),
  };
}

const list = defineRoute({
  operation: "listAccessRequests",
  answers: rows("GET", "{status}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/user-access-request/:status",
  access: "write",
  summary: "Who asked for the content of a gated repository",
  query: {
    limit: "rows of a page, 10 to 1000",
    cursor: "where the page begins",
    after: "asked after this time",
    before: "asked before this time",
    q: "part of a name",
  },
  handle: async (c, ctx) => {
    const page = pageOf(c, { fallback: 1000, most: 1000 });
    const status = REQUEST_STATUSES.find((one) => one === c.req.param("status"));
    if (status === undefined) throw badRequest(`The status is one of ${REQUEST_STATUSES.join(", ")}.`);
    if (page.limit < 10) throw badRequest("limit is at least 10.");
    const search = c.req.query("q") ?? "";
    if (search.length > 250) throw badRequest("q has at most 250 characters.");
    const query = {
      ...page,
      search,
      after: time("after", c.req.query("after")),
      before: time("before", c.req.query("before")),
    };
    return pageResponse(c, page, await listRequests(ctx, repoOf(c), status, query), (row) => wire(c, row));
  },
});

const whoSchema = {
  user: z.string().min(1).optional(),
  userId: z
    .string()
    .regex(/^[0-9a-f]{24}$/)
    .optional(),
};
const reasons = { rejectionReason: z.string().max(200).optional(), resetReason: z.string().max(200).optional() };
const decisionSchema = z.object({ ...whoSchema, ...reasons, status: z.enum(REQUEST_STATUSES) });

const handle = defineRoute({
  operation: "handleAccessRequest",
  answers: rows("POST", "handle"),
  method: "POST",
  path: "/api/:type/:namespace/:name/user-access-request/handle",
  access: "write",
  summary: "Accept or reject a request, or put it back",
  body: decisionSchema,
  handle: async (c, ctx) => {
    const { status, rejectionReason, resetReason, ...who } = await jsonBody(c, decisionSchema);
    const reason = status === "rejected" ? rejectionReason : status === "reset" ? resetReason : undefined;
    await decide(ctx, repoOf(c), who, { status, reason });
    return c.json({});
  },
});

const batchSchema = z.object({
  ...reasons,
  status: z.enum(["accepted", "rejected", "reset"]),
  requests: z.array(z.object(whoSchema)).min(1).max(100),
});

const batch = defineRoute({
  operation: "handleAccessRequests",
  answers: rows("POST", "batch"),
  method: "POST",
  path: "/api/:type/:namespace/:name/user-access-request/batch",
  access: "write",
  summary: "One decision about up to 100 requests; what came of each, in their order",
  body: batchSchema,
  handle: async (c, ctx) => {
    const { status, requests, rejectionReason, resetReason } = await jsonBody(c, batchSchema);
    const reason = status === "rejected" ? rejectionReason : status === "reset" ? resetReason : undefined;
    return c.json(await decideAll(ctx, repoOf(c), requests, { status, reason }));
  },
});

const grantSchema = z.object(whoSchema);

const grant = defineRoute({
  operation: "grantAccess",
  answers: rows("POST", "grant"),
  method: "POST",
  path: "/api/:type/:namespace/:name/user-access-request/grant",
  access: "write",
  summary: "Let a user in who has not asked",
  body: grantSchema,
  handle: async (c, ctx) => {
    await grantAccess(ctx, repoOf(c), await jsonBody(c, grantSchema));
    return c.json({});
  },
});

const cancel = defineRoute({
  operation: "cancelAccessRequest",
  answers: rows("POST", "cancel"),
  method: "POST",
  path: "/api/:type/:namespace/:name/user-access-request/cancel",
  access: "contribute",
  summary: "Take one's own request back while it waits",
  handle: async (c, ctx) => {
    await withdrawRequest(ctx, repoOf(c));
    return c.json({ ok: true });
  },
});

/** Answers by the label of their question, as JSON or as a form sends them. */
async function answersIn(c: HonoContext<HubEnv>): Promise<Record<string, unknown>> {
  const answersSchema = z.record(z.string().max(1000), z.unknown());
  if (c.req.header("content-type")?.includes("json")) return jsonBody(c, answersSchema);
  return Object.fromEntries(new URLSearchParams((await wholeBody(c, 256 * 1024)).toString("utf8")));
}

const prefixes: readonly [RepoType, string][] = [
  ["model", ""],
  ["dataset", "/datasets"],
];

const ask = ([type, prefix]: readonly [RepoType, string]): Route =>
  defineRoute({
    operation: type === "model" ? "askAccess" : "askAccessDataset",
    answers: [`POST ${prefix}/{namespace}/{repo}/ask-access`],
    method: "POST",
    path: `${prefix}/:namespace/:name/ask-access`,
    access: "contribute",
    summary: "Ask for the content of a gated repository, with answers to the questions of its card",
    handle: async (c, ctx) => {
      const { repo } = await askAccess(ctx, { ...repoOf(c), type }, await answersIn(c));
      return c.redirect(repoPath(repo), 303);
    },
  });

const report = ([type, prefix]: readonly [RepoType, string]): Route =>
  defineRoute({
    operation: type === "model" ? "accessReport" : "accessReportDataset",
    answers: [`GET ${prefix}/{namespace}/{repo}/user-access-report`],
    method: "GET",
    path: `${prefix}/:namespace/:name/user-access-report`,
    access: "write",
    summary: "Everybody who asked or was let in, as CSV",
    handle: async (c, ctx) => {
      const id = { ...repoOf(c), type };
      const csv = await accessReport(ctx, id);
      return c.body(csv, 200, {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": `attachment; filename="user-access-report-${id.namespace}-${id.name}.csv"`,
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
      });
    },
  });

export const gateRoutes = [list, handle, batch, grant, cancel, ...prefixes.map(ask), ...prefixes.map(report)];
