// Blobs as objects of a bucket. What is sent becomes an object only after its size and hash were checked.
// Its client is loaded when a hub stores its blobs there, and only then.
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { S3Client } from "@aws-sdk/client-s3";
import { AbrazoError } from "../../src/errors.ts";
import { sha256Of, startSha256 } from "../threads/sha256.ts";
import { type BlobStore, checkHash, counted, type Expected, type LinkOptions, type Part, type Range } from "./blobs.ts";
import { presignedGet } from "./presign.ts";
import { asBucketError, fromBucket } from "./s3-away.ts";
import { Spool } from "./spool.ts";

export interface S3Options {
  bucket: string;
  region: string;
  /** Of another server than Amazon's; its buckets are then named in the path. */
  endpoint?: string | undefined;
  /** Where clients reach that server, if it is elsewhere for them. */
  publicEndpoint?: string | undefined;
  /** Stands before the names of all objects, e.g. "hub/". */
  prefix?: string | undefined;
  /** Whether clients are sent to the bucket for large files; else the hub passes the bytes on. */
  redirect?: boolean | undefined;
}

type Sdk = typeof import("@aws-sdk/client-s3");
type SentPart = { number: number; etag: string };
type MultipartUpload = { Bucket: string; Key: string; UploadId: string | undefined };

const MIB = 1024 * 1024;
/** Up to this an object goes in one request. */
const WHOLE = 8 * MIB;
/** S3 takes at most so many parts, and none below 5 MiB but the last. */
const MOST_PARTS = 10_000;
const PART = 16 * MIB;
/** What one request may copy. */
const MOST_COPY = 5 * 1024 * MIB;
const COPY_PART = 1024 * MIB;

async function loadSdk(): Promise<Sdk> {
  try {
    return await import("@aws-sdk/client-s3");
  } catch (cause) {
    throw new AbrazoError({
      code: "S3_CLIENT_MISSING",
      message: "The hub is told to keep its blobs in S3, and the client for that is not installed.",
      hint: "Run: npm install @aws-sdk/client-s3",
      cause,
    });
  }
}

export class S3BlobStore implements BlobStore {
  readonly #sdk: Sdk;
  readonly #client: S3Client;
  readonly #options: S3Options;

  private constructor(sdk: Sdk, client: S3Client, options: S3Options) {
    [this.#sdk, this.#client, this.#options] = [sdk, client, options];
  }

  /** Opens a bucket that exists. Credentials come from where Amazon's clients look for them. */
  static async create(options: S3Options): Promise<S3BlobStore> {
    const sdk = await loadSdk();
    const { region, endpoint, bucket } = options;
    const client = new sdk.S3Client({
      region,
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      // Every blob is checked by its SHA-256; servers of other makers know no other checksums.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
    });
    try {
      await client.send(new sdk.HeadBucketCommand({ Bucket: bucket }));
    } catch (cause) {
      throw new AbrazoError({
        code: "S3_BUCKET",
        message: `The bucket "${bucket}" at ${endpoint ?? `Amazon, ${region}`} cannot be used: ${String(cause)}`,
        hint: "Check its name, the region, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        cause,
      });
    }
    client.middlewareStack.add(
      (next) => (args) =>
        next(args).catch((error: unknown) => {
          throw asBucketError(error);
        }),
      { step: "initialize" },
    );
    return new S3BlobStore(sdk, client, options);
  }

  #object(key: string) {
    return { Bucket: this.#options.bucket, Key: `${this.#options.prefix ?? ""}${key}` };
  }

  #blob(sha256: string) {
    return this.#object(`${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}`);
  }

  has(sha256: string): Promise<boolean> {
    return this.#isThere(this.#blob(sha256));
  }

  async #isThere(object: { Bucket: string; Key: string }): Promise<boolean> {
    try {
      await this.#client.send(new this.#sdk.HeadObjectCommand(object));
      return true;
    } catch (error) {
      if (isMissing(error)) return false;
      throw error;
    }
  }

  async put(source: AsyncIterable<Uint8Array>, expected: Expected): Promise<void> {
    const hash = startSha256(expected.size);
    const check = async () => checkHash(await hash.digest(), expected);
    const pieces = inPieces(counted(source, expected.size), partSizeOf(expected.size), hash.update);
    try {
      if (expected.size > WHOLE) return await this.#putPieces(pieces, check, expected);
      let body: Uint8Array = new Uint8Array();
      for await (const piece of pieces) body = piece;
      await check();
      await this.#client.send(new this.#sdk.PutObjectCommand({ ...this.#blob(expected.sha256), Body: body }));
    } finally {
      hash.close();
    }
  }

  /** Parts are no object until they are told to be one, so a wrong hash leaves nothing. */
  async #putPieces(pieces: AsyncIterable<Uint8Array>, check: () => Promise<void>, { sha256 }: Expected): Promise<void> {
    await this.#inParts(sha256, async (upload) => {
      const parts: SentPart[] = [];
      let sending: Promise<unknown> = Promise.resolve();
      for await (const piece of pieces) {
        await sending;
        const number = parts.length + 1;
        const part = { number, etag: "" };
        parts.push(part);
        sending = this.#client
          .send(new this.#sdk.UploadPartCommand({ ...upload, PartNumber: number, Body: piece }))
          .then(({ ETag }) => (part.etag = ETag ?? ""));
        sending.catch(() => {});
      }
      await sending;
      await check();
      return parts;
    });
  }

  /** Makes a blob of parts; where they do not come to their end, nothing of them stays. */
  async #inParts(sha256: string, send: (upload: MultipartUpload) => Promise<SentPart[]>): Promise<void> {
    const object = this.#blob(sha256);
    const { UploadId } = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(object));
    const upload = { ...object, UploadId };
    try {
      await this.#complete(upload, await send(upload));
    } catch (error) {
      await this.#client.send(new this.#sdk.AbortMultipartUploadCommand(upload)).catch(() => {});
      throw error;
    }
  }

  async #complete(upload: MultipartUpload, parts: readonly SentPart[]): Promise<void> {
    const Parts = parts.map(({ number, etag }) => ({ PartNumber: number, ETag: etag }));
    await this.#client.send(new this.#sdk.CompleteMultipartUploadCommand({ ...upload, MultipartUpload: { Parts } }));
  }

  async open(sha256: string, range?: Range): Promise<Readable> {
    if (range !== undefined && range.end <= range.start) return Readable.from([]);
    return this.#read({
      ...this.#blob(sha256),
      ...(range !== undefined && { Range: `bytes=${range.start}-${range.end - 1}` }),
    });
  }

  async #read(what: { Bucket: string; Key: string; Range?: string }): Promise<Readable> {
    const { Body } = await this.#client.send(new this.#sdk.GetObjectCommand(what));
    if (Body instanceof Readable) return Readable.from(fromBucket(Body), { objectMode: false });
    throw new Error("internal: the client of S3 gave no stream of Node's");
  }

  async delete(sha256: string): Promise<void> {
    await this.#client.send(new this.#sdk.DeleteObjectCommand(this.#blob(sha256)));
  }

  /** Parts may come in any order, so their hash is known when all are there: until then they go by another name. */
  async startParts(): Promise<string> {
    const key = `incoming/${randomUUID()}`;
    const started = await this.#client.send(new this.#sdk.CreateMultipartUploadCommand(this.#object(key)));
    return `${key} ${started.UploadId}`;
  }

  #upload(handle: string) {
    const [key = "", UploadId = ""] = handle.split(" ");
    return { ...this.#object(key), UploadId };
  }

  /** By way of a temporary file: what the sender breaks off is not begun at S3, and a part may be larger than the memory. */
  async putPart(handle: string, { number, size }: Part, source: AsyncIterable<Uint8Array>): Promise<string> {
    const spool = new Spool();
    try {
      for await (const chunk of counted(source, size)) await spool.append(chunk);
      const body = Readable.from(spool.read(0, size), { objectMode: false });
      // The failure is the command's, too; unheard here it would end the process.
      body.on("error", () => {});
      const { UploadId, ...staged } = this.#upload(handle);
      const part = { ...staged, UploadId, PartNumber: number, Body: body, ContentLength: size };
      const sent = await this.#client.send(new this.#sdk.UploadPartCommand(part)).catch(async (error: unknown) => {
        // They may have been put together before, with this one.
        if (!(await this.#isThere(staged))) throw error;
        return { ETag: randomUUID() };
      });
      return (sent.ETag ?? "").replaceAll('"', "");
    } finally {
      await spool.close();
    }
  }

  async finishParts(
    handle: string,
    parts: readonly { number: number; etag: string }[],
    expected: Expected,
  ): Promise<void> {
    const { UploadId: _, ...staged } = this.#upload(handle);
    try {
      await this.#complete(this.#upload(handle), parts).catch(async (error: unknown) => {
        // They may have been put together before.
        if (!(await this.#isThere(staged))) throw error;
      });
      checkHash(await sha256Of(counted(await this.#read(staged), expected.size), expected.size), expected);
      await this.#copy(staged, expected);
    } catch (error) {
      await this.endParts(handle);
      throw error;
    }
  }

  async #copy(from: { Bucket: string; Key: string }, { sha256, size }: Expected): Promise<void> {
    const { CopyObjectCommand, UploadPartCopyCommand } = this.#sdk;
    const CopySource = `${from.Bucket}/${from.Key}`;
    if (size <= MOST_COPY) {
      await this.#client.send(new CopyObjectCommand({ ...this.#blob(sha256), CopySource }));
      return;
    }
    await this.#inParts(sha256, async (upload) => {
      const parts: SentPart[] = [];
      for (let start = 0; start < size; start += COPY_PART) {
        const CopySourceRange = `bytes=${start}-${Math.min(size, start + COPY_PART) - 1}`;
        const command = { ...upload, PartNumber: parts.length + 1, CopySource, CopySourceRange };
        const { CopyPartResult } = await this.#client.send(new UploadPartCopyCommand(command));
        parts.push({ number: parts.length + 1, etag: CopyPartResult?.ETag ?? "" });
      }
      return parts;
    });
  }

  async endParts(handle: string): Promise<void> {
    const { UploadId, ...staged } = this.#upload(handle);
    await this.#client.send(new this.#sdk.AbortMultipartUploadCommand({ ...staged, UploadId })).catch(() => {});
    await this.#client.send(new this.#sdk.DeleteObjectCommand(staged)).catch(() => {});
  }

  /** Undefined as a method where the hub passes bytes on. */
  get link(): BlobStore["link"] {
    return this.#options.redirect === false ? undefined : (sha256, options) => this.#link(sha256, options);
  }

  async #link(sha256: string, { seconds, contentType, contentDisposition }: LinkOptions): Promise<string> {
    const { bucket, region, endpoint, publicEndpoint } = this.#options;
    const { Key } = this.#blob(sha256);
    const base = publicEndpoint ?? endpoint;
    const url = base === undefined ? `https://${bucket}.s3.${region}.amazonaws.com/${Key}` : `${base}/${bucket}/${Key}`;
    const query = {
      "response-content-type": contentType,
      ...(contentDisposition !== undefined && { "response-content-disposition": contentDisposition }),
    };
    const credentials = await this.#client.config.credentials();
    return presignedGet({ url: new URL(url), region, credentials, seconds, query });
  }
}

const partSizeOf = (size: number): number => Math.max(PART, Math.ceil(size / MOST_PARTS));

/** Chunks put together to pieces of one size; the last one may be smaller. */
async function* inPieces(
  source: AsyncIterable<Uint8Array>,
  size: number,
  seen: (piece: Uint8Array) => Promise<unknown>,
): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  const whole = async () => {
    const piece = Buffer.concat(held);
    [held, length] = [[], 0];
    await seen(piece);
    return piece;
  };
  for await (const chunk of source) {
    for (let rest = chunk; rest.length > 0; ) {
      const taken = rest.subarray(0, size - length);
      held.push(taken);
      length += taken.length;
      rest = rest.subarray(taken.length);
      if (length === size) yield await whole();
    }
  }
  if (length > 0) yield await whole();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error.name === "NotFound" || error.name === "NoSuchKey");
}
