// A file on its way to a socket: every byte in its place whoever takes it, and nothing kept open when it ends in whatever way.
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readlinkSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FileBytes } from "../../hub-server/storage/file-bytes.ts";

const MIB = 1024 * 1024;
let folder: string;
let path: string;
const bytes = randomBytes(9 * MIB + 12_345);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "abrazo-file-"));
  path = join(folder, "file.bin");
  writeFileSync(path, bytes);
});
afterAll(() => rmSync(folder, { recursive: true }));

const never = new AbortController().signal;
/** How often this process has the file open. */
const opened = (): number =>
  readdirSync("/proc/self/fd").filter((fd) => {
    try {
      return readlinkSync(join("/proc/self/fd", fd)) === path;
    } catch {
      return false;
    }
  }).length;
const closed = () => expect.poll(opened).toBe(0);

/** Takes pieces at a pace; copies them when it says that it has them, as a system does. */
class Taker extends Writable {
  readonly #pause: (piece: number) => number;
  readonly taken: Buffer[] = [];
  constructor(pause: (piece: number) => number = () => 0) {
    super({ highWaterMark: 1 });
    this.#pause = pause;
  }
  get all(): Buffer {
    return Buffer.concat(this.taken);
  }
  override async _write(piece: Buffer, _: BufferEncoding, done: () => void): Promise<void> {
    const pause = this.#pause(this.taken.length);
    await (pause > 0 ? sleep(pause) : new Promise(setImmediate));
    this.taken.push(Buffer.from(piece));
    done();
  }
}

describe.skipIf(process.platform !== "linux")("bytes of a file (open files are counted by /proc)", () => {
  it.each([
    ["all of it", undefined],
    ["one byte", { start: 77, end: 78 }],
    ["a range", { start: 65_535, end: 5 * MIB + 1 }],
    ["its end", { start: bytes.length - 70_000, end: bytes.length }],
    ["nothing", { start: 5, end: 5 }],
  ])("%s, as a stream and to a socket", async (_, range) => {
    const wanted = bytes.subarray(range?.start ?? 0, range?.end);
    const taker = new Taker();
    await (await FileBytes.open(path, range)).sendTo(taker, never);
    expect(taker.all.equals(wanted)).toBe(true);
    const read: Buffer[] = [];
    for await (const piece of await FileBytes.open(path, range)) read.push(piece);
    expect(Buffer.concat(read).equals(wanted)).toBe(true);
    await closed();
  });

  it("goes in large pieces to who is quick, and in small ones to who is slow", async () => {
    const quick = new Taker();
    await (await FileBytes.open(path)).sendTo(quick, never);
    expect(Math.max(...quick.taken.map(({ length }) => length))).toBe(MIB);
    const slow = new Taker((piece) => (piece > 6 ? 600 : 0));
    await (await FileBytes.open(path)).sendTo(slow, never);
    expect(slow.all.equals(bytes)).toBe(true);
    expect(slow.taken.at(-2)?.length).toBeLessThan(MIB);
  });

  it("ends with a file that is shorter than it should be, by an error that says so", async () => {
    const short = join(folder, "short.bin");
    writeFileSync(short, bytes);
    for (const way of ["socket", "stream"]) {
      const file = await FileBytes.open(short, { start: 0, end: bytes.length });
      truncateSync(short, 3 * MIB);
      const failed = once(file, "error");
      const use = way === "socket" ? file.sendTo(new Taker(), never) : file.toArray();
      await expect(use).rejects.toThrow(`the file ends ${bytes.length - 3 * MIB} bytes before it should`);
      if (way === "socket") expect((await failed)[0]).toBeInstanceOf(Error);
      writeFileSync(short, bytes);
    }
  });

  it("ends when whoever takes it fails or is gone, also where that is not told of", async () => {
    const failing = new Writable({ write: (_, __, done) => done(new Error("no more")) });
    failing.on("error", () => {});
    await expect((await FileBytes.open(path)).sendTo(failing, never)).rejects.toThrow("no more");
    const leaving = new AbortController();
    const deaf = new Writable({ write: () => {} });
    const sent = (await FileBytes.open(path)).sendTo(deaf, leaving.signal);
    await sleep(50);
    leaving.abort(new Error("it left"));
    await expect(sent).rejects.toThrow("it left");
    await expect((await FileBytes.open(path)).sendTo(new Taker(), leaving.signal)).rejects.toThrow("it left");
    (await FileBytes.open(path)).destroy();
    await closed();
  });

  describe("over HTTP", () => {
    let server: Server;
    let port: number;
    const begun: Promise<void>[] = [];
    beforeAll(async () => {
      server = createServer(async (request, response) => {
        const leaving = new AbortController();
        request.socket.once("close", () => leaving.abort());
        response.writeHead(200, { "Content-Length": bytes.length });
        begun.push((await FileBytes.open(path)).sendTo(response, leaving.signal).catch(() => {}));
      }).listen(0, "127.0.0.1");
      await once(server, "listening");
      // safe because a server that listens on a port has an address with one
      port = (server.address() as AddressInfo).port;
    });
    afterAll(() => server.close());

    const ask = (socket: Socket) => socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");

    it("answers one after the other on one connection are whole", async () => {
      const socket = connect(port, "127.0.0.1");
      for (let at = 0; at < 3; at++) ask(socket);
      let received = 0;
      let last = Buffer.alloc(0);
      for await (const chunk of socket) {
        received += chunk.length;
        last = Buffer.concat([last, chunk]).subarray(-1000);
        if (received > 3 * bytes.length && last.equals(bytes.subarray(-1000))) break;
      }
      expect(received).toBeGreaterThan(3 * bytes.length);
      await Promise.all(begun);
      await closed();
    });

    it("nothing stays open for connections that end with answers that wait behind others", async () => {
      const sockets = Array.from({ length: 5 }, () => connect(port, "127.0.0.1").pause());
      for (const socket of sockets) for (let at = 0; at < 3; at++) ask(socket);
      await expect.poll(opened).toBe(15);
      for (const socket of sockets) socket.destroy();
      await closed();
      await Promise.all(begun);
    });
  });
});
