// Matrices in fewer bits: rows of bytes with a scale each, blocks of half bytes with a scale each.
// Knows no graphs.

/** A matrix as bytes: row r is (bytes - zero point) * scales[r]. */
export interface QuantizedRows {
  bytes: Uint8Array | Int8Array;
  scales: Float32Array;
}

/** Symmetric quantization of each row of a [rows, columns] matrix: scale = max |w| / 127. */
export function quantizeRows(weights: Float32Array, rows: number, columns: number, zeroPoint: 0 | 128): QuantizedRows {
  const bytes = zeroPoint === 0 ? new Int8Array(weights.length) : new Uint8Array(weights.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    let largest = 0;
    for (let at = start; at < start + columns; at++) largest = Math.max(largest, Math.abs(weights[at] ?? 0));
    const scale = Math.fround(largest / 127);
    scales[row] = scale;
    for (let at = start; at < start + columns; at++) {
      const steps = scale === 0 ? 0 : Math.round((weights[at] ?? 0) / scale);
      bytes[at] = Math.max(-127, Math.min(127, steps)) + zeroPoint;
    }
  }
  return { bytes, scales };
}

/** Weights of a block, which share a scale, and bytes of two weights each. */
export const BLOCK = 32;
export const BLOCK_BYTES = BLOCK / 2;

/** A matrix in blocks along its rows, the last one of a row filled up with zeros: a weight is (nibble - 8) * scale. */
export interface QuantizedBlocks {
  /** [rows, blocks, 16], the first weight of two in the low half. */
  bytes: Uint8Array;
  /** [rows, blocks] */
  scales: Float32Array;
}

/**
 * Symmetric quantization of a [rows, columns] matrix to 4 bits: the largest |w| of a block becomes -8, which has no positive
 * twin, so that all 16 steps are used on its side.
 */
export function packBlocks(weights: Float32Array, rows: number, columns: number): QuantizedBlocks {
  const blocks = Math.ceil(columns / BLOCK);
  const bytes = new Uint8Array(rows * blocks * BLOCK_BYTES);
  const scales = new Float32Array(rows * blocks);
  for (let row = 0; row < rows; row++) {
    const ending = (row + 1) * columns;
    for (let at = 0; at < blocks; at++) {
      const start = row * columns + at * BLOCK;
      const block = row * blocks + at;
      const end = Math.min(start + BLOCK, ending);
      const extreme = extremeOf(weights, start, end);
      const scale = extreme === 0 ? 0 : Math.fround(extreme / -8);
      scales[block] = scale;
      packBlock(weights, start, end, scale, bytes, block * BLOCK_BYTES);
    }
  }
  return { bytes, scales };
}

/** The weight that is the farthest from zero. */
function extremeOf(weights: Float32Array, start: number, end: number): number {
  let extreme = 0;
  for (let at = start; at < end; at++) {
    const weight = weights[at] ?? 0;
    if (Math.abs(weight) > Math.abs(extreme)) extreme = weight;
  }
  return extreme;
}

function packBlock(
  weights: Float32Array,
  start: number,
  end: number,
  scale: number,
  bytes: Uint8Array,
  to: number,
): void {
  for (let pair = 0; pair < BLOCK_BYTES; pair++) {
    const at = start + 2 * pair;
    const low = at < end ? stepOf(weights[at] ?? 0, scale) : 8;
    const high = at + 1 < end ? stepOf(weights[at + 1] ?? 0, scale) : 8;
    bytes[to + pair] = low | (high << 4);
  }
}

function stepOf(weight: number, scale: number): number {
  return scale === 0 ? 8 : Math.min(15, Math.max(0, Math.round(weight / scale) + 8));
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
