// Mixed precision: which operations are recorded in which dtype, gradients of float32 parameters, loss scaling.
import { describe, expect, it } from "vitest";
import { BatchNorm1d, functional as F, Linear, ReLU, Sequential } from "../../src/nn/index.ts";
import { Adam, GradScaler, SGD } from "../../src/optim/index.ts";
import {
  autocast,
  autocastDType,
  autograd,
  cat,
  manualSeed,
  ones,
  rand,
  type Tensor,
  tensor,
} from "../../src/tensor/index.ts";
import { differentiateCase, METHOD_CASES, recordCase, titleOf } from "./goldens.ts";

const list = (t: Tensor | null | undefined) => t?.tolistSync();
const HALF = { dtype: "float16" } as const;

describe("autocast", () => {
  const x = ones([2, 3]);
  const w = ones([3, 2], { requiresGrad: true });

  it("records products in the lower dtype, in float16 and in bfloat16", () => {
    expect(
      autocast(HALF, () => [x.matmul(w), F.linear(x, w.t()), F.linear(x, w.t(), ones([2]))].map(({ dtype }) => dtype)),
    ).toEqual(["float16", "float16", "float16"]);
    expect(autocast({ dtype: "bfloat16" }, () => x.matmul(w).dtype)).toBe("bfloat16");
    expect(autocast({}, () => x.matmul(w).dtype)).toBe("bfloat16");
    expect(x.matmul(w).dtype).toBe("float32");
  });

  it("records sums, softmax, norms and losses in float32", () => {
    const results = autocast(HALF, () => {
      const y = x.matmul(w);
      const loss = F.crossEntropy(y, tensor([0, 1]));
      return [
        y.sum(),
        y.mean(),
        y.softmax(-1),
        y.logSoftmax(-1),
        y.exp(),
        y.pow(2),
        y.pow(y),
        y.square(),
        F.mseLoss(y, y),
        loss,
        F.layerNorm(y, [2]),
      ];
    });
    expect(results.map(({ dtype }) => dtype)).toEqual(results.map(() => "float32"));
  });

  it("leaves other operations in the dtype they get, the wider of two", () => {
    const dtypes = autocast(HALF, () => {
      const y = x.matmul(w);
      return [y.relu(), y.add(1), y.add(ones([2])), cat([y, ones([1, 2])]), y.mul(y)].map(({ dtype }) => dtype);
    });
    expect(dtypes).toEqual(["float16", "float16", "float32", "float32", "float16"]);
  });

  it("casts neither float64 nor whole numbers", () => {
    const double = ones([2, 2], { dtype: "float64" });
    const whole = ones([2, 2], { dtype: "int64" });
    expect(autocast(HALF, () => [double.matmul(double).dtype, whole.matmul(whole).dtype])).toEqual([
      "float64",
      "int64",
    ]);
  });

  it("gives float32 gradients to float32 parameters, outside and inside the scope", () => {
    for (const place of ["outside", "inside"]) {
      const p = ones([3, 2], { requiresGrad: true });
      const loss = autocast(HALF, () => {
        const made = x.matmul(p).relu().sum();
        if (place === "inside") made.backward();
        return made;
      });
      if (place === "outside") loss.backward();
      expect([p.grad?.dtype, list(p.grad)]).toEqual(["float32", list(ones([3, 2]).mul(2))]);
    }
  });

  it("can be switched off inside, follows async code, and ends", async () => {
    expect(autocast(HALF, () => autocast({ enabled: false }, () => x.matmul(w).dtype))).toBe("float32");
    const dtype = await autocast(HALF, async () => {
      await new Promise((resolve) => setTimeout(resolve, 1));
      return autocastDType();
    });
    expect([dtype, autocastDType()]).toEqual(["float16", undefined]);
  });

  it("refuses other dtypes and devices that are not there", () => {
    // safe because the point is what a program without types would do
    expect(() => autocast({ dtype: "float32" as "float16" }, () => x)).toThrow(
      "In autocast, but the target dtype is not supported: float32.",
    );
    expect(() => autocast({ device: "gpu" }, () => x)).toThrow('There is no device "gpu".');
  });

  it("second derivatives go through the casts", () => {
    const a = tensor([[2]], { dtype: "float32", requiresGrad: true });
    const y = autocast(HALF, () => a.matmul(a).matmul(a));
    const [first] = autograd.grad(y, [a], { createGraph: true });
    expect([list(first.detach()), list(autograd.grad(first, [a])[0])]).toEqual([[[12]], [[12]]]);
  });

  it("records every operation, whatever dtypes meet in it", () => {
    const failed = METHOD_CASES.flatMap((row) => {
      try {
        const made = autocast(HALF, () => recordCase(row, { dtype: "float32" }));
        if (row.grads !== undefined) differentiateCase(made, false);
        return [];
      } catch (error) {
        return [`${titleOf(row)}: ${String(error)}`];
      }
    });
    expect(failed).toEqual([]);
  });

  it("trains a network about as well as float32 does", () => {
    const train = (dtype: "float16" | "bfloat16" | undefined): number => {
      manualSeed(3);
      const model = new Sequential(new Linear(4, 16), new BatchNorm1d(16), new ReLU(), new Linear(16, 2));
      const optimizer = new Adam(model.parameters(), { lr: 0.02 });
      const scaler = new GradScaler({ enabled: dtype === "float16", initScale: 1024 });
      const x = rand([32, 4]);
      const labels = x.sum(1).gt(2).to("int64");
      let last = Number.NaN;
      for (let step = 0; step < 30; step++) {
        const loss = autocast({ enabled: dtype !== undefined, ...(dtype === undefined ? {} : { dtype }) }, () =>
          F.crossEntropy(model(x), labels),
        );
        optimizer.zeroGrad();
        scaler.scale(loss).backward();
        scaler.step(optimizer);
        scaler.update();
        last = loss.itemSync();
      }
      expect(model.parameters().map((parameter) => parameter.dtype)).toEqual(model.parameters().map(() => "float32"));
      return last;
    };
    const full = train(undefined);
    expect(full).toBeLessThan(0.3);
    expect(Math.abs(train("float16") - full)).toBeLessThan(0.05);
    expect(Math.abs(train("bfloat16") - full)).toBeLessThan(0.1);
  });
});

describe("GradScaler", () => {
  const parameter = () => tensor([1, 2], { dtype: "float32", requiresGrad: true });

  it("scales the loss and gives the optimizer what it was before", () => {
    const p = parameter();
    const optimizer = new SGD([p], { lr: 1 });
    const scaler = new GradScaler({ initScale: 8 });
    scaler.scale(p.mul(3).sum()).backward();
    expect(list(p.grad)).toEqual([24, 24]);
    scaler.step(optimizer);
    scaler.update();
    expect([list(p.grad), list(p.detach()), scaler.getScale()]).toEqual([[3, 3], [-2, -1], 8]);
  });

  it("keeps small float16 gradients from vanishing", () => {
    const gradient = (scale: number): unknown => {
      const p = tensor([[1]], { dtype: "float32", requiresGrad: true });
      const y = autocast(HALF, () => p.matmul(ones([1, 1])));
      y.retainGrad();
      y.to("float32")
        .mul(1e-9 * scale)
        .sum()
        .backward();
      return list(y.grad);
    };
    expect(gradient(1)).toEqual([[0]]);
    expect(gradient(65536)).not.toEqual([[0]]);
  });

  it("leaves a step out where a gradient is not finite, and backs off; grows after enough good ones", () => {
    const p = parameter();
    const optimizer = new SGD([p], { lr: 1 });
    const scaler = new GradScaler({ initScale: 4, growthInterval: 2 });
    const step = (factor: number): number => {
      optimizer.zeroGrad();
      scaler.scale(p.mul(factor).sum()).backward();
      scaler.step(optimizer);
      scaler.update();
      return scaler.getScale();
    };
    expect([step(Number.POSITIVE_INFINITY), list(p.detach())]).toEqual([2, [1, 2]]);
    expect(step(Number.NaN)).toBe(1);
    expect([step(1), step(1), step(1), step(1)]).toEqual([1, 2, 2, 4]);
    expect(list(p.detach())).toEqual([-3, -2]);
  });

  it("unscales before clipping, once", () => {
    const p = parameter();
    const optimizer = new SGD([p], { lr: 1 });
    const scaler = new GradScaler({ initScale: 4 });
    scaler.scale(p.mul(3).sum()).backward();
    scaler.unscale_(optimizer);
    expect(list(p.grad)).toEqual([3, 3]);
    expect(() => scaler.unscale_(optimizer)).toThrow(
      "unscale_() has already been called on this optimizer since the last update().",
    );
    scaler.step(optimizer);
    expect(list(p.detach())).toEqual([-2, -1]);
    expect(() => scaler.step(optimizer)).toThrow("step() has already been called since the last update().");
    scaler.update();
    expect(() => scaler.update()).toThrow("No inf checks were recorded prior to update.");
  });

  it("keeps its state, and passes everything on when disabled", () => {
    const scaler = new GradScaler({ initScale: 16 });
    scaler.update(32);
    const other = new GradScaler();
    other.loadStateDict(scaler.stateDict());
    expect(other.stateDict()).toEqual({
      scale: 32,
      growthFactor: 2,
      backoffFactor: 0.5,
      growthInterval: 2000,
      growthTracker: 0,
    });
    const disabled = new GradScaler({ enabled: false });
    const p = parameter();
    const loss = p.sum();
    expect(disabled.scale(loss)).toBe(loss);
    expect([disabled.getScale(), disabled.stateDict(), disabled.isEnabled()]).toEqual([1, {}, false]);
    expect(() => other.loadStateDict(disabled.stateDict())).toThrow("The source state dict is empty");
    loss.backward();
    disabled.step(new SGD([p], { lr: 1 }));
    disabled.update();
    expect(list(p.detach())).toEqual([0, 1]);
    expect(() => new GradScaler({ growthFactor: 1 })).toThrow("The growth factor must be > 1.0.");
    expect(() => new GradScaler({ backoffFactor: 1 })).toThrow("The backoff factor must be < 1.0.");
  });
});
