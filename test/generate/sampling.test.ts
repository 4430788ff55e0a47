// The draw against its own distribution.
import { describe, expect, it } from "vitest";
import { argmax, draw } from "../../src/generate/sampling.ts";
import { Generator } from "../../src/tensor/index.ts";

describe("draw", () => {
  it("follows the probabilities", () => {
    const logits = Float32Array.from([Math.log(0.5), Math.log(0.3), Number.NEGATIVE_INFINITY, Math.log(0.2)]);
    const counts = [0, 0, 0, 0];
    const generator = new Generator(7);
    for (let n = 0; n < 20_000; n++) {
      const id = draw(logits, generator);
      counts[id] = (counts[id] ?? 0) + 1;
    }
    const share = counts.map((count) => count / 20_000);
    for (const [id, expected] of [0.5, 0.3, 0, 0.2].entries())
      expect(Math.abs((share[id] ?? 1) - expected)).toBeLessThan(0.015);
    expect(counts[2]).toBe(0);
  });

  it("gives the same for the same seed", () => {
    const logits = Float32Array.from({ length: 30 }, (_, id) => Math.sin(id));
    const run = () => {
      const generator = new Generator(3);
      return Array.from({ length: 20 }, () => draw(logits, generator));
    };
    expect(run()).toEqual(run());
  });

  it("argmax takes the first of equals", () => {
    expect(argmax(Float32Array.from([1, 3, 3, 2]))).toBe(1);
  });
});
