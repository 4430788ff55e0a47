// A client of the content-addressed store for tests: xorbs and shards made by hand, so that they can be wrong.
import { createHash } from "node:crypto";
import { chunkHash, fileHash, hashBytes, hashText, MerkleRoot, rangeHash } from "../../hub-server/xet/hash.ts";

export interface TestChunk {
  hash: Uint8Array;
  size: number;
}

export interface TestXorb {
  hash: string;
  bytes: Buffer;
  chunks: TestChunk[];
  data: Uint8Array[];
}

const threeBytes = (value: number): number[] => [value & 255, (value >> 8) & 255, value >> 16];

/** A chunk with its header. */
export const packed = (data: Uint8Array, { scheme = 0, size = data.length, version = 0 } = {}): Buffer =>
  Buffer.concat([Buffer.from([version, ...threeBytes(data.length), scheme, ...threeBytes(size)]), data]);

/** A frame of LZ4 with given blocks; one that is not compressed has the high bit in its length. */
export const lz4Frame = (...blocks: { data: Uint8Array; plain?: boolean }[]): Buffer =>
  Buffer.concat([
    Buffer.from([0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]),
    ...blocks.flatMap(({ data, plain = false }) => {
      const length = Buffer.alloc(4);
      length.writeUInt32LE(data.length + (plain ? 0x80000000 : 0));
      return [length, data];
    }),
    Buffer.alloc(4),
  ]);

export function rootOf(chunks: readonly TestChunk[]): Uint8Array {
  const root = new MerkleRoot();
  for (const { hash, size } of chunks) root.add(hash, size);
  return root.finish();
}

export function makeXorb(data: readonly Uint8Array[]): TestXorb {
  const chunks = data.map((bytes) => ({ hash: chunkHash(bytes), size: bytes.length }));
  return {
    hash: hashText(rootOf(chunks)),
    bytes: Buffer.concat(data.map((bytes) => packed(bytes))),
    chunks,
    data: [...data],
  };
}

/** Bytes that do not repeat, the same for the same name. */
export const noise = (name: string, size: number): Buffer =>
  createHash("shake256", { outputLength: size }).update(name).digest();

export const pieces = (bytes: Uint8Array, size: number): Uint8Array[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, index) =>
    bytes.subarray(index * size, (index + 1) * size),
  );

export interface TestTerm {
  xorb: TestXorb;
  start: number;
  end: number;
  /** What is claimed in place of the truth. */
  claims?: { xorb?: string; size?: number; start?: number; end?: number; rangeHash?: Uint8Array };
}

export interface TestFile {
  terms: readonly TestTerm[];
  claims?: { hash?: string; sha256?: string | undefined; flags?: number };
}

const chunksOf = ({ xorb, start, end }: TestTerm) => xorb.chunks.slice(start, end);

export const bytesOf = ({ terms }: TestFile): Buffer =>
  Buffer.concat(terms.flatMap(({ xorb, start, end }) => xorb.data.slice(start, end)));

export function hashOf({ terms }: TestFile): string {
  const chunks = terms.flatMap(chunksOf);
  return hashText(fileHash(rootOf(chunks), chunks.length));
}

export const sha256Of = (file: TestFile): string => createHash("sha256").update(bytesOf(file)).digest("hex");

function record(hash: Uint8Array, ...numbers: number[]): Buffer {
  const out = Buffer.alloc(48);
  out.set(hash);
  for (const [index, number] of numbers.entries()) out.writeUInt32LE(number, 32 + 4 * index);
  return out;
}

const END = record(new Uint8Array(32).fill(255));

const sum = (chunks: readonly TestChunk[]): number => chunks.reduce((total, { size }) => total + size, 0);

function termRecord(term: TestTerm): Buffer {
  const { xorb, size, start, end } = { ...term, xorb: term.xorb.hash, size: sum(chunksOf(term)), ...term.claims };
  return record(hashBytes(xorb), 0, size, start, end);
}

function fileRecords(file: TestFile): Buffer[] {
  const { hash = hashOf(file), flags = 0xc0000000 } = file.claims ?? {};
  const sha256 = file.claims !== undefined && "sha256" in file.claims ? file.claims.sha256 : sha256Of(file);
  const proofs = file.terms.map((term) => {
    const hashes = Buffer.concat(chunksOf(term).map((chunk) => chunk.hash));
    return record(term.claims?.rangeHash ?? rangeHash(hashes));
  });
  const shown = sha256 === undefined ? flags & ~0x40000000 : flags;
  return [
    record(hashBytes(hash), shown >>> 0, file.terms.length),
    ...file.terms.map(termRecord),
    ...(shown & 0x80000000 ? proofs : []),
    ...(sha256 === undefined ? [] : [record(hashBytes(sha256))]),
  ];
}

function xorbRecords({ hash, chunks }: TestXorb): Buffer[] {
  let at = 0;
  const rows = chunks.map((chunk) => {
    const row = record(chunk.hash, at, chunk.size);
    at += chunk.size;
    return row;
  });
  return [record(hashBytes(hash), 0, chunks.length, at, 0), ...rows];
}

const TAG = Buffer.concat([
  Buffer.from("HFRepoMetaData\0"),
  Buffer.from([85, 105, 103, 69, 106, 123, 129, 87, 131, 165, 189, 217, 92, 205, 209, 74, 169]),
]);

export function makeShard(files: readonly TestFile[], xorbs: readonly TestXorb[] = []): Buffer {
  const header = Buffer.alloc(48);
  header.set(TAG);
  header.writeBigUInt64LE(2n, 32);
  return Buffer.concat([header, ...files.flatMap(fileRecords), END, ...xorbs.flatMap(xorbRecords), END]);
}

export interface CasToken {
  casUrl: string;
  accessToken: string;
  exp: number;
}

/** A caller of a hub's store, as one user or as nobody. */
export class XetClient {
  readonly #hub: string;
  readonly #headers: Record<string, string>;

  constructor(hub: string, token: string | undefined) {
    this.#hub = hub;
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** Any call of the hub's API. */
  call(method: string, path: string, body?: unknown): Promise<Response> {
    const sent = body === undefined ? {} : { body: JSON.stringify(body) };
    const type = body === undefined ? {} : { "content-type": "application/json" };
    return fetch(`${this.#hub}${path}`, { method, headers: { ...this.#headers, ...type }, ...sent });
  }

  async createRepo(name: string, { type = "model", isPrivate = false } = {}): Promise<void> {
    const made = await this.call("POST", "/api/repos/create", {
      name,
      type,
      private: isPrivate,
      ...(type === "space" && { sdk: "static" }),
    });
    if (!made.ok) throw new Error(`${name}: ${made.status} ${await made.text()}`);
  }

  tokenResponse(scope: "read" | "write", repo: string, revision = "main", query = ""): Promise<Response> {
    const place = /^(datasets|spaces)\//.test(repo) ? repo : `models/${repo}`;
    return this.call("GET", `/api/${place}/xet-${scope}-token/${revision}${query}`);
  }

  async token(scope: "read" | "write", repo: string): Promise<CasToken> {
    const response = await this.tokenResponse(scope, repo);
    if (!response.ok) throw new Error(`${scope} token of ${repo}: ${response.status}`);
    return response.json();
  }

  /** Uploads what a file needs, and the file. */
  async upload(repo: string, file: TestFile): Promise<void> {
    const cas = new Cas(await this.token("write", repo));
    const xorbs = [...new Set(file.terms.map(({ xorb }) => xorb))];
    for (const { hash, bytes } of xorbs) await expectOk(cas.putXorb(hash, bytes));
    await expectOk(cas.putShard(makeShard([file], xorbs)));
  }

  commit(repo: string, path: string, file: TestFile): Promise<Response> {
    const lines = [
      { key: "header", value: { summary: `Add ${path}` } },
      { key: "lfsFile", value: { path, algo: "sha256", oid: sha256Of(file), size: bytesOf(file).length } },
    ];
    const place = /^(datasets|spaces)\//.test(repo) ? repo : `models/${repo}`;
    return fetch(`${this.#hub}/api/${place}/commit/main`, {
      method: "POST",
      headers: { ...this.#headers, "content-type": "application/x-ndjson" },
      body: lines.map((line) => JSON.stringify(line)).join("\n"),
    });
  }
}

async function expectOk(promise: Promise<Response>): Promise<void> {
  const response = await promise;
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
}

/** The store by one of its tokens. */
export class Cas {
  readonly #token: CasToken;

  constructor(token: CasToken) {
    this.#token = token;
  }

  call(method: string, path: string, { body, range }: { body?: Uint8Array; range?: string } = {}): Promise<Response> {
    return fetch(`${this.#token.casUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token.accessToken}`,
        ...(range !== undefined && { range: `bytes=${range}` }),
      },
      ...(body !== undefined && { body: Uint8Array.from(body) }),
    });
  }

  putXorb(hash: string, body: Uint8Array): Promise<Response> {
    return this.call("POST", `/v1/xorbs/default/${hash}`, { body });
  }

  putShard(body: Uint8Array, version: 1 | 2 = 1): Promise<Response> {
    return this.call("POST", `/v${version}/shards`, { body });
  }

  plan(hash: string, range?: string, version: 1 | 2 = 2): Promise<Response> {
    return this.call("GET", `/v${version}/reconstructions/${hash}`, range === undefined ? {} : { range });
  }
}

export const errorOf = async (response: Response): Promise<[number, string | null, string]> => {
  const { error }: { error: string } = await response.json();
  return [response.status, response.headers.get("x-error-code"), error];
};
