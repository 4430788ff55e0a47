// Metrics of predictions, with intervals: pure functions.

/**
 * Wilson's 95 % interval of a share (Wilson 1927): what accuracies are reported with.
 *
 * @returns lower and upper bound
 */
export function wilsonInterval(successes: number, count: number): [number, number] {
  if (count === 0) return [0, 1];
  const z = 1.959963984540054;
  const p = successes / count;
  const centre = (p + (z * z) / (2 * count)) / (1 + (z * z) / count);
  const half = (z / (1 + (z * z) / count)) * Math.sqrt((p * (1 - p)) / count + (z * z) / (4 * count * count));
  return [centre - half, centre + half];
}

/** Share of equal entries. */
export function accuracy(predicted: readonly number[], actual: readonly number[]): number {
  return predicted.filter((value, index) => value === actual[index]).length / Math.max(1, actual.length);
}

/** Unweighted mean of the classes' F1 scores; a class that is neither predicted nor present counts 0, as in scikit-learn. */
export function macroF1(predicted: readonly number[], actual: readonly number[], classes: number): number {
  let sum = 0;
  for (let label = 0; label < classes; label++) {
    const hits = predicted.filter((value, index) => value === label && actual[index] === label).length;
    const total =
      predicted.filter((value) => value === label).length + actual.filter((value) => value === label).length;
    sum += total === 0 ? 0 : (2 * hits) / total;
  }
  return sum / classes;
}
