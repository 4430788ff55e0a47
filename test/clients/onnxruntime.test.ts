// Exported models in Python's onnxruntime: they load, take what their configs say, and give our logits.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exportModel } from "../../pipelines/index.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { noGrad, tensor } from "../../src/tensor/index.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";
import { describeClients, PythonHome } from "./python.ts";

const IDS = [
  [2, 9, 14, 7, 3],
  [2, 11, 5, 20, 3],
];
/** Every input that the file names: the ids, what goes with them, and a past of no tokens. */
const RUN = `
  import numpy
  import onnxruntime
  session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
  ids = numpy.array(ids, dtype=numpy.int64)
  known = {
      "input_ids": ids, "attention_mask": numpy.ones_like(ids), "token_type_ids": numpy.zeros_like(ids),
      "position_ids": numpy.broadcast_to(numpy.arange(ids.shape[1]), ids.shape),
  }
  feeds = {}
  for given in session.get_inputs():
      past = [len(ids), given.shape[1], 0, given.shape[-1]]
      feeds[given.name] = known[given.name] if given.name in known else numpy.zeros(past, dtype=numpy.float32)
  result = session.run(["logits"], feeds)[0].ravel().tolist()
`;

describeClients("onnxruntime", () => {
  let root: string;
  let home: PythonHome;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "abrazo-export-"));
    home = await PythonHome.make("http://127.0.0.1:9");
  });
  afterAll(async () => {
    await home?.remove();
    await rm(root, { recursive: true, force: true });
  });

  it.each([
    ["the shipped classifier", async () => packageFile("pipelines", "defaults", "text-classification")],
    ["bert", () => tinyClassifier(join(root, "bert"), { modelType: "bert" })],
    ["gpt2", () => tinyLanguageModel(join(root, "gpt2"))],
  ])("runs %s", async (name, make) => {
    const folder = await make();
    const { path } = await exportModel(folder, { out: join(root, "out", name) });
    const theirs = await home.python().run<number[]>(RUN, { path, ids: IDS });
    const model = await loadPretrained(folder);
    const inputs = { inputIds: tensor(IDS), attentionMask: tensor(IDS.map((row) => row.map(() => 1))) };
    const expected = Array.from(await noGrad(() => model(inputs)).logits.data(), Number);
    expect(theirs).toHaveLength(expected.length);
    const differences = expected.map((value, at) => Math.abs(value - (theirs[at] ?? Number.NaN)));
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });
});
