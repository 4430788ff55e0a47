// A model in training mode drops numbers out, and cannot be traced for every size: the error says what to do.
import { describe, expect, it } from "vitest";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { makeSeq2SeqDecoder } from "../../src/generate/seq2seq-decoder.ts";
import type { AnyModel } from "../../src/models/architecture.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { compileGraph, exportOnnx, Generator } from "../../src/tensor/index.ts";
import { LEAST_GPT2, LEAST_T5 } from "../support/tiny-models.ts";

const WAYS: readonly [string, object, (model: AnyModel) => unknown][] = [
  ["makeDecoder", LEAST_GPT2, (model) => makeDecoder(model).dispose()],
  ["makeSeq2SeqDecoder", LEAST_T5, (model) => makeSeq2SeqDecoder(model).dispose()],
  ["compileGraph", LEAST_GPT2, (model) => compileGraph(traceModel(model)).dispose()],
  ["exportOnnx", LEAST_GPT2, (model) => exportOnnx(traceModel(model))],
];

describe.each(WAYS)("%s", (_, config, make) => {
  it("says that eval() is missing", () => {
    const model = fromConfig(config as typeof LEAST_GPT2, new Generator(0)); // safe because both are configs
    expect(model.training).toBe(true);
    expect(() => make(model)).toThrow(
      expect.objectContaining({ code: "TRAINING_MODE", hint: expect.stringContaining("eval()") }),
    );
    expect(() => make(model.eval())).not.toThrow();
  });
});
