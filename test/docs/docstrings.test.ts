// Every public name says what it is, and what can be called shows a call with its result.
// Whether the results are true is what examples.test.ts finds out.
import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import * as abrazo from "../../src/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { aliasMethods } from "../../src/tensor/methods/aliases.ts";
import { METHODS } from "../../src/tensor/methods.ts";
import { sourceFiles } from "./examples.ts";
import { commentBefore, type Declared, importedNames, publicNames, read } from "./exports.ts";

const names = [...publicNames("src/index.ts"), ...importedNames("src/tensor/autograd-namespace.ts", "autograd.")];

/** What is written before the first tag. */
const description = (doc: string): string => (doc.split(/^@/m)[0] ?? "").trim();

const saysSomething = (doc: string | undefined): boolean =>
  doc !== undefined && /\S{2,}.*\.(?:\s|$)/s.test(description(doc));

function valueAt(path: string): unknown {
  return path.split(".").reduce<unknown>((holder, name) => (Object(holder) as Record<string, unknown>)[name], abrazo); // safe because a missing name gives undefined
}

function isCallable({ path, kind }: Declared): boolean {
  if (kind === "function" || kind === "class") return true;
  return kind === "const" && typeof valueAt(path) === "function";
}

describe("docstrings", () => {
  it("finds the public names", () => {
    const paths = names.map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(["tensor", "nn.Linear", "nn.functional.pad", "nn.init.eye_"]));
    expect(paths).toEqual(expect.arrayContaining(["optim.lrScheduler.StepLR", "data.transforms.Compose", "linalg.qr"]));
    expect(paths.length).toBeGreaterThan(500);
  });

  it("every public name has a sentence", () => {
    const silent = names.filter(({ doc }) => !saysSomething(doc)).map(({ path, file }) => `${path} (${file})`);
    expect(silent).toEqual([]);
  });

  it("every public function and class has an example, but for second names", () => {
    const bare = names
      .filter(isCallable)
      .filter(({ doc }) => !doc?.includes("@example"))
      .map(({ path, file }) => `${path} (${file})`);
    expect(bare).toEqual([]);
  });
});

describe("errors in docstrings", () => {
  it("every code that a comment names is one that the library raises", () => {
    const texts = sourceFiles().map((file) => ({ file, text: read(file) }));
    const raised = new Set(
      texts.flatMap(({ text }) => [...text.matchAll(/"([A-Z]+(?:_[A-Z]+)*)"/g)].map(([, code]) => code)),
    );
    const named = texts.flatMap(({ file, text }) =>
      [...text.matchAll(/@throws ([^@]*?)(?=\n\s*\*\s*(?:\n|\/|@)|\*\/)/g)].flatMap(([, said = ""]) =>
        [...said.matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b|(?<=; |^)[A-Z]{4,}\b/g)].map(([code]) => ({ file, code })),
      ),
    );
    expect(named.length).toBeGreaterThan(100);
    expect(named.filter(({ code }) => !raised.has(code))).toEqual([]);
  });
});

/** The members of an object literal of methods, with the comments above them. */
function methodComments(): Map<string, string | undefined> {
  const files = readdirSync(packageFile("src", "tensor", "methods")).map((name) => `src/tensor/methods/${name}`);
  const found = new Map<string, string | undefined>();
  for (const file of [...files, "src/tensor/methods.ts"]) {
    const text = read(file);
    for (const member of text.matchAll(/^ {2}(?:async )?(\w+)(?:\(|,$|:)/gm)) {
      const [, name = ""] = member;
      const own = new RegExp(`^(?:async )?function ${name}\\b`, "m").exec(text);
      const doc = commentBefore(text, member.index) ?? (own === null ? undefined : commentBefore(text, own.index));
      if (doc !== undefined || !found.has(name)) found.set(name, doc);
    }
  }
  return found;
}

describe("methods of Tensor", () => {
  it("every method has a sentence, but for twins that write what the method without underscore gives, and second names", () => {
    const comments = methodComments();
    const silent = Object.keys(METHODS).filter((name) => {
      if (name in aliasMethods) return false;
      if (name.endsWith("_") && name.slice(0, -1) in METHODS) return false;
      return !saysSomething(comments.get(name));
    });
    expect(silent).toEqual([]);
  });
});

/** Methods and getters of a class as they stand in its text; what a base class documents is left out. */
function silentMembers({ path, file }: Declared): string[] {
  const text = read(file);
  const name = path.split(".").at(-1);
  const from = new RegExp(`^export (?:abstract )?class ${name}\\b`, "m").exec(text)?.index ?? text.length;
  const body = text.slice(0, from + text.slice(from).search(/^\}/m));
  const members = [...body.matchAll(/^ {2}(?:static )?(?:async )?(?:get )?(\w+)(?:<.*>)?\(/gm)];
  const told = new Map<string, boolean>();
  for (const member of members.filter(({ index }) => index > from)) {
    const [, of = ""] = member;
    told.set(of, told.get(of) === true || saysSomething(commentBefore(body, member.index)));
  }
  const isExempt = (of: string): boolean =>
    of === "constructor" || of === "forward" || told.get(of.replace(/Sync$/, "")) === true;
  return [...told.keys()].filter((of) => told.get(of) !== true && !isExempt(of)).map((of) => `${path}.${of}`);
}

describe("methods of classes", () => {
  it("every public method has a sentence, but for forward, and twins that end in Sync", () => {
    expect(names.filter(({ kind }) => kind === "class").flatMap(silentMembers)).toEqual([]);
  });
});
