// A client of SSH in this process, which can be made to do what ssh does not: for tests of the server.
import ssh2, { type ClientChannel } from "ssh2";
import { addSshKey } from "../../hub-server/services/ssh-keys.ts";
import { actorOfToken } from "../../hub-server/services/users.ts";
import { newKeyPair } from "../../hub-server/ssh/server.ts";
import type { TestHub } from "./hub.ts";

export interface Answer {
  code: number | undefined;
  /** What was written, to both streams. */
  text: string;
}

/** Makes a key and adds it to a user; gives its private half. */
export async function newSshKey(hub: TestHub, token: string): Promise<{ id: string; privateKey: string }> {
  const pair = newKeyPair();
  const actor = await actorOfToken(hub.deps, token);
  const { id } = await addSshKey({ ...hub.deps, actor }, { key: pair.public });
  return { id, privateKey: pair.private };
}

export class SshClient {
  readonly #client: ssh2.Client;
  readonly closed: Promise<void>;
  /** SHA-256 of the server's key, in base64. */
  readonly hostKey: string;

  private constructor(client: ssh2.Client, closed: Promise<void>, hostKey: string) {
    this.#client = client;
    this.closed = closed;
    this.hostKey = hostKey;
  }

  static connect(port: number | undefined, privateKey: string): Promise<SshClient> {
    const client = new ssh2.Client();
    const closed = new Promise<void>((resolve) => client.once("close", () => resolve()));
    let hostKey = "";
    return new Promise((resolve, reject) => {
      // Of one that is ready, it is told by `closed`.
      client.on("error", reject);
      client.once("close", () => reject(new Error("closed")));
      client.once("ready", () => resolve(new SshClient(client, closed, hostKey)));
      const hostVerifier = (hash: string) => {
        hostKey = hash;
        return true;
      };
      const to = { host: "127.0.0.1", port: port ?? 0, username: "git" };
      client.connect({ ...to, privateKey, hostHash: "sha256", hostVerifier });
    });
  }

  /** Begins a command; nothing is read of it yet. */
  start(command: string): Promise<ClientChannel> {
    return new Promise((resolve, reject) => {
      this.#client.exec(command, (error, channel) => (error === undefined ? resolve(channel) : reject(error)));
    });
  }

  async run(command: string, input: string | Uint8Array = ""): Promise<Answer> {
    const channel = await this.start(command);
    return new Promise((resolve) => {
      const pieces: Buffer[] = [];
      let code: number | undefined;
      channel.on("data", (piece: Buffer) => pieces.push(piece));
      channel.stderr.on("data", (piece: Buffer) => pieces.push(piece));
      channel.once("exit", (status: number) => {
        code = status;
      });
      channel.once("close", () => resolve({ code, text: Buffer.concat(pieces).toString("latin1") }));
      channel.end(input);
    });
  }

  end(): void {
    this.#client.end();
  }

  /** Cuts the connection. */
  destroy(): void {
    this.#client.destroy();
  }

  /**
   * What no client does: sends to a channel however much it takes, allows the server to send however much it has, and
   * takes nothing. ssh2 has no such words, so its inner ones are called.
   */
  get raw(): RawClient {
    // safe because these are what ssh2 1.17 has inside; the tests that use them fail where it does not
    return this.#client as unknown as RawClient;
  }
}

interface RawClient {
  _sock: { pause(): void };
  _protocol: { channelData(id: number, data: Buffer): void; channelWindowAdjust(id: number, bytes: number): void };
}

/** The number of a channel at the server. */
// safe because ssh2 1.17 has it there
export const channelId = (channel: ClientChannel): number =>
  (channel as unknown as { outgoing: { id: number } }).outgoing.id;
