// abrazo export and quantize: ONNX files beside the weights, for other runtimes.
import { suggestion } from "../../errors.ts";
import { defineCommand, UsageError } from "../command.ts";
import { formatBytes } from "../ui.ts";

const DTYPES = ["fp32", "fp16", "q8", "q4"] as const;
const FEWER_BITS = ["fp16", "q8", "q4"] as const;

const FLAGS = {
  out: { type: "string", value: "DIR", summary: "Folder to write onnx/ into; the model's when left out" },
} as const;

export const exportCommand = defineCommand({
  name: "export",
  summary:
    "Write onnx/model.onnx, or model_fp16, model_quantized (q8) or model_q4, for transformers.js and onnxruntime.",
  args: [{ name: "DIR", summary: "Folder of the model" }],
  flags: {
    dtype: { type: "string", value: DTYPES.join("|"), summary: "Precision; fp32 when left out" },
    ...FLAGS,
  },
  examples: ["abrazo export ./model", "abrazo export ./model --dtype q8"],
  run: async ({ args: [folder = ""], flags, ui }) => {
    const dtype = chosen(flags.dtype ?? "fp32", DTYPES);
    const { exportModel } = await import("../../../pipelines/export.ts");
    const made = await exportModel(folder, { dtype, ...(flags.out !== undefined && { out: flags.out }) });
    ui.result(made, describe(made));
  },
});

export const quantize = defineCommand({
  name: "quantize",
  summary: "Write a model in fewer bits, as abrazo export does, and measure what that changes.",
  args: [{ name: "DIR", summary: "Folder of the model" }],
  flags: {
    dtype: { type: "string", value: FEWER_BITS.join("|"), summary: "Precision; q8 when left out" },
    ...FLAGS,
    texts: { type: "string", value: "FILE", summary: "Texts, one a line: how far a classifier's answers change" },
  },
  examples: ["abrazo quantize ./model --dtype q4", "abrazo quantize ./model --texts reviews.txt"],
  run: async ({ args: [folder = ""], flags, ui }) => {
    const dtype = chosen(flags.dtype ?? "q8", FEWER_BITS);
    const { quantizeFolder } = await import("../quantize.ts");
    const made = await quantizeFolder({ folder, dtype, out: flags.out, texts: flags.texts });
    const { change } = made;
    const measured =
      change === undefined
        ? []
        : [
            `${(100 * change.agreement).toFixed(1)} % of ${change.texts} texts keep their label`,
            `logits differ by ${change.meanDifference.toFixed(4)} in the mean, ${change.largestDifference.toFixed(4)} at most`,
          ];
    ui.result(made, [describe(made), ...measured].join("\n"));
  },
});

const describe = ({ files, bytes }: { files: readonly string[]; bytes: number }): string =>
  `${files.join("\n")} (${formatBytes(bytes)})`;

function chosen<Name extends string>(given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found !== undefined) return found;
  throw new UsageError({ code: "USAGE", message: `--dtype is no "${given}".`, hint: suggestion(given, names) });
}
