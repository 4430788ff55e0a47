// The body of a pipeline's thread, which ends in several ways when a text asks for it.
// Used by worker.test.ts and serve-worker.test.ts.
import { parentPort } from "node:worker_threads";
import { log } from "../../src/log.ts";

const hold: unknown[] = [];

const ENDS: Readonly<Record<string, () => void>> = {
  exit: () => process.exit(7),
  throw: () => {
    throw new RangeError("thrown outside of a call");
  },
  memory: () => {
    for (;;) hold.push(Array.from({ length: 1e5 }, (_, at) => ({ at })));
  },
  log: () => log.warn("said in a thread", { answer: 42 }),
};

await import("../../pipelines/worker/body.ts");

// After the body's own listener: messages come as soon as there is one.
parentPort?.on("message", (message: { args?: { value?: unknown }[] }) => {
  const [first] = [message.args?.[0]?.value].flat();
  ENDS[String(first)]?.();
});
