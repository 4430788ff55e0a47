// What the database's driver throws when nothing is wrong with the statement: its server is away, or has no room.
// Knows no statements.
import { DrizzleQueryError } from "drizzle-orm";

/** A connection that was lost or not to be had, as the driver, the system and Postgres call it; and a server that ends or starts. */
const AWAY =
  /^(CONNECTION_(CLOSED|ENDED|DESTROYED)|CONNECT_TIMEOUT|E(CONNREFUSED|CONNRESET|PIPE|TIMEDOUT|HOSTUNREACH|NOTFOUND|AI_AGAIN)|08\w{3}|57P0[1-3]|53300)$/;
/** A server whose disk is full. */
const FULL = /^53100$/;

/** The code of a statement that failed; of a connection's failure outside of one, as at the begin and end of a transaction. */
function codeOf(error: unknown): string {
  const found = error instanceof DrizzleQueryError ? error.cause : error;
  return found instanceof Error && "code" in found ? String(found.code) : "";
}

/** Why a statement was not carried out though it is right; undefined for every other error. */
export function databaseTrouble(error: unknown): "away" | "full" | undefined {
  const code = codeOf(error);
  return AWAY.test(code) ? "away" : FULL.test(code) ? "full" : undefined;
}
