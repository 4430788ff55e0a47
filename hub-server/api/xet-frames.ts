// Work that takes long, told by lines of JSON: how far it is, that it still goes on, and how it ended.
// Knows no shards.
import { log } from "../../src/log.ts";
import { withStack } from "../db/in-words.ts";
import { ServiceError } from "../errors.ts";

/** Clients give up a stream that is silent for longer. */
const BEAT_MS = 15_000;

type Frame = { readonly type: string } & Readonly<Record<string, unknown>>;

/**
 * Runs the work and gives its frames as they come; the last one is said again while nothing new happens. What the work
 * gives is the frame "result", its failure the frame "error": the status has been sent by then.
 */
export function frames(
  work: (tell: (frame: Frame) => void) => Promise<Readonly<Record<string, unknown>>>,
  beat = BEAT_MS,
): ReadableStream<Uint8Array> {
  let stop = () => {};
  return new ReadableStream({
    start(controller) {
      let open = true;
      let current: Frame = { type: "validating", verified: 0, total: 1 };
      const say = (frame: Frame) => {
        if (open) controller.enqueue(new TextEncoder().encode(`${JSON.stringify(frame)}\n`));
      };
      const heart = setInterval(() => say(current), beat);
      stop = () => {
        open = false;
        clearInterval(heart);
      };
      const tell = (frame: Frame) => {
        current = frame;
        say(frame);
      };
      const end = (frame: Frame) => {
        say(frame);
        if (open) controller.close();
        stop();
      };
      say(current);
      work(tell).then(
        (result) => end({ type: "result", ...result }),
        (error: unknown) => end(failure(error)),
      );
    },
    cancel: () => stop(),
  });
}

function failure(error: unknown): Frame {
  if (error instanceof ServiceError) return { type: "error", message: error.message, retryable: error.status >= 500 };
  log.error(`Xet: ${withStack(error)}`);
  return { type: "error", message: "Internal error; the server's log has the details.", retryable: true };
}
