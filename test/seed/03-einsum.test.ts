// Section 3 of the seed: einsum, by the numbers it prints; where it is wrong, by what is right.
import { describe, expect, it } from "vitest";
import { AbrazoError } from "../../src/errors.ts";
import {
  arange,
  einsum,
  einsumPath,
  manualSeed,
  randn,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

const filled = (...shape: number[]): Tensor => arange(shape.reduce((size, dim) => size * dim, 1)).view(shape);
const list = (result: Tensor): unknown => result.tolistSync();

function errorOf(compute: () => unknown): AbrazoError {
  try {
    compute();
  } catch (error) {
    if (error instanceof AbrazoError) return error;
  }
  throw new Error("no AbrazoError was thrown");
}

function expectClose(found: Tensor, wanted: Tensor | readonly number[], digits = 5): void {
  const [one, other] = [
    [...found.dataSync()].map(Number),
    Array.isArray(wanted) ? wanted : [...(wanted as Tensor).dataSync()].map(Number),
  ];
  expect(one.length).toBe(other.length);
  for (const [at, value] of one.entries()) expect(value).toBeCloseTo(other[at] ?? Number.NaN, digits);
}

/** The equations of 3-01 to 3-12 with shapes that fit. */
const EQUATIONS: readonly [string, ...number[][]][] = [
  ["ij->ji", [2, 3]],
  ["ij->", [2, 3]],
  ["bij,bjk->bik", [3, 2, 5], [3, 5, 3]],
  ["bij,bjk->bik", [2, 3, 4], [2, 4, 5]],
  ["ij,jk->ik", [3, 4], [4, 5]],
  ["ii->", [3, 3]],
  ["i,j->ij", [3], [4]],
  ["ij,ij->ij", [2, 3], [2, 3]],
  ["i,i->", [3], [3]],
  ["ijk->i", [2, 3, 4]],
  ["i,ijk,j->k", [3], [3, 4, 5], [4]],
  ["...ij->...i", [3, 4, 5, 6]],
];

describe("einsum", () => {
  it("seed/3-01 ij->ji transposes", () => {
    expect(list(einsum("ij->ji", filled(2, 3)))).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(einsum("ij->ji", zeros([3, 4])).shape).toEqual([4, 3]);
  });

  it("seed/3-02 ij-> sums all", () => {
    const result = einsum("ij->", filled(2, 3));
    expect([result.shape, result.itemSync()]).toEqual([[], 15]);
  });

  it("seed/3-03 bij,bjk->bik of (3,2,5) and (3,5,3)", () => {
    const result = einsum("bij,bjk->bik", filled(3, 2, 5), filled(3, 5, 3));
    expect(result.shape).toEqual([3, 2, 3]);
    expect(list(result.select(0, 0))).toEqual([
      [90, 100, 110],
      [240, 275, 310],
    ]);
    expect(list(result.select(0, 2))).toEqual([
      [3990, 4100, 4210],
      [4890, 5025, 5160],
    ]);
    expect(result.sum().itemSync()).toBe(38250);
  });

  it("seed/3-04 bij,bjk->bik of (2,3,4) and (2,4,5) is bmm", () => {
    const [a, b] = [filled(2, 3, 4), filled(2, 4, 5)];
    const result = einsum("bij,bjk->bik", a, b);
    expect(result.shape).toEqual([2, 3, 5]);
    expect(list(result.select(0, 0))).toEqual([
      [70, 76, 82, 88, 94],
      [190, 212, 234, 256, 278],
      [310, 348, 386, 424, 462],
    ]);
    expect(result.sum().itemSync()).toBe(34860);
    expect(list(result)).toEqual(list(a.bmm(b)));
  });

  it("seed/3-05 ij,jk->ik is matmul", () => {
    const [a, b] = [filled(3, 4), filled(4, 5)];
    expect(list(einsum("ij,jk->ik", a, b))).toEqual(list(a.matmul(b)));
  });

  it("seed/3-06 ii-> is the trace", () => {
    expect(einsum("ii->", filled(3, 3)).itemSync()).toBe(12);
  });

  it("seed/3-07 i,j->ij is the outer product", () => {
    expect(list(einsum("i,j->ij", filled(3), filled(4)))).toEqual([
      [0, 0, 0, 0],
      [0, 1, 2, 3],
      [0, 2, 4, 6],
    ]);
  });

  it("seed/3-08 ij,ij->ij multiplies element by element", () => {
    expect(list(einsum("ij,ij->ij", filled(2, 3), filled(2, 3)))).toEqual([
      [0, 1, 4],
      [9, 16, 25],
    ]);
  });

  it("seed/3-09 i,i-> is the dot product", () => {
    expect(einsum("i,i->", filled(3), filled(3)).itemSync()).toBe(5);
  });

  it("seed/3-10 ijk->i sums the last two axes", () => {
    expect(list(einsum("ijk->i", filled(2, 3, 4)))).toEqual([66, 210]);
  });

  it("seed/3-11 i,ijk,j->k: the chapter's sizes are an error, fitting ones work", () => {
    const error = errorOf(() => einsum("i,ijk,j->k", filled(3), filled(5, 3, 4), filled(4)));
    expect(error.message).toBe(
      "einsum(): subscript i has size 5 for operand 1 which does not broadcast with previously seen size 3",
    );
    expect(error.data).toMatchObject({ subscript: "i", operand: 1, size: 5, previous: 3 });
    expect(error.hint).toContain("i,ijk,j->k");
    const fitting = einsum("i,ijk,j->k", filled(3), filled(3, 4, 5), filled(4));
    expect(list(fitting)).toEqual([810, 828, 846, 864, 882]);
  });

  it("seed/3-12 ...ij->...i sums the last axis alone", () => {
    const result = einsum("...ij->...i", filled(3, 4, 5, 6));
    expect(result.shape).toEqual([3, 4, 5]);
    expect(list(result.select(0, 0).select(0, 0))).toEqual([15, 51, 87, 123, 159]);
  });

  it("seed/3-13 bi,bj,ijk->bk: the chapter's sizes are an error, fitting ones work", () => {
    const error = errorOf(() => einsum("bi,bj,ijk->bk", filled(3, 4), filled(4, 5), filled(2, 3, 4)));
    expect(error.message).toBe(
      "einsum(): subscript b has size 4 for operand 1 which does not broadcast with previously seen size 3",
    );
    expect(list(einsum("bi,bj,ijk->bk", filled(2, 2), filled(2, 3), filled(2, 3, 4)))).toEqual([
      [56, 59, 62, 65],
      [712, 772, 832, 892],
    ]);
  });

  it("seed/3-14 spaces, no arrow, repeated letters, and errors with subscript and sizes", () => {
    const [a, b] = [filled(2, 3), filled(3, 4)];
    expect(list(einsum(" i j , j k -> i k ", a, b))).toEqual(list(a.matmul(b)));
    expect(list(einsum("ij,jk", a, b))).toEqual(list(a.matmul(b)));
    expect(list(einsum("ba", a))).toEqual(list(a.t()));
    expect(list(einsum("ii->i", filled(3, 3)))).toEqual([0, 4, 8]);
    expect(einsum("ii", filled(3, 3)).itemSync()).toBe(12);
    const repeated = errorOf(() => einsum("ii->i", a));
    expect(repeated.message).toBe("einsum(): subscript i is repeated for operand 0 but the sizes don't match, 3 != 2");
    expect(repeated.data).toMatchObject({ subscript: "i", size: 3, previous: 2 });
  });

  it("seed/3-15 the table of equivalents", () => {
    const square = filled(3, 3);
    const [a, b] = [filled(2, 3, 4), filled(2, 4, 5)];
    const matrix = filled(2, 3);
    const [u, v] = [filled(3), filled(3).add(1)];
    const pairs: [Tensor, Tensor][] = [
      [einsum("ij->ji", matrix), matrix.transpose(0, 1)],
      [einsum("ij->ji", matrix), matrix.T],
      [einsum("ii->", square), square.trace()],
      [einsum("bij,bjk->bik", a, b), a.bmm(b)],
      [einsum("i,i->", u, v), u.dot(v)],
      [einsum("i,j->ij", u, v), u.outer(v)],
      [einsum("ij,ij->ij", matrix, matrix), matrix.mul(matrix)],
      [einsum("ijk->i", a), a.sum([1, 2])],
    ];
    for (const [one, other] of pairs) {
      expect(one.shape).toEqual(other.shape);
      expect(list(one)).toEqual(list(other));
    }
  });

  it("seed/3-16 the rules of the notation", () => {
    const [a, b] = [filled(2, 3), filled(3, 4)];
    // A letter that repeats and is not in the result is summed over.
    expect(list(einsum("ij,jk->ik", a, b))).toEqual(list(a.unsqueeze(-1).mul(b.unsqueeze(0)).sum(1)));
    // The letters of the result are its axes, in their order.
    expect(einsum("ij,jk->ki", a, b).shape).toEqual([4, 2]);
    // Which letters they are does not matter.
    expect(list(einsum("xy,yz->xz", a, b))).toEqual(list(einsum("ij,jk->ik", a, b)));
    // Inputs stand left of the arrow, the result right of it; a letter of the result must be in an input.
    expect(errorOf(() => einsum("ij,jk->il", a, b)).message).toBe(
      "einsum(): output subscript l does not appear in the equation for any input operand",
    );
  });

  describe("seed/3-17 the examples of deep learning", () => {
    manualSeed(7);

    it("batched products of matrices", () => {
      const [a, b] = [randn([4, 2, 3]), randn([4, 3, 5])];
      expectClose(
        einsum("bij,bjk->bik", a, b),
        stack([0, 1, 2, 3].map((at) => a.select(0, at).matmul(b.select(0, at)))),
      );
    });

    it("attention: e = Q Kᵀ, a = softmax(e), v = a V", () => {
      const [q, k, v] = [randn([2, 3, 4]), randn([2, 5, 4]), randn([2, 5, 6])];
      const e = einsum("bqd,bkd->bqk", q, k);
      const attended = einsum("bqk,bkd->bqd", e.softmax(-1), v);
      expect(attended.shape).toEqual([2, 3, 6]);
      const exps = q.matmul(k.transpose(1, 2)).exp();
      expectClose(attended, exps.div(exps.sum(-1, true)).matmul(v), 4);
    });

    it("a bilinear form x W y", () => {
      const [x, w, y] = [randn([2, 3]), randn([5, 3, 4]), randn([2, 4])];
      const result = einsum("bi,oij,bj->bo", x, w, y);
      const wanted = [0, 1].flatMap((b) =>
        [0, 1, 2, 3, 4].map((o) => x.select(0, b).matmul(w.select(0, o)).dot(y.select(0, b)).itemSync()),
      );
      expectClose(result, wanted);
    });

    it("a convolution of windows with a filter", () => {
      const [image, filter] = [randn([2, 3, 5, 5]), randn([4, 3, 2, 3])];
      const window = (i: number, j: number) => image.narrow(2, i, 4).narrow(3, j, 3);
      const windows = stack(
        [0, 1].map((i) =>
          stack(
            [0, 1, 2].map((j) => window(i, j)),
            2,
          ),
        ),
        2,
      ); // [B, C, 2, 3, 4, 3]
      const result = einsum("bcijhw,ocij->bohw", windows, filter);
      const [pixels, weights] = [image.dataSync(), filter.dataSync()];
      const wanted: number[] = [];
      for (let b = 0; b < 2; b++)
        for (let o = 0; o < 4; o++)
          for (let h = 0; h < 4; h++)
            for (let w = 0; w < 3; w++) {
              let sum = 0;
              for (let c = 0; c < 3; c++)
                for (let i = 0; i < 2; i++)
                  for (let j = 0; j < 3; j++)
                    sum +=
                      Number(pixels[((b * 3 + c) * 5 + h + i) * 5 + w + j]) *
                      Number(weights[((o * 3 + c) * 2 + i) * 3 + j]);
              wanted.push(sum);
            }
      expectClose(result, wanted, 4);
    });

    it("the formula of batch normalization", () => {
      const [x, gamma, beta] = [randn([6, 3]), randn([3]), randn([3])];
      const mean = einsum("nc->c", x).div(6);
      const centred = x.sub(mean);
      const variance = einsum("nc,nc->c", centred, centred).div(6);
      const result = einsum("nc,c->nc", centred.div(variance.add(1e-5).sqrt()), gamma).add(beta);
      const columns = (x.T.tolistSync() as number[][]).map((column, c) => {
        const average = column.reduce((sum, value) => sum + value, 0) / 6;
        const spread = column.reduce((sum, value) => sum + (value - average) ** 2, 0) / 6;
        return column.map(
          (value) =>
            ((value - average) / Math.sqrt(spread + 1e-5)) * Number(gamma.dataSync()[c]) + Number(beta.dataSync()[c]),
        );
      });
      expectClose(result.T.reshape([18]), columns.flat(), 4);
    });

    it("the update of a recurrent cell", () => {
      const [x, h, wx, wh, b] = [randn([2, 3]), randn([2, 4]), randn([4, 3]), randn([4, 4]), randn([4])];
      const next = einsum("bi,hi->bh", x, wx)
        .add(einsum("bj,hj->bh", h, wh))
        .add(b)
        .tanh();
      expectClose(next, x.matmul(wx.T).add(h.matmul(wh.T)).add(b).tanh());
    });

    it("the update of an LSTM cell", () => {
      const [x, h, c] = [randn([2, 3]), randn([2, 4]), randn([2, 4])];
      const [wx, wh, b] = [randn([4, 4, 3]), randn([4, 4, 4]), randn([4, 4])];
      const gates = einsum("bi,ghi->gbh", x, wx)
        .add(einsum("bj,ghj->gbh", h, wh))
        .add(b.unsqueeze(1));
      const [i, f, g, o] = [0, 1, 2, 3].map((at) => gates.select(0, at)) as [Tensor, Tensor, Tensor, Tensor];
      const cell = f.sigmoid().mul(c).add(i.sigmoid().mul(g.tanh()));
      const hidden = o.sigmoid().mul(cell.tanh());
      const direct = (at: number) =>
        x
          .matmul(wx.select(0, at).T)
          .add(h.matmul(wh.select(0, at).T))
          .add(b.select(0, at));
      const sigmoid = (t: Tensor) => t.neg().exp().add(1).reciprocal();
      const wantedCell = sigmoid(direct(1))
        .mul(c)
        .add(sigmoid(direct(0)).mul(direct(2).tanh()));
      expectClose(cell, wantedCell);
      expectClose(hidden, sigmoid(direct(3)).mul(wantedCell.tanh()));
    });
  });

  describe("seed/3-18 gradients equal central differences", () => {
    const STEP = 1e-5;
    const weightsOf = (result: Tensor): Tensor =>
      tensor(
        Array.from({ length: result.numel() }, (_, at) => 0.3 + 0.7 * Math.sin(at + 1)),
        { dtype: "float64" },
      ).reshape(result.shape);

    it.each(EQUATIONS.map(([equation, ...shapes], at) => ({ equation, shapes, row: at + 1 })))(
      "of row $row, $equation",
      ({ equation, shapes }) => {
        const numbers = shapes.map((shape, which) =>
          Array.from({ length: shape.reduce((size, dim) => size * dim, 1) }, (_, at) => Math.sin(3 * at + which)),
        );
        const make = (values: readonly (readonly number[])[], requiresGrad: boolean) =>
          values.map((list, at) => {
            const made = tensor(list as number[], { dtype: "float64" })
              .reshape(shapes[at] ?? [])
              .detach();
            return requiresGrad ? made.requiresGrad_() : made;
          });
        const loss = (operands: readonly Tensor[]) => {
          const result = einsum(equation, ...operands);
          return result.mul(weightsOf(result)).sum();
        };
        const operands = make(numbers, true);
        loss(operands).backward();
        for (const [which, list] of numbers.entries()) {
          const wanted = list.map((_, place) => {
            const at = (by: number) =>
              loss(
                make(
                  numbers.map((other, w) => other.map((value, p) => (w === which && p === place ? value + by : value))),
                  false,
                ),
              ).itemSync();
            return place < 12 ? (at(STEP) - at(-STEP)) / (2 * STEP) : undefined;
          });
          const found = operands[which]?.grad?.dataSync() ?? [];
          expect(found.length).toBe(list.length);
          for (const [place, value] of wanted.entries())
            if (value !== undefined) expect(Number(found[place])).toBeCloseTo(value, 6);
        }
      },
    );
  });

  it("seed/3-19 three operands are contracted in the cheaper order", () => {
    const operands = [zeros([2, 100]), zeros([100, 100]), zeros([100, 1])];
    const { path, cost, naiveCost } = einsumPath("ij,jk,kl->il", ...operands);
    expect(path[0]).toEqual([1, 2]);
    expect([cost, naiveCost]).toEqual([100 * 100 + 2 * 100, 2 * 100 * 100 + 2 * 100]);
    const turned = einsumPath("ij,jk,kl->il", zeros([1, 100]), zeros([100, 100]), zeros([100, 2]));
    expect(turned.path[0]).toEqual([0, 1]);
  });

  it("seed/3-21 what is not linear cannot be written, and the error says what to do", () => {
    for (const equation of ["max(ij)->i", "sort(i)->i", "min(ij->i)"]) {
      const error = errorOf(() => einsum(equation, filled(2, 3)));
      expect([error.code, error.message]).toEqual([
        "EINSUM",
        expect.stringContaining("invalid subscript given at index"),
      ]);
      expect(error.hint).toContain("apply max, min, sort and the like to the operands or to the result");
    }
  });
});
