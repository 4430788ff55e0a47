// What GGUF files say of a model: the facts of the first one, as a repository keeps the same weights in several kinds of numbers.
// Reads their heads alone.
import { type GgufHead, parseGguf } from "../../src/io/gguf.ts";
import type { Store } from "../context.ts";
import type { RepoFacts } from "../db/schema/repos.ts";
import { type FileEntry, openContent } from "./files.ts";

/** How much of a file is read at once, until its head is whole: a vocabulary takes megabytes, a head without one thousands. */
const PIECES = [64 * 1024, 1024 * 1024, 16 * 1024 * 1024];
/** Projectors of pictures and matrices of importance lie beside the weights. */
const BESIDE = /(^|[-_./])(mmproj|imatrix)/i;
const SHARD = /-\d{5}-of-(\d{5})\.gguf$/;
const MOST_SHARDS = 100;

export async function ggufFacts(ctx: Store, files: readonly FileEntry[]): Promise<Pick<RepoFacts, "gguf">> {
  const weights = files.filter(({ path }) => path.endsWith(".gguf") && !BESIDE.test(path));
  const [first] = weights;
  const head = first === undefined ? undefined : await headOf(ctx, first);
  if (first === undefined || head === undefined) return {};
  // Weights that are too large for one file: the first says what they are, all have some of them.
  const stem = first.path.replace(SHARD, "");
  const parts = weights
    .filter(({ path }) => SHARD.test(path) && path.replace(SHARD, "") === stem)
    .slice(0, MOST_SHARDS);
  let total = head.elements;
  for (const part of parts.filter((file) => file !== first)) total += (await headOf(ctx, part))?.elements ?? 0;
  if (!Number.isSafeInteger(total)) return {};
  const { architecture, contextLength, chatTemplate, bosToken, eosToken } = head;
  return {
    gguf: {
      total,
      ...told("architecture", architecture),
      ...(contextLength !== undefined && { context_length: contextLength }),
      ...told("chat_template", chatTemplate),
      ...told("bos_token", bosToken),
      ...told("eos_token", eosToken),
    },
  };
}

/** A text where there is one, without what Postgres does not hold. */
const told = (name: string, value: string | undefined): Record<string, string> =>
  value === undefined ? {} : { [name]: value.replaceAll("\0", "") };

/** The head of a file; undefined for one that cannot be read, because a commit is not the place to fail for it. */
async function headOf(ctx: Store, file: FileEntry): Promise<GgufHead | undefined> {
  for (const end of PIECES) {
    const chunks: Buffer[] = [];
    const range = { start: 0, end: Math.min(end, file.size) };
    for await (const chunk of await openContent(ctx, file.id, range)) chunks.push(Buffer.from(chunk));
    try {
      const head = parseGguf(Buffer.concat(chunks));
      if (head !== undefined || end >= file.size) return head;
    } catch {
      return undefined;
    }
  }
  return undefined;
}
