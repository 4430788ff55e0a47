// dist/: each entry point of the package and the modules that they share, joined. A process that starts reads a dozen files in place of
// some five hundred, which was half of the time to a first result. Types come from tsc, beside them.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { build } from "esbuild";
import { root } from "./install.mjs";

const { dependencies, devDependencies, peerDependencies, exports, engines } = JSON.parse(
  readFileSync(join(root, "package.json"), "utf8"),
);
/** Compiled in, so that only what is used of it is loaded; its licence goes along. */
const JOINED = "zod";

const published = Object.values(exports).flatMap((entry) => (typeof entry === "string" ? [] : [entry.default]));
const sourceOf = (built) => built.replace("./dist/", "").replace(/\.js$/, ".ts");
/** Modules that threads import by their path: see packageModule in src/package-root.ts. */
const named = new Set();

const plugin = {
  name: "abrazo",
  setup({ onLoad }) {
    onLoad({ filter: /\/(src|pipelines|hub-server|model-cards)\/.*\.tsx?$/ }, async ({ path }) => {
      const text = await readFile(path, "utf8");
      for (const [, module] of text.matchAll(/packageModule\("([^"]+)"\)/g)) named.add(`${module}.ts`);
      // As an object `z` holds every language that zod speaks; as a namespace, what is used of it.
      const contents = text.replace('import { z } from "zod";', 'import * as z from "zod";');
      return { contents, loader: path.endsWith("x") ? "tsx" : "ts" };
    });
  },
};

const bundle = (entryPoints) =>
  build({
    absWorkingDir: root,
    entryPoints,
    outdir: "dist",
    outbase: ".",
    chunkNames: "chunks/[name]-[hash]",
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "node",
    target: `node${engines.node.replace(/[^\d.]/g, "")}`,
    external: Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies }).filter(
      (name) => name !== JOINED,
    ),
    plugins: [plugin],
    // Names of classes are printed, and found by threads.
    keepNames: true,
    minifyWhitespace: true,
    minifySyntax: true,
    minifyIdentifiers: true,
    sourcemap: true,
    sourcesContent: false,
    logLevel: "warning",
    // Written below: who runs what is there already must not meet a file that is half written, or find one gone.
    write: false,
  });

const entries = [...published.map(sourceOf), "src/cli/main.ts"];
// The first pass finds what is named, the second makes entries of it.
await bundle(entries);
const { outputFiles } = await bundle([...entries, ...named]);
for (const { path, contents } of outputFiles) {
  if (existsSync(path) && readFileSync(path).equals(contents)) continue;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(`${path}.${process.pid}`, contents);
  renameSync(`${path}.${process.pid}`, path);
}
const chunks = join(root, "dist", "chunks");
const written = new Set(outputFiles.map(({ path }) => path));
for (const name of readdirSync(chunks)) if (!written.has(join(chunks, name))) rmSync(join(chunks, name));
mkdirSync(join(root, "dist", "licenses"), { recursive: true });
cpSync(join(root, "node_modules", JOINED, "LICENSE"), join(root, "dist", "licenses", JOINED));
