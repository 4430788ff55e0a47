// Masked language models: which places are masked, that logits come for these alone, that training fills them in.
import { expect, it } from "vitest";
import { fromConfig } from "../../src/models/auto.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import {
  maskedNegativeLogLikelihood,
  maskedRows,
  trainMaskedLanguageModel,
} from "../../src/train/masked-language-model.ts";

const masking = {
  ...{ length: 12, batchSize: 4, masked: 0.3, vocabSize: 30 },
  ...{ clsId: 2, sepId: 3, maskId: 4, firstWordId: 5 },
};
const stream = Int32Array.from({ length: 403 }, (_, at) => 5 + (at % 25));
/** A word that is masked is one that still stands beside it. */
const repeating = Int32Array.from({ length: 1200 }, (_, at) => 5 + (Math.floor(at / 40) % 25));
const config = {
  model_type: "distilbert",
  architectures: ["DistilBertForMaskedLM"],
  ...{ vocab_size: 30, dim: 16, n_heads: 2, n_layers: 1, hidden_dim: 32, max_position_embeddings: 12 },
  ...{ dropout: 0, attention_dropout: 0 },
};

it("masks the same number of words in every row, eight of ten by the mask, and keeps what stood there", () => {
  const starts = Array.from({ length: 200 }, (_, row) => row);
  const { ids, places, words } = maskedRows(stream, { starts, seed: 7 }, masking);
  expect(places.length).toBe(200 * 3);
  const kinds = { mask: 0, same: 0, other: 0 };
  for (const [nth, place] of places.entries()) {
    const at = Number(place);
    expect(Math.floor(at / 12)).toBe(Math.floor(nth / 3));
    const word = stream[Math.floor(at / 12) + (at % 12) - 1];
    expect(Number(words[nth])).toBe(word);
    const now = Number(ids[at]);
    kinds[now === masking.maskId ? "mask" : now === word ? "same" : "other"]++;
    expect(now === masking.maskId || now >= masking.firstWordId).toBe(true);
  }
  expect(new Set(places).size).toBe(places.length);
  expect(kinds.mask / 600).toBeCloseTo(0.8, 1);
  expect(kinds.same / 600).toBeCloseTo(0.1, 1);
  const masked = new Set(places);
  for (let at = 0; at < ids.length; at++) {
    if (at % 12 === 0) expect(ids[at]).toBe(2n);
    else if (at % 12 === 11) expect(ids[at]).toBe(3n);
    else if (!masked.has(BigInt(at))) expect(Number(ids[at])).toBe(stream[Math.floor(at / 12) + (at % 12) - 1]);
  }
  expect(maskedRows(stream, { starts, seed: 7 }, masking)).toEqual({ ids, places, words });
  expect(maskedRows(stream, { starts, seed: 8 }, masking)).not.toEqual({ ids, places, words });
});

it("gives the logits of the places asked for, as the whole has them", async () => {
  const model = fromConfig(config, new Generator(3)).eval();
  const inputs = {
    inputIds: tensor([
      [2, 6, 7, 3],
      [2, 9, 4, 3],
    ]),
    attentionMask: tensor([
      [1, 1, 1, 1],
      [1, 1, 1, 0],
    ]),
  };
  const whole = noGrad(() => model(inputs).logits);
  const some = noGrad(() => model({ ...inputs, logitsAt: tensor([6, 1]) }).logits);
  expect(some.shape).toEqual([2, 30]);
  const all = Array.from(await whole.data(), Number);
  const expected = [...all.slice(6 * 30, 7 * 30), ...all.slice(30, 60)];
  for (const [at, value] of Array.from(await some.data(), Number).entries())
    expect(value).toBeCloseTo(expected[at] ?? Number.NaN, 5);
});

it("learns, and repeats itself from a seed", async () => {
  const run = async () => {
    const model = fromConfig(config, new Generator(4));
    const before = maskedNegativeLogLikelihood(model.eval(), repeating, { ...masking, seed: 1, device: "cpu" });
    const { stepFigures } = await trainMaskedLanguageModel(model, repeating, {
      ...masking,
      ...{ epochs: 8, learningRate: 1e-2, weightDecay: 0, warmup: 0.1, maxGradNorm: 1, seed: 5, device: "cpu" },
    });
    const after = maskedNegativeLogLikelihood(model, repeating, { ...masking, seed: 1, device: "cpu" });
    return { before, after, losses: stepFigures.map(({ loss }) => loss) };
  };
  const first = await run();
  expect(first.before).toBeCloseTo(Math.log(30), 0);
  expect(first.after).toBeLessThan(0.5 * first.before);
  expect((await run()).losses).toEqual(first.losses);
});
