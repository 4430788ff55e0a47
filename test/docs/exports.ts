// The public names of the library, each with the file that declares it and the comment above its declaration.
// Reads text alone: the formatter puts every top-level declaration at the start of a line.
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { packageFile } from "../../src/package-root.ts";

export interface Declared {
  /** As a caller writes it: "nn.functional.pad". */
  path: string;
  file: string;
  kind: "function" | "class" | "const" | "alias" | "type";
  /** What the comment says; undefined where there is none. */
  doc: string | undefined;
}

const LIST = /^(?:export|import) (type )?\{([^}]*)\} from "(\.[^"]+)";/gm;
const STAR = /^export \* (?:as (\w+) )?from "(\.[^"]+)";/gm;
const OWN = /^export (?:declare |abstract |async )*(?:function\*?|class|const|interface|type) (\w+)/gm;

export const read = (file: string): string => readFileSync(packageFile(file), "utf8");

/** The text of the comment that ends where a declaration begins, without its asterisks. */
export function commentBefore(text: string, at: number): string | undefined {
  const before = text
    .slice(0, at)
    .replace(/(?:\s*\/\/ biome-ignore[^\n]*)+\s*$/, "")
    .trimEnd();
  if (!before.endsWith("*/")) return undefined;
  return before
    .slice(before.lastIndexOf("/**") + 3, -2)
    .replace(/^[ \t]*\*[ \t]?/gm, "")
    .trim();
}

/** The declarations of a name: overloads and merged interfaces share one comment. */
function declarationOf(path: string, name: string, file: string): Declared | undefined {
  const text = read(file);
  const found = [
    ...text.matchAll(
      new RegExp(
        `^(?:export )?(?:declare |abstract |async )*(function\\*?|class|const|interface|type) ${name}\\b`,
        "gm",
      ),
    ),
  ];
  if (found.length === 0) return undefined;
  const words = found.map((match) => match[1] ?? "");
  const doc = found.map((match) => commentBefore(text, match.index)).find((comment) => comment !== undefined);
  const isAlias = new RegExp(`^export const ${name} = [\\w.]+;`, "m").test(text);
  const kind = words.includes("class")
    ? "class"
    : words.some((word) => word.startsWith("function"))
      ? "function"
      : words.includes("const")
        ? isAlias
          ? "alias"
          : "const"
        : "type";
  return { path, file, kind, doc };
}

const target = (file: string, from: string): string => join(dirname(file), from);

/** Where a name that a file exports, or only imports, is declared. */
function resolved(path: string, name: string, file: string): Declared {
  const own = declarationOf(path, name, file);
  if (own !== undefined) return own;
  for (const [, , names = "", from = ""] of read(file).matchAll(LIST)) {
    for (const { local, given } of entriesOf(names))
      if (given === name) return resolved(path, local, target(file, from));
  }
  throw new Error(`${file} declares no ${name}`);
}

function entriesOf(names: string): { local: string; given: string }[] {
  return names
    .split(",")
    .map((part) => part.trim().replace(/^type /, ""))
    .filter((part) => part !== "")
    .map((part) => {
      const [local = "", given = local] = part.split(" as ");
      return { local, given };
    });
}

/** Every name that a file exports, namespaces with their members. */
export function publicNames(file: string, prefix = ""): Declared[] {
  const text = read(file);
  const lists = [...text.matchAll(LIST)].filter(([statement]) => statement.startsWith("export"));
  const listed = lists.flatMap(([, , names = "", from = ""]) =>
    entriesOf(names).map(({ local, given }) => resolved(`${prefix}${given}`, local, target(file, from))),
  );
  const own = [...text.matchAll(OWN)].map(([, name = ""]) => resolved(`${prefix}${name}`, name, file));
  const starred = [...text.matchAll(STAR)].flatMap(([, namespace, from = ""]) =>
    publicNames(target(file, from), namespace === undefined ? prefix : `${prefix}${namespace}.`),
  );
  const seen = new Map([...listed, ...own, ...starred].map((declared) => [declared.path, declared]));
  return [...seen.values()];
}

/** The names that an object of imported functions holds: autograd, whose members no file exports together. */
export function importedNames(file: string, prefix: string): Declared[] {
  return [...read(file).matchAll(LIST)].flatMap(([, , names = "", from = ""]) =>
    entriesOf(names).map(({ local }) => resolved(`${prefix}${local}`, local, target(file, from))),
  );
}
