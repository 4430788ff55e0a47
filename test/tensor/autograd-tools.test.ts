// Derivatives beyond backward(): functional forms, the gradient check, own gradients, the search for NaN.
import { describe, expect, it } from "vitest";
import {
  autograd,
  customFunction,
  detectAnomaly,
  ones,
  realizeSync,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";

const list = (t: Tensor | null | undefined) => t?.tolistSync();
const leaf = (values: number | number[] | number[][], dtype: "float32" | "float64" = "float32") =>
  tensor(values, { dtype, requiresGrad: true });
const { functional, gradcheck, gradgradcheck } = autograd;

describe("functional", () => {
  const x = tensor([1, 2], { dtype: "float64" });
  const y = tensor([3, 4], { dtype: "float64" });
  const both = (a: Tensor, b: Tensor): Tensor => a.pow(2).mul(b).sum();

  it("jacobian, of one input and of several", () => {
    expect(list(functional.jacobian((v) => v.pow(2), x))).toEqual([
      [2, 0],
      [0, 4],
    ]);
    const [dx, dy] = functional.jacobian((a, b) => a.mul(b ?? a), [x, y]);
    expect([list(dx), list(dy)]).toEqual([
      [
        [3, 0],
        [0, 4],
      ],
      [
        [1, 0],
        [0, 2],
      ],
    ]);
    expect(functional.jacobian((v) => v.view([1, 2]).expand([3, 2]), x).shape).toEqual([3, 2, 2]);
    expect(functional.jacobian((v) => v.slice(0, 0, 0), x).shape).toEqual([0, 2]);
    expect(list(functional.jacobian(() => y, x))).toEqual([
      [0, 0],
      [0, 0],
    ]);
    expect(() => functional.jacobian(() => y, x, { strict: true })).toThrow(
      "Output 0 of the user-provided function is independent of input 0.",
    );
  });

  it("hessian, of one input and of several", () => {
    expect(list(functional.hessian((v) => v.pow(3).sum(), x))).toEqual([
      [6, 0],
      [0, 12],
    ]);
    const blocks = functional.hessian((a, b) => both(a, b ?? a), [x, y]);
    expect(blocks.map((row) => row.map(list))).toEqual([
      [
        [
          [6, 0],
          [0, 8],
        ],
        [
          [2, 0],
          [0, 4],
        ],
      ],
      [
        [
          [2, 0],
          [0, 4],
        ],
        [
          [0, 0],
          [0, 0],
        ],
      ],
    ]);
    expect(() => functional.hessian((v) => v, x)).toThrow(
      "The Tensor returned by the function given to hessian should contain a single element",
    );
  });

  it("vjp, jvp and hvp are products with these", () => {
    const v = tensor([1, 10], { dtype: "float64" });
    const fn = (a: Tensor) => a.mul(a.sum());
    const jacobian = functional.jacobian(fn, x);
    const [value, left] = functional.vjp(fn, x, v);
    expect([list(value), list(left), list(functional.jvp(fn, x, v)[1])]).toEqual([
      [3, 6],
      list(v.matmul(jacobian)),
      list(jacobian.matmul(v)),
    ]);
    const cubic = (a: Tensor) => a.pow(3).sum();
    expect(list(functional.hvp(cubic, x, v)[1])).toEqual(list(functional.hessian(cubic, x).matmul(v)));
    expect(list(functional.hvp((a) => a.sum(), x, v)[1])).toEqual([0, 0]);
    expect(list(functional.jvp(() => y, x, v)[1])).toEqual([0, 0]);
  });

  it("createGraph goes on to the inputs", () => {
    const z = leaf([1, 2], "float64");
    functional
      .jacobian((a) => a.pow(2), z, { createGraph: true })
      .sum()
      .backward();
    expect(list(z.grad)).toEqual([2, 2]);
  });
});

describe("gradcheck", () => {
  const x = leaf([0.5, 2], "float64");

  it("holds for right gradients, first and second", () => {
    expect(gradcheck((a, b) => a.mul(b ?? a).exp(), [x, leaf([1, -1], "float64")])).toBe(true);
    expect(gradgradcheck((a, b) => a.mul(b ?? a).exp(), [x, leaf([1, -1], "float64")])).toBe(true);
  });

  it("names the element where they are wrong", () => {
    const wrong = customFunction({ forward: (_, a: Tensor) => a.pow(2), backward: (_, g) => g });
    expect(() => gradcheck(wrong as (a: Tensor) => Tensor, [x])).toThrow(
      /^Jacobian mismatch for output 0 with respect to input 0, element 1 by element 1: numerical 4\.0\d*|3\.9\d*, analytical 1/,
    );
    expect(gradcheck(wrong as (a: Tensor) => Tensor, [x], { raiseException: false })).toBe(false);
    const once = customFunction({
      forward: (ctx, a: Tensor) => {
        ctx.saveForBackward(a);
        return a.pow(2);
      },
      backward: (ctx, g) => g.mul(ctx.savedTensors[0]?.detach() ?? g).mul(2),
    });
    expect(gradcheck(once as (a: Tensor) => Tensor, [x])).toBe(true);
    expect(() => gradgradcheck(once as (a: Tensor) => Tensor, [x])).toThrow("Jacobian mismatch");
  });

  it("refuses inputs that differences are too coarse for", () => {
    expect(() => gradcheck((a) => a, leaf([1]))).toThrow("gradcheck compares in float64");
    expect(() => gradcheck((a) => a, ones([1]))).toThrow(
      "gradcheck expects at least one input tensor to require gradient",
    );
  });
});

describe("a function with a gradient of its own", () => {
  const exp = customFunction({
    name: "myExp",
    forward(ctx, x: Tensor) {
      const result = x.exp();
      ctx.saveForBackward(result);
      return result;
    },
    backward: (ctx, g) => g.mul(ctx.savedTensors[0] ?? g),
  });

  it("is differentiated by it, as often as asked", () => {
    const x = leaf([0, 1], "float64");
    const y = exp(x);
    expect([y.gradFn, exp(ones([1])).requiresGrad]).toEqual(["MyExpBackward0", false]);
    expect(gradcheck((a) => exp(a), x)).toBe(true);
    expect(gradgradcheck((a) => exp(a), x)).toBe(true);
  });

  it("takes several inputs, and knows which gradients are wanted", () => {
    let needs: readonly boolean[] = [];
    const product = customFunction({
      forward(ctx, a: Tensor, b: Tensor) {
        needs = ctx.needsInputGrad;
        ctx.saveForBackward(a, b);
        return a.mul(b);
      },
      backward(ctx, g) {
        const [a, b] = ctx.savedTensors;
        return [g.mul(b ?? g), ctx.needsInputGrad[1] === true ? g.mul(a ?? g) : null];
      },
    });
    const x = leaf([1, 2]);
    product(x, tensor([3, 4], { dtype: "float32" }))
      .sum()
      .backward();
    expect([needs, list(x.grad)]).toEqual([
      [true, false],
      [3, 4],
    ]);
  });

  it("is called by backward, not by reading the result", () => {
    let calls = 0;
    const counted = customFunction({
      forward: (_, x: Tensor) => x.mul(1),
      backward: (_, g) => {
        calls++;
        return g;
      },
    });
    const x = leaf([1, 2]);
    const loss = counted(x).sum();
    loss.itemSync();
    expect(calls).toBe(0);
    loss.backward();
    expect([calls, list(x.grad)]).toEqual([1, [1, 1]]);
  });

  it("is refused where its gradients do not fit", () => {
    const x = leaf([1, 2]);
    const two = customFunction({ forward: (_, a: Tensor) => a.mul(1), backward: (_, g) => [g, g] });
    expect(() => two(x).sum().backward()).toThrow(
      "function returned an incorrect number of gradients (expected 1, got 2)",
    );
    const wide = customFunction({ forward: (_, a: Tensor) => a.mul(1), backward: () => ones([3]) });
    expect(() => wide(x).sum().backward()).toThrow("Function returned an invalid gradient at index 0 - got [3]");
  });
});

describe("detectAnomaly", () => {
  const caught = (fn: () => unknown): { message: string; data: Record<string, unknown> } | undefined => {
    try {
      detectAnomaly(fn);
    } catch (error) {
      // safe because every error of the library has these
      return error as { message: string; data: Record<string, unknown> };
    }
    return undefined;
  };

  it("names the operation where the forward pass went wrong", () => {
    const found = caught(() => leaf([-1, 4]).sqrt().mul(2).sum().itemSync());
    expect(found?.message).toBe("Function 'sqrt' returned nan values in the forward pass.");
    expect(found?.data).toMatchObject({ op: "sqrt", pass: "forward", fault: "nan", inputs: [[2]] });
    expect(String(found?.data["recordedAt"])).toContain("autograd-tools.test.ts");
  });

  it("names the operation whose gradient went wrong, in PyTorch's sentence", () => {
    const found = caught(() => leaf([0, 4]).sqrt().sum().backward());
    expect(found?.message).toBe("Function 'SqrtBackward0' returned inf values in its 0th output.");
    expect(caught(() => leaf([0, 4]).sqrt().mul(0).sum().backward())?.message).toBe(
      "Function 'SqrtBackward0' returned nan values in its 0th output.",
    );
  });

  it("lets infinities on the way pass, and what is finite", () => {
    const mask = tensor([true, false]);
    expect(
      caught(() => leaf([1, 2]).maskedFill(mask, Number.NEGATIVE_INFINITY).softmax(0).sum().backward()),
    ).toBeUndefined();
    expect(detectAnomaly(() => ones([2]).mul(3)).tolistSync()).toEqual([3, 3]);
  });

  it("looks at what is computed ahead, as an optimizer does", () => {
    expect(caught(() => realizeSync([ones([1]).mul(-1).log()]))?.message).toBe(
      "Function 'log' returned nan values in the forward pass.",
    );
  });

  it("looks at what an async function reads and gives", async () => {
    await expect(detectAnomaly(async () => ones([1]).mul(-1).log())).rejects.toThrow("Function 'log' returned nan");
    expect(ones([1]).mul(-1).log().itemSync()).toBeNaN();
  });
});
