// What lies on a device: how it gets there, what keeps it valid, and that it stays bounded however a loop is written.
import { describe, expect, it } from "vitest";
import { DTYPES } from "../../src/graph/dtype.ts";
import { functional as F, Linear } from "../../src/nn/index.ts";
import { DeviceMemory } from "../../src/onnx/device-memory.ts";
import { allocateOn, requireDevice } from "../../src/onnx/devices.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { deviceTensor, type NativeTensor, nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { sessionOptions } from "../../src/onnx/session.ts";
import { AdamW, SGD } from "../../src/optim/index.ts";
import { clearSessions, deviceStats, Generator, ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const device = "webgpu";
const MB = 1e6;
const list = (t: Tensor | null | undefined) => t?.tolistSync();
const placeOf = (t: Tensor) => t.node.value?.kind;
const pause = () => new Promise<void>((resolve) => setImmediate(resolve));

describe("values on a device", () => {
  it("stay there in the dtypes that it holds, and read right through the CPU in all", () => {
    const [held, others] = [
      ["float32", "bfloat16", "int64", "int32", "uint8", "bool"] as const,
      ["float64", "int16", "int8"] as const,
    ];
    const turned = (dtype: (typeof held | typeof others)[number]): Tensor => {
      const made = tensor(
        [
          [1, 0, 1],
          [0, 1, 1],
        ],
        { dtype, device },
      )
        .t()
        .settle();
      const truth = (value: number) => (dtype === "bool" ? value === 1 : value);
      expect(list(made), dtype).toEqual(
        [
          [1, 0],
          [0, 1],
          [1, 1],
        ].map((row) => row.map(truth)),
      );
      expect(list(made.reshape([6]).slice(0, 1, 4)), dtype).toEqual([0, 0, 1].map(truth));
      return made;
    };
    expect(held.map((dtype) => placeOf(turned(dtype)))).toEqual(held.map(() => "device"));
    expect(others.map((dtype) => placeOf(turned(dtype)))).toEqual(others.map(() => "host"));
  });

  it("come to the host where they are one element, as losses are read each step", () => {
    const [sum, one] = [ones([3], { device }).sum().settle(), ones([1], { device }).mul(2).settle()];
    expect([placeOf(sum), placeOf(one), sum.itemSync(), list(one)]).toEqual(["host", "host", 3, [2]]);
    expect(list(zeros([0, 3], { device }).mul(2).settle())).toEqual([]);
  });

  it("outlive the sessions that made them", () => {
    const kept = ones([4], { device }).mul(3).settle();
    clearSessions();
    expect(list(kept)).toEqual([3, 3, 3, 3]);
    clearSessions();
    expect(list(kept.add(1))).toEqual([4, 4, 4, 4]);
  });

  it("are read by a computation on the CPU", () => {
    const ids = tensor([2, 0], { device })
      .add(tensor([0, 1]))
      .settle();
    const weight = tensor(
      [
        [1, 2],
        [3, 4],
        [5, 6],
      ],
      { dtype: "float32" },
    );
    expect([placeOf(ids), ids.device]).toEqual(["device", device]);
    const picked = F.embedding(ids, weight);
    expect([picked.device, list(picked)]).toEqual([
      "cpu",
      [
        [5, 6],
        [3, 4],
      ],
    ]);
  });

  it("are a module's, which moves to a device and back and stays what its optimizer holds", () => {
    const layer = new Linear(3, 2, { generator: new Generator(1) });
    const [weight, before] = [layer.weight, list(layer.weight)];
    const optimizer = new SGD(layer.parameters(), { lr: 1 });
    layer.to({ device });
    expect(layer.weight).toBe(weight);
    expect([weight.device, placeOf(weight), list(weight)]).toEqual([device, "device", before]);
    const step = () => {
      layer(ones([1, 3], { device: weight.device }))
        .sum()
        .backward();
      optimizer.step();
      layer.zeroGrad();
    };
    step();
    expect(placeOf(weight)).toBe("device");
    layer.to({ device: "cpu" });
    expect([weight.device, placeOf(weight)]).toEqual(["cpu", "host"]);
    step();
    const moved = weight.sub(tensor(before ?? []));
    expect(Math.max(...Array.from(moved.add(2).abs().dataSync(), Number))).toBeLessThan(1e-6);
  });

  it("of step t are read as they were after step t + 3", () => {
    const run = (on: string) => {
      const w = tensor([[0.5, -1, 0.25]], { dtype: "float32", device: on, requiresGrad: true });
      const x = tensor(
        [
          [1, 2, 3],
          [0.5, -1, 2],
        ],
        { dtype: "float32", device: on },
      );
      const optimizer = new SGD([w], { lr: 0.1, momentum: 0.9 });
      const predicted = Array.from({ length: 6 }, () => {
        optimizer.zeroGrad();
        const made = x.matmul(w.t());
        made.square().mean().backward();
        optimizer.step();
        return made;
      });
      return predicted.flatMap((made) => Array.from(made.dataSync(), Number));
    };
    const found = run(device);
    for (const [at, value] of run("cpu").entries()) expect(found[at]).toBeCloseTo(value, 4);
  });
});

it("what two runs take there lies there from the second on", () => {
  const x = tensor([[1, 2, 3]], { dtype: "float32" }).to({ device });
  const sent = () => {
    const before = deviceStats.fromHost;
    expect(x.mul(2).sum().itemSync()).toBe(12);
    return deviceStats.fromHost - before;
  };
  expect([sent(), sent(), sent()]).toEqual([16, 16, 4]);
  expect([placeOf(x), list(x)]).toEqual(["device", [[1, 2, 3]]]);
});

it("the numbers of a step go there once, however many parameters a group has", () => {
  const sent = (count: number): number => {
    const weights = Array.from({ length: count }, () => ones([4], { device, requiresGrad: true }));
    const optimizer = new AdamW(weights);
    let before = 0;
    for (let step = 0; step < 3; step++) {
      before = deviceStats.fromHost;
      optimizer.zeroGrad();
      weights.forEach((weight) => void weight.square().sum().backward());
      optimizer.step();
    }
    return deviceStats.fromHost - before;
  };
  expect(sent(6)).toBe(sent(2));
});

describe("a long run", { timeout: 120_000 }, () => {
  const size = 4_000_000;
  const optimizerOf = (w: Tensor) => new SGD([w], { lr: 0.01, momentum: 0.9 });
  const stepOn = (w: Tensor, optimizer: SGD) => {
    optimizer.zeroGrad();
    const off = w.sub(1);
    const loss = off.square().sum();
    loss.backward();
    optimizer.step([loss]);
    return { off, loss };
  };

  /** Each step replaces 32 MB on the device; of some, what they recorded is kept and not computed. */
  async function run(steps: number, afterStep?: () => Promise<void>) {
    const w = zeros([size], { device, requiresGrad: true });
    const optimizer = optimizerOf(w);
    const before = { ...deviceStats };
    const pending = new Map<number, Tensor>();
    let most = 0;
    for (let step = 0; step < steps; step++) {
      const { off, loss } = stepOn(w, optimizer);
      if (step % 8 === 1) pending.set(step, off.slice(0, 0, 2));
      expect(loss.itemSync()).toBeLessThanOrEqual(size);
      if (afterStep !== undefined) await afterStep();
      most = Math.max(most, deviceStats.bytes - before.bytes);
    }
    return { most, moved: deviceStats.moved - before.moved, fromHost: deviceStats.fromHost - before.fromHost, pending };
  }

  function expectAsOnTheHost(pending: ReadonlyMap<number, Tensor>, steps: number): void {
    const w = zeros([1], { requiresGrad: true });
    const optimizer = optimizerOf(w);
    for (let step = 0; step < steps; step++) {
      const { off } = stepOn(w, optimizer);
      const found = pending.get(step);
      if (found !== undefined) expect(found.dataSync()[1]).toBeCloseTo(off.itemSync(), 5);
    }
  }

  it("frees what no node holds any more: memory is bounded and nothing goes to the host", async () => {
    const { most, moved, fromHost, pending } = await run(40, pause);
    expect(most).toBeLessThan(500 * MB); // of 1.3 GB that were made
    expect(moved).toBe(0);
    expect(fromHost).toBeLessThan(17 * MB); // the momentum of the first step, and scalars
    expectAsOnTheHost(pending, 40);
  });

  it("is bounded in a synchronous loop too, where nothing is found unreachable: the idle goes to the host", async () => {
    const { most, moved, pending } = await run(45);
    expect(most).toBeLessThan(700 * MB); // of 1.4 GB that were made
    expect(moved).toBeGreaterThan(700 * MB);
    expect(process.memoryUsage().external).toBeLessThan(600 * MB);
    expectAsOnTheHost(pending, 45);
  });
});

describe("idle buffers", () => {
  const shape = [1_000];
  const input = { name: "x", dataType: DTYPES.float32.onnx, shape };
  const output = { ...input, name: "y" };
  const nodes = [{ opType: "Neg", inputs: ["x"], outputs: ["y"] }];
  const model = encodeModel({ nodes, initializers: [], inputs: [input], outputs: [output] });

  it("are moved to the host, the longest idle first, when they exceed the floor and twice what a run uses", () => {
    requireDevice(device);
    const session = new Session(model, ["y"], sessionOptions(device, 1, 1));
    const memory = new DeviceMemory(10_000);
    const negated = (x: NativeTensor | undefined) =>
      session.run({ x: x ?? expect.unreachable() })["y"]?.data ?? expect.unreachable();
    const keep = (value: number) => {
      const piece = memory.reuse(device, 4_000) ?? allocateOn(device, 4_000);
      const y = deviceTensor(piece, "float32", shape);
      session.run({ x: nativeTensor("float32", new Float32Array(1_000).fill(-value), shape) }, { y });
      return memory.keep(y, { device, shape, dtype: "float32", bytes: 4_000, memory: piece });
    };
    const values = new Map<number, ReturnType<typeof keep>>();
    const next = (value: number) => {
      values.set(value, keep(value));
      memory.endRun((_, { tensor: x }) => negated(x));
    };
    const use = (value: number) => memory.use(values.get(value) ?? expect.unreachable());
    const onDevice = () => [...values.keys()].filter((value) => use(value).tensor !== undefined);

    for (const value of [1, 2, 3]) next(value);
    use(1);
    next(4); // 8,000 bytes lie idle
    next(5); // 16,000: the two that were used longest ago go
    expect([use(2).moved?.[7], use(3).moved?.[999], use(2).moved?.length]).toEqual([-2, -3, 1_000]);
    expect(onDevice()).toEqual([1, 4, 5]);
    // These three were used in the run of 6: twice as much may lie idle then, and less after it.
    next(6);
    expect(onDevice()).toEqual([1, 4, 5, 6]);
    for (const value of [7, 8]) next(value);
    expect(onDevice()).toEqual([6, 7, 8]);
    expect(negated(use(6).tensor)[0]).toBe(-6);
    session.release();
  });
});
