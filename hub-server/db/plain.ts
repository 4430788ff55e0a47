// Statements as text with values, as libraries write them, over our one driver and inside our transactions.
// Knows no table.
import { sql } from "drizzle-orm";
import type { Db, Tx } from "./client.ts";

/** A whole transaction written as one text. */
const TRANSACTION = /^\s*BEGIN;([\s\S]*)COMMIT;\s*$/;

/** Runs a statement with $1, $2 … in it; a text that begins and commits becomes a transaction of the driver's. */
export async function runPlain(
  db: Db | Tx,
  text: string,
  values: readonly unknown[] = [],
): Promise<{ rows: Record<string, unknown>[] }> {
  const whole = TRANSACTION.exec(text)?.[1];
  if (whole !== undefined) return db.transaction((tx) => runPlain(tx, whole, values));
  // Without values a $1 is part of the text, e.g. of a function that the statement makes. With them they go in as
  // literals: drizzle gives parameters numbers of its own, and one number that stands twice would become two.
  const statement =
    values.length === 0 ? text : text.replace(/\$(\d+)/g, (_, number: string) => literal(values[Number(number) - 1]));
  return { rows: [...(await db.execute(sql.raw(statement)))] };
}

/** A value as Postgres reads it in a statement: objects as JSON, times as text, everything between quotes. */
function literal(value: unknown): string {
  if (value === undefined || value === null) return "NULL";
  if (Array.isArray(value)) return value.length === 0 ? "'{}'" : `ARRAY[${value.map(literal).join(",")}]`;
  if (value instanceof Date) return literal(value.toISOString());
  const text = typeof value === "object" ? JSON.stringify(value, withoutNul) : String(value);
  // Nothing but the quote itself ends a string: Postgres reads backslashes as they are.
  return `'${text.replaceAll("\0", "").replaceAll("'", "''")}'`;
}

/** Postgres holds no NUL, in JSON not even an escaped one. */
const withoutNul = (_key: string, value: unknown): unknown =>
  typeof value === "string" ? value.replaceAll("\0", "") : value;
