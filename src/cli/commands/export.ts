// abrazo export: an ONNX file beside the weights, for other runtimes.
import { suggestion } from "../../errors.ts";
import { defineCommand, UsageError } from "../command.ts";
import { formatBytes } from "../ui.ts";

const DTYPES = ["fp32", "fp16", "q8", "q4"] as const;

export const exportCommand = defineCommand({
  name: "export",
  summary:
    "Write onnx/model.onnx, or model_fp16, model_quantized (q8) or model_q4, for transformers.js and onnxruntime.",
  args: [{ name: "DIR", summary: "Folder of the model" }],
  flags: {
    dtype: { type: "string", value: DTYPES.join("|"), summary: "Precision; fp32 when left out" },
    out: { type: "string", value: "DIR", summary: "Folder to write onnx/ into; the model's when left out" },
  },
  examples: ["abrazo export ./model", "abrazo export ./model --dtype q8"],
  run: async ({ args: [folder = ""], flags, ui }) => {
    const dtype = DTYPES.find((name) => name === (flags.dtype ?? "fp32"));
    if (dtype === undefined)
      throw new UsageError({
        code: "USAGE",
        message: `--dtype is no "${flags.dtype}".`,
        hint: suggestion(flags.dtype ?? "", DTYPES),
      });
    const { exportModel } = await import("../../../pipelines/export.ts");
    const made = await exportModel(folder, { dtype, ...(flags.out !== undefined && { out: flags.out }) });
    ui.result(made, `${made.files.join("\n")} (${formatBytes(made.bytes)})`);
  },
});
