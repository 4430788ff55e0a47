// The draws that datasets, samplers and transforms make, each as PyTorch makes it.
// Knows no tensors and no datasets.
import type { Generator } from "../tensor/index.ts";

/** `torch.empty((), dtype=int64).random_()`: 63 bits of two words. */
export function drawSeed(generator: Generator): bigint {
  const high = BigInt(generator.u32());
  return ((high << 32n) | BigInt(generator.u32())) & 0x7fff_ffff_ffff_ffffn;
}

/** What a generator keeps of a 64-bit seed: MT19937 is seeded by its low 32 bits. */
export const lowBits = (seed: bigint): number => Number(seed & 0xffff_ffffn);

/** `torch.empty(1).uniform_(low, high)`: float32, product and sum rounded at once. */
export function drawUniform(generator: Generator, low: number, high: number): number {
  const [from, range] = [Math.fround(low), Math.fround(Math.fround(high) - Math.fround(low))];
  return Math.fround(generator.float() * range + from);
}

/** `torch.randint(0, high, (1,))`. */
export const drawBelow = (generator: Generator, high: number): number => generator.u32() % high;
