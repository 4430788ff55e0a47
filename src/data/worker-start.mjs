// First lines of a loader's worker: a thread starts without what runs TypeScript, even where the process has it.
// Plain JavaScript, so that it starts from the sources and from the package alike.
import { workerData } from "node:worker_threads";

if (workerData.typescript) {
  // Without tsx Node may know TypeScript by itself; otherwise the import below says what it does not know.
  const tsx = await import("tsx/esm/api").catch(() => undefined);
  tsx?.register();
}
await import(workerData.body);
