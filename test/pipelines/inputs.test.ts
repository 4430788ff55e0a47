// Batches of like length.
import { describe, expect, it } from "vitest";
import { lengthBuckets } from "../../pipelines/inputs.ts";

describe("lengthBuckets", () => {
  const lengths = Array.from({ length: 500 }, (_, at) => 1 + ((at * 7919) % 120));

  it("holds every place once, within budget and batch size", () => {
    const batches = lengthBuckets(lengths, 1024, 64);
    expect(batches.flat().sort((a, b) => a - b)).toEqual(lengths.map((_, place) => place));
    for (const batch of batches) {
      const longest = Math.max(...batch.map((place) => lengths[place] ?? 0));
      expect(batch.length * longest).toBeLessThanOrEqual(1024);
      expect(batch.length).toBeLessThanOrEqual(64);
    }
  });

  it("pads little", () => {
    const padded = lengthBuckets(lengths, 1024, 64).reduce(
      (sum, batch) => sum + batch.length * Math.max(...batch.map((place) => lengths[place] ?? 0)),
      0,
    );
    expect(padded / lengths.reduce((a, b) => a + b)).toBeLessThan(1.1);
  });

  it("runs a text beyond the budget alone", () => {
    expect(lengthBuckets([5000, 3], 1024, 64)).toEqual([[1], [0]]);
    expect(lengthBuckets([], 1024, 64)).toEqual([]);
  });
});
