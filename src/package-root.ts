// Where the package's own files lie, from the sources and from dist/ alike.
// Knows only that package.json marks the root.
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

let found: string | undefined;

/** Absolute path of a file shipped with the package, e.g. `packageFile("pipelines/defaults")`. */
export function packageFile(...parts: string[]): string {
  found ??= findRoot(dirname(fileURLToPath(import.meta.url)));
  return join(found, ...parts);
}

/**
 * Absolute path of one of its modules, for a thread that imports it: the source, or what it was built into. Each is an entry of its own
 * there (bin/bundle.mjs finds these calls), so that its exports keep their names.
 *
 * @param path without its ending, e.g. "src/data/dataset"
 */
export function packageModule(path: string): string {
  return IS_SOURCE ? packageFile(`${path}.ts`) : packageFile("dist", `${path}.js`);
}

/** Whether this runs from the sources, which takes what runs TypeScript. */
export const IS_SOURCE: boolean = import.meta.url.endsWith(".ts");

/**
 * The package's version.
 *
 * @example
 * ```ts
 * console.log(`Abrazo version: ${version}`); // Abrazo version: 0.1.0
 * ```
 */
export const version: string = readVersion();

function readVersion(): string {
  // safe because the package's own package.json has one
  return (JSON.parse(readFileSync(packageFile("package.json"), "utf8")) as { version: string }).version;
}

function findRoot(from: string): string {
  let folder = from;
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
