// Objects read from a running `git cat-file --batch`: ids in, contents out, in the same order.
// Starts no process: it is given one.
import type { Readable, Writable } from "node:stream";
import type { ObjectType } from "../../src/io/git-objects.ts";

export interface ReadObject {
  id: string;
  type: ObjectType;
  content: Buffer;
}

export interface ObjectFacts {
  id: string;
  type: ObjectType;
  size: number;
}

export interface Streams {
  stdin: Writable;
  stdout: Readable;
}

const TYPES: ReadonlySet<string> = new Set<ObjectType>(["blob", "tree", "commit", "tag"]);
// safe because it is asked of the list right before
const isType = (text: string): text is ObjectType => TYPES.has(text);

/** Ids that are written ahead of what is read: both pipes stay busy, and neither fills the memory. */
const AHEAD = 64;

export class CatFile {
  readonly #streams: Streams;
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(streams: Streams) {
    this.#streams = streams;
    this.#chunks = streams.stdout[Symbol.asyncIterator]();
    // A process that is gone is told by the output that ends.
    streams.stdin.on("error", () => {});
  }

  /** Contents of objects that are there, of `--batch`; one that is missing is an error. */
  async *read(ids: readonly string[]): AsyncGenerator<ReadObject> {
    for await (const { id, type, size } of this.#heads(ids)) {
      if (type === undefined) throw new Error(`internal: git has no object ${id}`);
      const content = Buffer.from(await this.#take(size));
      await this.#take(1);
      yield { id, type, content };
    }
  }

  /** Types and sizes of objects, of `--batch-check`; those that are missing are left out. */
  async *facts(ids: readonly string[]): AsyncGenerator<ObjectFacts> {
    for await (const { id, type, size } of this.#heads(ids)) if (type !== undefined) yield { id, type, size };
  }

  async *#heads(ids: readonly string[]): AsyncGenerator<{ id: string; type: ObjectType | undefined; size: number }> {
    let sent = 0;
    for (const [index, id] of ids.entries()) {
      if (sent <= index) {
        this.#streams.stdin.write(
          ids
            .slice(sent, sent + AHEAD)
            .join("\n")
            .concat("\n"),
        );
        sent += AHEAD;
      }
      const [, type = "", size = ""] = (await this.#line()).split(" ");
      yield { id, type: isType(type) ? type : undefined, size: Number(size) };
    }
  }

  async #line(): Promise<string> {
    for (;;) {
      const end = this.#held.indexOf(10);
      if (end >= 0) return (await this.#take(end + 1)).toString("latin1", 0, end);
      if (!(await this.#more())) throw new Error("git cat-file ended before it had answered");
    }
  }

  async #take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      if (this.#held.length === 0 && !(await this.#more())) throw new Error("git cat-file ended inside an object");
      const part = this.#held.subarray(0, missing);
      parts.push(part);
      this.#held = this.#held.subarray(part.length);
      missing -= part.length;
    }
    return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts);
  }

  async #more(): Promise<boolean> {
    const { value, done } = await this.#chunks.next();
    if (done === true) return false;
    this.#held = this.#held.length === 0 ? value : Buffer.concat([this.#held, value]);
    return true;
  }
}
