// Chapter 3, setup: installing, the version, the seed.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { defaultGenerator, Generator, manualSeed, rand, randn, version } from "../../src/tensor/index.ts";

it("seed/0-01 one command installs; what is optional is said", () => {
  const readme = readFileSync(packageFile("README.md"), "utf8");
  expect(readme).toMatch(/npm install abrazo\b/);
  const { name, optionalDependencies, peerDependencies } = JSON.parse(
    readFileSync(packageFile("package.json"), "utf8"),
  );
  expect(name).toBe("abrazo");
  for (const optional of Object.keys({ ...optionalDependencies, ...peerDependencies }))
    expect(readme).toContain(optional);
});

it("seed/0-02 the version is a string to print", () => {
  expect(`Abrazo version: ${version}`).toMatch(/^Abrazo version: \d+\.\d+\.\d+/);
  expect(version).toBe(JSON.parse(readFileSync(packageFile("package.json"), "utf8")).version);
});

it("seed/0-03 manualSeed gives the default generator back", () => {
  const generator = manualSeed(7);
  expect(generator).toBe(defaultGenerator);
  expect(generator).toBeInstanceOf(Generator);
  expect(generator.initialSeed()).toBe(7n);
  expect(() => manualSeed(1.5)).toThrow("manual_seed expected a long, but got 1.5");
});

it("seed/0-04 the same seed gives the same numbers", () => {
  const draw = () => {
    manualSeed(7);
    return [...rand([5]).dataSync(), ...randn([20]).dataSync()];
  };
  expect(draw()).toEqual(draw());
  const own = new Generator(7);
  expect([...rand([5], { generator: own }).dataSync()]).toEqual(draw().slice(0, 5));
});
