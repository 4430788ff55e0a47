// A model in training mode drops numbers out, and cannot be traced for every size: the error says what to do.
import { describe, expect, it } from "vitest";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import type { AnyModel } from "../../src/models/architecture.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, exportOnnx, Generator } from "../../src/tensor/index.ts";

const gpt2 = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  vocab_size: 8,
  n_embd: 4,
  n_layer: 1,
  n_head: 1,
};
const sizes = { vocab_size: 8, d_model: 4, d_kv: 2, d_ff: 4, num_layers: 1, num_heads: 2 };
const t5 = { model_type: "t5", architectures: ["T5ForConditionalGeneration"], ...sizes };

const WAYS: readonly [string, object, (model: AnyModel) => unknown][] = [
  ["makeDecoder", gpt2, (model) => makeDecoder(model).dispose()],
  ["makeSeq2SeqDecoder", t5, (model) => makeSeq2SeqDecoder(model).dispose()],
  ["compileGraph", gpt2, (model) => compileGraph(traceModel(model)).dispose()],
  ["exportOnnx", gpt2, (model) => exportOnnx(traceModel(model))],
];

describe.each(WAYS)("%s", (_, config, make) => {
  it("says that eval() is missing", () => {
    const model = fromConfig(config as typeof gpt2, new Generator(0)); // safe because both are configs
    expect(model.training).toBe(true);
    expect(() => make(model)).toThrow(
      expect.objectContaining({ code: "TRAINING_MODE", hint: expect.stringContaining("eval()") }),
    );
    expect(() => make(model.eval())).not.toThrow();
  });
});
