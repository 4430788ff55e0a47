// One layer of a recurrent network in one direction, unrolled over time: steps are ordinary operations, and so are their gradients.
// Holds no weights.
import { argumentError } from "../../arguments.ts";
import * as build from "../../graph/build.ts";
import type { Node } from "../../graph/node.ts";
import { Tensor } from "../../tensor/index.ts";

/** The state after a step: hidden, and the cell of an LSTM. */
export type State = readonly Node[];

/** What all steps of a layer read, transposed as PyTorch keeps it: [gates · hidden, in] and [gates · hidden, hidden]. */
export interface StepWeights {
  inputs: Node;
  hidden: Node;
  inputBias: Node | undefined;
  hiddenBias: Node | undefined;
}

export interface StepRule {
  /** Blocks of `hidden` rows in the weights. */
  readonly gates: number;
  /** Tensors in the state. */
  readonly states: number;
  /** The hidden bias stands inside the step (GRU), else it is added to the input's share beforehand. */
  readonly keepsHiddenBias?: boolean;
  /** `x` is the input's share of the gates, [N, gates · hidden]. */
  step(x: Node, state: State, weights: StepWeights): State;
}

const sigmoid = (x: Node): Node => build.call("sigmoid", [x]);
const hiddenOf = (state: State): Node => state[0] as Node; // safe because every state has a hidden part

/** Block `index` of `count` equal ones along the last axis of a matrix. */
function block(x: Node, index: number, count: number, width = 1): Node {
  const size = Number(x.shape[1]) / count;
  return build.slice(x, 1, index * size, (index + width) * size);
}

/** h' = tanh(W x + U h) or max(…, 0). */
export const rnnRule = (nonlinearity: "tanh" | "relu"): StepRule => ({
  gates: 1,
  states: 1,
  step: (x, state, { hidden }) => {
    const sum = build.addmm(x, hiddenOf(state), hidden, { transposeB: true });
    return [nonlinearity === "tanh" ? build.tanh(sum) : build.call("relu", [sum])];
  },
});

/** i, f, g, o = σ, σ, tanh, σ of W x + U h; c' = f c + i g; h' = o tanh c' (Hochreiter and Schmidhuber 1997, with forget gates). */
export const lstmRule: StepRule = {
  gates: 4,
  states: 2,
  step: (x, state, { hidden }) => {
    const gates = build.addmm(x, hiddenOf(state), hidden, { transposeB: true }); // [N, 4 H]
    const inAndForget = sigmoid(block(gates, 0, 4, 2)); // [N, 2 H]
    const candidate = build.tanh(block(gates, 2, 4));
    const out = sigmoid(block(gates, 3, 4));
    const kept = build.mul(block(inAndForget, 1, 2), state[1] as Node); // safe because an LSTM's state has a cell
    const cell = build.add(kept, build.mul(block(inAndForget, 0, 2), candidate));
    return [build.mul(out, build.tanh(cell)), cell];
  },
};

/** r, z = σ(W x + U h); n = tanh(W x + b + r (U h + b)); h' = (1 - z) n + z h (Cho et al. 2014, arXiv 1406.1078). */
export const gruRule: StepRule = {
  gates: 3,
  states: 1,
  keepsHiddenBias: true,
  step: (x, state, { hidden, hiddenBias }) => {
    const h = hiddenOf(state);
    const product = build.matmul(h, hidden, true); // [N, 3 H]
    const own = hiddenBias === undefined ? product : build.add(product, hiddenBias);
    const resetAndUpdate = sigmoid(build.add(block(x, 0, 3, 2), block(own, 0, 3, 2))); // [N, 2 H]
    const reset = block(resetAndUpdate, 0, 2);
    const update = block(resetAndUpdate, 1, 2);
    const candidate = build.tanh(build.add(block(x, 2, 3), build.mul(reset, block(own, 2, 3))));
    return [build.add(candidate, build.mul(update, build.sub(h, candidate)))];
  },
};

/** The input's share of the gates for rows [M, in]: [M, gates · hidden]. */
export function inputShare(rows: Node, weights: StepWeights, rule: StepRule): Node {
  const { inputs, inputBias, hiddenBias } = weights;
  if (inputBias === undefined) return build.matmul(rows, inputs, true);
  const both = rule.keepsHiddenBias === true || hiddenBias === undefined ? inputBias : build.add(inputBias, hiddenBias);
  return build.addmm(both, rows, inputs, { transposeB: true });
}

/**
 * The parts of equal size along the first axis. Halved again and again: the gradient of a part is as large as what it was
 * cut from, so that cutting all from the whole would cost the square of their number.
 */
function cut(x: Node, count: number): Node[] {
  if (count <= 1) return [x];
  const left = count >> 1;
  const size = Number(x.shape[0]) / count;
  return [
    ...cut(build.slice(x, 0, 0, left * size), left),
    ...cut(build.slice(x, 0, left * size, count * size), count - left),
  ];
}

export interface Unrolled {
  /** [T, N, hidden] */
  outputs: Node;
  last: State;
}

/**
 * Steps over [T, N, in] from a state of [N, hidden] each.
 *
 * @param lengths steps of each sequence, [N] int64: beyond them the state stays, and outputs are 0
 */
export function unroll(
  x: Node,
  first: State,
  weights: StepWeights,
  rule: StepRule,
  { reverse = false, lengths }: { reverse?: boolean; lengths?: Node | undefined } = {},
): Unrolled {
  const [steps = 0, batch = 0, width = 0] = x.shape.map(Number);
  const shares = cut(inputShare(build.reshape(x, [steps * batch, width]), weights, rule), steps);
  const outputs: Node[] = new Array(steps);
  let state = first;
  for (let at = 0; at < steps; at++) {
    const time = reverse ? steps - 1 - at : at;
    const next = rule.step(shares[time] as Node, state, weights); // safe because there is a share for each step
    const masked = lengths === undefined ? { state: next, out: hiddenOf(next) } : kept(state, next, lengths, time);
    state = masked.state;
    outputs[time] = build.reshape(masked.out, [1, ...masked.out.shape]);
  }
  return { outputs: build.concat(outputs, 0), last: state };
}

/** The step's result for sequences that go on at `time`; for the others the old state, and 0. */
function kept(old: State, next: State, lengths: Node, time: number): { state: State; out: Node } {
  const goesOn = build.reshape(build.greater(lengths, build.constant(time, lengths.dtype)), [lengths.shape[0] ?? 1, 1]);
  const hidden = hiddenOf(next);
  return {
    state: next.map((node, at) => build.where(goesOn, node, old[at] as Node)), // safe because a step keeps the state's parts
    out: build.where(goesOn, hidden, build.constant(0, hidden.dtype)),
  };
}

/** The states that a call was given: as many tensors as the rule has, in a list. */
export function requireStates(name: string, given: readonly Tensor[] | undefined, count: number): void {
  if (given === undefined) return;
  const isList = Array.isArray(given) && given.length === count && given.every((state) => state instanceof Tensor);
  if (!isList)
    throw argumentError(
      name,
      2,
      count === 1 ? "Tensor" : "a pair of Tensors, [h, c]",
      Array.isArray(given) && count === 1 ? given[0] : given,
    );
}
