// What layers and losses refuse, in PyTorch's words, and what they say of shapes that are seldom meant.
import { describe, expect, it } from "vitest";
import { setLogListener } from "../../src/log.ts";
import * as nn from "../../src/nn/index.ts";
import { functional as F } from "../../src/nn/index.ts";
import { ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const numbers = (tensor: Tensor | null | undefined) => Array.from(tensor?.dataSync() ?? [], Number);
const floats = (...values: number[]) => tensor(values, { dtype: "float32" });

describe("losses", () => {
  it.each<[string, () => unknown, string]>([
    [
      "a batch of another size",
      () => F.crossEntropy(zeros([3, 4]), tensor([0, 1])),
      "Expected input batch_size (3) to match target batch_size (2).",
    ],
    [
      "a sequence of another length",
      () => F.nllLoss(zeros([2, 3, 4]), zeros([2, 5], { dtype: "int64" })),
      "Expected target size [2, 4], got [2, 5]",
    ],
    ["a class that is not there", () => F.crossEntropy(zeros([2, 3]), tensor([0, 5])), "Target 5 is out of bounds."],
    ["a class below 0", () => F.crossEntropy(zeros([2, 3]), tensor([0, -1])), "Target -1 is out of bounds."],
    [
      "a reduction that is none",
      () => F.mseLoss(zeros([2]), zeros([2]), { reduction: "avg" as "mean" }),
      "avg is not a valid value for reduction",
    ],
    [
      "a reduction of a layer",
      () => new nn.CrossEntropyLoss({ reduction: "avg" as "mean" }),
      "avg is not a valid value for reduction",
    ],
    [
      "smoothing beyond 1",
      () => F.crossEntropy(zeros([2, 3]), tensor([0, 1]), { labelSmoothing: 1.5 }),
      "label_smoothing must be between 0.0 and 1.0. Got: 1.5",
    ],
    [
      "floats that are no probabilities of the classes",
      () => F.crossEntropy(zeros([2, 3]), zeros([2])),
      "expected scalar type Long but found Float",
    ],
    [
      "BCE of another size",
      () => F.binaryCrossEntropy(zeros([3]), zeros([3, 1])),
      "Using a target size (torch.Size([3, 1])) that is different to the input size (torch.Size([3])) is deprecated. Please ensure they have the same size.",
    ],
    [
      "BCE of logits",
      () => F.binaryCrossEntropy(floats(0.5, 1.5), floats(0, 1)),
      "all elements of input should be between 0 and 1",
    ],
    [
      "BCE with logits of another size",
      () => F.binaryCrossEntropyWithLogits(zeros([3]), zeros([2])),
      "Target size (torch.Size([2])) must be the same as input size (torch.Size([3]))",
    ],
    [
      "a negative beta",
      () => F.smoothL1Loss(zeros([1]), zeros([1]), { beta: -1 }),
      "smooth_l1_loss does not support negative values for beta.",
    ],
    [
      "a delta of 0",
      () => F.huberLoss(zeros([1]), zeros([1]), { delta: 0 }),
      "huber_loss does not support non-positive values for delta.",
    ],
    [
      "ranks of a ranking",
      () => F.marginRankingLoss(zeros([2]), zeros([2]), zeros([2, 1])),
      "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: [2], input2: [2], target: [2, 1] ",
    ],
    [
      "targets of vectors",
      () => F.cosineEmbeddingLoss(zeros([2, 3]), zeros([2, 3]), zeros([2, 3])),
      "2D target tensor expects 3D input tensors, but found inputs with sizes [2, 3] and [2, 3].",
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });

  it("warn where a target would be broadcast", () => {
    const seen: string[] = [];
    const back = setLogListener(({ message }) => seen.push(message));
    F.mseLoss(zeros([3, 1]), zeros([3]));
    F.l1Loss(zeros([3]), zeros([3]));
    back();
    expect(seen).toEqual([
      "Using a target size (torch.Size([3])) that is different to the input size (torch.Size([3, 1])). " +
        "This will likely lead to incorrect results due to broadcasting. Please ensure they have the same size.",
    ]);
  });

  it("a mean over nothing is not a number, and a sum 0", () => {
    const ignored = tensor([-100, -100]);
    expect(F.crossEntropy(zeros([2, 3]), ignored).itemSync()).toBeNaN();
    expect(F.crossEntropy(zeros([2, 3]), ignored, { reduction: "sum" }).itemSync()).toBe(0);
  });

  it("binary cross entropy has PyTorch's slopes where the logarithm has none", () => {
    const x = floats(0, 1, 0, 1).requiresGrad_();
    F.binaryCrossEntropy(x, floats(0, 1, 1, 0), { reduction: "sum" }).backward();
    const grad = numbers(x.grad);
    expect(grad.slice(0, 2)).toEqual([0, 0]);
    expect((grad[2] ?? 0) / -1e12).toBeCloseTo(1, 6);
    expect((grad[3] ?? 0) / 1e12).toBeCloseTo(1, 6);
  });

  it("weights of a loss are buffers of its layer", () => {
    const loss = new nn.CrossEntropyLoss({ weight: floats(1, 2, 3) });
    expect([...loss.stateDict().keys()]).toEqual(["weight"]);
    expect(loss.to("float64").weight?.dtype).toBe("float64");
  });
});

describe("layers", () => {
  it.each<[string, () => unknown, string]>([
    ["an id beyond the table", () => new nn.Embedding(3, 2)(tensor([0, 3])), "index out of range in self"],
    [
      "padding beyond the table",
      () => new nn.Embedding(3, 2, { paddingIdx: 3 }),
      "Padding_idx must be within num_embeddings",
    ],
    [
      "a table that is none",
      () => nn.Embedding.fromPretrained(zeros([3])),
      "Embeddings parameter is expected to be 2-dimensional",
    ],
    ["a class beyond the row", () => F.oneHot(tensor([0, 3]), 3), "Class values must be smaller than num_classes."],
    ["a class below 0", () => F.oneHot(tensor([-1]), 3), "Class values must be non-negative."],
    ["halves of an odd axis", () => F.glu(zeros([2, 3])), "Halving dimension must be even, but dimension 1 is size 3"],
    [
      "slopes of other channels",
      () => new nn.PReLU(3)(zeros([1, 2])),
      "Mismatch of parameter numbers and input channel size. Found parameter numbers = 3 and channel size = 2.",
    ],
    ["limits that are turned round", () => F.hardtanh(zeros([1]), 2, 1), "max_val must be larger than min_val"],
    [
      "a negative shrinking",
      () => F.softshrink(zeros([1]), -1),
      "lambda must be greater or equal to 0, but found to be -1.",
    ],
    ["a probability beyond 1", () => new nn.Dropout(1.5), "dropout probability has to be between 0 and 1, but got 1.5"],
    [
      "channels of a vector",
      () => F.dropout2d(zeros([3])),
      "dropout2d: Expected 3D or 4D input, but received a 1D input.",
    ],
    [
      "a sequence of four axes",
      () => new nn.LSTM(3, 4)(zeros([1, 2, 3, 3])),
      "LSTM: Expected input to be 2D or 3D, got 4D instead",
    ],
    [
      "features of another count",
      () => new nn.GRU(3, 4)(zeros([5, 2, 2])),
      "input.size(-1) must be equal to input_size. Expected 3, got 2",
    ],
    [
      "a sequence without steps",
      () => new nn.RNN(3, 4)(zeros([0, 2, 3])),
      "Expected sequence length to be larger than 0 in RNN",
    ],
    [
      "a state of another shape",
      () => new nn.GRU(3, 4)(zeros([5, 2, 3]), zeros([1, 3, 4])),
      "Expected hidden size (1, 2, 4), got [1, 3, 4]",
    ],
    [
      "a cell of another shape",
      () => new nn.LSTM(3, 4)(zeros([5, 2, 3]), [zeros([1, 2, 4]), zeros([2, 4])]),
      "Expected hidden[1] size (1, 2, 4), got [2, 4]",
    ],
    [
      "lengths of another count",
      () => new nn.RNN(3, 4)(zeros([5, 2, 3]), undefined, { lengths: [5] }),
      "Expected `len(lengths)` to be equal to batch_size, but got 1 (batch_size=2)",
    ],
    [
      "a length of 0",
      () => new nn.RNN(3, 4)(zeros([5, 2, 3]), undefined, { lengths: [5, 0] }),
      "Length of all samples has to be greater than 0",
    ],
    ["no hidden features", () => new nn.RNN(3, 0), "hidden_size must be greater than zero"],
    ["no layers", () => new nn.RNN(3, 4, { numLayers: 0 }), "num_layers must be greater than zero"],
    [
      "a cell's input of three axes",
      () => new nn.LSTMCell(3, 4)(zeros([1, 1, 3])),
      "LSTMCell: Expected input to be 1D or 2D, got 3D instead",
    ],
    [
      "a cell's features",
      () => new nn.GRUCell(3, 4)(zeros([1, 2])),
      "input has inconsistent input_size: got 2 expected 3",
    ],
    [
      "a cell's state",
      () => new nn.RNNCell(3, 4)(zeros([1, 3]), zeros([1, 3])),
      "hidden has inconsistent size: got [1, 3] expected [1, 4]",
    ],
    ["heads that do not divide", () => new nn.MultiheadAttention(5, 2), "embed_dim must be divisible by num_heads"],
    [
      "queries of other features",
      () => new nn.MultiheadAttention(4, 2)(zeros([2, 1, 3]), zeros([2, 1, 4]), zeros([2, 1, 4])),
      "was expecting embedding dimension of 4, but got 3",
    ],
    [
      "two masks at once",
      () =>
        F.scaledDotProductAttention(zeros([1, 2, 2]), zeros([1, 2, 2]), zeros([1, 2, 2]), {
          isCausal: true,
          attnMask: zeros([2, 2]),
        }),
      "Explicit attn_mask should not be set when is_causal=True",
    ],
    [
      "an activation by another name",
      () => new nn.TransformerEncoderLayer(4, 2, { activation: "swish" as "relu" }),
      "activation should be relu/gelu, not swish",
    ],
  ])("%s", (_, act, message) => {
    expect(act).toThrow(message);
  });
});

describe("attention", () => {
  it("a query that may see nothing gives 0, and no gradient that is not a number", () => {
    const q = ones([1, 2, 4], { requiresGrad: true });
    const seen = tensor([
      [true, false],
      [false, false],
    ]);
    const out = F.scaledDotProductAttention(q, ones([1, 2, 4]), ones([1, 2, 4]), { attnMask: seen });
    expect(numbers(out)).toEqual([1, 1, 1, 1, 0, 0, 0, 0]);
    out.sum().backward();
    expect(numbers(q.grad).every(Number.isFinite)).toBe(true);
  });

  it("a causal one is that of the lower triangle, and a scale takes the place of 1/√d", () => {
    const make = (seed: number) =>
      tensor(
        Array.from({ length: 12 }, (_, at) => Math.sin(at * seed)),
        { dtype: "float32" },
      ).reshape([1, 3, 4]);
    const [q, k, v] = [make(1), make(2), make(3)];
    const lower = ones([3, 3]).tril().to("bool");
    expect(numbers(F.scaledDotProductAttention(q, k, v, { isCausal: true }))).toEqual(
      numbers(F.scaledDotProductAttention(q, k, v, { attnMask: lower })),
    );
    const scaled = numbers(F.scaledDotProductAttention(q, k, v, { scale: 0.25 }));
    for (const [at, value] of numbers(F.scaledDotProductAttention(q.mul(0.5), k, v)).entries())
      expect(value).toBeCloseTo(scaled[at] ?? 0, 6);
  });
});

describe("options of layers", () => {
  /** A value of a type that the signature does not allow, as JavaScript lets it through. */
  const wrong = <Type>(value: unknown): Type => value as Type; // safe because the test is that it is refused

  it.each<[string, () => unknown, string]>([
    ["a stride by its place", () => new nn.Conv2d(1, 32, 3, wrong(1)), "number"],
    ["a stride of a transpose", () => new nn.ConvTranspose1d(1, 2, 3, wrong(2)), "number"],
    ["a bias by its place", () => new nn.Linear(3, 2, wrong(false)), "boolean"],
    ["a stride of a pool", () => new nn.MaxPool2d(2, wrong(2)), "number"],
    ["a stride of a mean", () => new nn.AvgPool1d(2, wrong(2)), "number"],
    ["an eps by its place", () => new nn.BatchNorm1d(3, wrong(1e-3)), "number"],
    ["an eps of a layer norm", () => new nn.LayerNorm(3, wrong(1e-12)), "number"],
    ["a padding index", () => new nn.Embedding(3, 3, wrong(0)), "number"],
    ["layers of an LSTM", () => new nn.LSTM(2, 3, wrong(2)), "number"],
    ["a bias of a cell", () => new nn.GRUCell(2, 3, wrong(true)), "boolean"],
    ["a width of a transformer", () => new nn.TransformerEncoderLayer(4, 2, wrong(8)), "number"],
    ["a dropout of attention", () => new nn.MultiheadAttention(4, 2, wrong(0.1)), "number"],
    ["weights of a loss", () => new nn.CrossEntropyLoss(wrong(ones([2]))), "Tensor"],
    ["a reduction of a loss", () => new nn.MSELoss(wrong("sum")), "string"],
  ])("%s is not passed over", (_, act, what) => {
    expect(act).toThrow(`the options are an object, not a ${what}`);
  });

  it.each<[string, () => unknown, string]>([
    ["a kernel", () => new nn.Conv2d(1, 2, wrong(undefined)), "but got kernel_size=undefined"],
    ["a word as stride", () => new nn.Conv2d(1, 2, 3, { stride: wrong("2") }), "but got stride=2"],
    ["half a step", () => new nn.Conv1d(1, 2, 3, { stride: 0.5 }), "but got stride=0.5"],
    [
      "a number of layers",
      () => new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2), wrong(undefined)),
      "num_layers must be a whole number from 0 on, but got undefined",
    ],
  ])("%s that is none", (_, act, message) => {
    expect(act).toThrow(message);
  });
});
