// Uploads by commit: which files are large, and the commit itself as lines of JSON.
import type { Context as HonoContext } from "hono";
import { preuploadRequestSchema } from "../../src/hub/protocol/commit.ts";
import { repoPath } from "../../src/hub/repo-id.ts";
import { createCommit, preupload as plan } from "../services/commits.ts";
import { requirePush } from "../services/pushes.ts";
import { readCommit } from "./commit-lines.ts";
import { bodyOf } from "./node-server.ts";
import {
  defineRoute,
  type HubEnv,
  isTrue,
  jsonBody,
  MANY_FILES,
  ofEach,
  originOf,
  repoOf,
  splitRevision,
} from "./route.ts";

const preupload = defineRoute({
  operation: "preupload",
  answers: ofEach("POST", "preupload/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/preupload/*",
  access: "write",
  summary: "Ask how each file of an upload is to be sent",
  body: preuploadRequestSchema,
  handle: async (c, ctx) => {
    const [id, createPr] = [repoOf(c), wantsPullRequest(c)];
    const { revision } = splitRevision(c);
    await requirePush(ctx, id, revision, { createPr });
    const request = await jsonBody(c, preuploadRequestSchema, MANY_FILES);
    const planned = await plan(ctx, id, revision, { ...request, createPr });
    return c.json({ files: planned });
  },
});

const commit = defineRoute({
  operation: "commit",
  answers: ofEach("POST", "commit/{rev}"),
  method: "POST",
  path: "/api/:type/:namespace/:name/commit/*",
  access: "write",
  summary: "Commit files, given as lines of JSON",
  handle: async (c, ctx) => {
    const [id, createPr] = [repoOf(c), wantsPullRequest(c)];
    const { revision } = splitRevision(c);
    // Before the body is read: a stranger's is not worth the memory.
    await requirePush(ctx, id, revision, { createPr });
    const { message, parent, operations } = await readCommit(bodyOf(c));
    const result = await createCommit(ctx, id, { branch: revision, message, parent, operations, createPr });
    const page = `${originOf(c)}${repoPath(id)}`;
    return c.json({
      success: true,
      commitOid: result.id,
      commitUrl: `${page}/commit/${result.id}`,
      ...(result.pullRequest !== undefined && { pullRequestUrl: `${page}/discussions/${result.pullRequest}` }),
      hookOutput: "",
    });
  },
});

/** Whether what is sent is to become a pull request: who proposes need not be allowed to write. */
const wantsPullRequest = (c: HonoContext<HubEnv>): boolean => isTrue(c.req.query("create_pr"));

export const commitRoutes = [preupload, commit];
