// A server of S3's protocol for tests, in memory: as strict as Amazon's where a client can be wrong. Signatures (Version 4, in headers and
// in addresses) are recomputed, hashes of bodies and sizes of parts are checked, an object appears whole or not at all.
// Goes wrong when told so. Knows one bucket and one key.
import { createHash, createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

const REGION = "us-east-1";
const SMALLEST_PART = 5 * 1024 * 1024;

interface Upload {
  key: string;
  parts: Map<number, { bytes: Buffer; etag: string }>;
}

export interface S3Call {
  method: string;
  key: string;
  query: URLSearchParams;
}

/** What goes wrong with a call: it waits, it fails, or its connection is cut after so many bytes of the body that comes or goes. */
export interface S3Fault {
  delayMs?: number;
  status?: number;
  cutAfter?: number;
}

export interface TestS3 {
  url: string;
  bucket: string;
  region: string;
  credentials: { AWS_ACCESS_KEY_ID: string; AWS_SECRET_ACCESS_KEY: string };
  /** Names of the objects that are there. */
  keys(): string[];
  /** Uploads in parts that were neither finished nor given up. */
  openUploads(): number;
  /** Requests by "METHOD key". */
  requests: string[];
  /** Headers of the latest request for an object by a signed address. */
  lastHeaders(): IncomingMessage["headers"];
  /** Asked at each call. */
  fault: ((call: S3Call) => S3Fault | undefined) | undefined;
  stop(): Promise<void>;
}

class S3Error extends Error {
  readonly status: number;
  readonly code: string;
  constructor(status: number, code: string) {
    super(code);
    [this.status, this.code] = [status, code];
  }
}

const md5 = (bytes: Uint8Array): string => createHash("md5").update(bytes).digest("hex");
const sha256 = (bytes: Uint8Array | string): string => createHash("sha256").update(bytes).digest("hex");
const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

export async function startS3(): Promise<TestS3> {
  const bucket = "blobs";
  const credentials = { AWS_ACCESS_KEY_ID: "TESTKEY", AWS_SECRET_ACCESS_KEY: "test/secret+key" };
  const objects = new Map<string, { bytes: Buffer; etag: string }>();
  const uploads = new Map<string, Upload>();
  const requests: string[] = [];
  let lastHeaders: IncomingMessage["headers"] = {};

  const requireObject = (key: string) => {
    const found = objects.get(key);
    if (found === undefined) throw new S3Error(404, "NoSuchKey");
    return found;
  };
  const requireUpload = (id: string | null, key: string): Upload => {
    const upload = uploads.get(id ?? "");
    if (upload === undefined || upload.key !== key) throw new S3Error(404, "NoSuchUpload");
    return upload;
  };
  /** Bytes of a request that copies from another object, or sends them. */
  const bytesOf = (request: IncomingMessage, body: Buffer): Buffer => {
    const source = request.headers["x-amz-copy-source"];
    if (typeof source !== "string") return body;
    const { bytes } = requireObject(decodeURIComponent(source).replace(/^\/?[^/]+\//, ""));
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(String(request.headers["x-amz-copy-source-range"])) ?? [];
    return from === undefined ? bytes : bytes.subarray(Number(from), Number(to) + 1);
  };
  const copied = (request: IncomingMessage, name: string, etag: string) =>
    request.headers["x-amz-copy-source"] === undefined ? "" : `<${name}><ETag>"${etag}"</ETag></${name}>`;

  const complete = (upload: Upload, body: string): { bytes: Buffer; etag: string } => {
    const named = [...body.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = ""]) => ({
      number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
      etag: (/<ETag>(.*?)</.exec(part)?.[1] ?? "").replaceAll("&quot;", "").replaceAll('"', ""),
    }));
    if (named.length === 0) throw new S3Error(400, "MalformedXML");
    const parts = named.map(({ number, etag }, index) => {
      const part = upload.parts.get(number);
      if (part === undefined || part.etag !== etag) throw new S3Error(400, "InvalidPart");
      if (index > 0 && number <= (named[index - 1]?.number ?? 0)) throw new S3Error(400, "InvalidPartOrder");
      if (index < named.length - 1 && part.bytes.length < SMALLEST_PART) throw new S3Error(400, "EntityTooSmall");
      return part;
    });
    const etag = `${md5(Buffer.concat(parts.map((part) => Buffer.from(part.etag, "hex"))))}-${parts.length}`;
    return { bytes: Buffer.concat(parts.map(({ bytes }) => bytes)), etag };
  };

  const answer = (request: IncomingMessage, response: ServerResponse, url: URL, body: Buffer): void => {
    const [, name, ...rest] = decodeURIComponent(url.pathname).split("/");
    const key = rest.join("/");
    const query = url.searchParams;
    requests.push(`${request.method} ${key}`);
    if (name !== bucket) throw new S3Error(404, "NoSuchBucket");
    const send = (status: number, headers: Record<string, string | number> = {}, text: string | Buffer = "") => {
      const length = request.method === "HEAD" ? {} : { "content-length": Buffer.byteLength(text) };
      response.writeHead(status, { ...length, ...headers }).end(request.method === "HEAD" ? undefined : text);
    };
    if (key === "") {
      send(200);
      return;
    }
    const uploadId = query.get("uploadId");
    switch (`${request.method}${query.has("uploads") ? " uploads" : uploadId !== null ? " upload" : ""}`) {
      case "POST uploads": {
        const id = `upload-${requests.length}`;
        uploads.set(id, { key, parts: new Map() });
        send(200, {}, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
        break;
      }
      case "PUT upload": {
        const number = Number(query.get("partNumber"));
        if (!(number >= 1 && number <= 10_000)) throw new S3Error(400, "InvalidArgument");
        const bytes = bytesOf(request, body);
        const etag = md5(bytes);
        requireUpload(uploadId, key).parts.set(number, { bytes, etag });
        send(200, { etag: `"${etag}"` }, copied(request, "CopyPartResult", etag));
        break;
      }
      case "POST upload": {
        objects.set(key, complete(requireUpload(uploadId, key), body.toString("utf8")));
        uploads.delete(uploadId ?? "");
        const { etag } = requireObject(key);
        send(200, {}, `<CompleteMultipartUploadResult><ETag>"${etag}"</ETag></CompleteMultipartUploadResult>`);
        break;
      }
      case "DELETE upload":
        requireUpload(uploadId, key);
        uploads.delete(uploadId ?? "");
        send(204);
        break;
      case "PUT": {
        const bytes = bytesOf(request, body);
        objects.set(key, { bytes, etag: md5(bytes) });
        send(200, { etag: `"${md5(bytes)}"` }, copied(request, "CopyObjectResult", md5(bytes)));
        break;
      }
      case "DELETE":
        objects.delete(key);
        send(204);
        break;
      case "HEAD":
      case "GET":
        sendObject(request, response, query, requireObject(key));
        break;
      default:
        throw new S3Error(405, "MethodNotAllowed");
    }
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    const key = decodeURIComponent(url.pathname).split("/").slice(2).join("/");
    const { delayMs, status, cutAfter } =
      out.fault?.({ method: request.method ?? "", key, query: url.searchParams }) ?? {};
    const chunks: Buffer[] = [];
    let received = 0;
    request.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      received += chunk.length;
      if (cutAfter !== undefined && received > cutAfter) request.destroy();
    });
    request.on("error", () => {});
    request.on("end", async () => {
      if (delayMs !== undefined) await sleep(delayMs);
      try {
        if (status !== undefined) throw new S3Error(status, status === 503 ? "SlowDown" : "InternalError");
        if (url.searchParams.has("X-Amz-Signature")) lastHeaders = request.headers;
        verify(request, url, Buffer.concat(chunks), credentials);
        answer(request, cutAfter === undefined ? response : cutOff(response, cutAfter), url, Buffer.concat(chunks));
      } catch (error) {
        const { status, code } = error instanceof S3Error ? error : new S3Error(500, "InternalError");
        const text = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>${code}</Message></Error>`;
        response.writeHead(status, { "content-type": "application/xml", "access-control-allow-origin": "*" });
        response.end(request.method === "HEAD" ? undefined : text);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  // safe because a server that listens on a port has an address with one
  const { port } = server.address() as AddressInfo;
  const out: TestS3 = {
    url: `http://127.0.0.1:${port}`,
    bucket,
    region: REGION,
    credentials,
    keys: () => [...objects.keys()],
    openUploads: () => uploads.size,
    requests,
    lastHeaders: () => lastHeaders,
    fault: undefined,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return out;
}

/** An answer whose connection ends after so many bytes of its body. */
function cutOff(response: ServerResponse, after: number): ServerResponse {
  const end = response.end.bind(response);
  return Object.assign(response, {
    end: (body?: string | Buffer) => {
      const bytes = Buffer.from(body ?? "");
      if (bytes.length <= after) return end(body);
      response.write(bytes.subarray(0, after), () => response.destroy());
      return response;
    },
  });
}

function sendObject(
  request: IncomingMessage,
  response: ServerResponse,
  query: URLSearchParams,
  { bytes, etag }: { bytes: Buffer; etag: string },
): void {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
  const ranged = from !== "" || to !== "";
  const start = !ranged ? 0 : from === "" ? Math.max(0, bytes.length - Number(to)) : Number(from);
  const end = from === "" || to === "" ? bytes.length : Math.min(bytes.length, Number(to) + 1);
  if (ranged && start >= end) throw new S3Error(416, "InvalidRange");
  const headers = {
    etag: `"${etag}"`,
    "accept-ranges": "bytes",
    "content-length": end - start,
    "content-type": query.get("response-content-type") ?? "application/octet-stream",
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "ETag, Content-Range",
    ...(query.has("response-content-disposition") && {
      "content-disposition": query.get("response-content-disposition") ?? "",
    }),
    ...(ranged && { "content-range": `bytes ${start}-${end - 1}/${bytes.length}` }),
  };
  response.writeHead(ranged ? 206 : 200, headers);
  response.end(request.method === "HEAD" ? undefined : bytes.subarray(start, end));
}

/** Refuses what is not signed as it should be, in the header or in the address. */
function verify(request: IncomingMessage, url: URL, body: Buffer, credentials: TestS3["credentials"]): void {
  const inAddress = url.searchParams.has("X-Amz-Signature");
  const header = request.headers.authorization ?? "";
  if (inAddress && header !== "") throw new S3Error(400, "InvalidArgument");
  const read = (name: string) => new RegExp(`${name}=([^, ]+)`).exec(header)?.[1] ?? "";
  const [credential, signedHeaders, signature] = inAddress
    ? ["X-Amz-Credential", "X-Amz-SignedHeaders", "X-Amz-Signature"].map((name) => url.searchParams.get(name) ?? "")
    : ["Credential", "SignedHeaders", "Signature"].map(read);
  const time = inAddress ? (url.searchParams.get("X-Amz-Date") ?? "") : String(request.headers["x-amz-date"] ?? "");
  const [id, ...scope] = (credential ?? "").split("/");
  if (id !== credentials.AWS_ACCESS_KEY_ID) throw new S3Error(403, "InvalidAccessKeyId");
  if (scope.join("/") !== `${time.slice(0, 8)}/${REGION}/s3/aws4_request`)
    throw new S3Error(400, "AuthorizationHeaderMalformed");
  const at = Date.parse(time.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"));
  const age = (Date.now() - at) / 1000;
  if (inAddress && age > Number(url.searchParams.get("X-Amz-Expires"))) throw new S3Error(403, "AccessDenied");
  if (!inAddress && !(Math.abs(age) < 900)) throw new S3Error(403, "RequestTimeTooSkewed");
  const names = (signedHeaders ?? "").split(";");
  if (!names.includes("host")) throw new S3Error(403, "SignatureDoesNotMatch");
  const claimed = inAddress ? "UNSIGNED-PAYLOAD" : String(request.headers["x-amz-content-sha256"] ?? "");
  if (claimed !== "UNSIGNED-PAYLOAD" && claimed !== sha256(body)) throw new S3Error(400, "XAmzContentSHA256Mismatch");
  const query = [...url.searchParams]
    .filter(([name]) => name !== "X-Amz-Signature")
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort();
  const canonical = [
    request.method,
    url.pathname,
    query.join("&"),
    ...names.map(
      (name) =>
        `${name}:${String(request.headers[name] ?? "")
          .trim()
          .replace(/ +/g, " ")}`,
    ),
    "",
    names.join(";"),
    claimed,
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope.join("/"), sha256(canonical)].join("\n");
  let key: string | Buffer = `AWS4${credentials.AWS_SECRET_ACCESS_KEY}`;
  for (const part of scope) key = hmac(key, part);
  if (hmac(key, toSign).toString("hex") !== signature) throw new S3Error(403, "SignatureDoesNotMatch");
}
