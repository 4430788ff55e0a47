// Uploads by commit: which files are large, and the commit itself as lines of JSON.
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { Context as HonoContext } from "hono";
import { commitLineSchema, preuploadRequestSchema } from "../../src/hub/protocol/commit.ts";
import { repoPath } from "../../src/hub/repo-id.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { createCommit, type Operation, preupload as plan } from "../services/commits.ts";
import { requirePush } from "../services/pushes.ts";
import { defineRoute, type HubEnv, jsonBody, limited, originOf, repoOf, splitRevision } from "./route.ts";

/** Python's client sends LFS files by Xet alone, which this hub does not speak yet: up to here they go as regular files. */
const PYTHON_LIMIT = 50 * 1024 * 1024;
const XET_OFF = "HF_HUB_DISABLE_XET=1";

const preupload = defineRoute({
  operation: "preupload",
  method: "POST",
  path: "/api/:type/:namespace/:name/preupload/*",
  access: "write",
  summary: "Ask how each file of an upload is to be sent",
  body: preuploadRequestSchema,
  handle: async (c, ctx) => {
    const request = await jsonBody(c, preuploadRequestSchema);
    const { revision } = splitRevision(c, "preupload");
    const planned = await plan(ctx, repoOf(c), revision, { ...request, createPr: wantsPullRequest(c) });
    const limit = regularLimit(c.req.header("user-agent") ?? "");
    for (const [index, file] of planned.entries()) {
      if ((request.files[index]?.size ?? 0) <= limit) file.uploadMode = "regular";
    }
    return c.json({ files: planned });
  },
});

/**
 * Up to how many bytes an LFS file of this client goes as a regular one. Not those of Python's datasets: it deletes its
 * shards between sending them and the commit, so they have to go ahead of it.
 */
function regularLimit(userAgent: string): number {
  const python = /huggingface_hub|hf_hub\//.test(userAgent) && !/\bdatasets\//.test(userAgent);
  return python ? PYTHON_LIMIT : -1;
}

/**
 * Where Python's client turns for a file above the limit, unless Xet is off: then it takes LFS. Of a refusal it shows
 * status and address alone, so the address that refuses says what to do.
 */
const xetWriteToken = defineRoute({
  operation: "getXetWriteToken",
  method: "GET",
  path: "/api/:type/:namespace/:name/xet-write-token/*",
  access: "write",
  summary: "Refuses Xet uploads, and says how to do without",
  handle: async (c, ctx) => {
    const { revision } = splitRevision(c, "xet-write-token");
    await requirePush(ctx, repoOf(c), revision, { createPr: wantsPullRequest(c) });
    return c.redirect(`${originOf(c)}/api/xet-not-supported/${XET_OFF}`, 307);
  },
});

const xetNotSupported = defineRoute({
  operation: "xetNotSupported",
  method: "GET",
  path: `/api/xet-not-supported/${XET_OFF}`,
  access: "public",
  summary: "Says how to upload without Xet",
  handle: () => {
    throw new ServiceError(501, "This hub does not speak Xet yet.", {
      code: "XET_NOT_SUPPORTED",
      hint: `Set ${XET_OFF} and upload again.`,
    });
  },
});

const commit = defineRoute({
  operation: "commit",
  method: "POST",
  path: "/api/:type/:namespace/:name/commit/*",
  access: "write",
  summary: "Commit files, given as lines of JSON",
  handle: async (c, ctx) => {
    const [id, createPr] = [repoOf(c), wantsPullRequest(c)];
    const { revision } = splitRevision(c, "commit");
    // Before the body is read: a stranger's is not worth the memory.
    await requirePush(ctx, id, revision, { createPr });
    const { message, parent, operations } = await readLines(c.req.raw.body);
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
const wantsPullRequest = (c: HonoContext<HubEnv>): boolean =>
  ["1", "true", "True"].includes(c.req.query("create_pr") ?? "");

interface CommitLines {
  message: string;
  parent: string | undefined;
  operations: Operation[];
}

/** Bytes of one commit's regular files together, as they are sent. */
const COMMIT_LIMIT = 512 * 1024 * 1024;

async function readLines(body: ReadableStream<Uint8Array> | null): Promise<CommitLines> {
  const out: CommitLines = { message: "", parent: undefined, operations: [] };
  let header = false;
  const source = Readable.from(limited(body, COMMIT_LIMIT));
  for await (const text of createInterface({ input: source, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (text.trim() === "") continue;
    const line = parseLine(text);
    if (line.key === "header") {
      header = true;
      const { summary, description, parentCommit } = line.value;
      out.message = description === "" ? summary : `${summary}\n\n${description}`;
      out.parent = parentCommit ?? undefined;
    } else if (!header) throw badRequest("The first line of a commit is its header.");
    else out.operations.push(operationOf(line));
  }
  if (!header) throw badRequest("The commit has no header line.");
  return out;
}

function parseLine(text: string) {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw badRequest("A line of the commit is no JSON; the upload may have been cut off.");
  }
  const result = commitLineSchema.safeParse(value);
  if (!result.success) throw badRequest(`A line of the commit is not as expected: ${result.error.issues[0]?.message}`);
  return result.data;
}

function operationOf(line: Exclude<ReturnType<typeof parseLine>, { key: "header" }>): Operation {
  switch (line.key) {
    case "file":
      return { kind: "file", path: line.value.path, bytes: contentOf(line.value) };
    case "lfsFile":
      return { kind: "lfs", path: line.value.path, sha256: line.value.oid, size: line.value.size };
    case "deletedFile":
      return { kind: "delete", path: line.value.path };
    case "deletedFolder":
      return { kind: "deleteFolder", path: line.value.path };
  }
}

/** Node decodes what it can of broken base64; a file that arrived broken must not be committed. */
function contentOf({
  path,
  content,
  encoding,
}: {
  path: string;
  content: string;
  encoding: "base64" | "utf-8";
}): Buffer {
  if (encoding === "base64" && !(content.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(content)))
    throw badRequest(`The content of "${path}" is no base64; the upload may have been cut off.`);
  return Buffer.from(content, encoding);
}

export const commitRoutes = [preupload, xetWriteToken, xetNotSupported, commit];
