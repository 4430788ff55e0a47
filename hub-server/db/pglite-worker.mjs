// PGlite in a thread of its own, behind a socket that speaks Postgres's protocol on loopback.
// Plain JavaScript: a worker starts without the loader that runs the sources.
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { PGlite } from "@electric-sql/pglite";
import { PGLiteSocketServer } from "@electric-sql/pglite-socket";

const { folder, template } = workerData;
const db = await PGlite.create(folder, template ? { loadDataDir: new Blob([readFileSync(template)]) } : {});
const server = new PGLiteSocketServer({ db, host: "127.0.0.1", port: 0, maxConnections: 1 });
const listening = new Promise((resolve) => server.addEventListener("listening", (event) => resolve(event.detail)));
await server.start();
const { port } = await listening;
parentPort.postMessage({ port });

parentPort.on("message", async () => {
  await server.stop();
  await db.close();
  parentPort.postMessage("closed");
  parentPort.close();
});
