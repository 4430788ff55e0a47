// Texts of strangers are read in threads that may be ended: what keeps one busy for too long, or takes too much memory, is given up,
// and whoever asked says so. The thread that serves waits for none of it.
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { IS_SOURCE, packageFile, packageModule } from "../../src/package-root.ts";
import { Turns } from "../in-turn.ts";
import type { Inputs, Results, Work } from "./work.ts";

const BODY = pathToFileURL(packageModule("hub-server/texts/worker")).href;
/** What one text may take; an honest one of the greatest length takes a second. */
const LIMIT_MS = 5000;
/** Parsers call themselves for what lies in each other: where the stack ends in the midst of it, V8 may end the process. */
const ROOM = { stackSizeMb: 256, maxOldGenerationSizeMb: 512 };
const IDLE_MS = 60_000;

/** One thread, whose work goes by turns. */
class Lane {
  readonly #turns = new Turns();
  #worker: Promise<Worker> | undefined;
  #idle: NodeJS.Timeout | undefined;

  /** What the work gives; undefined where it was given up. */
  run<Kind extends Work>(work: Kind, input: Inputs[Kind], limitMs: number): Promise<Results[Kind] | undefined> {
    return this.#turns.run("", async () => {
      clearTimeout(this.#idle);
      this.#worker ??= started().catch((error: unknown) => {
        this.#worker = undefined;
        throw error;
      });
      const worker = await this.#worker;
      const answer = await answerOf<Kind>(worker, { work, input }, limitMs);
      if (answer === undefined) {
        this.#worker = undefined;
        await worker.terminate();
      } else this.#idle = setTimeout(() => this.#end(worker), IDLE_MS).unref();
      return answer?.result;
    });
  }

  #end(worker: Worker): void {
    this.#worker = undefined;
    void worker.terminate();
  }
}

async function started(): Promise<Worker> {
  const worker = new Worker(packageFile("src/data/worker-start.mjs"), {
    workerData: { body: BODY, typescript: IS_SOURCE },
    execArgv: [],
    resourceLimits: ROOM,
  });
  worker.unref();
  // What it says while it is ended is nobody's concern.
  worker.on("error", () => {});
  await new Promise<void>((resolve, reject) => {
    worker.once("message", () => resolve());
    worker.once("error", reject);
  });
  return worker;
}

function answerOf<Kind extends Work>(
  worker: Worker,
  message: { work: Kind; input: Inputs[Kind] },
  limitMs: number,
): Promise<{ result: Results[Kind] } | undefined> {
  return new Promise((resolve) => {
    const end = (answer?: { result: Results[Kind] }) => {
      clearTimeout(timer);
      worker.off("message", end).off("error", failed).off("exit", failed);
      resolve(answer);
    };
    const failed = () => end();
    const timer = setTimeout(failed, limitMs);
    worker.on("message", end).on("error", failed).on("exit", failed);
    worker.postMessage(message);
  });
}

/** Who reads waits for readers, commits for commits: a card that is hard to lay out keeps nobody from pushing. */
const LANES = { pages: new Lane(), commits: new Lane() };
const OF_READERS: ReadonlySet<Work> = new Set(["markdown", "notebook"]);

/** Does some work with a text in a thread; undefined where that took too long or too much memory. */
export const readApart = <Kind extends Work>(
  work: Kind,
  input: Inputs[Kind],
  limitMs: number = LIMIT_MS,
): Promise<Results[Kind] | undefined> => LANES[OF_READERS.has(work) ? "pages" : "commits"].run(work, input, limitMs);
