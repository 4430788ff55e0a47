// Exported models in Python's onnxruntime: they load, take what their configs say, and give our logits.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { exportModel } from "../../pipelines/index.ts";
import { loadPretrained } from "../../src/models/auto.ts";
import { INPUT_NAMES, OUTPUT_NAMES } from "../../src/models/inputs.ts";
import { packageFile } from "../../src/package-root.ts";
import { noGrad, tensor } from "../../src/tensor/index.ts";
import { MODEL_CASES, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";
import { ClientHome, describeClients } from "./python.ts";

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

/** A model's files with the inputs of a case, an encoder's states going into its decoder; every output of the last. */
const RUN_FILES = `
  import numpy
  import onnxruntime
  known = {name: numpy.array(rows, dtype=numpy.float32 if name == "pixel_values" else numpy.int64) for name, rows in inputs.items()}
  for path in files:
      session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
      if "encoder_hidden_states" in [given.name for given in session.get_inputs()]:
          known = {
              "encoder_hidden_states": found["last_hidden_state"], "encoder_attention_mask": known["attention_mask"],
              "input_ids": known["decoder_input_ids"],
          }
      feeds = {}
      for given in session.get_inputs():
          if given.name in known:
              feeds[given.name] = known[given.name]
          elif given.name == "position_ids":
              ids = known["input_ids"]
              feeds[given.name] = numpy.broadcast_to(numpy.arange(ids.shape[1]), ids.shape).astype(numpy.int64)
          else:
              past = [len(known["input_ids"]), given.shape[1], 0, given.shape[-1]]
              feeds[given.name] = numpy.zeros(past, dtype=numpy.float32)
      names = [output.name for output in session.get_outputs()]
      found = dict(zip(names, session.run(names, feeds)))
  result = {name: found[name].ravel().tolist() for name in wanted}
`;

/** Shares of the largest value that results in fewer bits may differ by. */
const CASES = [
  ["RobertaForQuestionAnswering", {}, 1e-4],
  ["LlamaForCausalLM", {}, 1e-4],
  ["T5ForConditionalGeneration", {}, 1e-4],
  ["ViTForImageClassification", {}, 1e-4],
  ["T5ForConditionalGeneration", { maxFileSize: 8192 }, 1e-4],
  ["LlamaForCausalLM", { dtype: "fp16" }, 0.01],
  ["T5ForConditionalGeneration", { dtype: "q8" }, 0.1],
  ["ViTForImageClassification", { dtype: "q4" }, 0.15],
] as const;

describeClients("onnxruntime", () => {
  let root: string;
  let home: ClientHome;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), "abrazo-export-"));
    home = await ClientHome.make("http://127.0.0.1:9");
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

  it.each(CASES)("runs %s with %o as transformers runs it", async (name, options, share) => {
    const row = MODEL_CASES.find(({ config, note }) => config.architectures[0] === name && note === "");
    if (row === undefined) throw new Error(`no case of ${name}`);
    const { files } = await exportModel(await writeCheckpoint(row, await mkdtemp(join(root, "case-"))), options);
    const wire = <Value>(names: Readonly<Record<string, string>>, values: Readonly<Record<string, Value>>) =>
      Object.fromEntries(Object.entries(values).map(([key, value]) => [names[key] ?? key, value]));
    const outputs = wire(OUTPUT_NAMES, row.outputs);
    const given = {
      files: files.filter((file) => file.endsWith(".onnx")),
      ...{ inputs: wire(INPUT_NAMES, row.inputs), wanted: Object.keys(outputs) },
    };
    const theirs = await home.python().run<Record<string, number[]>>(RUN_FILES, given);
    for (const [output, { data }] of Object.entries(outputs)) {
      const differences = data.map((value, at) => Math.abs(value - (theirs[output]?.[at] ?? Number.NaN)));
      expect(Math.max(...differences) / Math.max(...data.map(Math.abs)), output).toBeLessThan(share);
    }
  });
});
