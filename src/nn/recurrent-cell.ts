// RNNCell, LSTMCell and GRUCell: one step of a recurrent network.
// Knows no step's formula.
import { AbrazoError } from "../errors.ts";
import * as build from "../graph/build.ts";
import { optionsOf } from "../options.ts";
import { requireTensors } from "../tensor/arguments.ts";
import { Tensor, uniform } from "../tensor/index.ts";
import { gruRule, inputShare, lstmRule, requireStates, rnnRule, type StepRule } from "./functional/recurrent.ts";
import type { LayerOptions } from "./linear.ts";
import { parameter } from "./marks.ts";
import { Module } from "./module.ts";

/** How a recurrent cell is made. */
export interface CellOptions extends LayerOptions {
  bias?: boolean;
}

const cellOptions = optionsOf<CellOptions>({ generator: true, bias: true });
const rnnCellOptions = optionsOf<CellOptions & { nonlinearity?: "tanh" | "relu" }>({
  ...cellOptions.names,
  nonlinearity: true,
});

abstract class Cell<Given, Out> extends Module<[Tensor, Given?], Out> {
  readonly inputSize: number;
  readonly hiddenSize: number;
  readonly weight_ih: Tensor;
  readonly weight_hh: Tensor;
  readonly bias_ih: Tensor | undefined;
  readonly bias_hh: Tensor | undefined;
  readonly #rule: StepRule;

  constructor(inputSize: number, hiddenSize: number, rule: StepRule, given?: CellOptions) {
    const { bias = true, ...options } = cellOptions(new.target.name, given);
    super();
    this.inputSize = inputSize;
    this.hiddenSize = hiddenSize;
    this.#rule = rule;
    const bound = 1 / Math.sqrt(hiddenSize);
    const rows = rule.gates * hiddenSize;
    const make = (shape: number[]) => parameter(uniform(shape, -bound, bound, options));
    this.weight_ih = make([rows, inputSize]);
    this.weight_hh = make([rows, hiddenSize]);
    this.bias_ih = bias ? make([rows]) : undefined;
    this.bias_hh = bias ? make([rows]) : undefined;
  }

  protected run(x: Tensor, given: readonly Tensor[] | undefined): Tensor[] {
    requireTensors(this.constructor.name, x);
    requireStates(this.constructor.name, given, this.#rule.states);
    if (x.ndim !== 1 && x.ndim !== 2) {
      throw shapeError(`${this.constructor.name}: Expected input to be 1D or 2D, got ${x.ndim}D instead`);
    }
    if (x.size(-1) !== this.inputSize) {
      throw shapeError(`input has inconsistent input_size: got ${x.size(-1)} expected ${this.inputSize}`);
    }
    const single = x.ndim === 1;
    const row = single ? x.unsqueeze(0) : x;
    const shape = [row.size(0), this.hiddenSize];
    const state = Array.from({ length: this.#rule.states }, (_, part) => {
      const tensor = given?.[part];
      if (tensor === undefined) return build.expand(build.constant(0, x.dtype), shape);
      const own = single && tensor.ndim === 1 ? tensor.unsqueeze(0) : tensor;
      if (own.shape.join() === shape.join()) return own.node;
      throw shapeError(`hidden has inconsistent size: got [${tensor.shape.join(", ")}] expected [${shape.join(", ")}]`);
    });
    const weights = {
      inputs: this.weight_ih.node,
      hidden: this.weight_hh.node,
      inputBias: this.bias_ih?.node,
      hiddenBias: this.bias_hh?.node,
    };
    const next = this.#rule.step(inputShare(row.node, weights, this.#rule), state, weights);
    const inputs = [x, ...this.parameters(), ...(given ?? [])];
    return next.map((node) => Tensor.fromNode(single ? build.reshape(node, [this.hiddenSize]) : node, inputs));
  }

  override extraRepr(): string {
    return `${this.inputSize}, ${this.hiddenSize}${this.bias_ih === undefined ? ", bias=False" : ""}`;
  }
}

function shapeError(message: string): AbrazoError {
  return new AbrazoError({ code: "SHAPE_MISMATCH", message, hint: "Inputs are [N, in] or [in], states [N, hidden]." });
}

/**
 * One step of RNN: [N, in] and perhaps a state [N, hidden] give the next state.
 *
 * @example
 * ```ts
 * new RNNCell(3, 4)(ones([2, 3])).shape; // [2, 4]
 * ```
 */
export class RNNCell extends Cell<Tensor, Tensor> {
  readonly nonlinearity: "tanh" | "relu";

  constructor(inputSize: number, hiddenSize: number, given?: CellOptions & { nonlinearity?: "tanh" | "relu" }) {
    const { nonlinearity = "tanh", ...options } = rnnCellOptions("RNNCell", given);
    super(inputSize, hiddenSize, rnnRule(nonlinearity), options);
    this.nonlinearity = nonlinearity;
  }

  override forward(x: Tensor, h?: Tensor): Tensor {
    return this.run(x, h && [h])[0] as Tensor; // safe because the rule has a state
  }

  override extraRepr(): string {
    return `${super.extraRepr()}${this.nonlinearity === "tanh" ? "" : `, nonlinearity=${this.nonlinearity}`}`;
  }
}

/**
 * One step of LSTM: [N, in] and perhaps [h, c] give the next [h, c].
 *
 * @example
 * ```ts
 * const [h, c] = new LSTMCell(3, 4)(ones([2, 3]));
 * h.shape; // [2, 4]
 * ```
 */
export class LSTMCell extends Cell<readonly [Tensor, Tensor], [Tensor, Tensor]> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, lstmRule, options);
  }

  override forward(x: Tensor, state?: readonly [Tensor, Tensor]): [Tensor, Tensor] {
    const [h, c] = this.run(x, state);
    return [h as Tensor, c as Tensor]; // safe because the rule has two states
  }
}

/**
 * One step of GRU: [N, in] and perhaps a state [N, hidden] give the next state.
 *
 * @example
 * ```ts
 * new GRUCell(3, 4)(ones([2, 3])).shape; // [2, 4]
 * ```
 */
export class GRUCell extends Cell<Tensor, Tensor> {
  constructor(inputSize: number, hiddenSize: number, options: CellOptions = {}) {
    super(inputSize, hiddenSize, gruRule, options);
  }

  override forward(x: Tensor, h?: Tensor): Tensor {
    return this.run(x, h && [h])[0] as Tensor; // safe because the rule has a state
  }
}
