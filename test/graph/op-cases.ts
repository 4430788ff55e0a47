// One row per operation: inputs for which value and gradient are checked. A new operation without a row fails the suite.

import * as build from "../../src/graph/build.ts";
import { functional as F } from "../../src/nn/index.ts";
import type { Tensor } from "../../src/tensor/index.ts";
import { Tensor as T, tensor, where } from "../../src/tensor/index.ts";

export interface OpCase {
  op: string;
  /** Input values; every one is differentiated. */
  inputs: number[][][];
  apply(...inputs: Tensor[]): Tensor;
  /** The result, computed here by plain arithmetic on the flat inputs, for elementwise operations. */
  expected?: (...values: number[]) => number;
}

const A = [
  [0.5, -1.25, 2],
  [1.5, 0.75, -0.3],
];
const B = [
  [1.5, 0.25, -2.5],
  [0.6, -0.9, 1.1],
];
const P = [
  [0.5, 1.25, 2],
  [1.5, 0.75, 0.3],
];
const ROW = [[0.3, -0.7, 1.9]];
const W = [
  [0.2, -0.4, 0.6],
  [1.1, 0.3, -0.8],
  [0.5, 0.9, 0.1],
  [-0.6, 0.7, 0.4],
];

const unary = (
  op: string,
  inputs: number[][],
  apply: (x: Tensor) => Tensor,
  expected: (x: number) => number,
): OpCase => ({
  op,
  inputs: [inputs],
  apply,
  expected,
});

export const OP_CASES: readonly OpCase[] = [
  { op: "add", inputs: [A, ROW], apply: (a, b) => a.add(b) },
  { op: "add", inputs: [A, B], apply: (a, b) => a.add(b), expected: (a, b) => a + b },
  { op: "sub", inputs: [A, B], apply: (a, b) => a.sub(b), expected: (a, b) => a - b },
  { op: "mul", inputs: [A, B], apply: (a, b) => a.mul(b), expected: (a, b) => a * b },
  { op: "div", inputs: [A, B], apply: (a, b) => a.div(b), expected: (a, b) => a / b },
  { op: "pow", inputs: [P, B], apply: (a, b) => a.pow(b), expected: (a, b) => a ** b },
  { op: "maximum", inputs: [A, B], apply: (a, b) => a.maximum(b), expected: Math.max },
  { op: "minimum", inputs: [A, B], apply: (a, b) => a.minimum(b), expected: Math.min },
  unary(
    "neg",
    A,
    (x) => x.neg(),
    (x) => -x,
  ),
  unary("abs", A, (x) => x.abs(), Math.abs),
  unary("exp", A, (x) => x.exp(), Math.exp),
  unary("log", P, (x) => x.log(), Math.log),
  unary("sqrt", P, (x) => x.sqrt(), Math.sqrt),
  unary(
    "reciprocal",
    P,
    (x) => x.reciprocal(),
    (x) => 1 / x,
  ),
  unary("sin", A, (x) => x.sin(), Math.sin),
  unary("cos", A, (x) => x.cos(), Math.cos),
  unary("tanh", A, (x) => x.tanh(), Math.tanh),
  unary(
    "sigmoid",
    A,
    (x) => x.sigmoid(),
    (x) => 1 / (1 + Math.exp(-x)),
  ),
  unary(
    "relu",
    A,
    (x) => x.relu(),
    (x) => Math.max(x, 0),
  ),
  unary(
    "clamp",
    A,
    (x) => x.clamp(-0.5, 1),
    (x) => Math.min(1, Math.max(-0.5, x)),
  ),
  unary("sign", A, (x) => x.sign(), Math.sign),
  unary("floor", B, (x) => x.floor(), Math.floor),
  { op: "where", inputs: [A, B], apply: (a, b) => where(a.gt(b), a, b), expected: Math.max },
  { op: "sum", inputs: [A], apply: (a) => a.sum(0) },
  { op: "mean", inputs: [A], apply: (a) => a.mean(1, true) },
  { op: "amax", inputs: [A], apply: (a) => a.amax(1) },
  { op: "amin", inputs: [A], apply: (a) => a.amin(0) },
  { op: "cumsum", inputs: [A], apply: (a) => a.cumsum(1) },
  { op: "softmax", inputs: [A], apply: (a) => a.softmax(-1) },
  { op: "logSoftmax", inputs: [A], apply: (a) => a.logSoftmax(-1) },
  {
    op: "matmul",
    inputs: [
      A,
      [
        [1, 2],
        [0.5, -1],
        [0.3, 0.7],
      ],
    ],
    apply: (a, b) => a.matmul(b),
  },
  { op: "matmul", inputs: [A, W], apply: (a, b) => T.fromNode(build.matmul(a.node, b.node, true), [a, b]) },
  { op: "reshape", inputs: [A], apply: (a) => a.reshape([3, -1]) },
  { op: "permute", inputs: [A], apply: (a) => a.transpose(0, 1) },
  { op: "expand", inputs: [ROW], apply: (a) => a.expand([4, 3]) },
  { op: "slice", inputs: [A], apply: (a) => a.slice(1, 0, 3, 2) },
  { op: "narrow", inputs: [A], apply: (a) => a.map((node) => build.narrow(node, 1, 1, 2)) },
  {
    op: "sliceScatter",
    inputs: [A, [[5], [6]]],
    apply: (a, b) => T.fromNode(build.sliceScatter(a.node, b.node, 1, 1), [a, b]),
  },
  { op: "concat", inputs: [A, ROW], apply: (a, b) => T.fromNode(build.concat([a.node, b.node], 0), [a, b]) },
  { op: "trilu", inputs: [A], apply: (a) => a.tril() },
  {
    op: "gather",
    inputs: [W],
    apply: (w) =>
      T.fromNode(
        build.gather(
          w.node,
          tensor([
            [0, 2],
            [2, 3],
          ]).node,
          0,
        ),
        [w],
      ),
  },
  {
    op: "scatterAddRows",
    inputs: [A],
    apply: (a) => T.fromNode(build.scatterAddRows(tensor([[3], [1]]).node, a.node, 4), [a]),
  },
  {
    op: "gatherElements",
    inputs: [A],
    apply: (a) =>
      a.gather(
        1,
        tensor([
          [2, 2],
          [0, 1],
        ]),
      ),
  },
  {
    op: "scatterAddElements",
    inputs: [
      A,
      [
        [1, 2],
        [3, 4],
      ],
    ],
    apply: (a, b) =>
      T.fromNode(
        build.scatterAddElements(
          a.node,
          tensor([
            [2, 2],
            [0, 1],
          ]).node,
          b.node,
          1,
        ),
        [a, b],
      ),
  },
  { op: "rmsNorm", inputs: [A, [[0.5, -1, 2]]], apply: (a, w) => F.rmsNorm(a, 3, w.flatten(), 0.1) },
  {
    op: "rotaryEmbedding",
    inputs: [
      [
        [0.5, -1, 2, 0.25],
        [1, 3, -0.5, 0.75],
      ],
      [
        [0.5, 1],
        [-1, 0.25],
      ],
      [
        [0.3, 0.7],
        [2, -0.6],
      ],
    ],
    apply: (x, cos, sin) => T.fromNode(build.rotaryEmbedding(x.node, cos.node, sin.node), [x, cos, sin]),
  },
  { op: "stopGradient", inputs: [A], apply: (a) => a.detach().mul(a) },
  { op: "cast", inputs: [A], apply: (a) => a.to("float64").mul(2) },
];

/** Operations without finite differences, each with its reason; all have goldens of PyTorch (goldens.test.ts). */
export const ELSEWHERE: Readonly<Record<string, string>> = {
  leaf: "a value from outside",
  constant: "no inputs",
  erf: "no float64 kernel",
  gelu: "no float64 kernel",
  layerNorm: "its float64 twin is made of the operations above",
  layerNormStat: "part of layerNorm's gradient",
  round: "a step function",
  isnan: "a truth value",
  eq: "a truth value",
  lt: "a truth value",
  gt: "a truth value",
  le: "a truth value",
  ge: "a truth value",
  logicalAnd: "a truth value",
  logicalOr: "a truth value",
  logicalXor: "a truth value",
  logicalNot: "a truth value",
  argmax: "an index",
  arangeLike: "positions",
  hashUniform: "random numbers",
};
