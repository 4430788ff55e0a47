// The blob contract: bytes by their SHA-256. No caller ever sees a file path.
import type { Readable } from "node:stream";
import { ServiceError } from "../errors.ts";

export interface Range {
  start: number;
  /** Excluded. */
  end: number;
}

export interface Expected {
  sha256: string;
  size: number;
}

export interface Part {
  /** From 1. */
  number: number;
  /** Where it begins in the whole. */
  start: number;
  size: number;
}

export interface LinkOptions {
  seconds: number;
  contentType: string;
  contentDisposition: string | undefined;
}

export interface BlobStore {
  has(sha256: string): Promise<boolean>;
  /** Takes bytes, checks size and hash, and only then makes them visible. A mismatch leaves nothing behind. */
  put(source: AsyncIterable<Uint8Array>, expected: Expected): Promise<void>;
  /** Takes bytes whose hash nobody knows before they have come, where a store can name them at the end (see addBlob). */
  readonly add?: ((source: AsyncIterable<Uint8Array>) => Promise<Expected>) | undefined;
  /** Bytes of a blob, whole or a range of it. */
  open(sha256: string, range?: Range): Promise<Readable>;
  delete(sha256: string): Promise<void>;
  /** Begins an upload in parts, which may come in any order and again; gives the name that the other calls take. */
  startParts(expected: Expected): Promise<string>;
  /** Takes one part and gives its ETag. One that is shorter or longer than it should be is refused. */
  putPart(handle: string, part: Part, source: AsyncIterable<Uint8Array>): Promise<string>;
  /**
   * Checks size and hash of all parts together and makes the blob visible. It can be told so again, and parts that come again change nothing:
   * whoever died before it was written down goes on. Where it fails the upload is over.
   */
  finishParts(handle: string, parts: readonly { number: number; etag: string }[], expected: Expected): Promise<void>;
  /** Ends an upload, finished or not: what is left of it goes. */
  endParts(handle: string): Promise<void>;
  /** Where clients fetch a blob without the hub, for a time; undefined where they come through the hub. */
  readonly link?: ((sha256: string, options: LinkOptions) => Promise<string | undefined>) | undefined;
}

export function mismatch(what: string): ServiceError {
  return new ServiceError(400, `The upload was refused: ${what}.`, {
    code: "UPLOAD_MISMATCH",
    hint: "Nothing was stored. Send the file again.",
  });
}

/** Passes bytes on and refuses them when there are more or fewer than announced. */
export async function* counted(source: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let received = 0;
  for await (const chunk of source) {
    received += chunk.length;
    if (received > size) throw mismatch(`more than the ${size} bytes announced`);
    yield chunk;
  }
  if (received !== size) throw mismatch(`${received} bytes arrived, ${size} were announced`);
}

export function checkHash(found: string, { sha256 }: Pick<Expected, "sha256">): void {
  if (found !== sha256) throw mismatch(`the content has the SHA-256 ${found}, ${sha256} was announced`);
}
