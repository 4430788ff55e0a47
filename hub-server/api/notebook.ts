// Notebooks for Google Colab and other programs that open them by an address of the API.
import { Readable } from "node:stream";
import { readNotebook } from "../services/notebooks.ts";
import { defineRoute, ofEach, repoOf, splitRevision } from "./route.ts";
import { send } from "./send.ts";

const notebook = defineRoute({
  operation: "getNotebook",
  answers: ofEach("GET", "notebook/{rev}/{path}"),
  method: "GET",
  path: "/api/:type/:namespace/:name/notebook/*",
  access: "content",
  summary: "A Jupyter notebook as JSON; a file that is none is refused",
  handle: async (c, ctx) => {
    const { revision, path } = splitRevision(c);
    const { file, bytes } = await readNotebook(ctx, repoOf(c), revision, path);
    return send(c, {
      size: bytes.length,
      etag: file.entry.lfs?.sha256 ?? file.entry.id,
      headers: {
        "Content-Type": "application/json",
        "X-Repo-Commit": file.commit.id,
        // Who may read it may change.
        "Cache-Control": "private, no-cache",
      },
      open: async (start, end) => Readable.from([bytes.subarray(start, end)]),
    });
  },
});

export const notebookRoutes = [notebook];
