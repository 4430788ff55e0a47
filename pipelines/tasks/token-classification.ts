// Token classification: texts → entities, token by token or joined to words and groups.
// Knows no model and no runtime.
import { z } from "zod";
import { labelsOf } from "../../src/models/architecture.ts";
import type { Encoding } from "../../src/text/tokenizer.ts";
import { withAdapter } from "../adapted.ts";
import { textsOf } from "../inputs.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodeWindows, runRows } from "../rows.ts";
import { softmax } from "../scores.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder } from "../task.ts";

const STRATEGIES = ["none", "simple", "first", "average", "max"] as const;

/** How tokens become entities. */
export type AggregationStrategy = (typeof STRATEGIES)[number];

const optionsSchema = z.strictObject({
  /**
   * "none" gives tokens; "simple" joins neighbours of one label; the others first give each word one label: that of its first
   * token, that of the mean of its tokens' scores, that of its surest token.
   */
  aggregationStrategy: z.enum(STRATEGIES).optional(),
  /** Labels that are left away; "O" when absent. */
  ignoreLabels: z.array(z.string()).optional(),
  /** Tokens that neighbouring parts of a text longer than the model share; without it the rest of a long text is left away. */
  stride: z.number().int().nonnegative().optional(),
  adapter,
  signal,
  /** Texts that run together at most, for this call. */
  batchSize: count.optional(),
});

/** Which entities are given. */
export type TokenClassificationOptions = z.infer<typeof optionsSchema>;

/** One token with its label; `start` and `end` are places in the text, in UTF-16 units as JavaScript counts. */
export interface Entity {
  entity: string;
  score: number;
  /** Place of the token in the encoded text, special tokens counted. */
  index: number;
  word: string;
  start: number;
  end: number;
}

/** Neighbouring tokens of one label. */
export interface EntityGroup {
  entityGroup: string;
  score: number;
  word: string;
  start: number;
  end: number;
}

type Joined = { aggregationStrategy: Exclude<AggregationStrategy, "none"> };
type Apart = { aggregationStrategy?: "none" | undefined };

/** `pipeline("token-classification")`, also called "ner": one text gives a list of entities, many texts a list of such lists. */
export interface TokenClassificationPipeline {
  (text: string, options?: TokenClassificationOptions & Apart): Promise<Entity[]>;
  (text: string, options: TokenClassificationOptions & Joined): Promise<EntityGroup[]>;
  (texts: readonly string[], options?: TokenClassificationOptions & Apart): Promise<Entity[][]>;
  (texts: readonly string[], options: TokenClassificationOptions & Joined): Promise<EntityGroup[][]>;
  (texts: InputStream<string>, options?: TokenClassificationOptions & Apart): AsyncGenerator<Entity[], void, undefined>;
  (
    texts: InputStream<string>,
    options: TokenClassificationOptions & Joined,
  ): AsyncGenerator<EntityGroup[], void, undefined>;
}

export const tokenClassification = defineTask({
  name: "token-classification",
  kind: "encoder",
  auto: "AutoModelForTokenClassification",
  create: (base: Encoder, context) => {
    async function classify(input: unknown, given?: TokenClassificationOptions) {
      const options = parseOptions("token-classification", optionsSchema, given);
      const engine = withAdapter(base, options.adapter);
      const { aggregationStrategy = "none", ignoreLabels = ["O"], stride } = options;
      const { texts, single } = textsOf(input, "token-classification");
      const windows = texts.flatMap((text, at) =>
        encodeWindows(engine, { text }, { stride }).map((encoding) => ({ at, text, encoding })),
      );
      const rows = windows.map(({ encoding }) => encoding);
      const outputs = await runRows(engine, rows, { ...options, batchSize: options.batchSize ?? context.batchSize });
      const found = texts.map((): (Entity | EntityGroup)[] => []);
      for (const [window, { at, text, encoding }] of windows.entries()) {
        const tokens = tokensOf(engine, text, encoding, outputs[window]?.["logits"]?.data ?? new Float32Array());
        found[at]?.push(...entitiesOf(engine, tokens, aggregationStrategy));
      }
      const results = found.map((list) => {
        const kept = list.filter((item) => !ignoreLabels.includes("entity" in item ? item.entity : item.entityGroup));
        return stride === undefined ? kept : withoutOverlaps(kept);
      });
      return single ? (results[0] ?? []) : results;
    }
    return classify as TokenClassificationPipeline; // safe because the strategy decides which kind of entity is given
  },
});

/** A token of the text with the scores of all labels. */
interface ScoredToken {
  id: number;
  word: string;
  index: number;
  start: number;
  end: number;
  scores: number[];
  /** It goes on with the word before it. */
  isSubword: boolean;
}

function tokensOf(
  { tokenizer, config }: Encoder,
  text: string,
  encoding: Encoding,
  logits: Float32Array,
): ScoredToken[] {
  const width = labelsOf(config).length;
  const prefix = tokenizer.continuingSubwordPrefix;
  const unknown = tokenizer.specialId("unk");
  return encoding.ids.flatMap((id, index) => {
    if (encoding.specialTokensMask[index] === 1) return [];
    const [start, end] = encoding.offsets[index] ?? [0, 0];
    const token = encoding.tokens[index] ?? "";
    const isUnknown = id === unknown;
    // Without a mark on tokens that go on, a word starts where there is a space.
    const goesOn =
      prefix === undefined ? start > 0 && !text.slice(start - 1, start + 1).includes(" ") : token.startsWith(prefix);
    const scores = softmax(logits.subarray(index * width, (index + 1) * width));
    const word = isUnknown ? text.slice(start, end) : token;
    return [{ id, word, index, start, end, scores, isSubword: goesOn && !isUnknown }];
  });
}

function entitiesOf(
  engine: Encoder,
  tokens: readonly ScoredToken[],
  strategy: AggregationStrategy,
): (Entity | EntityGroup)[] {
  const labels = labelsOf(engine.config);
  const labelled =
    strategy === "none" || strategy === "simple"
      ? tokens.map((token) => labelOf(labels, [token], token.scores))
      : wordsOf(labels, tokens, strategy);
  if (strategy !== "none") return groupsOf(engine, labelled);
  return labelled.flatMap(({ tokens: [token], label, score }) => {
    if (token === undefined) return [];
    const { index, word, start, end } = token;
    return [{ entity: label, score, index, word, start, end }];
  });
}

/** Tokens with the one label that they have together. */
interface Labelled {
  tokens: readonly ScoredToken[];
  label: string;
  score: number;
}

function labelOf(labels: readonly string[], tokens: readonly ScoredToken[], scores: readonly number[]): Labelled {
  const score = Math.max(...scores);
  const best = scores.indexOf(score);
  return { tokens, label: labels[best] ?? `LABEL_${best}`, score };
}

function wordsOf(
  labels: readonly string[],
  tokens: readonly ScoredToken[],
  strategy: "first" | "average" | "max",
): Labelled[] {
  const words: ScoredToken[][] = [];
  for (const token of tokens) {
    const word = words.at(-1);
    if (token.isSubword && word !== undefined) word.push(token);
    else words.push([token]);
  }
  return words.map((word) => labelOf(labels, word, WORD_SCORES[strategy](word)));
}

const WORD_SCORES: Readonly<Record<"first" | "average" | "max", (word: readonly ScoredToken[]) => readonly number[]>> =
  {
    first: (word) => word[0]?.scores ?? [],
    average: (word) => (word[0]?.scores ?? []).map((_, label) => mean(word.map(({ scores }) => scores[label] ?? 0))),
    max: (word) =>
      word.reduce(
        (best, token) => (Math.max(...token.scores) > Math.max(...best.scores) ? token : best),
        word[0] ?? { scores: [] },
      ).scores,
  };

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Neighbours of one label, unless the later one begins anew (B-). */
function groupsOf({ tokenizer }: Encoder, labelled: readonly Labelled[]): EntityGroup[] {
  const groups: Labelled[][] = [];
  for (const item of labelled) {
    const last = groups.at(-1)?.at(-1);
    if (last !== undefined && !item.label.startsWith("B-") && bare(last.label) === bare(item.label))
      groups.at(-1)?.push(item);
    else groups.push([item]);
  }
  return groups.map((items) => {
    const tokens = items.flatMap(({ tokens }) => tokens);
    return {
      entityGroup: bare(items[0]?.label ?? ""),
      score: mean(items.map(({ score }) => score)),
      word: tokenizer.decode(
        tokens.map(({ id }) => id),
        { skipSpecialTokens: false },
      ),
      start: tokens[0]?.start ?? 0,
      end: tokens.at(-1)?.end ?? 0,
    };
  });
}

const bare = (label: string): string => label.replace(/^[BI]-/, "");

/** Of entities that two parts of a text both found, the longer, or the surer of two as long. */
function withoutOverlaps<Item extends { start: number; end: number; score: number }>(items: readonly Item[]): Item[] {
  const kept: Item[] = [];
  for (const item of [...items].sort((a, b) => a.start - b.start)) {
    const before = kept.at(-1);
    if (before === undefined || item.start >= before.end) kept.push(item);
    else if (item.end - item.start > before.end - before.start) kept[kept.length - 1] = item;
    else if (item.end - item.start === before.end - before.start && item.score > before.score)
      kept[kept.length - 1] = item;
  }
  return kept;
}
