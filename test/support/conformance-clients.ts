// The clients that make the checks: how a test's source shows which it uses, which versions it asks for, and which are installed.
// Knows no check.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";

export interface Client {
  name: string;
  /** As the repository asks for it: the same wherever the tests run. */
  pinned(): string;
  /** As it is installed where this runs; undefined where it is not. */
  installed(): string | undefined;
  /** Whether a check whose text this is, in a file of this source, is made with it. */
  makes(source: string, text: string): boolean;
  /** Whether it made the test with these titles above it, where a check is made with each of several versions. */
  runs(ancestors: readonly string[]): boolean;
}

const always = () => true;

/** A package for Python, by what the environments' files of requirements say and by what is in them. */
function python(name: string, requirements: string, environment: string, version?: string) {
  const asked = () => {
    const text = readFileSync(packageFile("test", "clients", requirements), "utf8");
    const [, wanted] = new RegExp(`^${name}==([\\d.]+)\\.\\*$`, "m").exec(text) ?? [];
    return `${name} ${wanted}`;
  };
  return {
    name: version === undefined ? name : `${name} ${version}`,
    pinned: asked,
    installed: () => {
      const found = sitePackages(environment).flatMap((entry) => /^(.+)-([\d.]+)[^-]*\.dist-info$/.exec(entry) ?? []);
      const at = found.indexOf(name.replace("-", "_"));
      return at < 0 ? undefined : `${name} ${found[at + 1]}`;
    },
  };
}

function sitePackages(environment: string): string[] {
  const lib = packageFile(".cache", environment, "lib");
  const versions = existsSync(lib) ? readdirSync(lib) : [];
  const folders = versions.map((each) => join(lib, each, "site-packages")).filter(existsSync);
  return folders.flatMap((folder) => readdirSync(folder));
}

/** A package for JavaScript, whose version the lock file holds. */
function javascript(name: string, module: string) {
  const version = () => {
    const path = packageFile("node_modules", module, "package.json");
    const read: { version: string } = JSON.parse(readFileSync(path, "utf8"));
    return `${name} ${read.version}`;
  };
  return { name, pinned: version, installed: version };
}

/** A program of the machine, by what it says of its version. */
function program(name: string, ...command: readonly [program: string, ...args: string[]]) {
  const [file, ...args] = command;
  return {
    name,
    pinned: () => name,
    installed: () => {
      const { status, stdout, stderr } = spawnSync(file, args, { encoding: "utf8" });
      const [version] = /\d+(\.\d+)+/.exec(`${stdout}${stderr}`) ?? [];
      return status === 0 ? `${name} ${version}` : undefined;
    },
  };
}

const inPython = (source: string) => source.includes("describeVersions(");
/** Names that a source imports from a module, as JavaScript or inside of Python. */
function importedFrom(module: string, source: string): string[] {
  const lines = [
    ...source.matchAll(new RegExp(`import (?:\\* as (\\w+)|\\{([^}]*)\\}) from "${module}"`, "g")),
    ...source.matchAll(new RegExp(`^ *from ${module}(?:\\.\\w+)* import()([\\w, ]+)$`, "gm")),
  ];
  return lines
    .flatMap(([, whole, parts = ""]) => [whole ?? "", ...parts.split(",")])
    .map((name) => name.trim().replace(/^type /, ""))
    .filter((name) => /^\w+$/.test(name));
}
const uses = (module: string) => (source: string, text: string) =>
  importedFrom(module, source).some((name) => new RegExp(`\\b${name}\\b`).test(text));

const GIT = /\bgit\.(?:ok|run|commit)\(|\bclone\(|run\("git"/;
/** What shows that Python's Xet client did it, which nobody calls by name. */
const XET = /\bhf_xet\b|\bby Xet\b|\bXet file\b|\/cas\/|xet-(?:read|write)-token/;
/** Clients whose calls a check makes in their place: those that are not installed here, and those that npm test does without. */
const ABSENT = /^(?:a replay of |git-xet|huggingface_hub 0\.)/;
/** Those of native-setup.ts, which a check names. */
const native = (name: RegExp) => (source: string, text: string) =>
  source.includes('inject("native")') && name.test(text);
const usesGit = (_: string, text: string) => GIT.test(text);
const version = (number: string) => (ancestors: readonly string[]) =>
  ancestors.some((title) => title.includes(`huggingface_hub ${number}`));

const REAL: readonly Client[] = [
  {
    ...python("huggingface_hub", "requirements.txt", "python-clients", "1.33"),
    makes: inPython,
    runs: version("1.33"),
  },
  {
    ...python("huggingface_hub", "requirements-2.txt", "python-clients-2", "2.0"),
    makes: inPython,
    runs: version("2.0"),
  },
  {
    ...python("hf-xet", "requirements.txt", "python-clients"),
    makes: (source, text) => inPython(source) && XET.test(text) && !text.includes("HF_HUB_DISABLE_XET"),
    runs: always,
  },
  {
    ...python("transformers", "requirements.txt", "python-clients"),
    makes: (source, text) => inPython(source) && uses("transformers")(source, text),
    runs: always,
  },
  {
    ...python("datasets", "requirements.txt", "python-clients"),
    makes: (source, text) => inPython(source) && uses("datasets")(source, text),
    runs: always,
  },
  {
    ...javascript("@huggingface/hub", "@huggingface/hub"),
    makes: (source, text) =>
      uses("@huggingface/hub")(source, text) && !ABSENT.test(text) && !source.includes('inject("native")'),
    runs: always,
  },
  {
    ...javascript("transformers.js", "@huggingface/transformers"),
    makes: (source, text) =>
      uses("@huggingface/transformers")(source, text) || (/transformers\.js/.test(text) && /CHROMIUM/.test(source)),
    runs: always,
  },
  {
    ...program("Chromium", process.env["CHROMIUM_PATH"] ?? "/usr/bin/chromium", "--version"),
    makes: (source) => /playwright-core"/.test(source),
    runs: always,
  },
  {
    ...program("llama.cpp", packageFile(".cache", "native-clients", "bin", "llama-completion"), "--version"),
    makes: native(/\bllama\(/),
    runs: always,
  },
  ...(["0.4", "1.0"] as const).map((number) => ({
    name: `hf-hub ${number} (Rust)`,
    pinned: () => `hf-hub ${number} (Rust)`,
    installed: () =>
      existsSync(packageFile(".cache", "native-clients", ".made")) ? `hf-hub ${number} (Rust)` : undefined,
    makes: native(new RegExp(`^hf-hub ${number.replace(".", "\\.")}`)),
    runs: always,
  })),
  { ...program("git", "git", "--version"), makes: usesGit, runs: always },
  { ...program("git-lfs", "git", "lfs", "version"), makes: usesGit, runs: always },
];

const REPLAY: Client = {
  name: "replay",
  pinned: () => "replay",
  installed: () => "replay",
  makes: (source, text) => ABSENT.test(text) || !REAL.some((client) => client.makes(source, text)),
  runs: always,
};

export const CLIENTS: readonly Client[] = [...REAL, REPLAY];

/** The clients that make a check: its text is its title and its body. */
export const clientsOf = (source: string, text: string): readonly Client[] =>
  CLIENTS.filter((client) => client.makes(source, text));
