// Padding layers.
// Knows no model.
import type { Tensor } from "../tensor/index.ts";
import { type PadMode, pad } from "./functional/pad.ts";
import { perAxis, type Size } from "./functional/sizes.ts";
import { Module } from "./module.ts";
import { python } from "./print.ts";

abstract class AnyPad extends Module<[Tensor], Tensor> {
  /** Pairs (before, after) from the last axis to the first. */
  readonly padding: readonly number[];
  readonly #mode: PadMode;
  readonly #value: number;

  constructor(padding: Size, rank: number, mode: PadMode, value = 0) {
    super();
    this.padding = perAxis(padding, 2 * rank, "padding");
    this.#mode = mode;
    this.#value = value;
  }

  override forward(x: Tensor): Tensor {
    return pad(x, this.padding, this.#mode, this.#value);
  }

  override extraRepr(): string {
    return python(this.padding);
  }
}

/**
 * Zeros around the last axis: one number for both sides, or (left, right). [C, L] or [N, C, L] → the same with L + left
 * + right.
 *
 * @example
 * ```ts
 * new ZeroPad1d([1, 0])(ones([1, 2])).tolistSync(); // [[0, 1, 1]]
 * ```
 */
export class ZeroPad1d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 1, "constant");
  }
}

/**
 * Zeros around the last two axes: one number for all sides, or (left, right, top, bottom). [C, H, W] or [N, C, H, W] →
 * the same with more rows and columns.
 *
 * @example
 * ```ts
 * new ZeroPad2d(1)(ones([1, 2, 2])).shape; // [1, 4, 4]
 * ```
 */
export class ZeroPad2d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 2, "constant");
  }
}

/**
 * One value around the last axis. [C, L] or [N, C, L] → the same with L + left + right.
 *
 * @example
 * ```ts
 * new ConstantPad1d(1, 9)(tensor([[1, 2, 3]])).tolistSync(); // [[9, 1, 2, 3, 9]]
 * ```
 */
export class ConstantPad1d extends AnyPad {
  readonly value: number;

  constructor(padding: Size, value: number) {
    super(padding, 1, "constant", value);
    this.value = value;
  }

  override extraRepr(): string {
    return `padding=${python(this.padding)}, value=${python(this.value)}`;
  }
}

/**
 * One value around the last two axes. [C, H, W] or [N, C, H, W] → the same with more rows and columns.
 *
 * @example
 * ```ts
 * new ConstantPad2d([1, 0, 0, 0], 9)(tensor([[[1, 2], [3, 4]]])).tolistSync(); // [[[9, 1, 2], [9, 3, 4]]]
 * ```
 */
export class ConstantPad2d extends AnyPad {
  readonly value: number;

  constructor(padding: Size, value: number) {
    super(padding, 2, "constant", value);
    this.value = value;
  }

  override extraRepr(): string {
    return `padding=${python(this.padding)}, value=${python(this.value)}`;
  }
}

/**
 * Mirrored elements around the last axis, the edge itself not repeated. [C, L] or [N, C, L] → the same with L + left +
 * right.
 *
 * @example
 * ```ts
 * new ReflectionPad1d(1)(tensor([[1, 2, 3]])).tolistSync(); // [[2, 1, 2, 3, 2]]
 * ```
 */
export class ReflectionPad1d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 1, "reflect");
  }
}

/**
 * Mirrored elements around the last two axes, the edge itself not repeated. [C, H, W] or [N, C, H, W] → the same with
 * more rows and columns.
 *
 * @example
 * ```ts
 * new ReflectionPad2d([1, 0, 0, 0])(tensor([[[1, 2], [3, 4]]])).tolistSync(); // [[[2, 1, 2], [4, 3, 4]]]
 * ```
 */
export class ReflectionPad2d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 2, "reflect");
  }
}

/**
 * The edge repeated around the last axis. [C, L] or [N, C, L] → the same with L + left + right.
 *
 * @example
 * ```ts
 * new ReplicationPad1d(1)(tensor([[1, 2, 3]])).tolistSync(); // [[1, 1, 2, 3, 3]]
 * ```
 */
export class ReplicationPad1d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 1, "replicate");
  }
}

/**
 * The edge repeated around the last two axes. [C, H, W] or [N, C, H, W] → the same with more rows and columns.
 *
 * @example
 * ```ts
 * new ReplicationPad2d([1, 0, 0, 0])(tensor([[[1, 2], [3, 4]]])).tolistSync(); // [[[1, 1, 2], [3, 3, 4]]]
 * ```
 */
export class ReplicationPad2d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 2, "replicate");
  }
}

/**
 * The other end's elements around the last axis. [C, L] or [N, C, L] → the same with L + left + right.
 *
 * @example
 * ```ts
 * new CircularPad1d(1)(tensor([[1, 2, 3]])).tolistSync(); // [[3, 1, 2, 3, 1]]
 * ```
 */
export class CircularPad1d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 1, "circular");
  }
}

/**
 * The other end's elements around the last two axes. [C, H, W] or [N, C, H, W] → the same with more rows and columns.
 *
 * @example
 * ```ts
 * new CircularPad2d([1, 0, 0, 0])(tensor([[[1, 2], [3, 4]]])).tolistSync(); // [[[2, 1, 2], [4, 3, 4]]]
 * ```
 */
export class CircularPad2d extends AnyPad {
  constructor(padding: Size) {
    super(padding, 2, "circular");
  }
}
