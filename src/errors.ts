// The one error type of the product, and the helper that offers the nearest valid name.
// Knows nothing of any domain: domain errors live with their domain and extend AbrazoError.

/** What an error is made of. */
export interface AbrazoErrorOptions {
  /** Permanent and searchable, in SCREAMING_SNAKE_CASE. */
  code: string;
  /** What happened, with the values. */
  message: string;
  /** What to do next. */
  hint?: string | undefined;
  /** The values, for programs. */
  data?: Record<string, unknown> | undefined;
  cause?: unknown;
}

/**
 * Every error that Abrazo raises on purpose.
 *
 * @example
 * ```ts
 * try { ones([2, 3]).matmul(ones([2, 3])); } catch (error) {
 *   if (error instanceof AbrazoError) console.log(error.code, error.message);
 * }
 * // SHAPE_MISMATCH mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)
 * ```
 */
export class AbrazoError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly data: Record<string, unknown>;

  constructor({ code, message, hint, data, cause }: AbrazoErrorOptions) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = hint;
    this.data = data ?? {};
  }

  /** Code, message, hint and data. */
  toJSON(): { code: string; message: string; hint: string | undefined; data: Record<string, unknown> } {
    return { code: this.code, message: this.message, hint: this.hint, data: this.data };
  }
}

/** A fault of ours, never of the user: says so, and where to take it. */
export function internalError(message: string, data?: Record<string, unknown>): AbrazoError {
  return new AbrazoError({
    code: "INTERNAL",
    message: `internal: ${message}`,
    hint: "This is a bug in Abrazo. Please report it with the message and what you ran.",
    data,
  });
}

/** The candidate closest to `name` by edit distance, or undefined when none is near enough to be a slip. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  // A caller without types may ask for what is no word.
  const wanted = String(name).toLowerCase();
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(wanted.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** `Did you mean "x"?` when something is near, else the list of what is valid. */
export function suggestion(name: string, candidates: Iterable<string>): string {
  const all = [...candidates];
  const near = nearestName(name, all);
  return near === undefined ? `Valid names: ${all.join(", ")}.` : `Did you mean "${near}"?`;
}

function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit;
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const current = [i];
    for (let j = 1; j <= b.length; j++) {
      const substitution = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      current.push(Math.min(substitution, (previous[j] ?? 0) + 1, (current[j - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? limit;
}
