// One command over SSH, from its line to its exit code. What git shows its user comes on the second line out. Knows no keys.
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { AbrazoError } from "../../src/errors.ts";
import { repoPath } from "../../src/hub/repo-id.ts";
import type { Actor, Context, Deps } from "../context.ts";
import { asServiceError } from "../error-response.ts";
import { badRequest, ServiceError } from "../errors.ts";
import type { GitCall } from "../git/cache.ts";
import { converse, gitRepo, showRefs } from "../services/git.ts";
import { answerPush } from "../services/git-answer.ts";
import { LONGEST, makeRepoToken } from "../services/repo-tokens.ts";
import { parseCommand, type SshCommand } from "./command.ts";
import { untilPackEnds } from "./pack-end.ts";

/** As over HTTP; the pack has limits of its own. */
const PUSH_LIMIT = 3 * 1024 ** 3;
/** Of a conversation about what to fetch: it names commits. */
const FETCH_LIMIT = 64 * 1024 ** 2;

export interface Line {
  input: Readable;
  output: Writable;
  errors: Writable;
}

export interface SshCall {
  deps: Deps;
  /** Who it is; rejects with what is to be said where nobody may call. */
  caller: () => Promise<Actor>;
  /** Value of GIT_PROTOCOL. */
  protocol: string | undefined;
  /** Where the hub is reached over HTTP, for git-lfs, if that is known. */
  hubUrl: string | undefined;
  /** Milliseconds for which a client may send nothing. */
  quietMs: number;
  /** Aborted when the line is gone. */
  signal: AbortSignal;
}

/** Runs a command line, or greets where there is none; gives its exit code. Whatever is wrong is said in a sentence. */
export async function runCommand(text: string | undefined, line: Line, call: SshCall): Promise<number> {
  const requestId = randomUUID();
  try {
    const ctx = { ...call.deps, actor: await call.caller() };
    if (text === undefined) {
      line.errors.write(`Hello ${ctx.actor.name}. This hub speaks git over SSH, and has no shell.\r\n`);
      return 1;
    }
    await run(parseCommand(text), line, ctx, { ...call, requestId });
    return 0;
  } catch (thrown) {
    if (call.signal.aborted) return 1;
    const error =
      thrown instanceof AbrazoError && !(thrown instanceof ServiceError)
        ? badRequest(thrown.message, thrown.hint)
        : thrown;
    const { message, hint } = asServiceError(error, requestId);
    line.errors.write(`${hint === undefined ? message : `${message} ${hint}`}\n`);
    return 1;
  }
}

type KnownContext = Context & { actor: Actor };

async function run(
  command: SshCommand,
  { input, output }: Line,
  ctx: KnownContext,
  { protocol, hubUrl, quietMs, signal, requestId }: SshCall & { requestId: string },
): Promise<void> {
  if (command.kind === "git-lfs-authenticate") return authenticate(ctx, command, output, hubUrl);
  const who: GitCall = { caller: `user ${ctx.actor.id}`, signal };
  const repo = await gitRepo(ctx, command.kind, command.id);
  if (command.kind === "git-upload-pack")
    return converse(ctx, repo, { protocol, input: bounded(input, FETCH_LIMIT, quietMs), output }, who);
  output.write(await showRefs(ctx, repo));
  const answer = await answerPush(ctx, repo, {
    body: bounded(input, PUSH_LIMIT, quietMs),
    requestId,
    // A push of deletions alone has no pack.
    packOf: (rest, commands) => (commands.every(({ after }) => after === undefined) ? empty() : untilPackEnds(rest)),
    ...who,
  });
  await pipeline(answer, output, { end: false });
}

async function* empty(): AsyncGenerator<Uint8Array> {}

/** What git-lfs asks for before it moves objects over HTTP: where, and a token for this repository and for an hour. */
async function authenticate(
  ctx: KnownContext,
  { id, operation }: Extract<SshCommand, { kind: "git-lfs-authenticate" }>,
  output: Writable,
  hubUrl: string | undefined,
): Promise<void> {
  if (hubUrl === undefined)
    throw new ServiceError(501, "This hub does not know where it is reached over HTTP, which git-lfs needs.", {
      code: "NO_PUBLIC_URL",
      hint: "Whoever runs it can set ABRAZO_URL.",
    });
  const { token } = await makeRepoToken(ctx, id, LONGEST, { write: operation === "upload" });
  const answer = {
    href: `${hubUrl}${repoPath(id)}.git/info/lfs`,
    header: { Authorization: `Bearer ${token}` },
    expires_in: LONGEST,
  };
  output.write(`${JSON.stringify(answer)}\n`);
}

/** What comes in, up to a limit, from somebody who goes on sending. */
async function* bounded(source: Readable, limit: number, quietMs: number): AsyncGenerator<Uint8Array> {
  // What is left is not to be destroyed: the answer goes out over the same line.
  const pieces = source.iterator({ destroyOnReturn: false })[Symbol.asyncIterator]();
  const next = () =>
    new Promise<IteratorResult<Uint8Array>>((resolve, reject) => {
      const late = setTimeout(() => reject(silent(quietMs)), quietMs);
      pieces
        .next()
        .then(resolve, reject)
        .finally(() => clearTimeout(late));
    });
  let size = 0;
  for (let result = await next(); result.done !== true; result = await next()) {
    size += result.value.length;
    if (size > limit) throw new ServiceError(413, `More than ${limit} bytes were sent.`, { code: "BODY_TOO_LARGE" });
    yield result.value;
  }
}

const silent = (quietMs: number): ServiceError =>
  new ServiceError(408, `Nothing was sent for ${quietMs / 1000} seconds.`, { code: "SILENT" });
