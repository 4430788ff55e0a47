// Pairs of standard normals as PyTorch's vector code makes them, rounding included: float32 at every step.
// Knows no generator. Polynomials: S. Moshier's Cephes, in the arrangement of J. Pommier's sse_mathfun.

const f = Math.fround;
const word = new Int32Array(1);
const float = new Float32Array(word.buffer);

/** a b + c with one rounding, as the processor's fused instruction gives it: a double holds the product exactly. */
const fused = (a: number, b: number, c: number): number => f(a * b + c);

function polynomial(coefficients: readonly number[], x: number): number {
  let y = coefficients[0] ?? 0;
  for (let i = 1; i < coefficients.length; i++) y = fused(y, x, coefficients[i] ?? 0);
  return y;
}

const rounded = (...values: number[]): number[] => values.map(f);
const LOG = rounded(
  ...[7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1],
  ...[-1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1],
);
const LN2_LOW = f(-2.1219444e-4);
const LN2_HIGH = f(0.693359375);
const SQRT_HALF = f(Math.SQRT1_2);

/** ln x of a normal float32 above 0. */
function log(value: number): number {
  float[0] = value;
  const bits = word[0] ?? 0;
  let exponent = (bits >>> 23) - 126;
  word[0] = (bits & ~0x7f800000) | 0x3f000000;
  const mantissa = float[0] ?? 0; // in [0.5, 1)
  let x = f(mantissa - 1);
  if (mantissa < SQRT_HALF) {
    exponent--;
    x = f(x + mantissa);
  }
  const z = f(x * x);
  let y = f(polynomial(LOG, x) * x);
  y = fused(y, z, f(exponent * LN2_LOW));
  y = f(y - z * 0.5);
  return fused(exponent, LN2_HIGH, f(x + y));
}

const FOUR_OVER_PI = f(4 / Math.PI);
/** π/4 in three parts, so that its multiples are taken off without loss. */
const QUARTERS = rounded(-0.78515625, -2.4187564849853516e-4, -3.774894977445941e-8);
const COS = rounded(2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2);
const SIN = rounded(-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1);

/** Sine and cosine of an angle in [0, 2π). */
function sinCos(angle: number): [number, number] {
  const octant = (Math.trunc(f(angle * FOUR_OVER_PI)) + 1) & ~1;
  let x = angle;
  for (const part of QUARTERS) x = fused(octant, part, x);
  const z = f(x * x);
  const even = f(f(f(polynomial(COS, z) * z) * z - f(z * 0.5)) + 1);
  const odd = fused(f(polynomial(SIN, z) * z), x, x);
  const [sine, cosine] = (octant & 2) === 0 ? [odd, even] : [even, odd];
  return [(octant & 4) === 0 ? sine : -sine, (~(octant - 2) & 4) === 0 ? cosine : -cosine];
}

const TWO_PI = f(2 * Math.PI);

/** Turns sixteen uniform numbers from `start` on into sixteen normals: the first eight are radii, the others angles. */
export function boxMuller(out: Float32Array, start: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = f(Math.sqrt(f(-2 * log(f(1 - (out[j] ?? 0))))));
    const [sine, cosine] = sinCos(f(TWO_PI * (out[j + 8] ?? 0)));
    out[j] = radius * cosine;
    out[j + 8] = radius * sine;
  }
}
