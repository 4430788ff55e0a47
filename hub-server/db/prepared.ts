// Statements that most requests ask: built once for a database and planned once on each of its connections, which then answer
// in one round trip instead of two. For what is found by a key: a list's best plan depends on what is looked for.
import { checkHandle, type Db, type Tx } from "./client.ts";

interface Preparable<Row> {
  prepare(name: string): { execute(values: Record<string, unknown>): Promise<Row[]> };
}

/**
 * A statement with `sql.placeholder("name")` where values go.
 *
 * @example
 * ```ts
 * const byId = prepared((db) => db.select().from(repos).where(eq(repos.id, sql.placeholder("id"))));
 * const [repo] = await byId(ctx.db, { id });
 * ```
 */
export function prepared<Row>(
  build: (db: Db | Tx) => Preparable<Row>,
): (db: Db | Tx, values: Readonly<Record<string, unknown>>) => Promise<Row[]> {
  const built = new WeakMap<Db | Tx, ReturnType<Preparable<Row>["prepare"]>>();
  return (db, values) => {
    checkHandle(db, "prepared statement");
    let statement = built.get(db);
    if (statement === undefined) {
      statement = build(db).prepare("by key");
      built.set(db, statement);
    }
    return statement.execute(values);
  };
}
