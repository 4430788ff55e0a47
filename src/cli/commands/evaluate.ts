// abrazo evaluate: figures of a classifier, printed and kept in its record.
import { defineCommand, UsageError } from "../command.ts";
import { describeEvaluation } from "../describe.ts";

export const evaluate = defineCommand({
  name: "evaluate",
  summary: "Measure a classifier on a file, and keep the figures in its training-record.json for the card.",
  args: [{ name: "DIR", summary: "Folder of the model" }],
  flags: {
    dataset: { type: "string", value: "FILE", summary: "Labelled examples: TSV, CSV or JSONL" },
    name: { type: "string", value: "WORDS", summary: "What the card calls the data; the file's name when left out" },
    id: { type: "string", value: "NS/NAME", summary: "The data's repository, for the card" },
    split: { type: "string", value: "WORD", summary: "Part of the data, e.g. validation" },
    quantized: { type: "boolean", summary: "Measure onnx/model_quantized.onnx through transformers.js" },
    counterfactuals: {
      type: "string",
      value: "FILE",
      summary: "Sentences that differ in the group alone: how often the label flips",
    },
  },
  examples: [
    "abrazo evaluate ./model --dataset dev.tsv --name SST-2 --split validation",
    "abrazo evaluate ./model --counterfactuals counterfactual_sentiment.tsv",
  ],
  run: async ({ args: [folder = ""], flags, ui }) => {
    if (flags.dataset === undefined && flags.counterfactuals === undefined) {
      throw new UsageError({
        code: "USAGE",
        message: "There is nothing to measure on.",
        hint: "Name --dataset FILE, --counterfactuals FILE or both.",
      });
    }
    const { evaluateModel } = await import("../evaluate.ts");
    const measured = await evaluateModel({ ...flags, folder, quantized: flags.quantized === true });
    const lines = [
      ...measured.evaluations.map(describeEvaluation),
      ...(measured.bias?.groups ?? []).map(
        ({ attribute, sets, flipped, rate }) =>
          `${attribute}: ${flipped} of ${sets} sets change their label with the group (${(100 * rate).toFixed(1)} %)`,
      ),
      measured.recorded
        ? `Kept in ${folder}/training-record.json; abrazo card ${folder} puts it into the card.`
        : `Not kept: ${folder} has no training-record.json.`,
    ];
    ui.result(measured, lines.join("\n"));
  },
});
