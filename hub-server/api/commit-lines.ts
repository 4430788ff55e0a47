// The body of a commit: a header and operations, read as they come. Contents that are too long to hold are handed on as streams.
import { commitLineSchema } from "../../src/hub/protocol/commit.ts";
import { badRequest, ServiceError } from "../errors.ts";
import type { Operation } from "../services/commits.ts";
import { Spool } from "../storage/spool.ts";
import { decodeBase64, type JsonLine, jsonLines, longText } from "./json-lines.ts";
import { limited } from "./route.ts";

/** Bytes of one commit as it is sent; larger files go by LFS. */
const COMMIT_LIMIT = 16 * 1024 * 1024 * 1024;
const MOST_OPERATIONS = 100_000;

export interface CommitBody {
  message: string;
  /** The head that the caller saw. */
  parent: string | undefined;
  /** The rest of the body, read when it is asked for. */
  operations: AsyncGenerator<Operation>;
}

type Line = ReturnType<typeof commitLineSchema.parse>;

/** Reads the header; the operations follow when they are asked for, and have to be read to their end or returned. */
export async function readCommit(body: AsyncIterable<Uint8Array>): Promise<CommitBody> {
  const spool = new Spool();
  const lines = parsed(jsonLines(limited(body, COMMIT_LIMIT), spool));
  try {
    const first = await lines.next();
    if (first.done === true) throw badRequest("The commit has no header line.");
    const { line } = first.value;
    if (line.key !== "header") throw badRequest("The first line of a commit is its header.");
    const { summary, description, parentCommit } = line.value;
    return {
      message: description === "" ? summary : `${summary}\n\n${description}`,
      parent: parentCommit ?? undefined,
      operations: operationsOf(lines, spool),
    };
  } catch (error) {
    await lines.return(undefined);
    await spool.close();
    throw error;
  }
}

interface ParsedLine {
  line: Line;
  long: JsonLine["long"];
}

async function* parsed(lines: AsyncIterable<JsonLine>): AsyncGenerator<ParsedLine> {
  for await (const { value, long } of lines) {
    if (value === undefined) continue;
    const result = commitLineSchema.safeParse(value);
    if (!result.success)
      throw badRequest(`A line of the commit is not as expected: ${result.error.issues[0]?.message}`);
    const line = result.data;
    const content = line.key === "file" && long.has(line.value.content) ? 1 : 0;
    if (long.size > content) throw badRequest("A text of the commit is too long: only the contents of files may be.");
    yield { line, long };
  }
}

async function* operationsOf(lines: AsyncGenerator<ParsedLine>, spool: Spool): AsyncGenerator<Operation> {
  try {
    let count = 0;
    for await (const { line, long } of lines) {
      if (line.key === "header") throw badRequest("A commit has one header.");
      if (++count > MOST_OPERATIONS) throw tooMany();
      yield await operationOf(line, long, spool);
      spool.clear();
    }
  } finally {
    await spool.close();
  }
}

const tooMany = (): ServiceError =>
  new ServiceError(413, `The commit has more than ${MOST_OPERATIONS} operations.`, {
    code: "BODY_TOO_LARGE",
    hint: "Send several commits.",
  });

async function operationOf(
  line: Exclude<Line, { key: "header" }>,
  long: JsonLine["long"],
  spool: Spool,
): Promise<Operation> {
  switch (line.key) {
    case "file": {
      const { path, content, encoding } = line.value;
      const text = long.get(content);
      if (text === undefined) return { kind: "file", path, bytes: contentOf(line.value) };
      const open = () => {
        const source = longText(spool, text);
        return encoding === "base64" ? decodeBase64(source, path) : source;
      };
      let size = 0;
      for await (const chunk of open()) size += chunk.length;
      return { kind: "stream", path, size, open };
    }
    case "lfsFile":
      return { kind: "lfs", path: line.value.path, sha256: line.value.oid, size: line.value.size };
    case "deletedFile":
      return { kind: "delete", path: line.value.path };
    case "deletedFolder":
      return { kind: "deleteFolder", path: line.value.path };
  }
}

/** Node decodes what it can of broken base64; a file that arrived broken must not be committed. */
function contentOf({
  path,
  content,
  encoding,
}: {
  path: string;
  content: string;
  encoding: "base64" | "utf-8";
}): Buffer {
  if (encoding === "base64" && !(content.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(content)))
    throw badRequest(`The content of "${path}" is no base64; the upload may have been cut off.`);
  return Buffer.from(content, encoding);
}
