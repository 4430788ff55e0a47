// Which requests count as downloads: those for files and for tokens of the chunk store, unless a page of this hub makes them.
import type { Context as HonoContext } from "hono";
import { addressOf } from "../address.ts";
import type { Context } from "../context.ts";
import type { Repo } from "../services/access.ts";
import { noteDownload } from "../services/downloads.ts";
import type { HubEnv } from "./route.ts";

/**
 * Counts a download of a repository: once for each user, or address, and minute. HEAD counts, because clients that fetch by
 * chunks ask for nothing else of a file. Pictures of a card that somebody looks at do not.
 */
export function countDownload(c: HonoContext<HubEnv>, ctx: Context, repo: Repo): void {
  if (c.req.header("sec-fetch-site") === "same-origin") return;
  noteDownload(ctx, repo, addressOf(c));
}
