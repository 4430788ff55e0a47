// git over SSH: who comes is known by a key, and may run git's and git-lfs's commands, nothing else. The only file that speaks SSH.
import { finished } from "node:stream/promises";
import ssh2, {
  type Algorithms,
  type AuthContext,
  type Connection,
  type ServerChannel,
  type ServerConfig,
  type Session,
} from "ssh2";
import { log } from "../../src/log.ts";
import type { Actor, Deps } from "../context.ts";
import { inWords } from "../db/in-words.ts";
import { ServiceError } from "../errors.ts";
import { sshHostKey } from "../services/settings.ts";
import { actorOfSshKey, fingerprintOf, noteSshKey } from "../services/ssh-keys.ts";
import { type Door, LIMITS, openDoor, type Visitor } from "./door.ts";
import { paced } from "./paced.ts";
import { runCommand } from "./session.ts";

export interface SshOptions {
  host: string;
  port: number;
  /** Where the hub is reached over HTTP, if that is known. */
  hubUrl: string | undefined;
}

/** The name that everybody logs in with; the key says who they are. */
const USER = "git";
/** ssh offers every key of its agent in turn. */
const MOST_ATTEMPTS = 12;
const MOST_SESSIONS = 8;
/** A question to a silent client every so often; after three without an answer it is gone. */
const ALIVE_MS = 30_000;
/** Bytes that a client sent and nobody has read; those that keep to the protocol send two million. */
const MOST_UNREAD = 8 * 1024 * 1024;

/** What every client of today speaks, and nothing that is costly, weak, or grows when it is unpacked. */
const ALGORITHMS: Algorithms = {
  kex: [
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
  ],
  cipher: ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr"],
  hmac: ["hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512"],
  compress: ["none"],
};

/**
 * A new key, both halves as ssh-keygen writes them. Of one in 256, ssh2 1.17 loses the first byte of the public half, as it is 0, and then
 * reads the private one no more: another one is made.
 */
export function newKeyPair(): { public: string; private: string } {
  for (;;) {
    const pair = ssh2.utils.generateKeyPairSync("ed25519");
    if (!(ssh2.utils.parseKey(pair.private) instanceof Error)) return pair;
  }
}

export interface SshServer extends Door {
  /** Of the hub's own key, as ssh shows it to who comes for the first time. */
  fingerprint: string;
}

/** @throws AbrazoError `PORT_IN_USE` */
export async function startSsh(deps: Deps, { host, port, hubUrl }: SshOptions, limits = LIMITS): Promise<SshServer> {
  const hostKey = await sshHostKey(deps.db, () => newKeyPair().private);
  const parsed = ssh2.utils.parseKey(hostKey);
  if (parsed instanceof Error) throw parsed;
  const config: ServerConfig = {
    hostKeys: [hostKey],
    ident: "Abrazo",
    algorithms: ALGORITHMS,
    keepaliveInterval: ALIVE_MS,
    keepaliveCountMax: 3,
  };
  const serve = (visitor: Visitor) => {
    // One for each socket, so that it is known which one a connection has.
    const server = new ssh2.Server(config, (client) => new Caller(deps, client, visitor, { hubUrl, ...limits }));
    server.injectSocket(visitor.socket);
  };
  const door = await openDoor({ host, port, serve }, limits);
  return { ...door, fingerprint: fingerprintOf(parsed.getPublicSSH()) };
}

interface CallerOptions {
  hubUrl: string | undefined;
  idleMs: number;
  quietMs: number;
}

/** Somebody's connection. */
class Caller {
  readonly #deps: Deps;
  readonly #client: Connection;
  readonly #visitor: Visitor;
  readonly #options: CallerOptions;
  readonly #channels = new Set<ServerChannel>();
  #key: Uint8Array | undefined;
  #attempts = 0;
  #sessions = 0;
  #running = 0;
  #idle: NodeJS.Timeout | undefined;
  #isOneTooMany = false;

  constructor(deps: Deps, client: Connection, visitor: Visitor, options: CallerOptions) {
    this.#deps = deps;
    this.#client = client;
    this.#visitor = visitor;
    this.#options = options;
    // Scanners and callers who hang up: nothing is wrong here.
    client.on("error", () => this.#leave());
    client.on("authentication", (attempt) => void this.#authenticate(attempt));
    client.on("ready", () => this.#wait());
    client.on("session", (accept, reject) => {
      if (this.#sessions >= MOST_SESSIONS) return reject();
      this.#serve(accept());
    });
    visitor.socket.once("close", () => clearTimeout(this.#idle));
    visitor.socket.on("data", () => {
      for (const channel of this.#channels) if (channel.readableLength > MOST_UNREAD) visitor.socket.destroy();
    });
  }

  #leave(): void {
    this.#client.end();
    this.#visitor.leave();
  }

  /** Whoever asks for nothing leaves after a while, also where they keep what is done open. */
  #wait(): void {
    clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.#leave(), this.#options.idleMs);
  }

  async #authenticate(attempt: AuthContext): Promise<void> {
    this.#attempts++;
    if (this.#attempts > MOST_ATTEMPTS) return this.#leave();
    try {
      const actor = await this.#actorOf(attempt);
      if (actor === undefined) return attempt.reject(["publickey"]);
      attempt.accept();
    } catch (error) {
      log.warn(`SSH: a key was not looked up: ${inWords(error)}`);
      attempt.reject(["publickey"]);
    }
  }

  /** Who comes with a key; first it is only named, and then shown by a signature. */
  async #actorOf(attempt: AuthContext): Promise<Actor | undefined> {
    if (attempt.method !== "publickey" || attempt.username !== USER) return undefined;
    const { key, signature, blob, hashAlgo } = attempt;
    const actor = await actorOfSshKey(this.#deps, key.data, this.#visitor.address);
    if (actor === undefined || signature === undefined) return actor;
    const parsed = ssh2.utils.parseKey(key.data);
    // Without a name it would be SHA-1.
    if (parsed instanceof Error || (parsed.type === "ssh-rsa" && hashAlgo === undefined)) return undefined;
    if (parsed.verify(blob ?? Buffer.alloc(0), signature, hashAlgo) !== true) return undefined;
    this.#key = key.data;
    this.#isOneTooMany = !this.#visitor.known(actor.id);
    return actor;
  }

  /** Who it is, for one command: the key may have gone meanwhile. */
  async #caller(): Promise<Actor> {
    if (this.#isOneTooMany)
      throw new ServiceError(429, "You have too many connections to this hub.", {
        code: "TOO_MANY_CONNECTIONS",
        hint: "Close some of them, and try again.",
      });
    const actor = this.#key && (await actorOfSshKey(this.#deps, this.#key, this.#visitor.address));
    if (actor?.sshKeyId === undefined)
      throw new ServiceError(401, "Your key was removed.", { code: "SSH_KEY_NOT_FOUND", hint: "Add it again." });
    await noteSshKey(this.#deps, actor.sshKeyId);
    return actor;
  }

  #serve(session: Session): void {
    this.#sessions++;
    session.once("close", () => {
      this.#sessions--;
    });
    let protocol: string | undefined;
    session.on("env", (accept, reject, { key, val }) => {
      if (key !== "GIT_PROTOCOL" || !/^version=[0-2]$/.test(val)) return reject?.();
      protocol = val;
      accept?.();
    });
    // Clients that ask for a terminal are told what this is, in place of one.
    session.on("pty", (accept) => accept?.());
    let isUsed = false;
    const use = (accept: () => ServerChannel, reject: () => void, command: string | undefined) => {
      if (isUsed) return reject();
      isUsed = true;
      void this.#run(accept(), command, protocol);
    };
    session.on("shell", (accept, reject) => use(accept, reject, undefined));
    session.on("exec", (accept, reject, { command }) => use(accept, reject, command));
  }

  /** Runs a command, or none where a shell was wanted. */
  async #run(channel: ServerChannel, command: string | undefined, protocol: string | undefined): Promise<void> {
    this.#channels.add(channel);
    this.#running++;
    clearTimeout(this.#idle);
    const stop = new AbortController();
    channel.once("close", () => {
      this.#channels.delete(channel);
      stop.abort();
    });
    channel.on("error", () => stop.abort());
    const { socket } = this.#visitor;
    const output = paced(channel, socket, this.#deps.transfers.silenceSeconds);
    output.on("error", () => stop.abort());
    const line = { input: channel.stdin, output, errors: channel.stderr };
    const code = await runCommand(command, line, {
      deps: this.#deps,
      caller: () => this.#caller(),
      protocol,
      hubUrl: this.#options.hubUrl,
      quietMs: this.#options.quietMs,
      signal: stop.signal,
    });
    // What is written last may still wait for the client.
    output.end();
    await finished(output).catch(() => {});
    this.#running--;
    if (this.#running === 0 && !this.#visitor.socket.destroyed) this.#wait();
    if (!channel.writable) return;
    channel.exit(code);
    channel.end();
  }
}
