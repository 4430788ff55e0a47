// When a text is finished: end token, stop string, the caller's criteria, time, length. Each row stops for itself.
// Prints nothing.
import type { FinishReason, RowFacts } from "./contract.ts";
import type { GenerationSettings } from "./options.ts";

/** Tokens before those that a stop string may lie in: tokenizers treat the first of a text in their own way. */
const CONTEXT = 4;

/** The judge of a row, and of every beam that grows from it. */
export class StopRule {
  readonly #settings: GenerationSettings;
  readonly #maxLength: number;
  readonly #deadline: number;
  readonly #eosTokenIds: ReadonlySet<number>;
  readonly #stopStrings: readonly string[];
  /** Tokens that a stop string may lie in: each holds a byte at least. */
  readonly #window: number;

  /** `deadline` is a time of performance.now(). */
  constructor(settings: GenerationSettings, { maxLength }: Pick<RowFacts, "maxLength">, deadline: number) {
    this.#settings = settings;
    this.#maxLength = maxLength;
    this.#deadline = deadline;
    this.#eosTokenIds = new Set([settings.eosTokenIds].flat());
    this.#stopStrings = [settings.stopStrings].flat();
    this.#window = Math.max(0, ...this.#stopStrings.map((text) => Buffer.byteLength(text))) + CONTEXT;
  }

  /** Judges prompt and text after each token; undefined while it goes on. */
  finished(ids: readonly number[]): FinishReason | undefined {
    if (this.#eosTokenIds.has(ids.at(-1) ?? -1)) return "eos";
    if (this.#stopStrings.length > 0 && this.#completesStop(ids)) return "stop";
    if (this.#settings.stoppingCriteria.some((isDone) => isDone(ids))) return "criterion";
    if (ids.length >= this.#maxLength) return "length";
    return performance.now() > this.#deadline ? "time" : undefined;
  }

  /** Whether a stop string reaches into the text of the last token. It may begin in the prompt. */
  #completesStop(ids: readonly number[]): boolean {
    const { decode } = this.#settings;
    if (decode === undefined) return false;
    const tail = ids.slice(-this.#window);
    const [before, after] = [decode(tail.slice(0, -1)), decode(tail)];
    const old = commonLength(before, after);
    return this.#stopStrings.some((stop) => after.includes(stop, Math.max(0, old - stop.length + 1)));
  }
}

/** Characters that two texts have in common from their start. */
function commonLength(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** The text up to and with the first stop string, or undefined when it holds none. */
export function cutAtStop(text: string, stopStrings: readonly string[]): string | undefined {
  const ends = stopStrings.flatMap((stop) => {
    const at = text.indexOf(stop);
    return at < 0 ? [] : [at + stop.length];
  });
  return ends.length === 0 ? undefined : text.slice(0, Math.min(...ends));
}
