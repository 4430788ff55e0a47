// Ids that a compiled model is fed, held against its table of words: outside it a device may read anything, and tell nobody.
// Knows no model but by its config.
import { AbrazoError } from "../errors.ts";
import type { CompiledGraph, Feeds } from "../tensor/index.ts";
import type { BaseConfig } from "./architecture.ts";
import { architectureOf } from "./auto.ts";
import { INPUT_NAMES } from "./inputs.ts";

/** The same graph, which refuses ids that are no words: INDEX_OUT_OF_RANGE. */
export function checkingIds(graph: CompiledGraph, config: BaseConfig): CompiledGraph {
  const words = wordsOf(architectureOf(config).parse(config));
  return {
    run: (feeds, into) => {
      requireWords(feeds[INPUT_NAMES.inputIds], words);
      return graph.run(feeds, into);
    },
    dispose: () => graph.dispose(),
  };
}

/** How many words a model knows, or its part for texts. */
function wordsOf({ vocab_size: words, text_config: text }: BaseConfig): number {
  if (typeof words === "number") return words;
  const inner = typeof text === "object" && text !== null && "vocab_size" in text ? text.vocab_size : undefined;
  return typeof inner === "number" ? inner : Number.POSITIVE_INFINITY;
}

function requireWords(ids: Feeds[string] | undefined, words: number): void {
  if (ids === undefined || !("data" in ids) || !(ids.data instanceof BigInt64Array)) return;
  for (const id of ids.data) {
    if (id >= 0n && id < words) continue;
    throw new AbrazoError({
      code: "INDEX_OUT_OF_RANGE",
      message: `index out of range in self: there is no token ${id}.`,
      hint: `The model knows ${words} tokens, numbered from 0: is the tokenizer that of another model?`,
      data: { id: Number(id), words },
    });
  }
}
