// What services work with: the database, the blobs, and who asks.
import type { Db } from "./db/client.ts";
import type { TokenScopes } from "./db/schema.ts";
import type { GitCache } from "./git/cache.ts";
import type { Queue } from "./queue.ts";
import type { Outbound } from "./services/outbound.ts";
import type { BlobStore } from "./storage/blobs.ts";

/** What a fine-grained or an OAuth token allows (services/scopes.ts); nothing beyond that is done for it. */
export interface Limits extends TokenScopes {
  /** The OAuth app that asks for the user. */
  app: { id: string; name: string; grantId: string; scopes: readonly string[] } | undefined;
}

export interface Actor {
  id: string;
  name: string;
  /** Never with a token that has limits. */
  admin: boolean;
  /** What the credential allows; a browser session may write. */
  role: "read" | "write" | "fineGrained";
  /** Words for the credential, shown by whoami. */
  credential: { name: string; createdAt: Date };
  /** Of the role fineGrained alone. */
  limits?: Limits | undefined;
  /** The token that was shown; undefined for a browser session. */
  tokenId?: string | undefined;
  /** The key that was shown, for who comes over SSH. */
  sshKeyId?: string | undefined;
  /** When the credential ends, where one that it asks for may not outlast it. */
  until?: Date | undefined;
  /** Where the request came from. */
  address?: string | undefined;
}

/** What is kept: enough for work that nobody in particular asked for. */
export interface Store {
  db: Db;
  blobs: BlobStore;
}

/** What whoever runs the hub decides about it. */
export interface Policy {
  /** Who may make organizations. */
  organizations: "users" | "admins";
}

/** How large files travel. */
export interface Transfers {
  /** Bytes of a part of an upload; on S3 at least 5 MiB. */
  partSize: number;
  /** Objects with more bytes come in parts, from clients that can. */
  multipartAbove: number;
  /** How long a token of the chunk store is said to hold; clients ask for a new one half a minute before. */
  xetTokenSeconds: number;
  /** How long a client may neither send what it began to send nor take what it asked for. */
  silenceSeconds: number;
}

export interface Deps extends Store {
  git: GitCache;
  queue: Queue;
  transfers: Transfers;
  /** Which addresses this server may call for its users. */
  outbound: Outbound;
  /** Signs links that authorise themselves. */
  signingKey: string;
  /** Proves that a request comes from whoever can read the data folder. */
  localKey: string;
  policy: Policy;
  /** How git is served over SSH, once it is. */
  ssh: { served: { port: number; fingerprint: string } | undefined };
}

/** Dependencies with the caller of one request; undefined is an anonymous one. */
export interface Context extends Deps {
  actor: Actor | undefined;
}
