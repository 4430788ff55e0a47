// What services work with: the database, the blobs, and who asks.
import type { Db } from "./db/client.ts";
import type { Queue } from "./queue.ts";
import type { BlobStore } from "./storage/blobs.ts";

export interface Actor {
  id: string;
  name: string;
  admin: boolean;
  /** What the credential allows; a browser session may write. */
  role: "read" | "write";
  /** Words for the credential, shown by whoami. */
  credential: { name: string; createdAt: Date };
}

/** What is kept: enough for work that nobody in particular asked for. */
export interface Store {
  db: Db;
  blobs: BlobStore;
}

export interface Deps extends Store {
  queue: Queue;
  /** Signs links that authorise themselves. */
  signingKey: string;
  /** Proves that a request comes from whoever can read the data folder. */
  localKey: string;
}

/** Dependencies with the caller of one request; undefined is an anonymous one. */
export interface Context extends Deps {
  actor: Actor | undefined;
}
