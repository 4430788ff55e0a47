// git over SSH: who comes is known by a key, and may run git's and git-lfs's commands, nothing else. The only file that speaks SSH.
import type { AddressInfo } from "node:net";
import ssh2, { type AuthContext, type Connection, type ServerChannel, type Session } from "ssh2";
import { AbrazoError } from "../../src/errors.ts";
import { log } from "../../src/log.ts";
import type { Actor, Deps } from "../context.ts";
import { inWords } from "../db/in-words.ts";
import { sshHostKey } from "../services/settings.ts";
import { actorOfSshKey } from "../services/ssh-keys.ts";
import { runCommand } from "./session.ts";

export interface SshOptions {
  host: string;
  port: number;
  /** Where the hub is reached over HTTP, if that is known. */
  hubUrl: string | undefined;
}

export interface SshServer {
  port: number;
  close(): Promise<void>;
}

/** The name that everybody logs in with; the key says who they are. */
const USER = "git";
/** Until somebody has shown a key. */
const LOGIN_MS = 30_000;
const MOST_CONNECTIONS = 256;
const MOST_UNKNOWN = 64;
const MOST_ATTEMPTS = 12;
const MOST_SESSIONS = 8;
/** A question to a silent client every so often; after three without an answer it is gone. */
const ALIVE_MS = 30_000;
const IDLE_MS = 5 * 60_000;

export async function startSsh(deps: Deps, options: SshOptions): Promise<SshServer> {
  const hostKey = await sshHostKey(deps.db, () => ssh2.utils.generateKeyPairSync("ed25519").private);
  const open = new Set<Connection>();
  let unknown = 0;
  const config = { hostKeys: [hostKey], ident: "Abrazo", keepaliveInterval: ALIVE_MS, keepaliveCountMax: 3 };
  const server = new ssh2.Server(config, (client, { ip }) => {
    if (open.size >= MOST_CONNECTIONS || unknown >= MOST_UNKNOWN) {
      client.end();
      return;
    }
    open.add(client);
    unknown++;
    let isKnown = false;
    const known = () => {
      if (!isKnown) unknown--;
      isKnown = true;
      clearTimeout(login);
    };
    const login = setTimeout(() => client.end(), LOGIN_MS);
    client.once("close", () => {
      known();
      open.delete(client);
    });
    // Scanners and callers who hang up: nothing is wrong here.
    client.on("error", () => client.end());
    serveClient(deps, client, { address: plain(ip), hubUrl: options.hubUrl, known });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: Error) => reject(inUse(error, options)));
    server.listen(options.port, options.host, () => resolve());
  });
  // safe because the server listens on a port
  const { port } = server.address() as AddressInfo;
  server.on("error", (error: Error) => log.warn(`SSH: ${inWords(error)}`));
  return {
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const client of open) client.end();
      }),
  };
}

const plain = (address: string): string => address.replace(/^::ffff:(?=[\d.]+$)/i, "");

const inUse = (error: Error, { host, port }: SshOptions): Error =>
  "code" in error && error.code === "EADDRINUSE"
    ? new AbrazoError({
        code: "PORT_IN_USE",
        message: `Port ${port} on ${host} is in use.`,
        hint: "Choose another with --ssh-port.",
      })
    : error;

interface Caller {
  address: string;
  hubUrl: string | undefined;
  known(): void;
}

function serveClient(deps: Deps, client: Connection, { address, hubUrl, known }: Caller): void {
  let actor: Actor | undefined;
  let attempts = 0;
  client.on("authentication", (attempt) => {
    attempts++;
    if (attempts > MOST_ATTEMPTS) {
      client.end();
      return;
    }
    actorOf(deps, attempt, address).then(
      (found) => {
        if (found === undefined) return attempt.reject(["publickey"]);
        actor = found;
        attempt.accept();
      },
      (error: unknown) => {
        log.warn(`SSH: a key was not looked up: ${inWords(error)}`);
        attempt.reject(["publickey"]);
      },
    );
  });
  client.on("ready", () => {
    known();
    let sessions = 0;
    let idle = setTimeout(() => client.end(), IDLE_MS);
    client.once("close", () => clearTimeout(idle));
    client.on("session", (accept, reject) => {
      if (actor === undefined || sessions >= MOST_SESSIONS) return reject();
      sessions++;
      clearTimeout(idle);
      const session = accept();
      session.once("close", () => {
        sessions--;
        idle = setTimeout(() => client.end(), IDLE_MS);
      });
      serveSession({ ...deps, actor }, session, hubUrl);
    });
  });
}

/** Who comes with a key; first it is only named, and then shown by a signature. */
async function actorOf(deps: Deps, attempt: AuthContext, address: string): Promise<Actor | undefined> {
  if (attempt.method !== "publickey" || attempt.username !== USER) return undefined;
  const actor = await actorOfSshKey(deps, attempt.key.data, address);
  if (actor === undefined || attempt.signature === undefined) return actor;
  const parsed = ssh2.utils.parseKey(attempt.key.data);
  if (parsed instanceof Error) return undefined;
  return parsed.verify(attempt.blob ?? Buffer.alloc(0), attempt.signature, attempt.hashAlgo) === true
    ? actor
    : undefined;
}

function serveSession(ctx: Deps & { actor: Actor }, session: Session, hubUrl: string | undefined): void {
  let protocol: string | undefined;
  session.on("env", (accept, reject, { key, val }) => {
    if (key !== "GIT_PROTOCOL" || !/^version=[0-2]$/.test(val)) return reject?.();
    protocol = val;
    accept?.();
  });
  // Clients that ask for a terminal are told what this is, in place of one.
  session.on("pty", (accept) => accept?.());
  session.on("shell", (accept) => {
    const channel = accept();
    channel.stderr.write(`Hello ${ctx.actor.name}. This hub speaks git over SSH, and has no shell.\r\n`);
    finish(channel, 1);
  });
  let isUsed = false;
  session.on("exec", (accept, reject, { command }) => {
    if (isUsed) return reject();
    isUsed = true;
    const channel = accept();
    const stop = new AbortController();
    channel.once("close", () => stop.abort());
    channel.on("error", () => stop.abort());
    const line = { input: channel.stdin, output: channel.stdout, errors: channel.stderr };
    void runCommand(command, line, { ctx, protocol, hubUrl, signal: stop.signal }).then((code) =>
      finish(channel, code),
    );
  });
}

function finish(channel: ServerChannel, code: number): void {
  if (!channel.writable) return;
  channel.exit(code);
  channel.end();
}
