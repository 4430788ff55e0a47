// RNN, LSTM and GRU over sequences: layers and directions of unrolled steps. Parameters have PyTorch's names.
// Knows no step's formula.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import type { Node } from "../graph/node.ts";
import { optionsOf } from "../options.ts";
import { requireTensors } from "../tensor/arguments.ts";
import { Tensor, tensor, uniform } from "../tensor/index.ts";
import { dropout } from "./functional/dropout.ts";
import {
  gruRule,
  lstmRule,
  requireStates,
  rnnRule,
  type State,
  type StepRule,
  type StepWeights,
  unroll,
} from "./functional/recurrent.ts";
import type { LayerOptions } from "./linear.ts";
import { Module } from "./module.ts";
import { python, pythonFloat } from "./print.ts";

/** How a recurrent network is made. */
export interface RecurrentOptions extends LayerOptions {
  numLayers?: number;
  bias?: boolean;
  /** Sequences are [N, T, …] instead of [T, N, …]; states stay [layers · directions, N, hidden]. */
  batchFirst?: boolean;
  /** Dropout after each layer but the last. */
  dropout?: number;
  bidirectional?: boolean;
}

const recurrentOptions = optionsOf<RecurrentOptions>({
  generator: true,
  numLayers: true,
  bias: true,
  batchFirst: true,
  dropout: true,
  bidirectional: true,
});
const rnnOptions = optionsOf<RecurrentOptions & { nonlinearity?: "tanh" | "relu" }>({
  ...recurrentOptions.names,
  nonlinearity: true,
});

/** What is known of the sequences of a call. */
export interface SequenceOptions {
  /**
   * Steps of each sequence, [N]: what packing and padding again do in PyTorch. Beyond them outputs are 0, and the last
   * state is that of the sequence's own end.
   */
  lengths?: readonly number[] | Tensor | undefined;
}

const sequenceOptions = optionsOf<SequenceOptions>({ lengths: true });

abstract class Recurrent<Given, Out> extends Module<[Tensor, Given?, SequenceOptions?], Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly numLayers: number;
  readonly bias: boolean;
  readonly batchFirst: boolean;
  readonly dropout: number;
  readonly bidirectional: boolean;
  readonly #rule: StepRule;

  constructor(inputSize: number, hiddenSize: number, rule: StepRule, given?: RecurrentOptions) {
    const {
      numLayers = 1,
      bias = true,
      batchFirst = false,
      dropout = 0,
      bidirectional = false,
      ...options
    } = recurrentOptions(new.target.name, given);
    super();
    checkSizes(hiddenSize, numLayers, dropout);
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.numLayers = numLayers;
    this.bias = bias;
    this.batchFirst = batchFirst;
    this.dropout = dropout;
    this.bidirectional = bidirectional;
    this.#rule = rule;
    const bound = 1 / Math.sqrt(hiddenSize);
    const make = (name: string, shape: number[]) =>
      this.registerParameter(name, uniform(shape, -bound, bound, options));
    for (const { suffix, layer } of this.#passes()) {
      const rows = rule.gates * hiddenSize;
      make(`weight_ih_${suffix}`, [rows, layer === 0 ? inputSize : hiddenSize * this.#directions]);
      make(`weight_hh_${suffix}`, [rows, hiddenSize]);
      if (!bias) continue;
      make(`bias_ih_${suffix}`, [rows]);
      make(`bias_hh_${suffix}`, [rows]);
    }
  }

  get #directions(): number {
    return this.bidirectional ? 2 : 1;
  }

  /** Each layer and direction, in the order of the states. */
  #passes(): { suffix: string; layer: number; reverse: boolean }[] {
    return Array.from({ length: this.numLayers }, (_, layer) =>
      [false, true].slice(0, this.#directions).map((reverse) => ({
        suffix: `l${layer}${reverse ? "_reverse" : ""}`,
        layer,
        reverse,
      })),
    ).flat();
  }

  #weights(suffix: string): StepWeights {
    const at = (name: string) => this.getParameter(`${name}_${suffix}`).node;
    return {
      inputs: at("weight_ih"),
      hidden: at("weight_hh"),
      inputBias: this.bias ? at("bias_ih") : undefined,
      hiddenBias: this.bias ? at("bias_hh") : undefined,
    };
  }

  /** Outputs and the last states, each [layers · directions, N, hidden]. */
  protected run(
    x: Tensor,
    given: readonly Tensor[] | undefined,
    named?: SequenceOptions,
  ): { output: Tensor; states: Tensor[] } {
    const { lengths } = sequenceOptions("forward", named);
    const single = x.ndim === 2;
    this.#check(x, given);
    const batched = single ? x.unsqueeze(this.batchFirst ? 0 : 1) : x;
    const inTime = this.batchFirst ? batched.transpose(0, 1) : batched; // [T, N, in]
    const [steps, batch] = [inTime.size(0), inTime.size(1)];
    const states = given?.map((state) => (single ? state.unsqueeze(1) : state));
    const counts = lengths === undefined ? undefined : checkedLengths(lengths, batch, steps);
    const { top, last } = this.#layers(inTime, states, counts);
    const ordered = this.batchFirst ? top.transpose(0, 1) : top;
    return {
      output: single ? ordered.squeeze(this.batchFirst ? 0 : 1) : ordered,
      states: last.map((state) => (single ? state.squeeze(1) : state)),
    };
  }

  #layers(x: Tensor, given: readonly Tensor[] | undefined, lengths: Tensor | undefined) {
    const inputs = [x, ...this.parameters(), ...(given ?? [])];
    const batch = x.size(1);
    const ends: State[] = [];
    let below = x;
    for (let layer = 0; layer < this.numLayers; layer++) {
      const passes = this.#passes().filter((pass) => pass.layer === layer);
      const runs = passes.map(({ suffix, reverse }) => {
        const index = layer * this.#directions + (reverse ? 1 : 0);
        const first = this.#first(given, index, batch, x);
        return unroll(below.node, first, this.#weights(suffix), this.#rule, { reverse, lengths: lengths?.node });
      });
      ends.push(...runs.map(({ last }) => last));
      const joined = build.concat(
        runs.map(({ outputs }) => outputs),
        2,
      );
      below = Tensor.fromNode(joined, inputs);
      if (layer < this.numLayers - 1) below = dropout(below, this.dropout, this.training);
    }
    const last = Array.from({ length: this.#rule.states }, (_, part) => {
      const parts = ends.map((state) => state[part] as Node); // safe because every state has the rule's parts
      return Tensor.fromNode(
        build.concat(
          parts.map((node) => build.reshape(node, [1, ...node.shape])),
          0,
        ),
        inputs,
      );
    });
    return { top: below, last };
  }

  #first(given: readonly Tensor[] | undefined, index: number, batch: number, like: Tensor): State {
    const shape = [batch, this.hiddenSize];
    return Array.from({ length: this.#rule.states }, (_, part) => {
      const state = given?.[part]?.node;
      if (state === undefined) return build.expand(build.constant(0, like.dtype), shape);
      return build.reshape(build.slice(state, 0, index, index + 1), shape);
    });
  }

  #check(x: Tensor, given: readonly Tensor[] | undefined): void {
    const name = this.constructor.name;
    requireTensors(name, x);
    if (x.ndim !== 2 && x.ndim !== 3) {
      throw sequenceError(`${name}: Expected input to be 2D or 3D, got ${x.ndim}D instead`, "[T, N, in] or [T, in].");
    }
    if (x.size(-1) !== this.inputSize) {
      throw sequenceError(
        `input.size(-1) must be equal to input_size. Expected ${this.inputSize}, got ${x.size(-1)}`,
        "The last axis holds the features of one step.",
      );
    }
    if (x.size(x.ndim === 3 && this.batchFirst ? 1 : 0) === 0) {
      throw sequenceError("Expected sequence length to be larger than 0 in RNN", "A sequence has at least one step.");
    }
    requireStates(name, given, this.#rule.states);
    const layers = this.numLayers * this.#directions;
    const wanted =
      x.ndim === 2 ? [layers, this.hiddenSize] : [layers, x.size(this.batchFirst ? 0 : 1), this.hiddenSize];
    for (const [at, state] of (given ?? []).entries()) {
      if (state.shape.join() === wanted.join()) continue;
      const which = this.#rule.states === 1 ? "hidden" : `hidden[${at}]`;
      throw sequenceError(
        `Expected ${which} size (${wanted.join(", ")}), got [${state.shape.join(", ")}]`,
        "States are [layers · directions, N, hidden], also with batchFirst.",
      );
    }
  }

  override extraRepr(): string {
    const parts = [`${this.inputSize}, ${this.hiddenSize}`];
    if (this.numLayers !== 1) parts.push(`num_layers=${this.numLayers}`);
    if (!this.bias) parts.push("bias=False");
    if (this.batchFirst) parts.push("batch_first=True");
    if (this.dropout !== 0) parts.push(`dropout=${pythonFloat(this.dropout)}`);
    if (this.bidirectional) parts.push(`bidirectional=${python(true)}`);
    return parts.join(", ");
  }
}

function checkSizes(hiddenSize: number, numLayers: number, dropout: number): void {
  const bad =
    hiddenSize <= 0
      ? "hidden_size must be greater than zero"
      : numLayers <= 0
        ? "num_layers must be greater than zero"
        : dropout < 0 || dropout > 1
          ? "dropout should be a number in range [0, 1] representing the probability of an element being zeroed"
          : undefined;
  if (bad === undefined) return;
  throw new AbrazoError({ code: "BAD_PARAMETER", message: bad, hint: "See the arguments of the layer." });
}

function sequenceError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint });
}

function checkedLengths(lengths: readonly number[] | Tensor, batch: number, steps: number): Tensor {
  const given = lengths instanceof Tensor ? lengths.to("int64") : tensor([...lengths], { dtype: "int64" });
  const values = Array.from(given.dataSync(), Number);
  if (values.length === batch && values.every((length) => length > 0 && length <= steps)) return given;
  throw sequenceError(
    values.length === batch
      ? "Length of all samples has to be greater than 0, and at most the number of steps"
      : `Expected \`len(lengths)\` to be equal to batch_size, but got ${values.length} (batch_size=${batch})`,
    `Lengths are [${values.join(", ")}]; there are ${batch} sequences of ${steps} steps.`,
  );
}

/**
 * Elman's network: h' = tanh(W x + U h), or max(…, 0). Called with [T, N, in] and perhaps a first state
 * [layers · directions, N, hidden], it gives the outputs [T, N, directions · hidden] and the last state. A sequence alone
 * is [T, in].
 *
 * @example
 * ```ts
 * const [output, last] = new RNN(3, 4, { numLayers: 2 })(ones([5, 2, 3]));
 * output.shape; // [5, 2, 4]
 * last.shape; // [2, 2, 4]
 * ```
 */
export class RNN extends Recurrent<Tensor, [Tensor, Tensor]> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, given?: RecurrentOptions & { nonlinearity?: "tanh" | "relu" }) {
    const { nonlinearity = "tanh", ...options } = rnnOptions("RNN", given);
    super(inputSize, hiddenSize, rnnRule(nonlinearity), options);
    this.nonlinearity = nonlinearity;
  }

  override forward(x: Tensor, h0?: Tensor, options?: SequenceOptions): [Tensor, Tensor] {
    const { output, states } = this.run(x, h0 && [h0], options);
    return [output, states[0] as Tensor]; // safe because the rule has a state
  }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997). Called with [T, N, in] and perhaps [h₀, c₀], each
 * [layers · directions, N, hidden], it gives the outputs [T, N, directions · hidden] and [hₙ, cₙ]. Projections (proj_size)
 * are not here. Each number of steps is a graph of its own: pad sequences to few lengths, and pass `lengths`.
 *
 * @example
 * ```ts
 * const lstm = new LSTM(3, 4, { batchFirst: true, bidirectional: true });
 * const [output, [h, c]] = lstm(ones([2, 5, 3]));
 * output.shape; // [2, 5, 8]
 * h.shape; // [2, 2, 4]
 * [...lstm.stateDict().keys()][0]; // "weight_ih_l0"
 * ```
 */
export class LSTM extends Recurrent<readonly [Tensor, Tensor], [Tensor, [Tensor, Tensor]]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(inputSize, hiddenSize, lstmRule, options);
  }

  override forward(
    x: Tensor,
    first?: readonly [Tensor, Tensor],
    options?: SequenceOptions,
  ): [Tensor, [Tensor, Tensor]] {
    const { output, states } = this.run(x, first, options);
    return [output, [states[0] as Tensor, states[1] as Tensor]]; // safe because the rule has two states
  }
}

/**
 * Gated recurrent unit (Cho et al. 2014, arXiv 1406.1078). Called as RNN.
 *
 * @example
 * ```ts
 * const [output, last] = new GRU(3, 4)(ones([5, 2, 3]), undefined, { lengths: [5, 2] });
 * output.shape; // [5, 2, 4]
 * last.shape; // [1, 2, 4]
 * ```
 */
export class GRU extends Recurrent<Tensor, [Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: RecurrentOptions = {}) {
    super(inputSize, hiddenSize, gruRule, options);
  }

  override forward(x: Tensor, h0?: Tensor, options?: SequenceOptions): [Tensor, Tensor] {
    const { output, states } = this.run(x, h0 && [h0], options);
    return [output, states[0] as Tensor]; // safe because the rule has a state
  }
}
