// What a model of any architecture is called with: whatever else it is given is an error that names what is missing.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { fromConfig, loadClass } from "../../src/models/auto.ts";
import { ARCHITECTURES } from "../../src/models/index.ts";
import { Generator, tensor } from "../../src/tensor/index.ts";
import { MODEL_CASES, writeCheckpoint } from "../support/model-goldens.ts";

const sizes = { vocab_size: 8, dim: 4, n_layers: 1, n_heads: 1, hidden_dim: 4 };
const config = { model_type: "distilbert", architectures: ["DistilBertForSequenceClassification"], ...sizes };

describe("a model refuses", () => {
  const model = fromConfig(config, new Generator(0)).eval() as unknown as (...given: unknown[]) => unknown; // safe because a test gives it anything
  const ids = tensor([[1, 2]]);

  it.each([
    ["nothing", []],
    ["a tensor", [ids]],
    ["a list", [[ids]]],
    ["text", ["a film"]],
  ] as const)("%s", (_, given) => {
    expect(() => model(...given)).toThrow(
      expect.objectContaining({
        code: "BAD_ARGUMENT",
        message: expect.stringContaining("is called with { inputIds, attentionMask }"),
      }),
    );
  });

  it("inputs under other names, and lists in place of tensors", () => {
    expect(() => model({ input_ids: ids, attention_mask: ids })).toThrow(
      expect.objectContaining({
        code: "BAD_ARGUMENT",
        hint: expect.stringContaining("given input_ids, attention_mask"),
      }),
    );
    expect(() => model({ inputIds: [[1, 2]], attentionMask: ids })).toThrow(
      expect.objectContaining({ message: expect.stringContaining("inputIds must be Tensor, not Array") }),
    );
    expect(() => model({ inputIds: ids })).toThrow(
      expect.objectContaining({ message: expect.stringContaining("attentionMask must be Tensor, not undefined") }),
    );
  });
});

it("every architecture says so", async () => {
  const root = mkdtempSync(join(tmpdir(), "abrazo-calls-"));
  try {
    for (const { modelType } of ARCHITECTURES) {
      const row = MODEL_CASES.find((each) => each.config.model_type === modelType);
      if (row === undefined) throw new Error(`no case of ${modelType}`);
      const model = await loadClass(await writeCheckpoint(row, join(root, modelType)));
      const call = model as unknown as (...given: unknown[]) => unknown; // safe as above
      for (const given of [[], [{}]])
        expect(() => call(...given), modelType).toThrow(
          expect.objectContaining({
            code: "BAD_ARGUMENT",
            message: expect.stringMatching(/is called with|must be Tensor/),
          }),
        );
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});
