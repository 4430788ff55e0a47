// Where third-party test data lies. Tests that need it skip with a reason when it is absent.
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { packageFile } from "../../src/package-root.ts";

const root = resolve(packageFile(), process.env["ABRAZO_DATA"] ?? "../shared/data");

/** The path of a file under ABRAZO_DATA (default ../shared/data), or undefined when it is not there. */
export function dataPath(...parts: string[]): string | undefined {
  const path = join(root, ...parts);
  return existsSync(path) ? path : undefined;
}
