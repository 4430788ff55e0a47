// Who comes to the SSH port, before and after they are known: how many at once, for how long, and how they are sent away.
// Counts sockets; speaks no SSH.
import { type AddressInfo, createServer, type Socket } from "node:net";
import { AbrazoError } from "../../src/errors.ts";
import { log } from "../../src/log.ts";
import { inWords } from "../db/in-words.ts";

/** Who is at the other end of a socket, as far as that is known yet. */
export interface Visitor {
  socket: Socket;
  address: string;
  /** Says who it is, so that the time to log in ends; false where this user has too many connections already. */
  known(userId: string): boolean;
  /** Ends the connection after what was written; at once where the other side does not take it. */
  leave(): void;
}

export interface DoorOptions {
  host: string;
  port: number;
  /** Takes a visitor in. */
  serve: (visitor: Visitor) => void;
}

export interface Door {
  port: number;
  close(): Promise<void>;
}

/** Of connections, and for how long. */
export const LIMITS = {
  connections: 256,
  ofUser: 64,
  /** Of those who have shown no key yet. */
  unknown: 64,
  unknownOfAddress: 32,
  /** Milliseconds until a key is shown. */
  loginMs: 30_000,
  /** Milliseconds that somebody who is known may ask for nothing. */
  idleMs: 5 * 60_000,
  /** Milliseconds that a command may wait for more: git compresses before it sends. Whether it is there at all is asked meanwhile. */
  quietMs: 15 * 60_000,
  /** Milliseconds for the last words. */
  farewellMs: 2_000,
};

/** @throws AbrazoError `PORT_IN_USE` */
export async function openDoor({ host, port, serve }: DoorOptions, limits = LIMITS): Promise<Door> {
  const open = new Set<Socket>();
  const unknown = new Counter();
  const users = new Counter();
  const server = createServer({ noDelay: true }, (socket) => {
    const address = plain(socket.remoteAddress ?? "");
    socket.on("error", () => socket.destroy());
    const isFull = open.size >= limits.connections || unknown.total >= limits.unknown;
    if (isFull || unknown.of(address) >= limits.unknownOfAddress) {
      // As the protocol allows before its first line; clients show or log it.
      socket.end("Too many connections. Try again later.\r\n", () => socket.destroy());
      return;
    }
    open.add(socket);
    const forget = unknown.add(address);
    const login = setTimeout(() => socket.destroy(), limits.loginMs);
    const known = (userId: string) => {
      clearTimeout(login);
      forget();
      const isFine = users.of(userId) < limits.ofUser;
      socket.once("close", users.add(userId));
      return isFine;
    };
    const leave = () => {
      socket.end();
      const late = setTimeout(() => socket.destroy(), limits.farewellMs);
      socket.once("close", () => clearTimeout(late));
    };
    socket.once("close", () => {
      clearTimeout(login);
      forget();
      open.delete(socket);
    });
    serve({ socket, address, known, leave });
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) => reject(inUse(error, host, port)));
    server.listen(port, host, resolve);
  });
  server.on("error", (error) => log.warn(`SSH: ${inWords(error)}`));
  // safe because the server listens on a port
  const at = server.address() as AddressInfo;
  return {
    port: at.port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of open) socket.destroy();
      }),
  };
}

/** How many there are of each name; what `add` gives takes one away, once. */
class Counter {
  readonly #counts = new Map<string, number>();
  total = 0;

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string): () => void {
    this.total++;
    this.#counts.set(name, this.of(name) + 1);
    let isThere = true;
    return () => {
      if (!isThere) return;
      isThere = false;
      this.total--;
      if (this.of(name) > 1) this.#counts.set(name, this.of(name) - 1);
      else this.#counts.delete(name);
    };
  }
}

const plain = (address: string): string => address.replace(/^::ffff:(?=[\d.]+$)/i, "");

const inUse = (error: Error, host: string, port: number): Error =>
  "code" in error && error.code === "EADDRINUSE"
    ? new AbrazoError({
        code: "PORT_IN_USE",
        message: `Port ${port} on ${host} is in use.`,
        hint: "Choose another with --ssh-port.",
      })
    : error;
