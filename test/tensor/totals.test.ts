// Values that a loop carries on and reads at its end: what each step computes of them, and what they keep alive.
import { describe, expect, it } from "vitest";
import { ancestors, topological } from "../../src/graph/walk.ts";
import { functional as F, Linear } from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import {
  compileGraph,
  manualSeed,
  ones,
  rand,
  randint,
  sessionStats,
  symbolic,
  type Tensor,
  tensor,
  zeros,
} from "../../src/tensor/index.ts";

/** Runs of sessions during `fn`. */
function runsOf(fn: () => void): number {
  const before = sessionStats.runs;
  fn();
  return sessionStats.runs - before;
}

describe("a value that goes on from step to step, and that nothing reads before the end", () => {
  const STEPS = 200;
  const epoch = (each: (loss: Tensor, out: Tensor, parameters: readonly Tensor[]) => Tensor[]) => {
    manualSeed(1);
    const layer = new Linear(3, 4);
    const optimizer = new SGD(layer.parameters(), { lr: 0.1 });
    const [x, target] = [rand([5, 3]), randint(0, 4, [5])];
    let [most, furthest, held]: [number, number, Tensor[]] = [0, 0, []];
    const losses: number[] = [];
    const steps = runsOf(() => {
      for (let step = 0; step < STEPS; step++) {
        optimizer.zeroGrad();
        const out = layer(x);
        const loss = F.crossEntropy(out, target);
        loss.backward();
        optimizer.step();
        losses.push(loss.itemSync());
        held = each(loss, out, layer.parameters());
        const nodes = held.map(({ storage }) => storage.peek);
        most = Math.max(most, topological(nodes).nodes.length);
        furthest = Math.max(furthest, ancestors(...nodes).length);
      }
    });
    return { steps, most, behind: furthest, held, losses, parameters: layer.parameters() };
  };

  it("a running total is computed with the step, and keeps no more than a few steps alive", () => {
    let total = zeros([]);
    const { steps, most, behind, losses } = epoch((loss) => {
      total = total.add(loss.detach());
      return [total];
    });
    expect(steps).toBe(STEPS);
    expect(most).toBeLessThan(64);
    expect(behind).toBeLessThan(64);
    expect(total.itemSync()).toBeCloseTo(
      losses.reduce((sum, loss) => sum + loss, 0),
      3,
    );
  });

  it("so are a count of what the model gets right, a mean of weights, and what is written in place", () => {
    let [right, mean] = [zeros([], { dtype: "int64" }), zeros([4, 3])];
    const written = zeros([]);
    const target = [0, 1, 2, 3, 0];
    const found = epoch((loss, out, [weight = mean]) => {
      right = right.add(out.argmax(1).eq(tensor(target)).sum());
      mean = mean.mul(0.9).add(weight.detach().mul(0.1));
      written.add_(loss.detach().mul(2));
      return [right, mean, written];
    });
    expect(found.steps).toBe(STEPS);
    expect(found.most).toBeLessThan(400);
    expect(found.behind).toBeLessThan(600);
    expect(written.itemSync()).toBeCloseTo(2 * found.losses.reduce((sum, loss) => sum + loss, 0), 2);
    let read = 0;
    epoch((_, out) => {
      read += Number(out.argmax(1).eq(tensor(target)).sum().itemSync());
      return [];
    });
    expect(right.itemSync()).toBe(read);
  });

  it("a total of what takes gradients is computed too, and its gradient is right", () => {
    const w = tensor([2], { dtype: "float32", requiresGrad: true });
    let total = zeros([1]);
    for (let step = 0; step < 40; step++) {
      total = total.add(w.mul(step));
      ones([1]).add(step).itemSync();
    }
    expect(topological([total.storage.peek]).nodes.length).toBeLessThan(80);
    expect(total.itemSync()).toBe(2 * 780);
    total.sum().backward();
    expect(w.grad?.tolistSync()).toEqual([780]);
  });

  it("in a loop without any run, it is computed every few hundred times", () => {
    let total = zeros([2]);
    const runs = runsOf(() => {
      for (let step = 0; step < 1000; step++) total = total.add(tensor([step, 1], { dtype: "float32" }));
    });
    expect(runs).toBe(3);
    expect(ancestors(total.storage.peek).length).toBeLessThan(1000);
    expect(total.tolistSync()).toEqual([499_500, 1000]);
  });

  it("graphs that are still being written are let alone", () => {
    const x = symbolic("x", ["n"], "float32");
    let y: Tensor = x;
    const runs = runsOf(() => {
      for (let time = 0; time < 1000; time++) y = y.mul(1.001);
    });
    expect(runs).toBe(0);
    expect(ones([1]).add(1).itemSync()).toBe(2);
    const graph = compileGraph({ inputs: [x], outputs: { y } });
    expect(Number(graph.run({ x: { data: Float32Array.of(1), shape: [1] } })["y"]?.data[0])).toBeCloseTo(
      1.001 ** 1000,
      3,
    );
    graph.dispose();
  });
});
