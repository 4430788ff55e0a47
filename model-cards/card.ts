// A card as a document: front matter, marked blocks, and human text that is kept byte for byte.
// Knows nothing of what a block says.
import { isMap, parseDocument } from "yaml";

const FRONT_MATTER = /^(\s*---(?:\r\n|\r|\n))([\s\S]*?)((?:\r\n|\r|\n)---[ \t]*(?:\r\n|\n|$))/;

/**
 * Sets keys of front matter that are not there yet, and the keys in `ours` always. Order, comments and line ends of what
 * people wrote stay. YAML that does not parse is left alone and reported.
 */
export function updateFrontMatter(
  text: string,
  values: Readonly<Record<string, unknown>>,
  ours: readonly string[],
): { text: string; issue?: string } {
  const match = FRONT_MATTER.exec(text);
  const document = parseDocument(match?.[2] ?? "");
  if (document.errors.length > 0)
    return { text, issue: `the front matter is no YAML: ${document.errors[0]?.message.split("\n")[0]}` };
  if (document.contents !== null && !isMap(document.contents)) return { text, issue: "the front matter is no mapping" };
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || (document.has(key) && !ours.includes(key))) continue;
    if (JSON.stringify(document.toJS()?.[key]) !== JSON.stringify(value)) document.set(key, value);
  }
  const eol = match?.[1]?.endsWith("\r\n") === true ? "\r\n" : "\n";
  const yaml = document.toString({ lineWidth: 0 }).trimEnd().replace(/\r?\n/g, eol);
  if (match === null) return { text: `---${eol}${yaml}${eol}---${eol}${eol}${text}` };
  const unchanged = yaml === (match[2] ?? "").trimEnd();
  return { text: unchanged ? text : `${match[1]}${yaml}${match[3]}${text.slice(match[0].length)}` };
}

const open = (id: string): string => `<!-- abrazo:${id} -->`;
const close = (id: string): string => `<!-- /abrazo:${id} -->`;

/** Replaces the inside of a block; a block that is not there yet goes to the end. */
export function setBlock(text: string, id: string, content: string): string {
  const [start, end] = [text.indexOf(open(id)), text.indexOf(close(id))];
  const block = `${open(id)}\n${content}\n${close(id)}`;
  if (start >= 0 && end > start) return text.slice(0, start) + block + text.slice(end + close(id).length);
  return `${text.trimEnd()}${text.trim() === "" ? "" : "\n\n"}${block}\n`;
}

/** Takes a block out: what it said no longer holds. */
export function removeBlock(text: string, id: string): string {
  const [start, end] = [text.indexOf(open(id)), text.indexOf(close(id))];
  if (start < 0 || end < start) return text;
  return text.slice(0, start) + text.slice(end + close(id).length).replace(/^\n{1,2}/, "");
}
