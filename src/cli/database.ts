// What goes wrong with the database that DATABASE_URL names, as the user's matter and not as a fault of ours.
// Opens nothing itself.
import { AbrazoError } from "../errors.ts";

/** Runs what opens the hub's database. */
export async function withDatabase<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch (error) {
    const url = process.env["DATABASE_URL"] ?? "";
    // A path is one of the data folder's.
    if (url === "" || error instanceof AbrazoError || (error instanceof Error && "path" in error)) throw error;
    const { host } = URL.canParse(url) ? new URL(url) : { host: "" };
    throw new AbrazoError({
      code: "DATABASE_UNUSABLE",
      message: `The database${host === "" ? "" : ` at ${host}`} cannot be used: ${rootOf(error)}.`,
      hint: "DATABASE_URL has the form postgres://user:password@host:5432/name; without it the database is embedded.",
      cause: error,
    });
  }
}

/** The words of the first cause. */
function rootOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? rootOf(error.cause) : error.message;
}
