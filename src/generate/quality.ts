// What can be measured of generated texts: variety, and copying from the training text.
// Knows plain text only.

/** Distinct runs of `n` words, as a share of all such runs in the texts together; 1 when there is none. */
export function distinctNgrams(texts: readonly string[], n: number): number {
  const seen = new Set<string>();
  let count = 0;
  for (const text of texts) {
    const words = text.split(/\s+/).filter((word) => word !== "");
    for (let at = 0; at + n <= words.length; at++) {
      seen.add(words.slice(at, at + n).join(" "));
      count++;
    }
  }
  return count === 0 ? 1 : seen.size / count;
}

/** Texts that hold `length` characters in a row of the corpus. */
export function countCopies(texts: readonly string[], corpus: string, length: number): number {
  const wanted = new Set(texts.flatMap((text) => runs(text, length)));
  const found = new Set<string>();
  for (let at = 0; at + length <= corpus.length; at++) {
    const run = corpus.slice(at, at + length);
    if (wanted.has(run)) found.add(run);
  }
  return texts.filter((text) => runs(text, length).some((run) => found.has(run))).length;
}

function runs(text: string, length: number): string[] {
  return Array.from({ length: Math.max(0, text.length - length + 1) }, (_, at) => text.slice(at, at + length));
}
