// The examples in comments as programs: what they import, and what each line is said to give.
// A result stands behind its line (`expr; // value`), or on lines of its own below; "prints …" and "throws …" say so. An
// example that cannot run anywhere says on the line of the tag what it needs: `@example needs a hub`.
import { readdirSync } from "node:fs";
import { inspect } from "node:util";
import { packageFile } from "../../src/package-root.ts";
import { publicNames, read } from "./exports.ts";

export interface Example {
  file: string;
  /** Where its first line stands in the file. */
  line: number;
  /** What it needs that a test has not; undefined where it runs. */
  needs: string | undefined;
  code: readonly string[];
}

/** What a running example tells of its lines. */
export interface Watch {
  see(line: number, claim: string, value: unknown): void;
  printed(line: number, claim: string): void;
  throws(line: number, claim: string, run: () => Promise<unknown>): Promise<void>;
  console: { log(...values: unknown[]): void };
}

const BLOCK = /^([ \t]*)\* @example ?(.*)\n[ \t]*\* ```ts\n((?:[ \t]*\*.*\n)*?)[ \t]*\* ```$/gm;

export function examplesOf(file: string): Example[] {
  const text = read(file);
  return [...text.matchAll(BLOCK)].map((match) => {
    const [, , caption = "", body = ""] = match;
    return {
      file,
      line: text.slice(0, match.index).split("\n").length + 2,
      needs: caption === "" ? undefined : caption,
      code: body
        .trimEnd()
        .split("\n")
        .map((line) => line.replace(/^[ \t]*\* ?/, "")),
    };
  });
}

export function sourceFiles(): string[] {
  return ["src", "pipelines"].flatMap((folder) =>
    readdirSync(packageFile(folder), { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts") && !name.includes("defaults/"))
      .map((name) => `${folder}/${name}`)
      .sort(),
  );
}

/** Entries whose names an example writes without a namespace; the nearest to its file first. */
const ENTRIES = [
  "src/index.ts",
  "src/nn/index.ts",
  "src/optim/index.ts",
  "src/data/index.ts",
  "src/data/vision/transforms-entry.ts",
  "src/optim/lr-scheduler/index.ts",
  "src/hub/index.ts",
] as const;

/** Names that are types alone: they are imported as such. */
const isType = (entry: string, name: string): boolean =>
  publicNames(entry).some(({ path, kind }) => path === name && kind === "type");

const topLevel = new Map<string, Set<string>>();
function namesOf(entry: string): Set<string> {
  const known = topLevel.get(entry);
  if (known !== undefined) return known;
  const spaces = [...read(entry).matchAll(/^export \* as (\w+)/gm)].map(([, name = ""]) => name);
  const names = new Set([...publicNames(entry).map(({ path }) => path.split(".")[0] ?? ""), ...spaces]);
  topLevel.set(entry, names);
  return names;
}

const exportsName = (file: string, name: string): boolean =>
  new RegExp(`^export (?:abstract |async )*(?:function\\*?|class|const) ${name}\\b`, "m").test(read(file));

/** The import lines of the examples of a file. */
function importsOf(file: string, code: string): string[] {
  const used = new Set([...code.matchAll(/(?<![\w$."'])[A-Za-z_]\w*/g)].map(([name]) => name));
  const nearest = ENTRIES.filter(
    (entry) => file.startsWith(entry.slice(0, entry.lastIndexOf("/") + 1)) && entry !== ENTRIES[0],
  );
  const entries = [...nearest.reverse(), ...ENTRIES];
  return [...used].flatMap((name) => {
    const from = exportsName(file, name) ? file : entries.find((entry) => namesOf(entry).has(name));
    if (from === undefined) return [];
    return [`import { ${isType(from, name) ? "type " : ""}${name} } from ${JSON.stringify(packageFile(from))};`];
  });
}

const DECLARES = /^(?:const|let|class|function|for|if|while|try|import|export|return|throw)\b|^[\s}\])*]/;

/** Lines of a program that hands every claimed value to `see`. */
function program({ code, line }: Example): string[] {
  return code.flatMap((text, index) => {
    const at = line + index;
    if (text.startsWith("// ") || text.startsWith("import ")) return [];
    const [, statement = "", behind] = /^(.*;) \/\/ (.*)$/.exec(text) ?? [undefined, text];
    const below: string[] = [];
    for (let next = index + 1; code[next]?.startsWith("// "); next++) below.push(code[next]?.slice(3) ?? "");
    const claim = behind ?? (below.length > 0 ? below.join("\n") : undefined);
    if (claim === undefined) return [text];
    const said = JSON.stringify(claim);
    const value = statement.replace(/;$/, "");
    if (claim.startsWith("throws ")) return [`await throws(${at}, ${said}, async () => (${value}));`];
    if (claim.startsWith("prints ") || DECLARES.test(statement)) {
      return claim.startsWith("prints ") || behind === undefined
        ? [statement, `printed(${at}, ${said});`]
        : [statement];
    }
    return [`see(${at}, ${said}, (${value}));`];
  });
}

/** A module that exports the examples of a file as functions, by the line where each begins. */
export function moduleOf(file: string, examples: readonly Example[]): string {
  const code = examples.map((example) => example.code.join("\n")).join("\n");
  const functions = examples.map((example) => [
    `export async function line${example.line}({ see, printed, throws, console }: Watch) {`,
    ...program(example),
    "}",
  ]);
  const own = code.split("\n").filter((line) => line.startsWith("import "));
  const watch = `import type { Watch } from ${JSON.stringify(packageFile("test/docs/examples.ts"))};`;
  return [...new Set([watch, ...own, ...importsOf(file, code)]), ...functions.flat()].join("\n");
}

/** A value as an example writes it. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return Object.is(value, -0) ? "0" : String(value);
  if (Array.isArray(value)) return `[${value.map(show).join(", ")}]`;
  if (ArrayBuffer.isView(value))
    return inspect(value)
      .replace(/\(\d+\)/, "")
      .replace(/\s+/g, " ")
      .replaceAll("[ ", "[")
      .replaceAll(" ]", "]");
  if (typeof value !== "object" || value === null) return String(value);
  if (Object.getPrototypeOf(value) !== Object.prototype) {
    return Object.hasOwn(Object.getPrototypeOf(value), "toString") || "forward" in value
      ? String(value)
      : inspect(value);
  }
  return `{ ${Object.entries(value)
    .map(([name, part]) => `${name}: ${show(part)}`)
    .join(", ")} }`;
}

const NUMBER = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g;

function closeTo(said: string, value: number): boolean {
  const [, decimals = ""] = said.split(".");
  const expected = Number(said);
  if (decimals === "" || said.includes("e")) return Math.abs(expected - value) <= 1e-6 * Math.abs(expected);
  return Math.abs(expected - value) <= 0.501 * 10 ** -decimals.length + 1e-9;
}

/** Whether a text is what was said: decimals as far as they are written, "…" for what is left out, spaces as they come. */
export function agrees(claim: string, text: string): boolean {
  if (claim === text) return true;
  const said: string[] = [];
  const cut: boolean[] = [];
  const literally = (part: string) =>
    part
      .replace(/[.*+?^${}()|[\]\\]/g, "\\$&")
      .replace(/\s+/g, "\\s*")
      .replaceAll("…", "[^]*?");
  let pattern = "";
  let end = 0;
  for (const match of claim.matchAll(NUMBER)) {
    const isCut = claim[match.index + match[0].length] === "…";
    pattern += `${literally(claim.slice(end, match.index))}(-?[\\d.]+(?:e[+-]?\\d+)?)`;
    said.push(match[0]);
    cut.push(isCut);
    end = match.index + match[0].length + Number(isCut);
  }
  const found = new RegExp(`^\\s*${pattern}${literally(claim.slice(end))}\\s*$`).exec(text);
  if (found === null) return false;
  return said.every((number, index) => {
    const actual = found[index + 1] ?? "";
    return cut[index] === true ? actual.startsWith(number) : closeTo(number, Number(actual));
  });
}
