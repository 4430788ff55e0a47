// Runs the examples of the documentation and holds them to the results that they show.
// Knows no example: what an example needs that is not here, it says itself.
import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { agrees, type Example, examplesOf, moduleOf, show, sourceFiles, type Watch } from "./examples.ts";
import { read } from "./exports.ts";

/** What an example may need that this test has not. */
const NEEDS = ["needs a hub", "needs a GPU", "needs files"];

const TSC = packageFile("node_modules", "typescript", "bin", "tsc");
const SETTINGS = {
  rootDir: packageFile(),
  typeRoots: [packageFile("node_modules", "@types")],
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: false,
};

const all = sourceFiles().map((file) => ({ file, examples: examplesOf(file) }));
const files = all.filter(({ examples }) => examples.some(({ needs }) => needs === undefined));
const moduleName = (file: string): string => file.replaceAll("/", "-");
const modules = packageFile(".cache", `examples-${process.pid}`);
const work = mkdtempSync(join(tmpdir(), "abrazo-examples-"));
const home = process.cwd();

beforeAll(() => {
  mkdirSync(modules, { recursive: true });
  for (const { file, examples } of all) {
    if (examples.length > 0) writeFileSync(join(modules, moduleName(file)), moduleOf(file, examples));
  }
  // The model that ships with the package is found under the path that it has in the repository.
  const shipped = join("pipelines", "defaults");
  cpSync(packageFile(shipped), join(work, shipped), { recursive: true });
  process.chdir(work);
});

afterAll(() => {
  process.chdir(home);
  for (const folder of [modules, work]) rmSync(folder, { recursive: true, force: true });
});

const asText = (value: unknown): string => (typeof value === "string" ? value : show(value));

/** Runs an example; the lines whose result is another than they say, and how many said one. */
async function outcome(run: (watch: Watch) => Promise<void>): Promise<{ wrong: string[]; claims: number }> {
  const wrong: string[] = [];
  let claims = 0;
  let output: string[] = [];
  const compare = (line: number, claim: string, ...texts: string[]): void => {
    claims++;
    if (!texts.some((text) => agrees(claim, text))) wrong.push(`line ${line} says ${claim} and gives ${texts[0]}`);
  };
  await run({
    see(line, claim, value) {
      const texts = value === undefined && output.length > 0 ? [output.join(" ")] : [show(value), asText(value)];
      compare(line, claim, ...texts.slice(0, claim.includes("\n") ? 2 : 1));
      output = [];
    },
    printed(line, claim) {
      compare(line, claim.replace(/^prints (?:nothing)?/, ""), output.join(" "));
      output = [];
    },
    async throws(line, claim, attempt) {
      const thrown: unknown = await attempt().then(
        () => "nothing",
        (error: unknown) => error,
      );
      compare(line, claim.slice("throws ".length), String(Object(thrown).message ?? thrown));
    },
    console: { log: (...values) => void output.push(values.map(asText).join(" ")) },
  });
  return { wrong, claims };
}

describe("examples", () => {
  it("takes decimals as far as they are written, whole numbers and words as they are", () => {
    expect(agrees("[0.25, 3]", "[0.2499, 3]")).toBe(true);
    expect(agrees("[0.25, 3]", "[0.2499, 4]")).toBe(false);
    expect(agrees("0.53…", "0.5399")).toBe(true);
    expect(agrees("0.53…", "0.5299")).toBe(false);
    expect(agrees('{ a: "x" }', '{ a: "y" }')).toBe(false);
    expect(agrees("", "1")).toBe(false);
  });

  it("is a block of code after its tag", () => {
    const odd = all.filter(({ file, examples }) => read(file).split("* @example").length - 1 !== examples.length);
    expect(odd.map(({ file }) => file)).toEqual([]);
  });

  it("says what it needs where it does not run", () => {
    const odd = all
      .flatMap(({ examples }) => examples)
      .filter(({ needs }) => needs !== undefined && !NEEDS.includes(needs))
      .map(({ file, line, needs }) => `${file}:${line} ${needs}`);
    expect(odd).toEqual([]);
  });

  it("holds to the types, also where it does not run", () => {
    const settings = { extends: packageFile("test", "tsconfig.json"), compilerOptions: SETTINGS, include: ["*.ts"] };
    const path = join(modules, "tsconfig.json");
    writeFileSync(path, JSON.stringify(settings));
    const { stdout } = spawnSync(process.execPath, [TSC, "-p", path], { encoding: "utf8" });
    expect(stdout).toBe("");
  });

  describe.each(files)("$file", ({ file, examples }) => {
    const runnable = examples.filter(({ needs }) => needs === undefined);

    it.each(runnable.map((example) => [example.line, example] as const))("line %i", async (line, _: Example) => {
      const module: Record<string, (watch: Watch) => Promise<void>> = await import(join(modules, moduleName(file)));
      const { wrong, claims } = await outcome(module[`line${line}`] ?? (() => Promise.reject(new Error("no example"))));
      expect(wrong).toEqual([]);
      expect(claims, "an example shows at least one result").toBeGreaterThan(0);
    });
  });
});
