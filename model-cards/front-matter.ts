// The YAML at the head of a card: keys are added at its end and ours are replaced where they stand; every other byte stays.
// Knows no key.
import { isMap, isScalar, type Pair, parseDocument, stringify } from "yaml";

//                    "---", the YAML with its last line end, "---"
const FRONT_MATTER = /^(\uFEFF?\s*---[ \t]*(?:\r\n|\r|\n))((?:[\s\S]*?(?:\r\n|\r|\n))?)(---[ \t]*(?:\r\n|\r|\n|$))/;

/** The line end that a text uses. */
export const lineEndOf = (text: string): string => /\r\n|\n/.exec(text)?.[0] ?? "\n";

/** Sets keys that are not there yet, and the keys in `ours` always. What cannot be done is left alone and reported. */
export function updateFrontMatter(
  text: string,
  values: Readonly<Record<string, unknown>>,
  ours: readonly string[],
): { text: string; issue?: string } {
  const [whole = "", open = "", yaml = "", close = ""] = FRONT_MATTER.exec(text) ?? [];
  const eol = lineEndOf(text);
  const document = parseDocument(yaml);
  if (document.errors.length > 0)
    return { text, issue: `the front matter is no YAML: ${document.errors[0]?.message.split("\n")[0]}` };
  if (document.contents !== null && !isMap(document.contents)) return { text, issue: "the front matter is no mapping" };
  const before: Record<string, unknown> = document.toJS() ?? {};
  const wanted = Object.entries(values).filter(
    ([key, value]) => value !== undefined && (!Object.hasOwn(before, key) || ours.includes(key)),
  );
  const pairs = new Map(document.contents?.items.map((pair) => [keyOf(pair), pair]));
  let edited = yaml;
  // From the end, so that places further up stay where they are.
  for (const [key, value] of [...wanted].sort(([a], [b]) => startOf(pairs.get(b)) - startOf(pairs.get(a)))) {
    const pair = pairs.get(key);
    if (pair === undefined) continue;
    if (JSON.stringify(before[key]) !== JSON.stringify(value))
      edited = replacePair(edited, pair, render(key, value, eol));
  }
  const added = wanted.filter(([key]) => !pairs.has(key)).map(([key, value]) => render(key, value, eol));
  edited += added.join("");
  if (edited === yaml && whole !== "") return { text };
  const after = parseDocument(edited);
  const expected = { ...before, ...Object.fromEntries(wanted) };
  if (after.errors.length > 0 || !same(after.toJS(), expected))
    return { text, issue: "the front matter is written so that nothing can be added to it" };
  if (whole !== "") return { text: `${open}${edited}${close}${text.slice(whole.length)}` };
  const [mark, rest] = text.startsWith("\uFEFF") ? ["\uFEFF", text.slice(1)] : ["", text];
  return { text: `${mark}---${eol}${edited}---${eol}${eol}${rest}` };
}

const render = (key: string, value: unknown, eol: string): string =>
  stringify({ [key]: value }, { lineWidth: 0 }).replaceAll("\n", eol);

const keyOf = ({ key }: Pair<unknown, unknown>): string => String(isScalar(key) ? key.value : key);

const startOf = (pair: Pair<unknown, unknown> | undefined): number => rangeOf(pair?.key)?.[0] ?? -1;

/** Where a node begins, and where its value ends. */
function rangeOf(node: unknown): readonly [number, number] | undefined {
  if (typeof node !== "object" || node === null || !("range" in node) || !Array.isArray(node.range)) return undefined;
  const [start, end]: unknown[] = node.range;
  return typeof start === "number" && typeof end === "number" ? [start, end] : undefined;
}

function replacePair(yaml: string, pair: Pair<unknown, unknown>, rendered: string): string {
  const start = startOf(pair);
  const end = (rangeOf(pair.value) ?? rangeOf(pair.key))?.[1] ?? start;
  // The value of a list or mapping ends with its last line end, that of a word before it.
  const replacement = /[\r\n]$/.test(yaml.slice(start, end)) ? rendered : rendered.trimEnd();
  return yaml.slice(0, start) + replacement + yaml.slice(end);
}

/** Equal as JSON, in any order of keys. */
function same(a: unknown, b: unknown): boolean {
  const sorted = (value: unknown): unknown =>
    typeof value === "object" && value !== null && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([x], [y]) => (x < y ? -1 : 1)))
      : value;
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}
