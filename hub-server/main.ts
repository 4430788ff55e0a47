// startHub: lock → database → blobs → queue → app → listen, and back in the same order on close.
// Holds no routes.
import { randomBytes } from "node:crypto";
import { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { serve } from "@hono/node-server";
import { AbrazoError } from "../src/errors.ts";
import { log } from "../src/log.ts";
import { watchReaders } from "./api/node-server.ts";
import { createApp } from "./app.ts";
import type { Deps, Store, Transfers } from "./context.ts";
import { type Database, openDatabase, type Tx } from "./db/client.ts";
import { inWords } from "./db/in-words.ts";
import { readEnv } from "./env.ts";
import { GitCache } from "./git/cache.ts";
import { lockFolder } from "./lock.ts";
import { type Handlers, type Queue, startQueue } from "./queue.ts";
import type { RateLimit } from "./rate-limit.ts";
import { HubBlobs } from "./services/blobs.ts";
import { flushDownloads, refreshNumbers } from "./services/downloads.ts";
import { collectGarbage } from "./services/garbage.ts";
import { forgetDeleted } from "./services/git.ts";
import { indexById, indexStale } from "./services/indexer.ts";
import { forgetExpired } from "./services/oauth.ts";
import { collectObjects } from "./services/object-garbage.ts";
import { outbound } from "./services/outbound.ts";
import { isDue, signingKey } from "./services/settings.ts";
import { userCount } from "./services/users.ts";
import { deliver } from "./services/webhook-delivery.ts";
import type { BlobStore } from "./storage/blobs.ts";
import { DiskBlobStore } from "./storage/disk-blobs.ts";
import { S3BlobStore, type S3Options } from "./storage/s3-blobs.ts";

export interface HubOptions {
  /** Default 7860, and the next free one if that is taken; a port that was asked for is not replaced. */
  port?: number | undefined;
  host?: string | undefined;
  /** Where blobs and the embedded database live. */
  dataDir?: string | undefined;
  /** A Postgres server instead of the embedded database. */
  databaseUrl?: string | undefined;
  /** How many calls of the API one caller may make; none is set when left out. */
  rateLimit?: RateLimit | undefined;
  /** Names, addresses and networks of the inside that webhooks may be sent to; others of the inside are refused. */
  webhookHosts?: readonly string[] | undefined;
  /** Names that this hub answers to, and sites whose pages may read it, besides those of this machine; see names.ts. */
  hosts?: readonly string[] | undefined;
  /** Who may make organizations; everybody when left out. */
  organizations?: "users" | "admins" | undefined;
  /** A bucket that keeps the blobs instead of the data folder. */
  s3?: S3Options | undefined;
  /** How large files travel. */
  transfers?: Partial<Transfers> | undefined;
  /** Serves git over SSH, too; 0 is any free port. */
  sshPort?: number | undefined;
  /** Where people reach the hub over HTTP, behind a proxy for example; git-lfs over SSH is told so. */
  publicUrl?: string | undefined;
}

const MIB = 1024 * 1024;
const HOUR_MS = 3600 * 1000;
/** What nothing names is looked for once a day. */
const COLLECT_MS = 24 * HOUR_MS;
const TRANSFERS: Transfers = {
  partSize: 64 * MIB,
  multipartAbove: 2048 * MIB,
  xetTokenSeconds: 30 * 60,
  silenceSeconds: 60,
};

export interface Hub {
  url: string;
  /** Where the first user is made, once; undefined when there are users. */
  setupUrl: string | undefined;
  /** Where git is served over SSH; undefined where it is not. */
  sshPort: number | undefined;
  deps: Deps;
  close(): Promise<void>;
}

const DEFAULT_PORT = 7860;
/** As long as the links for uploads hold. */
const LONGEST_REQUEST_MS = 24 * 3600 * 1000;

/**
 * Starts a hub in this process.
 *
 * @example
 * ```ts
 * const hub = await startHub({ port: 0, dataDir: "./data" });
 * hub.url; // "http://127.0.0.1:41873"
 * await hub.close();
 * ```
 */
export async function startHub(options: HubOptions = {}): Promise<Hub> {
  const env = readEnv();
  const dataDir = options.dataDir ?? env.dataDir;
  const databaseUrl = options.databaseUrl ?? env.databaseUrl;
  const host = options.host ?? "127.0.0.1";
  const lock = lockFolder(dataDir);
  let database: Database | undefined;
  let queue: Queue | undefined;
  try {
    database = await openDatabase(databaseUrl === undefined ? { folder: dataDir } : { url: databaseUrl });
    const whole = await openBlobs(options.s3 ?? env.s3, dataDir);
    const store: Store = { db: database.db, blobs: new HubBlobs(database.db, whole) };
    const calls = outbound(options.webhookHosts ?? env.webhookHosts);
    const handlers: Handlers = {
      index: ({ repoId }) => indexById(store, repoId),
      reindex: () => indexStale(store),
      webhook: ({ deliveryId }) => deliver({ db: store.db, outbound: calls }, deliveryId),
      collect: async () => {
        await forgetExpired(store);
        await collectGarbage(store);
        await collectObjects(store);
      },
    };
    queue = await startQueue(database.db, handlers);
    const started = queue;
    await database.db.transaction((tx) => started.send(tx, "reindex", {}, "all"));
    await refreshNumbers(store);
    const git = await GitCache.open({ folder: join(dataDir, "git"), path: env.path });
    await forgetDeleted({ db: database.db, git });
    const deps: Deps = {
      ...store,
      git,
      queue,
      transfers: { ...TRANSFERS, ...options.transfers },
      outbound: calls,
      signingKey: await signingKey(database.db),
      localKey: randomBytes(32).toString("hex"),
      policy: { organizations: options.organizations ?? env.organizations },
      ssh: { served: undefined },
    };
    const rateLimit = options.rateLimit ?? env.rateLimit;
    const setupSecret = randomBytes(24).toString("base64url");
    const names = { isLocal: /^(127\.|::1$|localhost$)/.test(host), trusted: options.hosts ?? env.hosts };
    const app = createApp(deps, { setupSecret, rateLimit, names });
    const listening = await listen(app, host, options.port, deps.transfers);
    const url = `http://${host.includes(":") ? `[${host}]` : host}:${listening.port}`;
    const sshPort = options.sshPort ?? env.sshPort;
    const publicUrl = options.publicUrl ?? env.url ?? (/^(0\.0\.0\.0|::)$/.test(host) ? undefined : url);
    const ssh = await openSsh(deps, host, sshPort, publicUrl).catch(async (error: unknown) => {
      await listening.close();
      throw error;
    });
    deps.ssh.served = ssh;
    lock.announce(url, deps.localKey);
    const [opened, working] = [database, queue];
    let closed: Promise<void> | undefined;
    const sendCollect = async (tx: Tx) => {
      if (await isDue(tx, "collect", COLLECT_MS)) await working.send(tx, "collect", {}, "all");
    };
    const collect = () =>
      deps.db
        .transaction(sendCollect)
        .catch((error: unknown) => log.warn(`What nothing names was not collected: ${inWords(error)}`));
    await collect();
    const collecting = setInterval(() => void collect(), HOUR_MS).unref();
    const close = async () => {
      clearInterval(collecting);
      await ssh?.close();
      await listening.close();
      await git.close();
      await flushDownloads(store);
      await working.close();
      await opened.close();
      lock.release();
    };
    const setupUrl = (await userCount(deps)) === 0 ? `${url}/setup?secret=${setupSecret}` : undefined;
    return {
      url,
      setupUrl,
      sshPort: ssh?.port,
      deps,
      close: () => {
        closed ??= close();
        return closed;
      },
    };
  } catch (error) {
    await queue?.close().catch(() => {});
    await database?.close().catch(() => {});
    lock.release();
    throw error;
  }
}

/** Loads what speaks SSH only where that is wanted. */
async function openSsh(deps: Deps, host: string, port: number | undefined, hubUrl: string | undefined) {
  if (port === undefined) return undefined;
  const { startSsh } = await import("./ssh/server.ts");
  return startSsh(deps, { host, port, hubUrl });
}

const openBlobs = (s3: S3Options | undefined, dataDir: string): Promise<BlobStore> =>
  s3 === undefined ? DiskBlobStore.create(join(dataDir, "blobs")) : S3BlobStore.create(s3);

async function listen(
  app: ReturnType<typeof createApp>,
  host: string,
  asked: number | undefined,
  transfers: Transfers,
): Promise<{ port: number; close(): Promise<void> }> {
  for (let port = asked ?? DEFAULT_PORT; ; port++) {
    try {
      return await listenOn(app, host, port, transfers);
    } catch (error) {
      const taken = error instanceof Error && "code" in error && error.code === "EADDRINUSE";
      if (taken && asked === undefined && port < DEFAULT_PORT + 100) continue;
      if (!taken) throw error;
      throw new AbrazoError({
        code: "PORT_IN_USE",
        message: `Port ${port} on ${host} is in use.`,
        hint: "Choose another with --port, or leave --port out to take the next free one.",
      });
    }
  }
}

function listenOn(
  app: ReturnType<typeof createApp>,
  host: string,
  port: number,
  { silenceSeconds }: Transfers,
): Promise<{ port: number; close(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    // Node's own limit of five minutes for a request cuts off large uploads and pushes.
    const serverOptions = { requestTimeout: LONGEST_REQUEST_MS };
    const server = serve({ fetch: app.fetch, hostname: host, port, serverOptions }, (info: AddressInfo) => {
      server.off("error", reject);
      resolve({
        port: info.port,
        close: () =>
          new Promise((done) => {
            server.close(() => done());
            if ("closeAllConnections" in server) server.closeAllConnections();
          }),
      });
    });
    server.once("error", reject);
    if (server instanceof Server) watchReaders(server, silenceSeconds);
  });
}

export { createUserOnHost } from "./host.ts";
export { lockOwner } from "./lock.ts";
export { createToken, createUser } from "./services/users.ts";
