// An empty data folder of the embedded database, its tables made: a hub that starts for the first time need not make one, which takes
// twice the time and memory. It comes with the package; one of other migrations or of another database is not used.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";

export const MIGRATIONS: string = packageFile("hub-server", "db", "migrations");
export const TEMPLATE: string = packageFile("hub-server", "db", "template.tgz");
/** Says what the template was made of. */
export const TEMPLATE_KEY: string = `${TEMPLATE}.key`;

/** What makes a template another one: the versions of what writes it, and the migrations. */
export function templateKey(): string {
  const manifest: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(packageFile("package.json"), "utf8"),
  );
  const hash = createHash("sha256");
  for (const name of ["@electric-sql/pglite", "pg-boss"]) hash.update(`${name} ${manifest.dependencies[name]}\n`);
  for (const name of readdirSync(MIGRATIONS).sort())
    if (name.endsWith(".sql")) hash.update(`${name}\n`).update(readFileSync(join(MIGRATIONS, name)));
  return hash.digest("hex");
}

/** The template's path, where there is one that fits. */
export function usableTemplate(): string | undefined {
  try {
    return readFileSync(TEMPLATE_KEY, "utf8") === templateKey() ? TEMPLATE : undefined;
  } catch {
    return undefined;
  }
}
