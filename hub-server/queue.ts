// Background work: a queue in the database (pg-boss), so that what a crash interrupts is done after the next start.
// Knows no job's work: handlers come from outside. The only importer of pg-boss.
import { setTimeout as sleep } from "node:timers/promises";
import PgBoss from "pg-boss";
import { log } from "../src/log.ts";
import type { Db, Tx } from "./db/client.ts";
import { inWords } from "./db/in-words.ts";
import { runPlain } from "./db/plain.ts";

/** Every kind of job, with what it is told. */
export interface Jobs {
  /** Bring what is known of a repository up to the head of its main branch. */
  index: { repoId: string };
  /** Do so for all repositories that another version of this hub indexed. */
  reindex: { [key: string]: never };
  /** Tell a webhook of something that happened. */
  webhook: { deliveryId: string };
  /** Throw away what nothing names any more. */
  collect: { [key: string]: never };
}

/** How many jobs of a kind run at once: receivers of webhooks may take their time, and others must not wait for one. */
const AT_ONCE: { readonly [Name in keyof Jobs]: number } = { index: 1, reindex: 1, webhook: 4, collect: 1 };

export interface Queue {
  /** Puts a job into the queue with the writes of a transaction: both happen or neither. One that waits already is enough. */
  send<Name extends keyof Jobs>(tx: Tx, name: Name, data: Jobs[Name], key: string): Promise<void>;
  /** Ends after the job that runs now; waiting ones stay for the next start. */
  close(): Promise<void>;
}

export type Handlers = { readonly [Name in keyof Jobs]: (data: Jobs[Name]) => Promise<void> };

/** "short": of jobs with one key, one waits at most. */
const OPTIONS = { policy: "short", retryLimit: 8, retryDelay: 1, retryBackoff: true } as const;

/**
 * Opens the queue and starts to work on it.
 *
 * @param handlers what each kind of job does; one that throws is tried again, later and later. Jobs without one wait
 */
export async function startQueue(
  db: Db,
  handlers: Partial<Handlers>,
  { pollingIntervalSeconds = 2 } = {},
): Promise<Queue> {
  const boss = new PgBoss({ db: through(db), schema: "jobs", schedule: false });
  boss.on("error", (error) => log.error(`The queue of background work: ${inWords(error)}`));
  await boss.start();
  const start = async <Name extends keyof Jobs>(name: Name, handle: Handlers[Name] | undefined) => {
    await boss.createQueue(name, { name, ...OPTIONS });
    if (handle === undefined) return [];
    return Array.from({ length: AT_ONCE[name] }, () => workOn(boss, name, handle, pollingIntervalSeconds * 1000));
  };
  const working = [
    ...(await start("index", handlers.index)),
    ...(await start("reindex", handlers.reindex)),
    ...(await start("webhook", handlers.webhook)),
    ...(await start("collect", handlers.collect)),
  ];
  return {
    send: async (tx, name, data, key) => {
      await boss.send(name, data, { singletonKey: key, db: through(tx) });
    },
    close: async () => {
      await Promise.all(working.map((one) => one.stop()));
      await boss.stop({ graceful: true, timeout: 10_000 });
    },
  };
}

/**
 * Does jobs of one kind, one after the other, and looks for new ones from time to time. pg-boss's own workers do not wait
 * for what they write down: a failure that cannot be written would end the process.
 */
function workOn<Name extends keyof Jobs>(
  boss: PgBoss,
  name: Name,
  handle: Handlers[Name],
  pause: number,
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const next = async (): Promise<boolean> => {
    const [job] = await boss.fetch<Jobs[Name]>(name);
    if (job === undefined) return false;
    try {
      await handle(job.data);
    } catch (error) {
      await boss.fail(name, job.id, { message: inWords(error) });
      return true;
    }
    await boss.complete(name, job.id);
    return true;
  };
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const found = await next().catch((error: unknown) => {
        log.error(`The queue of background work: ${inWords(error)}`);
        return false;
      });
      if (!found) await sleep(pause, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = loop();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

const through = (db: Db | Tx): PgBoss.Db => ({ executeSql: (text, values) => runPlain(db, text, values) });
