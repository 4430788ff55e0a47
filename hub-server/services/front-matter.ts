// The YAML at the head of a card, and other YAML of strangers: read without ever going as deep as they wrote it.
// Knows no field.
import { type Document, Lexer, parseDocument } from "yaml";

export const FRONT_MATTER = /^\s*---\r?\n([\s\S]*?)\r?\n---[ \t]*(?:\r?\n|$)/;

/** Lists and mappings within each other; parsers of YAML call themselves for each. */
const DEEPEST = 100;
const TOO_DEEP = `Lists and mappings are nested more than ${DEEPEST} deep.`;

/** What YAML says, or what is wrong with it: one sentence for each thing. */
export type Yaml = { value: unknown } | { errors: string[] };

export function readYaml(source: string): Yaml {
  if (isTooDeep(source)) return { errors: [TOO_DEEP] };
  const document: Document = parseDocument(source);
  if (document.errors.length > 0) return { errors: document.errors.map(({ message }) => message) };
  try {
    return { value: document.toJS({ maxAliasCount: 20 }) };
  } catch (error) {
    return { errors: [error instanceof Error ? error.message : String(error)] };
  }
}

/** The lexer does not call itself, so it can be asked first. */
function isTooDeep(source: string): boolean {
  const columns: number[] = [];
  for (const line of source.split("\n")) {
    for (const column of columnsOf(line)) {
      while ((columns.at(-1) ?? -1) >= column) columns.pop();
      columns.push(column);
    }
    if (columns.length > DEEPEST) return true;
  }
  let open = 0;
  for (const token of new Lexer().lex(source)) {
    if (token === "[" || token === "{") open++;
    else if (token === "]" || token === "}") open--;
    if (open > DEEPEST) return true;
  }
  return false;
}

/** Where a line may begin something that lies in what is further left: behind its spaces, and behind each mark of a list. */
function columnsOf(line: string): number[] {
  const columns: number[] = [];
  for (let at = 0; at < line.length && columns.length <= DEEPEST; at++) {
    while (line[at] === " " || line[at] === "\t") at++;
    if (at < line.length && line[at] !== "\r") columns.push(at);
    const isMark = (line[at] === "-" || line[at] === "?" || line[at] === ":") && /\s/.test(line[at + 1] ?? "");
    if (!isMark) break;
  }
  return columns;
}
