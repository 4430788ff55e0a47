// PyTorch's generator on the host: MT19937, and the ways its words become numbers. Bit for bit on the CPU.
// Knows no tensors.
import { kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { boxMuller } from "./box-muller.ts";

const N = 624;
const M = 397;

/**
 * Mersenne Twister 19937 (Matsumoto and Nishimura 1998), seeded as `init_genrand`.
 *
 * @throws BAD_SEED for what is no whole number of 64 bits
 *
 * @example
 * ```ts
 * const generator = new Generator(7);
 * rand([2], { generator }).tolistSync(); // [0.5349, 0.1988]
 * ```
 */
export class Generator {
  readonly #state = new Uint32Array(N);
  #index = N;
  /** The second normal of a pair, kept for the next draw as PyTorch does. */
  #spare: number | undefined;

  #seed = 0n;

  constructor(seed: number | bigint = 0) {
    this.manualSeed(seed);
  }

  /** Starts anew from a whole number of 64 bits, of which the lower 32 count; negative ones count from the top. */
  manualSeed(seed: number | bigint): this {
    if (typeof seed !== "bigint" && !Number.isSafeInteger(seed)) {
      throw new AbrazoError({
        code: "BAD_SEED",
        message: `manual_seed expected a long, but got ${seed}`,
        hint: "Pass a whole number, or a bigint beyond 2^53.",
      });
    }
    this.#seed = BigInt.asUintN(64, BigInt(seed));
    this.#state[0] = Number(this.#seed & 0xffffffffn);
    for (let i = 1; i < N; i++) {
      const previous = this.#state[i - 1] ?? 0;
      this.#state[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i;
    }
    this.#index = N;
    this.#spare = undefined;
    return this;
  }

  /** The seed that the numbers started from. */
  initialSeed(): bigint {
    return this.#seed;
  }

  /** State to be put back later with setState: 624 words, the position, and the kept normal or NaN. */
  getState(): number[] {
    return [...this.#state, this.#index, this.#spare ?? Number.NaN];
  }

  /**
   * Goes on where getState() stood.
   *
   * @throws RNG_STATE for anything but a list of as many numbers
   */
  setState(state: readonly number[]): void {
    if (!Array.isArray(state) || state.length !== N + 2 || !state.every((word) => typeof word === "number")) {
      throw new AbrazoError({
        code: "RNG_STATE",
        message: Array.isArray(state) ? "RNG state is wrong size" : `RNG state must be a list, not ${kindOf(state)}`,
        hint: `Pass what getState() gave: ${N + 2} numbers.`,
      });
    }
    this.#state.set(state.slice(0, N));
    this.#index = state[N] ?? N;
    const spare = state[N + 1] ?? Number.NaN;
    this.#spare = Number.isNaN(spare) ? undefined : spare;
  }

  /** The next 32 random bits. */
  u32(): number {
    if (this.#index >= N) this.#twist();
    let y = this.#state[this.#index++] ?? 0;
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return y >>> 0;
  }

  /** The next 64 random bits, the first word being the high one. */
  u64(): bigint {
    const high = BigInt(this.u32());
    return (high << 32n) | BigInt(this.u32());
  }

  /**
   * Goes on as if `count` numbers of 32 bits had been drawn, in about 5 ns each: rand in float32 draws one an element,
   * float64 two.
   */
  jump(count: number): this {
    let rest = count;
    while (rest > N - this.#index) {
      rest -= N - this.#index;
      this.#twist();
    }
    this.#index += rest;
    return this;
  }

  /** Uniform in [0, 1) with 24 bits: what float32 takes. */
  float(): number {
    return (this.u32() & 0xffffff) * 2 ** -24;
  }

  /** Uniform in [0, 1) with 53 bits, from two words, the first being the high one. */
  double(): number {
    const high = this.u32();
    const low = this.u32();
    return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53;
  }

  /** A standard normal by Box and Muller in double precision. */
  normal(): number {
    if (this.#spare !== undefined) {
      const kept = this.#spare;
      this.#spare = undefined;
      return kept;
    }
    const u1 = this.double();
    const u2 = this.double();
    const radius = Math.sqrt(-2 * Math.log1p(-u2));
    this.#spare = radius * Math.sin(2 * Math.PI * u1);
    return radius * Math.cos(2 * Math.PI * u1);
  }

  /** A random order of 0 … n-1. */
  permutation(n: number): number[] {
    const order = Array.from({ length: n }, (_, index) => index);
    for (let i = 0; i < n - 1; i++) {
      const j = i + (this.u32() % (n - i));
      const held = order[i] ?? 0;
      order[i] = order[j] ?? 0;
      order[j] = held;
    }
    return order;
  }

  /** Fills with standard normals as torch.randn does: pairs of eight from sixteen elements on. */
  fillNormal(out: Float32Array): void {
    if (out.length < 16) {
      for (let i = 0; i < out.length; i++) out[i] = this.normal();
      return;
    }
    for (let i = 0; i < out.length; i++) out[i] = this.float();
    for (let start = 0; start + 16 <= out.length; start += 16) boxMuller(out, start);
    if (out.length % 16 === 0) return;
    const start = out.length - 16;
    for (let i = start; i < out.length; i++) out[i] = this.float();
    boxMuller(out, start);
  }

  #twist(): void {
    const state = this.#state;
    for (let i = 0; i < N - M; i++) state[i] = mixed(state, i, i + 1, i + M);
    for (let i = N - M; i < N - 1; i++) state[i] = mixed(state, i, i + 1, i + M - N);
    state[N - 1] = mixed(state, N - 1, 0, M - 1);
    this.#index = 0;
  }
}

function mixed(state: Uint32Array, at: number, next: number, far: number): number {
  const y = ((state[at] ?? 0) & 0x80000000) | ((state[next] ?? 0) & 0x7fffffff);
  return (state[far] ?? 0) ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
}

/** The generator that creation functions use when none is given. PyTorch's default seed is of no fixed value; ours is 0. */
export const defaultGenerator = new Generator(0);

/**
 * Seeds the default generator, and gives it back.
 *
 * @example
 * ```ts
 * manualSeed(7);
 * await rand([2]).tolist(); // [0.5349…, 0.1988…]
 * ```
 */
export function manualSeed(seed: number | bigint): Generator {
  return defaultGenerator.manualSeed(seed);
}

/**
 * State of the default generator, to be kept with a checkpoint: torch.get_rng_state, as a list of numbers.
 *
 * @example
 * ```ts
 * const state = getRngState();
 * const first = rand([2]).tolistSync();
 * setRngState(state);
 * String(rand([2]).tolistSync()) === String(first); // true
 * ```
 */
export function getRngState(): number[] {
  return defaultGenerator.getState();
}

/**
 * Puts back what getRngState() gave: random numbers go on from there.
 *
 * @example
 * ```ts
 * setRngState(new Generator(7).getState());
 * rand([2]).tolistSync(); // [0.5349…, 0.1988…]
 * ```
 */
export function setRngState(state: readonly number[]): void {
  defaultGenerator.setState(state);
}
