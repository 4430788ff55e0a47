// abrazo prune: a smaller model without the heads, neurons or layers that it needs least, measured beside the old one.
import { basename } from "node:path";
import { defineCommand, HUB_FLAGS, UsageError } from "../command.ts";

const share = (what: string, more = "") =>
  ({
    type: "number",
    least: 0,
    most: 0.99,
    value: "SHARE",
    summary: `Share of the ${what} to take out, e.g. 0.25${more}`,
  }) as const;

export const prune = defineCommand({
  name: "prune",
  summary: "Take out the heads, neurons or layers that a model needs least, and measure what that changes.",
  args: [{ name: "MODEL", summary: "Folder of the model, or NS/NAME" }],
  flags: {
    ...HUB_FLAGS,
    heads: share("attention heads", "; of BERT, its kin and GPT-2 Python's transformers 5 does not load what is left"),
    neurons: share("neurons of each feed-forward"),
    layers: { type: "number", whole: true, least: 0, summary: "How many whole layers to take out" },
    dataset: { type: "string", value: "FILE", summary: "Labelled examples, for a classifier: TSV, CSV or JSONL" },
    texts: { type: "string", value: "FILE", summary: "Texts, one a line, for a language model" },
    score: { type: "string", value: "FILE", summary: "Other examples to score on; the same when left out" },
    out: { type: "string", value: "DIR", summary: "Folder for the smaller model" },
    examples: { type: "number", whole: true, least: 2, summary: "Examples to choose by at most; 256 when left out" },
    "batch-tokens": {
      type: "number",
      whole: true,
      least: 1,
      summary: "Rows times length of a batch; 1024 when left out",
    },
    device: { type: "string", value: "cpu|webgpu|cuda|auto", summary: "Where to measure; cpu when left out" },
  },
  examples: [
    "abrazo prune ./my-model --heads 0.25 --neurons 0.5 --dataset reviews.tsv --score held-out.tsv --out ./smaller",
    "abrazo prune ana/stories --layers 2 --texts stories.txt --out ./smaller",
  ],
  run: async ({ args: [model = ""], flags, ui }) => {
    const { heads = 0, neurons = 0, layers = 0, dataset, texts, score, out } = flags;
    if (heads + neurons + layers === 0)
      throw usage("There is nothing to take out.", "Name --heads SHARE, --neurons SHARE, --layers N or several.");
    if ((dataset === undefined) === (texts === undefined))
      throw usage(
        "Pruning needs examples to measure on.",
        "Name --dataset FILE for a classifier, or --texts FILE for a language model.",
      );
    if (out === undefined) throw usage("--out is missing.", "Name the folder for the smaller model.");
    const { baseFolder, chooseDevice, requireDataset } = await import("./train/inputs.ts");
    for (const [flag, path] of Object.entries({ "--dataset": dataset, "--texts": texts, "--score": score }))
      if (path !== undefined) requireDataset(path, flag);
    const device = chooseDevice(flags.device);
    const { folder, baseModel } = await baseFolder(model, flags);
    const { describePruned, pruneFolder } = await import("../prune.ts");
    const { examples = 256, "batch-tokens": batchTokens = 1024 } = flags;
    const result = await pruneFolder({
      ...{ folder, out, heads, neurons, layers, dataset, texts, score },
      ...{ examples, batchTokens, device },
    });
    const lines = [
      ...describePruned(result, basename(baseModel.id)),
      `The model is in ${out}, with a card that says so.`,
    ];
    ui.result(result, lines.join("\n"));
  },
});

const usage = (message: string, hint: string): UsageError => new UsageError({ code: "USAGE", message, hint });
