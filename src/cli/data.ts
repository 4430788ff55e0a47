// A user's data file → rows, with errors that name the file.
// Knows no format.
import { statSync } from "node:fs";
import { type Row, readRows } from "../data/readers.ts";
import { AbrazoError } from "../errors.ts";

/** Rows of a file that has some. */
export async function readDataFile(path: string): Promise<Row[]> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile()) {
    throw new AbrazoError({
      code: "FILE_MISSING",
      message: `${path} is ${found === undefined ? "not there" : "no file"}.`,
      hint: "Check the path.",
      data: { path },
    });
  }
  const rows = await readRows(path).catch((cause: unknown) => {
    const broken = cause instanceof Error && "code" in cause && String(cause.code).startsWith("Z_");
    if (!broken) throw cause;
    throw new AbrazoError({
      code: "BROKEN_GZIP",
      message: `${path} cannot be unpacked: ${cause.message}.`,
      hint: "The file is damaged or no gzip; get it again, or rename it.",
      data: { path },
      cause,
    });
  });
  if (rows.length > 0) return rows;
  throw new AbrazoError({
    code: "DATASET_EMPTY",
    message: `${path} has no examples.`,
    hint: "The first line names the columns; the examples follow, one a line.",
    data: { path },
  });
}
