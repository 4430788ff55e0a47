// Choosing early: the same numbers, and no more of them than are read.
import { describe, expect, it } from "vitest";
import { eachAlong, type Op } from "../../src/graph/op.ts";
import { OPS } from "../../src/graph/ops/index.ts";
import { readEarly } from "../../src/graph/parts.ts";
import { ancestors } from "../../src/graph/walk.ts";
import { buildModel } from "../../src/models/auto.ts";
import { traceModel } from "../../src/models/trace.ts";
import { functional as F } from "../../src/nn/index.ts";
import { cat, compileGraph, type Feed, Generator, randn, symbolic, type Tensor } from "../../src/tensor/index.ts";
import { OP_CASES } from "./op-cases.ts";

/** Operations over inputs of these shapes, all of whose axes are cut in turn. */
const SHAPED: readonly { title: string; shapes: number[][]; apply(...inputs: Tensor[]): Tensor }[] = [
  { title: "heads split and joined", shapes: [[3, 4, 6]], apply: (x) => x.reshape([3, 4, 2, 3]).transpose(1, 2).exp() },
  { title: "axes merged", shapes: [[3, 4, 6]], apply: (x) => x.exp().reshape([12, 6]) },
  { title: "axes of ones", shapes: [[3, 4]], apply: (x) => x.exp().reshape([1, 3, 1, 4]) },
  { title: "repeated", shapes: [[3, 1, 4]], apply: (x) => x.exp().expand([2, 3, 5, 4]) },
  {
    title: "a batch of products",
    shapes: [
      [2, 3, 4],
      [2, 4, 5],
    ],
    apply: (a, b) => a.exp().matmul(b.exp()),
  },
  {
    title: "one weight for a batch",
    shapes: [
      [2, 3, 4],
      [4, 5],
    ],
    apply: (a, b) => a.exp().matmul(b),
  },
  {
    title: "a batch that is repeated",
    shapes: [
      [2, 1, 3, 4],
      [5, 4, 2],
    ],
    apply: (a, b) => a.exp().matmul(b.exp()),
  },
  { title: "an affine layer", shapes: [[3, 4], [5, 4], [5]], apply: (x, w, b) => F.linear(x.exp(), w, b) },
  { title: "sums", shapes: [[2, 3, 4]], apply: (x) => x.exp().sum(1) },
  { title: "means that keep their axis", shapes: [[2, 3, 4]], apply: (x) => x.exp().mean(1, true) },
  { title: "softmax", shapes: [[2, 3, 4]], apply: (x) => x.softmax(1) },
  {
    title: "layer norm",
    shapes: [[2, 3, 4], [4], [4]],
    apply: (x, w, b) => F.layerNorm(x.exp(), w, b, 1e-5),
  },
  {
    title: "joined",
    shapes: [
      [2, 3, 4],
      [2, 2, 4],
    ],
    apply: (a, b) => cat([a.exp(), b.exp()], 1),
  },
  { title: "another axis cut", shapes: [[4, 5, 3]], apply: (x) => x.exp().narrow(1, 2, 2) },
  { title: "two readers", shapes: [[3, 4]], apply: (x) => x.exp().add(x.exp().neg()) },
];

const ofCases = OP_CASES.map((row, at) => ({
  title: `${row.op} (${at})`,
  shapes: row.inputs.map((values) => [values.length, values[0]?.length ?? 0]),
  values: row.inputs.map((values) => values.flat()),
  apply: row.apply,
}));

const rows = [...SHAPED.map((row) => ({ ...row, values: undefined })), ...ofCases];

/** What the rows lead the graph through, along any axis. */
const reached = new Set<string>();

describe("parts are computed from parts", () => {
  it.each(rows)("$title", ({ shapes, values, apply }) => {
    const inputs = shapes.map((shape, at) => symbolic(`x${at}`, shape, "float32"));
    const result = apply(...inputs);
    const feeds = Object.fromEntries(
      shapes.map((shape, at): [string, Feed] => {
        const own = values?.[at] ?? [...randn(shape, { generator: new Generator(at + 1) }).dataSync()].map(Number);
        return [`x${at}`, { data: Float32Array.from(own), shape }];
      }),
    );
    const run = (y: Tensor) => {
      const graph = compileGraph({ inputs, outputs: { y: y.to("float32") } });
      const found = [...(graph.run(feeds)["y"]?.data ?? [])].map(Number);
      graph.dispose();
      return found;
    };
    for (const node of ancestors(result.node)) for (const axis of node.shape.keys()) note(node, axis);
    for (const [axis, size] of result.shape.entries()) {
      if (size < 2) continue;
      const places = [size - 1, ...(size > 2 ? [0] : [])];
      const ways = [result.narrow(axis, 1, 1), result.indexSelect(axis, F.arangeLike(result, axis).max().reshape([1]))];
      const whole = run(result.contiguous());
      for (const [at, way] of ways.entries()) {
        const cut = run(way);
        const place = at === 0 ? 1 : places[0];
        const inner = result.shape.slice(axis + 1).reduce((a, b) => a * b, 1);
        const expected = whole.filter((_, index) => Math.floor(index / inner) % size === place);
        expect(cut.length).toBe(expected.length);
        for (const [index, value] of cut.entries()) expect(value).toBeCloseTo(expected[index] ?? Number.NaN, 5);
      }
    }
  });

  function note(node: Tensor["node"], axis: number): void {
    if (node.op.along?.(node, axis) !== undefined) reached.add(node.op.name);
  }

  it("every operation with a rule of its own is among them", () => {
    const isOwn = ({ along }: Op) => along !== undefined && along !== eachAlong;
    const declared = [...OPS.values()].filter(isOwn).map(({ name }) => name);
    expect(declared.filter((name) => !reached.has(name))).toEqual([]);
  });
});

describe("what is read of a model", () => {
  const sizes = { hidden_size: 8, num_attention_heads: 2, num_hidden_layers: 2, intermediate_size: 12, vocab_size: 20 };
  const of = (name: string) => {
    const traced = traceModel(buildModel({ model_type: "bert", ...sizes }, name).eval());
    const nodes = ancestors(...readEarly(Object.values(traced.outputs).map(({ node }) => node)));
    return nodes.filter(({ op }) => op.name === "matmul").map(({ shape }) => shape.join());
  };

  it("a classifier's last layer has queries, and all that follows, of the first token alone", () => {
    const shapes = of("BertForSequenceClassification");
    const [first, second] = [shapes.slice(0, 8), shapes.slice(8)];
    expect(first.every((shape) => shape.includes("sequence_length"))).toBe(true);
    expect(second.toSorted()).toEqual(
      [
        "batch_size,sequence_length,8", // keys
        "batch_size,sequence_length,8", // values
        "batch_size,1,8", // queries
        "batch_size,2,1,sequence_length", // scores
        "batch_size,2,1,4", // their sums of values
        "batch_size,1,8", // their layer
        "batch_size,1,12", // feed forward
        "batch_size,1,8",
      ].toSorted(),
    );
  });

  it("a model that gives every state computes every state", () => {
    const shapes = of("BertModel").filter((shape) => !shape.includes("sequence_length"));
    expect(shapes).toEqual([]);
  });
});

describe("what is left as it is", () => {
  const x = symbolic("x", [4, 3], "float32");
  const early = (y: Tensor) => readEarly([y.node])[0];

  it("more parts than there are", () => {
    const table = x.exp();
    const places = F.arangeLike(symbolic("z", [9, 1], "float32"), 0).mul(0);
    const picked = table.indexSelect(0, places);
    expect(early(picked)).toBe(picked.node);
  });

  it("parts that are read in two ways, or beside the whole", () => {
    const y = x.exp();
    for (const both of [y.narrow(0, 0, 1).add(y.narrow(0, 1, 1)), y.narrow(0, 0, 1).add(y)]) {
      const found = ancestors(early(both) ?? both.node).filter(({ op }) => op.name === "exp");
      expect(found.map(({ shape }) => shape.join())).toEqual(["4,3"]);
    }
  });

  it("columns of a product, which would take a weight apart in every run", () => {
    const product = x.matmul(symbolic("w", [3, 5], "float32")).narrow(1, 0, 2);
    expect(early(product)).toBe(product.node);
  });
});
