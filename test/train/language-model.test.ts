// Judging language models: the byte model against probabilities by hand, and windows that leave out no token.
import { expect, it } from "vitest";
import { fromConfig } from "../../src/models/auto.ts";
import { Generator } from "../../src/tensor/index.ts";
import { ByteModel } from "../../src/train/byte-model.ts";
import { negativeLogLikelihood, trainLanguageModel } from "../../src/train/language-model.ts";

const bytes = (text: string) => Buffer.from(text);

it("the byte model interpolates as Witten and Bell do", () => {
  const model = new ByteModel(1);
  model.train(bytes("abab"));
  // Order 0 over abab: p(a) = (2 + 2/256) / (4 + 2). After "a" one type, "b", was seen twice.
  const a = (2 + 2 / 256) / 6;
  const b = (2 + 2 / 256) / 6;
  const bAfterA = (2 + b) / 3;
  expect(model.bitsPerByte(bytes("ab"))).toBeCloseTo(-(Math.log2(a) + Math.log2(bAfterA)) / 2, 12);
});

it("the byte model's probabilities sum to 1, and its table grows", () => {
  const text = Uint8Array.from({ length: 20_000 }, (_, at) => (at * at * 31 + at) % 251);
  const model = new ByteModel(5);
  model.train(text);
  const start = [...text.subarray(100, 105)];
  const alone = model.bitsPerByte(Uint8Array.from(start)) * 5;
  let sum = 0;
  for (let next = 0; next < 256; next++)
    sum += 2 ** -(model.bitsPerByte(Uint8Array.from([...start, next])) * 6 - alone);
  expect(sum).toBeCloseTo(1, 9);
  expect(() => new ByteModel(6)).toThrow(RangeError);
});

const config = {
  model_type: "gpt2",
  architectures: ["GPT2LMHeadModel"],
  ...{ vocab_size: 20, n_embd: 16, n_head: 2, n_layer: 1, n_positions: 8 },
  ...{ attn_pdrop: 0, embd_pdrop: 0, resid_pdrop: 0 },
};
const stream = Int32Array.from({ length: 61 }, (_, at) => (at * 3 + (at % 5)) % 20);
const reading = { context: 8, device: "cpu" };

it("every token counts once, whatever runs together", () => {
  const model = fromConfig(config, new Generator(4)).eval();
  const one = negativeLogLikelihood(model, stream, { ...reading, batchSize: 1 });
  for (const batchSize of [3, 16])
    expect(negativeLogLikelihood(model, stream, { ...reading, batchSize })).toBeCloseTo(one, 3);
  // A fresh model is near uniform: a token left out or counted twice would show.
  expect(one / (stream.length - 1)).toBeCloseTo(Math.log(20), 1);
  expect(negativeLogLikelihood(model, stream.subarray(0, 5), reading)).toBeGreaterThan(0);
});

it("training lowers it", async () => {
  const model = fromConfig(config, new Generator(4));
  const before = negativeLogLikelihood(model.eval(), stream, reading);
  await trainLanguageModel(model, stream, {
    ...reading,
    ...{ epochs: 30, learningRate: 1e-2, batchSize: 3, weightDecay: 0, warmup: 0, maxGradNorm: 1, seed: 0 },
  });
  expect(negativeLogLikelihood(model, stream, reading)).toBeLessThan(0.5 * before);
});
