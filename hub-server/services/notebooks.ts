// Jupyter notebooks of repositories, for programs that open them: whole, and only where they are notebooks.
// Runs and renders nothing.
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { notebookProblemOf } from "../texts/read.ts";
import { type FileHandle, openFile } from "./files.ts";

/** Bytes of the largest notebook that is given; one with pictures has some millions. */
const LARGEST = 10 * 1024 * 1024;

export interface Notebook {
  file: FileHandle;
  bytes: Buffer;
}

/**
 * A notebook of a revision, for who may read its files.
 *
 * @throws ServiceError 400 for other file names, 413 `NOTEBOOK_TOO_LARGE`, 422 `BAD_NOTEBOOK` for a file that is none
 */
export async function readNotebook(ctx: Context, id: RepoId, revision: string, path: string): Promise<Notebook> {
  if (!path.toLowerCase().endsWith(".ipynb"))
    throw badRequest(`"${path}" is no notebook: the name of one ends in .ipynb.`, OTHERWISE);
  const file = await openFile(ctx, id, revision, path);
  const { size } = file.entry;
  if (size > LARGEST)
    throw new ServiceError(413, `The notebook "${path}" has ${size} bytes, and up to ${LARGEST} are read.`, {
      code: "NOTEBOOK_TOO_LARGE",
      hint: OTHERWISE,
      data: { size, limit: LARGEST },
    });
  const chunks: Buffer[] = [];
  for await (const chunk of await file.open()) chunks.push(Buffer.from(chunk));
  const bytes = Buffer.concat(chunks);
  const problem = await notebookProblemOf(bytes);
  if (problem === undefined) return { file, bytes };
  throw new ServiceError(422, `"${path}" is no notebook: ${problem}.`, { code: "BAD_NOTEBOOK", hint: OTHERWISE });
}

const OTHERWISE = "Any file is fetched, as it is, by resolve in place of notebook.";
