// The thread that reads texts of strangers, one after the other. Says when it is ready, so that loading is not taken for reading.
import { parentPort } from "node:worker_threads";
import { type Inputs, WORK, type Work } from "./work.ts";

const run = <Kind extends Work>(work: Kind, input: Inputs[Kind]) => WORK[work](input);

parentPort?.on("message", async <Kind extends Work>({ work, input }: { work: Kind; input: Inputs[Kind] }) => {
  parentPort?.postMessage({ result: await run(work, input) });
});
parentPort?.postMessage("ready");
