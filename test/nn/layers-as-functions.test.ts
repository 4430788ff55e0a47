// Layers without weights are their functions; dropout in its forms; tables of given rows.
import { describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { functional as F } from "../../src/nn/index.ts";
import { manualSeed, ones, randn, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const numbers = (tensor: Tensor | null | undefined) => Array.from(tensor?.dataSync() ?? [], Number);

manualSeed(3);
const x = randn([3, 4]);
const y = randn([3, 4]);
const unit = x.sigmoid().detach();
const share = y.softmax(1).detach();
const signs = tensor([1, -1, 1]);
const classes = tensor([2, 0, 1]);
const weight = tensor([0.5, 1, 2, 0.25]);

describe("a layer is the function of its name", () => {
  it.each<[string, () => Tensor, () => Tensor]>([
    ["ReLU", () => new nn.ReLU()(x), () => F.relu(x)],
    ["ReLU6", () => new nn.ReLU6()(x.mul(9)), () => F.relu6(x.mul(9))],
    ["LeakyReLU", () => new nn.LeakyReLU(0.3)(x), () => F.leakyRelu(x, 0.3)],
    ["PReLU", () => new nn.PReLU(4, 0.1)(x), () => F.prelu(x, ones([4]).mul(0.1))],
    ["ELU", () => new nn.ELU(2)(x), () => F.elu(x, 2)],
    ["SELU", () => new nn.SELU()(x), () => F.selu(x)],
    ["CELU", () => new nn.CELU(2)(x), () => F.celu(x, 2)],
    ["GELU", () => new nn.GELU({ approximate: "tanh" })(x), () => F.gelu(x, { approximate: "tanh" })],
    ["SiLU", () => new nn.SiLU()(x), () => F.silu(x)],
    ["Mish", () => new nn.Mish()(x), () => F.mish(x)],
    ["Softplus", () => new nn.Softplus(2, 1)(x), () => F.softplus(x, 2, 1)],
    ["Softsign", () => new nn.Softsign()(x), () => F.softsign(x)],
    ["Hardtanh", () => new nn.Hardtanh(-0.5, 0.25)(x), () => F.hardtanh(x, -0.5, 0.25)],
    ["Hardsigmoid", () => new nn.Hardsigmoid()(x), () => F.hardsigmoid(x)],
    ["Hardswish", () => new nn.Hardswish()(x), () => F.hardswish(x)],
    ["LogSigmoid", () => new nn.LogSigmoid()(x), () => F.logsigmoid(x)],
    ["Tanh", () => new nn.Tanh()(x), () => F.tanh(x)],
    ["Sigmoid", () => new nn.Sigmoid()(x), () => F.sigmoid(x)],
    ["Softmax", () => new nn.Softmax(0)(x), () => F.softmax(x, 0)],
    ["LogSoftmax", () => new nn.LogSoftmax(0)(x), () => F.logSoftmax(x, 0)],
    ["Softmin", () => new nn.Softmin(0)(x), () => F.softmin(x, 0)],
    ["Threshold", () => new nn.Threshold(0.1, 7)(x), () => F.threshold(x, 0.1, 7)],
    ["GLU", () => new nn.GLU(1)(x), () => F.glu(x, 1)],
    ["Tanhshrink", () => new nn.Tanhshrink()(x), () => F.tanhshrink(x)],
    ["Softshrink", () => new nn.Softshrink(0.2)(x), () => F.softshrink(x, 0.2)],
    ["Hardshrink", () => new nn.Hardshrink(0.2)(x), () => F.hardshrink(x, 0.2)],
    ["CosineSimilarity", () => new nn.CosineSimilarity(0)(x, y), () => F.cosineSimilarity(x, y, 0)],
    [
      "PairwiseDistance",
      () => new nn.PairwiseDistance(1, { keepDim: true })(x, y),
      () => F.pairwiseDistance(x, y, { p: 1, keepDim: true }),
    ],
    ["MSELoss", () => new nn.MSELoss({ reduction: "sum" })(x, y), () => F.mseLoss(x, y, { reduction: "sum" })],
    ["L1Loss", () => new nn.L1Loss()(x, y), () => F.l1Loss(x, y)],
    ["SmoothL1Loss", () => new nn.SmoothL1Loss({ beta: 0.5 })(x, y), () => F.smoothL1Loss(x, y, { beta: 0.5 })],
    ["HuberLoss", () => new nn.HuberLoss({ delta: 0.5 })(x, y), () => F.huberLoss(x, y, { delta: 0.5 })],
    [
      "NLLLoss",
      () => new nn.NLLLoss({ weight, ignoreIndex: 1 })(x, classes),
      () => F.nllLoss(x, classes, { weight, ignoreIndex: 1 }),
    ],
    [
      "CrossEntropyLoss",
      () => new nn.CrossEntropyLoss({ weight, labelSmoothing: 0.1 })(x, classes),
      () => F.crossEntropy(x, classes, { weight, labelSmoothing: 0.1 }),
    ],
    ["BCELoss", () => new nn.BCELoss({ weight })(unit, share), () => F.binaryCrossEntropy(unit, share, { weight })],
    [
      "BCEWithLogitsLoss",
      () => new nn.BCEWithLogitsLoss({ posWeight: weight })(x, share),
      () => F.binaryCrossEntropyWithLogits(x, share, { posWeight: weight }),
    ],
    [
      "KLDivLoss",
      () => new nn.KLDivLoss({ reduction: "batchmean", logTarget: true })(x, y),
      () => F.klDiv(x, y, { reduction: "batchmean", logTarget: true }),
    ],
    [
      "PoissonNLLLoss",
      () => new nn.PoissonNLLLoss({ full: true })(x, unit.mul(5)),
      () => F.poissonNllLoss(x, unit.mul(5), { full: true }),
    ],
    [
      "GaussianNLLLoss",
      () => new nn.GaussianNLLLoss({ full: true })(x, y, unit),
      () => F.gaussianNllLoss(x, y, unit, { full: true }),
    ],
    [
      "MarginRankingLoss",
      () => new nn.MarginRankingLoss({ margin: 1 })(x.select(1, 0), y.select(1, 0), signs),
      () => F.marginRankingLoss(x.select(1, 0), y.select(1, 0), signs, { margin: 1 }),
    ],
    [
      "HingeEmbeddingLoss",
      () => new nn.HingeEmbeddingLoss({ margin: 2 })(x.select(1, 0), signs),
      () => F.hingeEmbeddingLoss(x.select(1, 0), signs, { margin: 2 }),
    ],
    [
      "CosineEmbeddingLoss",
      () => new nn.CosineEmbeddingLoss({ margin: 0.1 })(x, y, signs),
      () => F.cosineEmbeddingLoss(x, y, signs, { margin: 0.1 }),
    ],
    [
      "TripletMarginLoss",
      () => new nn.TripletMarginLoss({ p: 1, swap: true })(x, y, unit),
      () => F.tripletMarginLoss(x, y, unit, { p: 1, swap: true }),
    ],
    [
      "SoftMarginLoss",
      () => new nn.SoftMarginLoss()(x.select(1, 0), signs),
      () => F.softMarginLoss(x.select(1, 0), signs),
    ],
    [
      "MultiLabelSoftMarginLoss",
      () => new nn.MultiLabelSoftMarginLoss({ weight })(x, share),
      () => F.multilabelSoftMarginLoss(x, share, { weight }),
    ],
  ])("%s", (_, layer, fn) => {
    const [found, wanted] = [layer(), fn()];
    expect(found.shape).toEqual(wanted.shape);
    expect(numbers(found)).toEqual(numbers(wanted));
    // It depends on what it is given: another function, or none, would not agree by chance.
    expect(numbers(found).some((value) => value !== 0)).toBe(true);
  });
});

describe("dropout", () => {
  it("repeats its masks from the default generator's seed", () => {
    const masks = () => {
      manualSeed(5);
      return [F.dropout(ones([64]), 0.5), F.dropout(ones([64]), 0.5)].map(numbers);
    };
    const [first, second] = masks();
    expect(masks()).toEqual([first, second]);
    expect(first).not.toEqual(second);
  });

  it.each([
    [F.dropout1d, new nn.Dropout1d(0.25), [8, 50, 6]],
    [F.dropout2d, new nn.Dropout2d(0.25), [8, 50, 2, 3]],
    [F.dropout3d, new nn.Dropout3d(0.25), [8, 50, 1, 2, 3]],
  ] as const)("drops whole channels: %s", (fn, layer, shape) => {
    manualSeed(5);
    const by = numbers(fn(ones(shape), 0.25));
    manualSeed(5);
    expect(numbers(layer(ones(shape)))).toEqual(by);
    const channels = Array.from({ length: 400 }, (_, at) => by.slice(at * 6, at * 6 + 6));
    for (const channel of channels) expect(new Set(channel).size).toBe(1);
    const dropped = channels.filter(([value]) => value === 0).length / 400;
    // Five standard deviations of 400 draws of ¼.
    expect(Math.abs(dropped - 0.25)).toBeLessThan(0.11);
    expect(new Set(by)).toEqual(new Set([0, Math.fround(1 / 0.75)]));
    expect(layer.eval()(ones(shape)).mean().itemSync()).toBe(1);
    layer.train();
  });

  it("of alpha keeps mean 0 and variance 1, and its slope is the scale", () => {
    manualSeed(5);
    const input = randn([200, 200]).requiresGrad_();
    const out = new nn.AlphaDropout(0.3)(input);
    expect(Math.abs(out.mean().itemSync())).toBeLessThan(0.03);
    expect(Math.abs(out.sub(out.mean()).square().mean().itemSync() - 1)).toBeLessThan(0.03);
    out.sum().backward();
    const slopes = new Set(numbers(input.grad));
    expect(slopes.size).toBe(2);
    expect(slopes.has(0)).toBe(true);
    expect(F.alphaDropout(input, 0.3)).toBe(input);
    expect(
      F.alphaDropout(ones([3]), 1, true)
        .sum()
        .itemSync(),
    ).toBe(0);
  });
});

describe("tables", () => {
  it("of given rows are frozen unless they are not to be", () => {
    const rows = tensor([
      [1, 2.5],
      [3, 4.5],
    ]);
    const table = nn.Embedding.fromPretrained(rows);
    expect([table.numEmbeddings, table.embeddingDim, table.weight.requiresGrad]).toEqual([2, 2, false]);
    expect(numbers(table(tensor([1])))).toEqual([3, 4.5]);
    expect(`${table}`).toBe("Embedding(2, 2)");
    const free = nn.Embedding.fromPretrained(rows, { freeze: false, paddingIdx: -1 });
    free(tensor([0, 1]))
      .sum()
      .backward();
    expect(numbers(free.weight.grad)).toEqual([1, 1, 0, 0]);
    expect(`${free}`).toBe("Embedding(2, 2, padding_idx=1)");
    expect(numbers(rows)).toEqual([1, 2.5, 3, 4.5]);
  });

  it("start with a row of zeros for padding", () => {
    const table = new nn.Embedding(4, 3, { paddingIdx: 2 });
    expect(numbers(table.weight.select(0, 2))).toEqual([0, 0, 0]);
    expect(numbers(table.weight.select(0, 1))).not.toContain(0);
    expect(table.weight.isLeaf).toBe(true);
  });
});

describe("the Gumbel-softmax", () => {
  it("draws classes with their probabilities, and lets the soft gradient through", () => {
    manualSeed(5);
    const probabilities = [0.2, 0.3, 0.5];
    const logits = tensor(probabilities).log().expand([4000, 3]).contiguous().detach().requiresGrad_();
    const drawn = F.gumbelSoftmax(logits, 0.5, { hard: true });
    expect(new Set(numbers(drawn.sum(-1)).map((value) => Math.round(value)))).toEqual(new Set([1]));
    for (const [at, mean] of numbers(drawn.mean(0)).entries()) {
      // Five standard deviations of 4000 draws.
      expect(Math.abs(mean - (probabilities[at] ?? 0))).toBeLessThan(0.04);
    }
    drawn
      .mul(tensor([1, 2, 3]))
      .sum()
      .backward();
    expect(numbers(logits.grad).every(Number.isFinite)).toBe(true);
    expect(numbers(logits.grad).some((value) => value !== 0)).toBe(true);
    const soft = F.gumbelSoftmax(zeros([2, 3]), 1, { dim: 0 });
    for (const sum of numbers(soft.sum(0))) expect(sum).toBeCloseTo(1, 6);
  });
});

it("recurrent layers drop between layers while training, and not after the last", () => {
  manualSeed(5);
  const deep = new nn.GRU(3, 32, { numLayers: 2, dropout: 0.5 });
  const input = randn([4, 2, 3]);
  expect(numbers(deep(input)[0])).not.toEqual(numbers(deep(input)[0]));
  expect(numbers(deep(input)[0]).filter((value) => value === 0)).toHaveLength(0);
  deep.eval();
  expect(numbers(deep(input)[0])).toEqual(numbers(deep(input)[0]));
});

it("a recurrent layer over hundreds of steps gives the state of cells called one after the other", () => {
  manualSeed(5);
  const layer = new nn.RNN(2, 3);
  const cell = new nn.RNNCell(2, 3);
  cell.loadStateDict(new Map([...layer.stateDict()].map(([name, value]) => [name.replace("_l0", ""), value])));
  const input = randn([400, 1, 2]);
  let state = zeros([1, 3]);
  for (let step = 0; step < 400; step++) state = cell(input.select(0, step), state);
  const [, last] = layer(input);
  for (const [at, value] of numbers(last).entries()) expect(value).toBeCloseTo(numbers(state)[at] ?? Number.NaN, 5);
});
