// The answer to a push, as git reads it: lines for people while something is done, and a report at the end. Knows neither HTTP nor SSH.
import { setTimeout as sleep } from "node:timers/promises";
import type { Context } from "../context.ts";
import { asServiceError } from "../error-response.ts";
import type { GitCall } from "../git/cache.ts";
import { FLUSH, KEEP_ALIVE, PktReader, sideBand } from "../git/pkt-line.ts";
import { type PushRequest, pushReport, readPush } from "../git/receive.ts";
import type { Repo } from "./access.ts";
import { type PushOutcome, receivePush } from "./git-push.ts";

/** After so long without a word, one that says nothing is sent. */
const SILENCE_MS = 5_000;

export interface IncomingPush extends GitCall {
  body: AsyncIterable<Uint8Array>;
  /** Under which an error that nobody expected is logged. */
  requestId: string;
  /** The pack behind the commands, where the body does not end with it. */
  packOf?:
    | ((rest: AsyncIterable<Uint8Array>, commands: PushRequest["commands"]) => AsyncIterable<Uint8Array>)
    | undefined;
}

/** @throws ServiceError 400 for what is no push; whatever else is wrong is said in the answer */
export async function answerPush(
  ctx: Context,
  repo: Repo,
  { body, requestId, packOf = (rest) => rest, ...call }: IncomingPush,
): Promise<AsyncIterable<Uint8Array>> {
  const reader = new PktReader(body);
  const { commands, capabilities } = await readPush(reader);
  // git asks in this way whether it may push, before it sends something large.
  if (commands.length === 0) return nothing();
  const talks = capabilities.has("side-band-64k");
  const report = ({ unpacked, refs }: PushOutcome) => {
    if (!capabilities.has("report-status")) return Buffer.alloc(0);
    const plain = pushReport(unpacked, refs);
    return talks ? Buffer.concat([sideBand("answer", plain), FLUSH]) : plain;
  };
  return told(talks, async (say) => {
    try {
      return report(await receivePush(ctx, repo, { commands, pack: packOf(reader.rest(), commands), say, ...call }));
    } catch (error) {
      // Who is gone reads no answer, and their leaving is no failure of ours.
      const why = call.signal.aborted ? "the connection was lost" : asServiceError(error, requestId).message;
      say(why);
      return report({ unpacked: why, refs: commands.map(({ ref }) => ({ ref, why })) });
    }
  });
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** Lines for people while something is done, and its answer at the end. */
async function* told(
  talks: boolean,
  work: (say: (text: string) => void) => Promise<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const lines: string[] = [];
  const stop = new AbortController();
  const done = work((text) => lines.push(text)).finally(() => stop.abort());
  done.catch(() => {});
  while (!stop.signal.aborted) {
    await sleep(SILENCE_MS, undefined, { signal: stop.signal }).catch(() => {});
    if (talks && !stop.signal.aborted) yield KEEP_ALIVE;
  }
  const answer = await done;
  if (talks) for (const line of lines) yield sideBand("text", `${line}\n`);
  yield answer;
}
