// Writes a stream of small chunks to a file in large pieces, one of which is on its way while the next comes in.
import type { FileHandle } from "node:fs/promises";

/** Sockets give 64 KiB at a time; a call of the system for each would take longer than what it does. */
const PIECE = 1024 * 1024;

/**
 * Writes all chunks from a place in the file on.
 *
 * @param seen told of every chunk, while an earlier piece is being written
 */
export async function writeAll(
  file: FileHandle,
  start: number,
  source: AsyncIterable<Uint8Array>,
  seen: (chunk: Uint8Array) => void = () => {},
): Promise<void> {
  let [position, held] = [start, 0];
  let piece: Uint8Array[] = [];
  let writing: Promise<unknown> = Promise.resolve();
  const flush = async () => {
    const [chunks, at, length] = [piece, position, held];
    [piece, held] = [[], 0];
    position += length;
    await writing;
    writing = writeFully(file, chunks, at, length);
    // Whoever awaits it next sees the failure; until then it is no unhandled one.
    writing.catch(() => {});
  };
  for await (const chunk of source) {
    piece.push(chunk);
    held += chunk.length;
    seen(chunk);
    if (held >= PIECE) await flush();
  }
  await flush();
  await writing;
}

async function writeFully(file: FileHandle, chunks: Uint8Array[], at: number, length: number): Promise<void> {
  if (length === 0) return;
  const { bytesWritten } = await file.writev(chunks, at);
  if (bytesWritten === length) return;
  // The disk took a part; the rest is written or its refusal is told.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let done = 0; done < rest.length; ) {
    const more = await file.write(rest, done, rest.length - done, at + bytesWritten + done);
    done += more.bytesWritten;
  }
}
