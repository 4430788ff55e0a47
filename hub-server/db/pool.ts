// Connections to a Postgres that may go away. The driver (postgres 3.4) is not up to that by itself: a statement on a connection that was
// lost ends the process, and such a connection, used again, may never answer. So a transaction that lost its connection sends nothing
// more, and a pool that lost one is left for a new one. Knows no tables.
import { setImmediate } from "node:timers/promises";
import postgres from "postgres";

type Options = NonNullable<Parameters<typeof postgres>[1]>;

export interface Pool {
  /** Always the same, whichever connections stand behind it. */
  sql: postgres.Sql;
  close(): Promise<void>;
}

/** Nothing new comes to a pool that was left: what waits there, and what runs there, gets so long. */
const LEFT_MS = 60_000;
const LEFT_SECONDS_MORE = 240;

export function openPool(url: string, options: Options): Pool {
  const pools = new Set<postgres.Sql>();
  let isClosed = false;
  const make = (): postgres.Sql => {
    const made = postgres(url, {
      ...options,
      connect_timeout: 10,
      // The driver's own end of a connection's life would look like a loss.
      max_lifetime: null,
      onclose: () => {
        if (made !== current || isClosed) return;
        current = make();
        Object.assign(current.options.parsers, made.options.parsers);
        Object.assign(current.options.serializers, made.options.serializers);
        setTimeout(() => leave(made), LEFT_MS).unref();
      },
    });
    pools.add(made);
    return made;
  };
  const leave = (pool: postgres.Sql) =>
    pool
      .end({ timeout: LEFT_SECONDS_MORE })
      .catch(() => {})
      .then(() => pools.delete(pool));
  let current = make();
  const begin = (...args: [string, Run] | [Run]) => beginOn(current, args);
  const sql = new Proxy(current, {
    get: (_, name) => (name === "begin" ? begin : Reflect.get(current, name)),
  });
  return {
    sql,
    close: async () => {
      isClosed = true;
      await Promise.all([...pools].map((pool) => pool.end({ timeout: 5 })));
    },
  };
}

type Run = (sql: postgres.TransactionSql) => Promise<unknown>;

/** A transaction that comes to no end of its own, neither "commit" nor "rollback", once its connection is lost: its failure is told at once. */
async function beginOn(pool: postgres.Sql, args: [string, Run] | [Run]): Promise<unknown> {
  const [options, run] = args.length === 1 ? ["", args[0]] : args;
  let lost: { error: unknown } | undefined;
  const guarded: Run = (sql) =>
    new Promise((resolve, reject) => {
      const unsafe = sql.unsafe.bind(sql);
      const checked: typeof sql.unsafe = (...statement) => {
        if (lost !== undefined) throw lost.error;
        return unsafe(...statement);
      };
      run(Object.assign(sql, { unsafe: checked })).then(
        (value) => lost ?? resolve(value),
        async (error: unknown) => {
          // A loss fails the statement that runs first, and the transaction right after it.
          await setImmediate();
          if (lost === undefined) reject(error);
        },
      );
    });
  try {
    return await pool.begin(options, guarded);
  } catch (error) {
    lost = { error };
    throw error;
  }
}
