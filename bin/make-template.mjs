// Makes hub-server/db/template.tgz: an empty data folder of the embedded Postgres, so that the first start of a hub need
// not initialise one (that takes longer, and twice the memory). Part of the package; made anew when PGlite changes.
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PGlite } from "@electric-sql/pglite";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const path = join(root, "hub-server", "db", "template.tgz");
const made = `${path}.version`;
const manifest = readFileSync(join(root, "node_modules", "@electric-sql", "pglite", "package.json"), "utf8");
const { version } = JSON.parse(manifest);

if (!existsSync(path) || !existsSync(made) || readFileSync(made, "utf8") !== version) {
  const db = await PGlite.create();
  await db.query("SELECT 1");
  const dump = await db.dumpDataDir("gzip");
  await db.close();
  writeFileSync(`${path}.part`, Buffer.from(await dump.arrayBuffer()));
  renameSync(`${path}.part`, path);
  writeFileSync(made, version);
}
