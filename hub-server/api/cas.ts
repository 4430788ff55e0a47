// The content-addressed store of Xet: xorbs and shards come in, plans of files and bytes of xorbs go out.
// Its callers show a token of the store, not of the hub; bytes of xorbs have links that authorise themselves.
import type { Context as HonoContext } from "hono";
import { addressOf } from "../address.ts";
import type { Context } from "../context.ts";
import { badRequest, ServiceError } from "../errors.ts";
import { requireStillAllowed } from "../services/bearers.ts";
import { dedupShard, openXorb, plan, requireFile, xorbSize } from "../services/xet-read.ts";
import { readXetToken, readXorbLink, type XetGrant, xorbLink } from "../services/xet-tokens.ts";
import { type Progress, putXorb, registerShard, takeShard } from "../services/xet-upload.ts";
import { isHashText } from "../xet/hash.ts";
import type { Fetch, Plan, Span } from "../xet/reconstruct.ts";
import { bodyOf, toSocket } from "./node-server.ts";
import { rangeOf } from "./range.ts";
import { defineRoute, type HubEnv } from "./route.ts";
import { casUrl } from "./xet.ts";
import { frames } from "./xet-frames.ts";

/** What clients ask for chunks and send xorbs under: now, and as the protocol's description has it. */
const PREFIXES: readonly string[] = ["default", "default-merkledb"];

const grantOf = (c: HonoContext<HubEnv>, ctx: Context, scope: XetGrant["scope"]): XetGrant =>
  readXetToken(ctx, c.req.header("authorization"), scope);

/** The same where something of the repository is read or changed. */
async function liveGrantOf(c: HonoContext<HubEnv>, ctx: Context, scope: XetGrant["scope"]): Promise<XetGrant> {
  const grant = grantOf(c, ctx, scope);
  await requireStillAllowed(ctx, grant, addressOf(c));
  return grant;
}

/** Bytes of a body that are read though nobody wants them: a client that is still sending sees no answer. */
const MOST_UNWANTED = 80 * 1024 * 1024;

/** The same for a call with a body. A token that has expired is the usual refusal, and the client must learn of it. */
async function writeGrantOf(c: HonoContext<HubEnv>, ctx: Context): Promise<XetGrant> {
  try {
    return await liveGrantOf(c, ctx, "write");
  } catch (error) {
    let unwanted = 0;
    for await (const piece of bodyOf(c)) {
      unwanted += piece.length;
      if (unwanted > MOST_UNWANTED) break;
    }
    throw error;
  }
}

function hashOf(c: HonoContext<HubEnv>): string {
  const { prefix = "default", hash = "" } = c.req.param();
  if (!PREFIXES.includes(prefix)) throw badRequest(`"${prefix}" is no prefix of this store; use "default".`);
  if (!isHashText(hash)) throw badRequest(`"${hash}" is no hash: it has 64 hex digits.`);
  return hash;
}

const putXorbRoute = defineRoute({
  operation: "xetPutXorb",
  method: "POST",
  path: "/cas/v1/xorbs/:prefix/:hash",
  access: "link",
  summary: "Send a xorb; every chunk of it is checked",
  handle: async (c, ctx) => {
    await writeGrantOf(c, ctx);
    return c.json({ was_inserted: await putXorb(ctx, hashOf(c), bodyOf(c)) });
  },
});

const headXorb = defineRoute({
  operation: "xetHeadXorb",
  method: "GET",
  path: "/cas/v1/xorbs/:prefix/:hash",
  access: "link",
  summary: "Whether a xorb is there (HEAD); its bytes are fetched by the links of a plan",
  handle: async (c, ctx) => {
    grantOf(c, ctx, "write");
    const size = await xorbSize(ctx, hashOf(c));
    return exists(c, size, "The xorb is not in the store.");
  },
});

/** The answer to a HEAD: how long the thing is, or that there is none. */
function exists(c: HonoContext<HubEnv>, size: number | undefined, missing: string): Response {
  if (size === undefined) throw new ServiceError(404, missing, { code: "XET_NOT_FOUND" });
  if (c.req.method === "HEAD") return c.body(null, 200, { "Content-Length": `${size}` });
  throw new ServiceError(405, "Only HEAD is answered here.", {
    code: "METHOD_NOT_ALLOWED",
    headers: { Allow: "HEAD" },
  });
}

const shardSize = (c: HonoContext<HubEnv>): number | undefined => {
  const header = c.req.header("content-length");
  return header === undefined ? undefined : Number(header);
};

/** Takes a shard in; what is given checks and registers it. */
async function shardOf(
  c: HonoContext<HubEnv>,
  ctx: Context,
): Promise<(progress: Progress) => Promise<{ result: 0 | 1 }>> {
  const grant = await writeGrantOf(c, ctx);
  const { shard, release } = await takeShard(bodyOf(c), shardSize(c));
  return async (progress) => {
    try {
      return { result: (await registerShard(ctx, grant, shard, progress)) ? 1 : 0 };
    } finally {
      release();
    }
  };
}

const putShard = defineRoute({
  operation: "xetPutShard",
  method: "POST",
  path: "/cas/v1/shards",
  access: "link",
  summary: "Make files of xorbs that are there; every hash is checked",
  handle: async (c, ctx) => {
    const register = await shardOf(c, ctx);
    return c.json(await register(() => {}));
  },
});

const putShardTelling = defineRoute({
  operation: "xetPutShardTelling",
  method: "POST",
  path: "/cas/v2/shards",
  access: "link",
  summary: "The same, telling how far the check is by lines of JSON",
  handle: async (c, ctx) => {
    const register = await shardOf(c, ctx);
    const stream = frames((tell) => register((verified, total) => tell({ type: "validating", verified, total })));
    return c.body(stream, 200, { "Content-Type": "application/x-ndjson", "Cache-Control": "no-store" });
  },
});

/** The range that was asked for; undefined is the whole. Clients reach far beyond the end to learn where it is. */
async function planOf(c: HonoContext<HubEnv>, ctx: Context): Promise<Plan> {
  const file = await requireFile(ctx, await liveGrantOf(c, ctx, "read"), hashOf(c));
  const range = rangeOf(c, file.size);
  return plan(ctx, file, range ?? { start: 0, end: file.size });
}

const last = ({ start, end }: Span) => ({ start, end: end - 1 });

function reconstruction(version: 1 | 2) {
  return defineRoute({
    operation: `xetReconstructionV${version}`,
    method: "GET",
    path: `/cas/v${version}/reconstructions/:hash`,
    access: "link",
    summary: "How a file, or a range of it, is put together from xorbs",
    handle: async (c, ctx) => {
      const { offset, terms, fetches } = await planOf(c, ctx);
      const url = (xorb: string, { bytes }: Fetch) =>
        `${casUrl(c)}/data/${xorb}?${xorbLink(ctx, { xorb, start: bytes.start, end: bytes.end })}`;
      // One entry for each range, and an address for each entry: clients look entries up by their address.
      const describe = {
        1: (xorb: string, fetch: Fetch) => ({
          range: fetch.chunks,
          url: url(xorb, fetch),
          url_range: last(fetch.bytes),
        }),
        2: (xorb: string, fetch: Fetch) => ({
          url: url(xorb, fetch),
          ranges: [{ chunks: fetch.chunks, bytes: last(fetch.bytes) }],
        }),
      }[version];
      const entries = [...fetches].map(([xorb, list]) => [xorb, list.map((fetch) => describe(xorb, fetch))]);
      return c.json({
        offset_into_first_range: offset,
        terms: terms.map(({ xorb, size, start, end }) => ({
          hash: xorb,
          unpacked_length: size,
          range: { start, end },
        })),
        [version === 1 ? "fetch_info" : "xorbs"]: Object.fromEntries(entries),
      });
    },
  });
}

const data = defineRoute({
  operation: "xetData",
  method: "GET",
  path: "/cas/data/:hash",
  access: "link",
  summary: "Bytes of a xorb, by the link of a plan",
  handle: async (c, ctx) => {
    const link = readXorbLink(ctx, c.req.param("hash") ?? "", new URL(c.req.url).searchParams);
    // Ranges are places in the xorb; the link allows some of them, and no range is all that it allows.
    const { start, end } = rangeOf(c, link.end) ?? link;
    if (start < link.start) throw new ServiceError(416, "The link is for other bytes.", { code: "RANGE" });
    const headers = {
      "Content-Type": "application/octet-stream",
      "Content-Length": `${end - start}`,
      "Content-Range": `bytes ${start}-${end - 1}/${(await xorbSize(ctx, link.xorb)) ?? "*"}`,
      "Accept-Ranges": "bytes",
      ETag: `"${link.xorb}"`,
      "Cache-Control": "private, max-age=3600",
    };
    if (c.req.method === "HEAD") return c.body(null, 206, headers);
    return toSocket(c, 206, headers, await openXorb(ctx, { xorb: link.xorb, start, end }));
  },
});

const chunk = defineRoute({
  operation: "xetChunk",
  method: "GET",
  path: "/cas/v1/chunks/:prefix/:hash",
  access: "link",
  summary: "Which xorbs have a chunk, or may have others of the same file, so that they need not be sent",
  handle: async (c, ctx) => {
    const shard = await dedupShard(ctx, grantOf(c, ctx, "write"), hashOf(c));
    return c.body(Uint8Array.from(shard), 200, { "Content-Type": "application/octet-stream" });
  },
});

const headFile = defineRoute({
  operation: "xetHeadFile",
  method: "GET",
  path: "/cas/v1/files/:hash",
  access: "link",
  summary: "Whether a file is there (HEAD)",
  handle: async (c, ctx) => {
    const { size } = await requireFile(ctx, await liveGrantOf(c, ctx, "read"), hashOf(c));
    return exists(c, size, "");
  },
});

/** Edits of parts of a file: clients without an answer send the file as a whole. */
const chunkHashes = defineRoute({
  operation: "xetFileChunkHashes",
  method: "GET",
  path: "/cas/v2/file-chunk-hashes/:hash",
  access: "link",
  summary: "Not offered: a changed file is sent as a whole, and its chunks are deduplicated",
  handle: (c, ctx) => {
    grantOf(c, ctx, "read");
    throw new ServiceError(404, "Edits of parts of a file are not offered.", { code: "NOT_OFFERED" });
  },
});

const telemetry = defineRoute({
  operation: "xetTelemetry",
  method: "POST",
  path: "/cas/v1/telemetry",
  access: "link",
  summary: "Takes what clients tell of their transfers, and keeps nothing of it",
  handle: (c, ctx) => {
    grantOf(c, ctx, "read");
    return c.json({});
  },
});

export const casRoutes = [
  putXorbRoute,
  headXorb,
  putShard,
  putShardTelling,
  reconstruction(1),
  reconstruction(2),
  data,
  chunk,
  headFile,
  chunkHashes,
  telemetry,
];
