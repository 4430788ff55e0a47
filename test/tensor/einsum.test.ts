// einsum beyond its goldens: errors in PyTorch's sentences, the order of contraction, dtypes, what is recorded.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import { ancestors } from "../../src/graph/walk.ts";
import type { Label } from "../../src/tensor/einsum-parse.ts";
import { contractionPath } from "../../src/tensor/einsum-path.ts";
import { arange, einsum, einsumPath, ones, symbolic, type Tensor, zeros } from "../../src/tensor/index.ts";

function errorOf(compute: () => unknown): AbrazoError {
  try {
    compute();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("errors are PyTorch's sentences, with a hint", () => {
  const z = (...shape: number[]): Tensor => zeros(shape);
  it.each<[string, Tensor[], string]>([
    [
      "i,ijk,j->k",
      [z(3), z(5, 3, 4), z(4)],
      "subscript i has size 5 for operand 1 which does not broadcast with previously seen size 3",
    ],
    ["ij,jk", [z(2, 3)], "fewer operands were provided than specified in the equation"],
    ["ij", [z(2, 3), z(3)], "more operands were provided than specified in the equation"],
    [
      "ijk->i",
      [z(2, 3)],
      "the number of subscripts in the equation (3) does not match the number of dimensions (2) for operand 0 and no ellipsis was given",
    ],
    [
      "ijk...->i",
      [z(2, 3)],
      "the number of subscripts in the equation (3) is more than the number of dimensions (2) for operand 0",
    ],
    ["i->ij", [z(3)], "output subscript j does not appear in the equation for any input operand"],
    ["ij->ii", [z(2, 3)], "output subscript i appears more than once in the output"],
    ["i$->i", [z(3)], "invalid subscript given at index 1 in the equation string, subscripts must be in [a-zA-Z]"],
    ["i->1", [z(3)], "invalid subscript given at index 3 in the equation string, subscripts must be in [a-zA-Z]"],
    ["i->i->i", [z(3)], "invalid subscript given at index 4 in the equation string, subscripts must be in [a-zA-Z]"],
    ["i->i,", [z(3)], "invalid subscript given at index 4 in the equation string, subscripts must be in [a-zA-Z]"],
    ["ii->i", [z(2, 3)], "subscript i is repeated for operand 0 but the sizes don't match, 3 != 2"],
    ["..i->i", [z(2, 3)], "found '.' for operand 0 that is not part of any ellipsis"],
    ["i...j...->ij", [z(2, 3)], "found '.' for operand 0 for which an ellipsis was already found"],
    ["ij->...i...", [z(2, 3)], "found '.' for output but an ellipsis (...) was already found"],
    [
      "...i,...i->...i",
      [z(2, 3), z(4, 3)],
      "dimension 0 covered by ellipsis in operand 1 has size 4 which does not broadcast with previously seen ellipsis with size 2 for the respective dimension",
    ],
    [
      "ij->i",
      [],
      "must specify the equation string and at least one operand, or at least one operand and its subscripts list",
    ],
  ])("%s", (equation, operands, message) => {
    const error = errorOf(() => einsum(equation, ...operands));
    expect([error.code, error.message]).toEqual(["EINSUM", `einsum(): ${message}`]);
    expect(error.hint).not.toBe("");
    expect(error.data).toMatchObject({ equation });
  });

  it("operands of several kinds are refused where a matrix product would take them, and promoted where none does", () => {
    const error = errorOf(() => einsum("ij,jk->ik", zeros([2, 3]), arange(6).view([3, 2])));
    expect([error.code, error.message]).toEqual(["DTYPE_MISMATCH", "expected scalar type Float but found Long"]);
    expect(einsum("i,i->i", ones([3]), arange(3)).dtype).toBe("float32");
  });

  it("truth values have no matrix product", () => {
    const mask = ones([2, 2], { dtype: "bool" });
    expect(errorOf(() => einsum("ij,jk->ik", mask, mask)).code).toBe("DTYPE_UNSUPPORTED");
  });
});

/** The best order by trying every one. */
function leastCost(terms: Label[][], output: Label[], sizes: ReadonlyMap<Label, number>): number {
  if (terms.length === 1) return 0;
  let least = Number.POSITIVE_INFINITY;
  for (const [i, a] of terms.entries()) {
    for (let j = i + 1; j < terms.length; j++) {
      const b = terms[j] ?? [];
      const others = terms.filter((_, at) => at !== i && at !== j);
      const all = [...new Set([...a, ...b])];
      const kept = all.filter((label) => output.includes(label) || others.some((other) => other.includes(label)));
      const cost = all.reduce((product, label) => product * (sizes.get(label) ?? 1), 1);
      least = Math.min(least, cost + leastCost([...others, kept], output, sizes));
    }
  }
  return least;
}

/** Numbers that are the same in every run. */
function* numbers(): Generator<number> {
  for (let state = 12345; ; ) {
    state = (state * 1103515245 + 12345) % 2 ** 31;
    yield state;
  }
}

describe("the order of contraction", () => {
  it("is the cheapest of all for up to six operands", () => {
    const random = numbers();
    const next = (below: number) => (random.next().value ?? 0) % below;
    for (let round = 0; round < 40; round++) {
      const labels = ["a", "b", "c", "d", "e", "f"];
      const sizes = new Map(labels.map((label) => [label, 2 + next(9)]));
      const terms = Array.from({ length: 3 + (round % 3) }, () => labels.filter(() => next(2) === 0));
      const output = labels.filter((label) => next(3) === 0 && terms.some((term) => term.includes(label)));
      expect(contractionPath(terms, output, sizes).cost).toBe(leastCost(terms, output, sizes));
    }
  });

  it("is never dearer than from left to right, however many operands there are", () => {
    const chain = [3, 50, 2, 40, 4, 30, 5, 20, 6, 2];
    const operands = chain.slice(0, -1).map((rows, at) => ones([rows, chain[at + 1] ?? 1]));
    const { cost, naiveCost, path } = einsumPath("ab,bc,cd,de,ef,fg,gh,hi,ij->aj", ...operands);
    expect(path).toHaveLength(8);
    expect(cost).toBeLessThan(naiveCost);
    const product = operands.slice(1).reduce((made, one) => made.matmul(one), operands[0] ?? ones([1, 1]));
    const result = einsum("ab,bc,cd,de,ef,fg,gh,hi,ij->aj", ...operands);
    for (const [at, value] of result.dataSync().entries())
      expect(Number(value) / Number(product.dataSync()[at])).toBeCloseTo(1, 5);
  });

  it("is not asked where there is nothing to choose", () => {
    expect(einsumPath("ij->ji", zeros([2, 3]))).toEqual({ path: [], cost: 0, naiveCost: 0 });
    expect(einsumPath("ij,jk->ik", zeros([2, 3]), zeros([3, 4]))).toEqual({ path: [[0, 1]], cost: 24, naiveCost: 24 });
  });
});

describe("what is recorded", () => {
  const opsOf = (result: Tensor) =>
    ancestors(result.node)
      .map(({ op }) => op.name)
      .filter((name) => name !== "leaf");

  it("a product as it lies is one matrix product", () => {
    expect(opsOf(einsum("ij,jk->ik", zeros([2, 3]), zeros([3, 4])))).toEqual(["matmul"]);
    expect(opsOf(einsum("bhqd,bhkd->bhqk", zeros([2, 2, 3, 4]), zeros([2, 2, 5, 4])))).toEqual(["matmul"]);
  });

  it("a result in the other order needs no transpose", () => {
    expect(opsOf(einsum("ij,kj->ki", zeros([2, 3]), zeros([4, 3])))).toEqual(["matmul"]);
  });

  it("element by element is one multiplication", () => {
    expect(opsOf(einsum("ij,ij->ij", zeros([2, 3]), zeros([2, 3])))).toEqual(["mul"]);
  });

  it("sizes may be known only when the graph runs", () => {
    const [a, b] = [symbolic("a", ["batch", "length", 4], "float32"), symbolic("b", [4, 3], "float32")];
    expect(einsum("bld,de->ble", a, b).dims).toEqual(["batch", "length", 3]);
    expect(einsum("bqd,bkd->bqk", a, a).dims).toEqual(["batch", "length", "length"]);
  });
});
