// Matrices in fewer bits: rows of bytes with a scale each, blocks of half bytes with a scale each.
// Knows no graphs.

/** A matrix as bytes: row r is (bytes - zero point) * scales[r]. */
export interface QuantizedRows {
  bytes: Uint8Array<ArrayBuffer> | Int8Array<ArrayBuffer>;
  scales: Float32Array<ArrayBuffer>;
}

/** Symmetric quantization of each row of a [rows, columns] matrix: scale = max |w| / 127. */
export function quantizeRows(weights: Float32Array, rows: number, columns: number, zeroPoint: 0 | 128): QuantizedRows {
  const bytes = zeroPoint === 0 ? new Int8Array(weights.length) : new Uint8Array(weights.length);
  const scales = new Float32Array(rows);
  const middle = zeroPoint + 0.5;
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    const end = start + columns;
    const scale = Math.fround(Math.abs(extremeOf(weights, start, end)) / 127);
    scales[row] = scale;
    const perStep = scale === 0 ? 0 : 1 / scale;
    // Rounded down, which is to the nearest with the half that is added.
    for (let at = start; at < end; at++) bytes[at] = Math.floor((weights[at] ?? 0) * perStep + middle);
  }
  return { bytes, scales };
}

/** Weights of a block, which share a scale. */
export const BLOCK = 32;

/** Bits of a weight in blocks. */
export type BlockBits = 8 | 4;

/** Bytes of a block. */
export const blockBytes = (bits: BlockBits): number => (BLOCK * bits) / 8;

/** A matrix in blocks along its rows, the last one of a row filled up with zeros: a weight is (step - 2 ** (bits - 1)) * scale. */
export interface QuantizedBlocks {
  /** [rows, blocks, bytes of a block]; of two weights of 4 bits in a byte the first lies in the low half. */
  bytes: Uint8Array<ArrayBuffer>;
  /** [rows, blocks] */
  scales: Float32Array<ArrayBuffer>;
}

/**
 * Symmetric quantization of a [rows, columns] matrix. Of 4 bits, the largest |w| of a block becomes -8, which has no positive
 * twin, so that all 16 steps are used on its side; of 8, where a step more is nothing, ±127, so that none is cut off.
 */
export function packBlocks(weights: Float32Array, rows: number, columns: number, bits: BlockBits = 4): QuantizedBlocks {
  const blocks = Math.ceil(columns / BLOCK);
  const middle = 2 ** (bits - 1);
  const steps = new Uint8Array(BLOCK);
  const bytes = new Uint8Array(rows * blocks * blockBytes(bits));
  const scales = new Float32Array(rows * blocks);
  for (let block = 0; block < scales.length; block++) {
    const row = Math.floor(block / blocks);
    const start = row * columns + (block % blocks) * BLOCK;
    const end = Math.min(start + BLOCK, (row + 1) * columns);
    const extreme = extremeOf(weights, start, end);
    const scale = extreme === 0 ? 0 : Math.fround(extreme / (bits === 8 ? 127 : -8));
    scales[block] = scale;
    steps.fill(middle);
    if (scale !== 0) takeSteps(weights, start, end, scale, middle, steps);
    if (bits === 8) bytes.set(steps, block * BLOCK);
    else packPairs(steps, bytes, block * (BLOCK / 2));
  }
  return { bytes, scales };
}

/** The weight that is the farthest from zero. */
function extremeOf(weights: Float32Array, start: number, end: number): number {
  let least = 0;
  let most = 0;
  for (let at = start; at < end; at++) {
    const weight = weights[at] ?? 0;
    if (weight > most) most = weight;
    else if (weight < least) least = weight;
  }
  return most > -least ? most : least;
}

/** Steps are not negative: to drop what follows the point, with the half that is added, rounds to the nearest. */
function takeSteps(
  weights: Float32Array,
  start: number,
  end: number,
  scale: number,
  middle: number,
  steps: Uint8Array,
): void {
  const [perStep, last] = [1 / scale, 2 * middle - 1];
  for (let at = start; at < end; at++) {
    const step = ((weights[at] ?? 0) * perStep + (middle + 0.5)) | 0;
    steps[at - start] = Math.min(step, last);
  }
}

function packPairs(steps: Uint8Array, bytes: Uint8Array, to: number): void {
  for (let at = 0; at < steps.length; at += 2) bytes[to + at / 2] = (steps[at] ?? 0) | ((steps[at + 1] ?? 0) << 4);
}

/** Sides of the squares that are turned one by one, so that what is read and what is written stay in the cache. */
const TILE = 64;

/** [rows, columns] turned into [columns, rows]. */
export function transposed<Array extends Float32Array | Uint8Array | Int8Array>(
  matrix: Array,
  rows: number,
  columns: number,
): Array {
  const out = matrix.slice() as Array; // safe because slice() gives an array of the same type
  for (let top = 0; top < rows; top += TILE) {
    for (let left = 0; left < columns; left += TILE) {
      const [bottom, right] = [Math.min(top + TILE, rows), Math.min(left + TILE, columns)];
      for (let row = top; row < bottom; row++) {
        for (let column = left; column < right; column++) {
          out[column * rows + row] = matrix[row * columns + column] ?? 0;
        }
      }
    }
  }
  return out;
}
