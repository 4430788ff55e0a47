// git over HTTP ("smart"): clone, fetch and push, with the address of a repository's page, with ".git" behind it or without.
// Answers and refusals are in the words that git shows its user.

import { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import type { Context as HonoContext } from "hono";
import { plural, REPO_TYPES, type RepoType } from "../../src/hub/repo-id.ts";
import { asServiceError, headerSafe } from "../error-response.ts";
import { badRequest, ServiceError } from "../errors.ts";
import type { GitCall } from "../git/cache.ts";
import { FLUSH, pktLine } from "../git/pkt-line.ts";
import { type GitService, gitRepo, showRefs, uploadPack } from "../services/git.ts";
import { answerPush } from "../services/git-answer.ts";
import { Spool } from "../storage/spool.ts";
import { bodyOf } from "./node-server.ts";
import { callerOf, defineRoute, type HubEnv, limited, type Route, repoOf, TYPE_SUFFIX } from "./route.ts";

/** Bytes of a request to fetch: it names commits, of which a large clone has some ten thousand. */
const FETCH_LIMIT = 16 * 1024 * 1024;
/** Bytes of a push, on the way and unpacked from gzip; the pack has limits of its own. */
const PUSH_LIMIT = 3 * 1024 ** 3;

const NO_CACHE = { "Cache-Control": "no-cache, max-age=0, must-revalidate" };
const isService = (name: string | undefined): name is GitService =>
  name === "git-upload-pack" || name === "git-receive-pack";

/** git shows the text of an error, and no JSON. */
async function inGitsWords(c: HonoContext<HubEnv>, answer: () => Promise<Response>): Promise<Response> {
  try {
    return await answer();
  } catch (thrown) {
    const error = isLeaving(c, thrown) ? badRequest("The connection was lost.") : thrown;
    const { status, message, hint, code, wireCode, headers } = asServiceError(error, c.get("requestId"));
    const text = hint === undefined ? message : `${message} ${hint}`;
    const told = {
      "Content-Type": "text/plain; charset=utf-8",
      "X-Request-Id": c.get("requestId"),
      ...headers,
      "X-Error-Code": wireCode ?? code,
      "X-Error-Message": headerSafe(text),
    };
    return new Response(`${text}\n`, { status, headers: told });
  }
}

/** Whether an error is that the client went away, and nothing else: nobody reads an answer, and nothing is wrong here. */
function isLeaving(c: HonoContext<HubEnv>, error: unknown): boolean {
  const { aborted, reason } = c.req.raw.signal;
  return aborted && (error === reason || (error instanceof Error && error.cause === reason));
}

/** The body, unpacked where git packed it, up to a limit on both. */
function unpackedBody(c: HonoContext<HubEnv>, limit: number): AsyncIterable<Uint8Array> {
  const sent = limited(bodyOf(c), limit);
  const encoding = c.req.header("content-encoding") ?? "identity";
  if (encoding === "identity") return sent;
  if (!/^(x-)?gzip$/.test(encoding)) {
    throw new ServiceError(415, `The encoding "${encoding}" is not known here; git sends gzip.`, { code: "ENCODING" });
  }
  return unzipped(sent, limit);
}

async function* unzipped(source: AsyncIterable<Uint8Array>, limit: number): AsyncGenerator<Uint8Array> {
  let size = 0;
  const unzip = Readable.from(source).compose(createGunzip());
  try {
    for await (const chunk of unzip) {
      size += chunk.length;
      if (size > limit)
        throw new ServiceError(413, `The body unpacks to more than ${limit} bytes.`, { code: "BODY_TOO_LARGE" });
      yield chunk;
    }
  } catch (error) {
    if (error instanceof ServiceError) throw error;
    throw badRequest("The body is no gzip, or was cut off.");
  } finally {
    unzip.destroy();
  }
}

/** Work with the whole body of a request to fetch. While it waits for its turn it lies on the disk, but for what is short. */
async function withBody<Result>(
  c: HonoContext<HubEnv>,
  work: (input: AsyncIterable<Uint8Array>) => Promise<Result>,
): Promise<Result> {
  const spool = new Spool();
  async function* emptied(): AsyncGenerator<Uint8Array> {
    try {
      yield* spool.read(0, spool.length);
    } finally {
      await spool.close();
    }
  }
  try {
    for await (const chunk of unpackedBody(c, FETCH_LIMIT)) await spool.append(chunk);
    return await work(emptied());
  } catch (error) {
    await spool.close();
    throw error;
  }
}

/** Who asks git for something, and until when. */
const callOf = (c: HonoContext<HubEnv>): GitCall => ({ caller: callerOf(c), signal: c.req.raw.signal });

/** The version that a client speaks, if it is one of git's: it becomes a variable of a process. */
function protocolOf(c: HonoContext<HubEnv>): string | undefined {
  const value = c.req.header("git-protocol");
  return value !== undefined && /^version=[0-2]$/.test(value) ? value : undefined;
}

// safe because Node's stream types and fetch types describe the same object
const streamed = (source: Readable): ReadableStream<Uint8Array> => Readable.toWeb(source) as ReadableStream<Uint8Array>;

function routesOf(type: RepoType): Route[] {
  const base = `${type === "model" ? "" : `/${plural(type)}`}/:namespace/:name`;
  const idOf = (c: HonoContext<HubEnv>) => ({ ...repoOf(c), type });

  const refs = defineRoute({
    operation: `gitRefs${TYPE_SUFFIX[type]}`,
    method: "GET",
    path: `${base}/info/refs`,
    access: "content",
    summary: "What git may fetch, or move by a push",
    query: { service: "git-upload-pack or git-receive-pack" },
    handle: (c, ctx) =>
      inGitsWords(c, async () => {
        const service = c.req.query("service");
        if (!isService(service)) {
          throw new ServiceError(403, "This hub speaks git's smart protocol alone.", {
            code: "DUMB_PROTOCOL",
            hint: "Use git 1.6.6 or later.",
          });
        }
        const repo = await gitRepo(ctx, service, idOf(c));
        const headers = { "Content-Type": `application/x-${service}-advertisement`, ...NO_CACHE };
        const title = Buffer.concat([pktLine(`# service=${service}\n`), FLUSH]);
        if (service === "git-receive-pack")
          return c.body(Buffer.concat([title, await showRefs(ctx, repo)]), 200, headers);
        const protocol = protocolOf(c);
        const answer = await uploadPack(ctx, repo, { protocol, advertise: true }, callOf(c));
        // As git's own server gives them: with a line before them, but in the second version of the protocol.
        return c.body(streamed(protocol === "version=2" ? answer : behind(title, answer)), 200, headers);
      }),
  });

  const fetch = defineRoute({
    operation: `gitUploadPack${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: `${base}/git-upload-pack`,
    access: "content",
    summary: "What a clone or fetch asks of git",
    handle: (c, ctx) =>
      inGitsWords(c, async () => {
        const repo = await gitRepo(ctx, "git-upload-pack", idOf(c));
        // All of it before git is started: who sends slowly occupies nothing.
        const answer = await withBody(c, (input) =>
          uploadPack(ctx, repo, { protocol: protocolOf(c), advertise: false, input }, callOf(c)),
        );
        const headers = { "Content-Type": "application/x-git-upload-pack-result", ...NO_CACHE };
        return c.body(streamed(answer), 200, headers);
      }),
  });

  const push = defineRoute({
    operation: `gitReceivePack${TYPE_SUFFIX[type]}`,
    method: "POST",
    path: `${base}/git-receive-pack`,
    access: "write",
    summary: "A push: refs to move, and the objects behind them",
    handle: (c, ctx) =>
      inGitsWords(c, async () => {
        const repo = await gitRepo(ctx, "git-receive-pack", idOf(c));
        await ctx.git.required();
        const headers = { "Content-Type": "application/x-git-receive-pack-result", ...NO_CACHE };
        const from = { body: unpackedBody(c, PUSH_LIMIT), requestId: c.get("requestId"), ...callOf(c) };
        return c.body(streamed(Readable.from(await answerPush(ctx, repo, from))), 200, headers);
      }),
  });

  return [refs, fetch, push];
}

function behind(title: Uint8Array, answer: Readable): Readable {
  async function* both(): AsyncGenerator<Uint8Array> {
    yield title;
    yield* answer;
  }
  return Readable.from(both());
}

export const gitRoutes: Route[] = REPO_TYPES.flatMap(routesOf);
