// Writing over a connection that several share, no faster than its socket takes it. Knows no protocol.
import type { Socket } from "node:net";
import { Writable } from "node:stream";
import { Pace } from "../pace.ts";

/** Bytes that may wait in a socket. */
const MOST_WAITING = 1024 * 1024;

/**
 * Writes to a channel, and waits for the socket below: how much a channel takes at once is what the client allows, which may be 4 GiB,
 * and all of it would be held in memory. A client that takes nothing for too long, or hardly anything, loses its connection.
 */
export function paced(channel: Writable, socket: Socket, silenceSeconds: number): Writable {
  const pace = new Pace(silenceSeconds * 1000);
  let stopWaiting = () => {};
  const output = new Writable({
    write(piece: Buffer, _, done) {
      const since = performance.now();
      const late = setTimeout(() => socket.destroy(), pace.left);
      stopWaiting = () => {
        clearTimeout(late);
        socket.off("drain", taken);
      };
      const taken = () => {
        stopWaiting();
        pace.count(performance.now() - since, piece.length);
        done();
      };
      channel.write(piece, () => {
        if (socket.writableLength < MOST_WAITING) taken();
        else socket.once("drain", taken);
      });
    },
  });
  channel.once("close", () => {
    stopWaiting();
    output.destroy();
  });
  return output;
}
