// Makes hub-server/db/template.tgz (see template.ts beside it), unless there is one that fits. Part of the package.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PGlite } from "@electric-sql/pglite";
import { openDatabase } from "../hub-server/db/client.ts";
import { TEMPLATE, TEMPLATE_KEY, templateKey, usableTemplate } from "../hub-server/db/template.ts";
import { startQueue } from "../hub-server/queue.ts";

if (usableTemplate() === undefined) {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-template-"));
  try {
    const { db, close } = await openDatabase({ folder });
    const queue = await startQueue(db, {});
    await queue.close();
    await close();
    const database = await PGlite.create(join(folder, "postgres"));
    await database.exec("CHECKPOINT");
    const dump = await database.dumpDataDir("gzip");
    await database.close();
    // Whoever reads the key finds its template, also beside another process that makes one.
    const part = `${TEMPLATE}.${process.pid}`;
    writeFileSync(part, Buffer.from(await dump.arrayBuffer()));
    rmSync(TEMPLATE_KEY, { force: true });
    renameSync(part, TEMPLATE);
    writeFileSync(TEMPLATE_KEY, templateKey());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
