// Where drafts come from: a smaller decoder that goes ahead, or what followed the last tokens earlier in the text.
// Verifies nothing.

import { stepOf } from "./batch.ts";
import type { LogitsProcessor } from "./contract.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationSettings } from "./options.ts";
import { softmax } from "./processors/scores.ts";
import type { Row } from "./row.ts";
import { argmax, draw } from "./sampling.ts";
import { type VerifiableDecoding, verifiable } from "./verifiable.ts";

/** Tokens that may come next. */
export interface Draft {
  ids: number[];
  /** What each was drawn from, when sampling with an assistant. */
  probabilities: Float64Array[] | undefined;
}

export interface Drafter {
  /** At most `room` tokens after `ids`. */
  draft(ids: readonly number[], room: number): Promise<Draft>;
  /** Told after each draft how many of its tokens were taken. */
  learn(drafted: number, taken: number): void;
  dispose(): void;
}

/** Drafts from what came before: the tokens after the last place where the newest ones stand already. */
export function promptLookup(count: number, ngramSize: number): Drafter {
  return {
    draft: async (ids, room) => ({ ids: lookUp(ids, Math.min(count, room), ngramSize), probabilities: undefined }),
    learn: () => {},
    dispose: () => {},
  };
}

/** What followed the longest run at the end of `ids`, of `ngramSize` tokens at most, at the first place where it stands. */
function lookUp(ids: readonly number[], count: number, ngramSize: number): number[] {
  for (let size = Math.min(ngramSize, ids.length - 1); size > 0; size--) {
    const run = ids.slice(-size);
    for (let at = 0; at + size < ids.length; at++) {
      if (run.every((id, offset) => ids[at + offset] === id)) return ids.slice(at + size, at + size + count);
    }
  }
  return [];
}

/** Lengths of drafts learned with each assistant, for the schedule that goes on from call to call. */
const LEARNED = new WeakMap<Decoder, number>();

/** Drafts by a smaller decoder, whose cache follows the text. */
export class AssistantDrafter implements Drafter {
  readonly #assistant: Decoder;
  readonly #decoding: VerifiableDecoding;
  readonly #settings: GenerationSettings;
  readonly #row: Row;
  readonly #processors: readonly LogitsProcessor[];
  /** Ids whose keys and values the assistant holds. */
  #held: number[] = [];
  #length: number;

  constructor(assistant: Decoder, row: Row, settings: GenerationSettings) {
    this.#assistant = assistant;
    this.#decoding = verifiable(assistant.start());
    this.#settings = settings;
    this.#row = row;
    this.#processors = row.processors;
    const learned = settings.numAssistantTokensSchedule === "heuristic" ? LEARNED.get(assistant) : undefined;
    this.#length = learned ?? settings.numAssistantTokens;
  }

  async draft(ids: readonly number[], room: number): Promise<Draft> {
    const { doSample, assistantConfidenceThreshold } = this.#settings;
    const text = [...ids];
    const probabilities: Float64Array[] = [];
    // The assistant may have fewer positions than the decoder.
    const count = Math.min(room, this.#length, this.#assistant.maxLength - ids.length);
    while (text.length < ids.length + count) {
      this.#settings.signal?.throwIfAborted();
      const scores = (await this.#next(text)).slice();
      for (const process of this.#processors) process(scores, text);
      const id = doSample ? draw(scores, this.#row.generator) : argmax(scores);
      const distribution = softmax(scores);
      text.push(id);
      probabilities.push(distribution);
      if ((distribution[id] ?? 0) < assistantConfidenceThreshold) break;
      if (this.#isEnd(id)) break;
    }
    return { ids: text.slice(ids.length), probabilities: doSample ? probabilities : undefined };
  }

  learn(drafted: number, taken: number): void {
    if (this.#settings.numAssistantTokensSchedule === "constant" || drafted === 0) return;
    this.#length = taken === drafted ? this.#length + 2 : Math.max(1, this.#length - 1);
    if (this.#settings.numAssistantTokensSchedule === "heuristic") LEARNED.set(this.#assistant, this.#length);
  }

  dispose(): void {
    this.#decoding.dispose?.();
  }

  #isEnd(id: number): boolean {
    return [this.#settings.eosTokenIds].flat().includes(id);
  }

  /** The assistant's logits after `ids`: what it holds of another text is forgotten, what it lacks is read. */
  async #next(ids: readonly number[]): Promise<Float32Array> {
    let common = 0;
    while (common < ids.length - 1 && this.#held[common] === ids[common]) common++;
    if (common < this.#held.length) this.#decoding.truncate(this.#held.length - common);
    const [logits = new Float32Array(0)] = await this.#decoding.step(stepOf(ids.slice(common), common));
    this.#held = [...ids];
    return logits;
  }
}
