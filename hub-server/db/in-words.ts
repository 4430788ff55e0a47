// Errors as they stand in the log: of a statement that failed, what the database said of it. Its values are left out, as hashes of
// passwords and the secrets of webhooks are among them.
import { DrizzleQueryError } from "drizzle-orm";

/** Letters of a statement; what libraries write has its values in the text, at its end. */
const MOST_LETTERS = 300;

/** One sentence. */
export function inWords(error: unknown): string {
  if (!(error instanceof DrizzleQueryError)) return String(error);
  return `${error.cause ?? "A statement failed"}, at: ${error.query.slice(0, MOST_LETTERS)}`;
}

/** The same with where it happened. */
export function withStack(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (!(error instanceof DrizzleQueryError)) return error.stack ?? String(error);
  // The stack begins with the message, which holds the values.
  const place = error.stack?.slice(error.stack.lastIndexOf(error.message) + error.message.length) ?? "";
  return inWords(error) + place;
}
