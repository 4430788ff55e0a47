// The words by which repositories are found: what is stored of them, and what a query asks.
// Pure text: knows neither tables nor repositories.

/** Where a word stands, from the most to the least: name, title and tags, inside a word of the name, body of the card. */
export interface SearchText {
  name: string;
  titles: readonly string[];
  body: string;
}

/** A Han character is a word of its own: its texts have no spaces. */
const WORD = /\p{Script=Han}|(?:(?!\p{Script=Han})[\p{L}\p{N}\p{M}])+/gu;
const LONGEST_WORD = 64;
const MOST_WORDS = 1500;
/** Letters of a text that are looked at for them. */
const MOST_LETTERS = 128 * 1024;
/** What a query may ask for. */
const MOST_QUERY_WORDS = 12;
/** Shorter endings of words would be found in everything. */
const SHORTEST_ENDING = 3;
/** Postgres holds no higher place of a word. */
const LAST_PLACE = 16_383;

export function wordsOf(text: string): string[] {
  const found = text.slice(0, MOST_LETTERS).normalize("NFKC").slice(0, MOST_LETTERS).toLowerCase().match(WORD) ?? [];
  return found.map((word) => [...word].slice(0, LONGEST_WORD).join(""));
}

/** The endings of a word: with the beginnings that a query looks for they make every part of it. */
function endingsOf(word: string): string[] {
  const letters = [...word];
  return letters
    .map((_, at) => letters.slice(at).join(""))
    .filter((end, at) => at > 0 && [...end].length >= SHORTEST_ENDING);
}

type Weighted = readonly [word: string, weight: "A" | "B" | "C" | "D"];

/** Text search vectors as Postgres reads them, of the name and of everything. */
export function searchDocument({ name, titles, body }: SearchText): { names: string; document: string } {
  const own = wordsOf(name);
  const names: Weighted[] = [
    ...own.map((word): Weighted => [word, "A"]),
    ...own.flatMap(endingsOf).map((word): Weighted => [word, "C"]),
  ];
  const more: Weighted[] = [
    ...titles
      .flatMap(wordsOf)
      .slice(0, MOST_WORDS)
      .map((word): Weighted => [word, "B"]),
    ...[...new Set(wordsOf(body))].slice(0, MOST_WORDS).map((word): Weighted => [word, "D"]),
  ];
  return { names: vector(names), document: vector([...names, ...more]) };
}

/** Words are letters and digits alone, so nothing in them needs escaping. */
function vector(weighted: readonly Weighted[]): string {
  const places = new Map<string, string[]>();
  weighted.forEach(([word, weight], at) => {
    const of = places.get(word) ?? [];
    places.set(word, of);
    // One place of each weight is enough to rank by.
    if (!of.some((place) => place.endsWith(weight))) of.push(`${Math.min(at + 1, LAST_PLACE)}${weight}`);
  });
  return [...places].map(([word, of]) => `'${word}':${of.join(",")}`).join(" ");
}

/** All words of a query, each as the beginning of one that is stored; undefined when it has none. */
export function searchQuery(text: string): string | undefined {
  const words = [...new Set(wordsOf(text))].slice(0, MOST_QUERY_WORDS);
  if (words.length === 0) return undefined;
  // A single letter begins half of all words: it is looked for as it stands.
  return words.map((word) => (word.length === 1 ? `'${word}'` : `'${word}':*`)).join(" & ");
}
