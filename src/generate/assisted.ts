// Assisted decoding: tokens are drafted cheaply and verified by the decoder several at once, so that the text is what it
// would be without, in fewer steps. One text after the other: each takes its own number of tokens a step.
// Knows not where drafts come from.
import { stepOf } from "./batch.ts";
import type { FinishReason, GeneratedToken, Prompt } from "./contract.ts";
import { AssistantDrafter, type Draft, type Drafter, promptLookup } from "./drafts.ts";
import type { Decoder } from "./kv-cache.ts";
import type { GenerationSettings } from "./options.ts";
import { softmax } from "./processors/scores.ts";
import { makeRows, type Row } from "./row.ts";
import { argmax, draw } from "./sampling.ts";
import { type VerifiableDecoding, verifiable } from "./verifiable.ts";

/** @throws NO_VERIFICATION for a decoder, or an assistant, that cannot give up tokens again */
export async function* assisted(
  decoder: Decoder,
  prompts: readonly Prompt[],
  settings: GenerationSettings,
): AsyncGenerator<GeneratedToken, void, undefined> {
  for (const row of makeRows(prompts, decoder.maxLength, settings, settings.numReturnSequences)) {
    const verifier = new Verifier(decoder, row, settings);
    const drafter = drafterOf(row, settings);
    try {
      yield* continueRow(row, verifier, drafter, settings);
    } finally {
      verifier.dispose();
      drafter.dispose();
    }
  }
}

function drafterOf(row: Row, settings: GenerationSettings): Drafter {
  const { assistant, promptLookupNumTokens, maxMatchingNgramSize } = settings;
  return assistant === undefined
    ? promptLookup(promptLookupNumTokens ?? 1, maxMatchingNgramSize)
    : new AssistantDrafter(assistant, row, settings);
}

async function* continueRow(
  row: Row,
  verifier: Verifier,
  drafter: Drafter,
  settings: GenerationSettings,
): AsyncGenerator<GeneratedToken, void, undefined> {
  let finished: FinishReason | undefined;
  while (finished === undefined) {
    settings.signal?.throwIfAborted();
    // The decoder adds one token of its own to every draft.
    const draft = await drafter.draft(row.ids, row.maxLength - row.ids.length - 1);
    const tokens = await verifier.verify(draft);
    let taken = 0;
    for (const token of tokens) {
      row.ids.push(token.id);
      finished = row.stop.finished(row.ids);
      if (token.id === draft.ids[taken]) taken++;
      yield { ...token, row: row.index, finished };
      if (finished !== undefined) break;
    }
    drafter.learn(draft.ids.length, taken);
    verifier.forgetBeyond(row.ids.length - 1);
  }
}

type Chosen = Omit<GeneratedToken, "row" | "finished">;

/** Steps the decoder over a draft and says which of its tokens stand, with the one that comes after them. */
class Verifier {
  readonly #decoding: VerifiableDecoding;
  readonly #row: Row;
  readonly #settings: GenerationSettings;
  /** Tokens whose keys and values are held. */
  #held = 0;

  constructor(decoder: Decoder, row: Row, settings: GenerationSettings) {
    this.#decoding = verifiable(decoder.start());
    this.#row = row;
    this.#settings = settings;
  }

  async verify(draft: Draft): Promise<Chosen[]> {
    const { ids } = this.#row;
    // A prompt goes in by itself: logits of all its tokens would take room, and are not needed.
    if (this.#held === 0 && ids.length > 1) await this.#decoding.step(stepOf(ids.slice(0, -1), 0));
    const past = ids.length - 1;
    const count = draft.ids.length + 1;
    const step = stepOf([ids.at(-1) ?? 0, ...draft.ids], past);
    const [logits = []] = await this.#decoding.stepMany(step, count);
    this.#held = past + count;
    return this.#choose(draft, logits);
  }

  forgetBeyond(tokens: number): void {
    if (tokens < this.#held) this.#decoding.truncate(this.#held - tokens);
    this.#held = tokens;
  }

  dispose(): void {
    this.#decoding.dispose?.();
  }

  /** Tokens until the first that is not the draft's, that one included. */
  #choose({ ids, probabilities }: Draft, logits: readonly Float32Array[]): Chosen[] {
    const { outputScores, outputLogits } = this.#settings;
    const text = [...this.#row.ids];
    const chosen: Chosen[] = [];
    for (const [at, raw] of logits.entries()) {
      const scores = raw.slice();
      for (const process of this.#row.processors) process(scores, text);
      const id = this.#token(scores, ids[at], probabilities?.[at]);
      chosen.push({
        ...{ id, ...(outputScores ? { scores } : {}), ...(outputLogits ? { logits: raw.slice() } : {}) },
      });
      text.push(id);
      if (id !== ids[at]) break;
    }
    return chosen;
  }

  /**
   * The decoder's token where the draft has `drafted`. A token drawn from `proposed` is taken with the probability that makes
   * the whole a draw from the decoder's own distribution (Leviathan et al. 2022, arXiv 2211.17192).
   */
  #token(scores: Float32Array, drafted: number | undefined, proposed: Float64Array | undefined): number {
    const { generator } = this.#row;
    if (!this.#settings.doSample) return argmax(scores);
    if (drafted === undefined || proposed === undefined) return draw(scores, generator);
    const wanted = softmax(scores);
    const ratio = (wanted[drafted] ?? 0) / (proposed[drafted] ?? 1);
    if (generator.double() < ratio) return drafted;
    const rest = Float32Array.from(wanted, (probability, id) =>
      Math.log(Math.max(0, probability - (proposed[id] ?? 0))),
    );
    return draw(rest, generator);
  }
}
