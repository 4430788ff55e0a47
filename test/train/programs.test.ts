// Whole programs that are interrupted and go on from a checkpoint: the rest is bit for bit what it would have been.
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { DataLoader, type LoaderState } from "../../src/data/index.ts";
import { EarlyStopping, type EarlyStoppingState, load, save } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import {
  customFunction,
  getRngState,
  manualSeed,
  noGrad,
  rand,
  randint,
  setRngState,
  type Tensor,
  zeros,
} from "../../src/tensor/index.ts";
import { inFolder } from "../support/fixtures.ts";
import { Shapes } from "./shapes.ts";

const { functional: F } = nn;
const { AdamW, lrScheduler } = optim;

/** Every element of a state, as it lies in memory. */
const bits = (model: nn.AnyModule): [string, string][] =>
  [...model.stateDict()].map(([name, value]) => {
    const { buffer, byteOffset, byteLength } = value.dataSync();
    return [name, Buffer.from(buffer, byteOffset, byteLength).toString("hex")];
  });

interface Checkpoint {
  model: Map<string, Tensor>;
  optimizer: optim.OptimizerState;
  scheduler: optim.lrScheduler.SchedulerState;
  random: number[];
  epoch: number;
}

describe("images from workers", () => {
  const EPOCHS = 2;

  function start() {
    manualSeed(3);
    const model = new nn.Sequential(
      new nn.Conv2d(1, 4, 3, { padding: 1 }),
      new nn.BatchNorm2d(4),
      new nn.ReLU(),
      new nn.MaxPool2d(2),
      new nn.Flatten(),
      new nn.Dropout(0.2),
      new nn.Linear(64, 4),
    );
    const optimizer = new AdamW(model.parameters(), { lr: 0.01 });
    const scheduler = new lrScheduler.CosineAnnealingLR(optimizer, { tMax: 12 });
    const loader = new DataLoader(new Shapes(40), { batchSize: 8, shuffle: true, numWorkers: 2 });
    return { model, optimizer, scheduler, loader };
  }

  async function train(
    { model, optimizer, scheduler, loader }: ReturnType<typeof start>,
    from: number,
    stop?: { epoch: number; batch: number; path: string },
  ): Promise<number[]> {
    const losses: number[] = [];
    for (let epoch = from; epoch < EPOCHS; epoch++) {
      for await (const [x, y] of loader) {
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(x), y);
        loss.backward();
        optimizer.step();
        scheduler.step();
        losses.push(await loss.item());
        if (epoch !== stop?.epoch || loader.stateDict().batchesYielded !== stop.batch) continue;
        const states = { model: model.stateDict(), optimizer: optimizer.stateDict(), scheduler: scheduler.stateDict() };
        const random = getRngState();
        await save({ ...states, loader: loader.stateDict(), random, epoch }, stop.path);
        return losses;
      }
    }
    return losses;
  }

  it("go on in the middle of an epoch", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "checkpoint.pth");
      const whole = start();
      const losses = await train(whole, 0);
      const before = await train(start(), 0, { epoch: 1, batch: 3, path });
      // safe because this is what was stored above
      const stored = (await load(path)) as unknown as Checkpoint & { loader: LoaderState };
      const run = start();
      run.model.loadStateDict(stored.model);
      run.optimizer.loadStateDict(stored.optimizer);
      run.scheduler.loadStateDict(stored.scheduler);
      run.loader.loadStateDict(stored.loader);
      setRngState(stored.random);
      const after = await train(run, stored.epoch);
      expect([before.length, after.length]).toEqual([8, 2]);
      expect([...before, ...after]).toEqual(losses);
      expect(bits(run.model)).toEqual(bits(whole.model));
      expect(losses.at(-1)).toBeLessThan(losses[0] ?? 0);
    });
  });
});

/** x σ(x), with its gradient written out. */
const swish = customFunction<[Tensor]>({
  name: "swish",
  forward: (ctx, x) => {
    ctx.saveForBackward(x);
    return x.mul(x.sigmoid());
  },
  backward: ({ savedTensors: [x = zeros([])] }, grad) => {
    const s = x.sigmoid();
    return grad.mul(s.mul(x.mul(s.neg().add(1)).add(1)));
  },
});

class Block extends nn.Module<[Tensor], Tensor> {
  readonly norm: nn.LayerNorm;
  readonly fc: nn.Linear;
  readonly scale: Tensor;
  readonly calls = nn.buffer(zeros([]));

  constructor(width: number) {
    super();
    this.norm = new nn.LayerNorm(width);
    this.fc = new nn.Linear(width, width);
    this.scale = nn.parameter(zeros([width]));
  }

  override forward(x: Tensor): Tensor {
    if (this.training) this.calls.add_(1);
    return x.add(swish(this.fc(this.norm(x))).mul(this.scale.add(1)));
  }
}

class Net extends nn.Module<[Tensor], Tensor> {
  readonly embed = new nn.Linear(6, 16);
  readonly first = new Block(16);
  readonly second = new Block(16);
  readonly drop = new nn.Dropout(0.1);
  readonly head = new nn.Linear(16, 3);

  override forward(x: Tensor): Tensor {
    return this.head(this.drop(this.second(this.first(this.embed(x)))));
  }
}

describe("a module of one's own, with frozen layers, groups, schedulers, clipping and early stopping", () => {
  const EPOCHS = 12;

  function start() {
    manualSeed(5);
    const [x, y] = [rand([64, 6]), randint(0, 3, [64])];
    const model = new Net();
    model.embed.requiresGrad_(false);
    const trained = model.parameters().filter(({ requiresGrad }) => requiresGrad);
    const optimizer = new AdamW(
      [
        { params: trained.filter(({ ndim }) => ndim > 1), weightDecay: 0.1 },
        { params: trained.filter(({ ndim }) => ndim === 1), weightDecay: 0, lr: 0.005 },
      ],
      { lr: 0.01 },
    );
    const warmup = new lrScheduler.LinearLR(optimizer, { startFactor: 0.1, totalIters: 3 });
    const decay = new lrScheduler.ExponentialLR(optimizer, { gamma: 0.95 });
    const scheduler = new lrScheduler.SequentialLR(optimizer, { schedulers: [warmup, decay], milestones: [3] });
    return {
      x,
      y,
      model,
      optimizer,
      scheduler,
      stopping: new EarlyStopping({ patience: 3, minDelta: 0.02 }),
      epoch: 0,
    };
  }

  async function train(run: ReturnType<typeof start>, until: number) {
    const { x, y, model, optimizer, scheduler, stopping } = run;
    const log: number[] = [];
    let hooked = zeros([]);
    const handle = model.first.registerForwardHook((_, __, out) => {
      hooked = hooked.add(out.detach().norm());
    });
    for (let stopped = false; run.epoch < until && !stopped; run.epoch++) {
      model.train();
      let total = zeros([]);
      for (let at = 0; at < 64; at += 16) {
        const [rows, wanted] = [x.slice(0, at, at + 16), y.slice(0, at, at + 16)];
        optimizer.zeroGrad();
        const loss = F.crossEntropy(model(rows), wanted, { labelSmoothing: 0.1 });
        loss.backward();
        optim.clipGradNorm_(model.parameters(), 0.5);
        optimizer.step();
        total = total.add(loss.detach().mul(rows.size(0)));
      }
      scheduler.step();
      model.eval();
      const validation = await noGrad(() => F.crossEntropy(model(x), y)).item();
      log.push((await total.item()) / 64, validation);
      stopped = stopping.step(validation);
    }
    handle.remove();
    expect(await hooked.item()).toBeGreaterThan(0);
    return log;
  }

  it("goes on from a checkpoint, and stops where it would have stopped", async () => {
    await inFolder(async (folder) => {
      const path = join(folder, "checkpoint.pth");
      const whole = start();
      const log = await train(whole, EPOCHS);
      const frozen = bits(whole.model.embed);
      const first = start();
      const before = await train(first, 5);
      const { model, optimizer, scheduler, stopping, epoch } = first;
      const states = { model: model.stateDict(), optimizer: optimizer.stateDict(), scheduler: scheduler.stateDict() };
      await save({ ...states, stopping: stopping.stateDict(), random: getRngState(), epoch }, path);
      // safe because this is what was stored above
      const stored = (await load(path)) as unknown as Checkpoint & { stopping: EarlyStoppingState };
      const again = start();
      expect(bits(again.model.embed)).toEqual(frozen);
      again.model.loadStateDict(stored.model);
      again.optimizer.loadStateDict(stored.optimizer);
      again.scheduler.loadStateDict(stored.scheduler);
      again.stopping.loadStateDict(stored.stopping);
      again.epoch = stored.epoch;
      setRngState(stored.random);
      const after = await train(again, EPOCHS);
      expect([...before, ...after]).toEqual(log);
      expect(before).toHaveLength(10);
      expect(again.epoch).toBeLessThan(EPOCHS);
      expect(bits(again.model)).toEqual(bits(whole.model));
      expect(again.model.first.calls.itemSync()).toBe(4 * again.epoch);
      expect(again.optimizer.paramGroups.map(({ lr }) => lr)).toEqual(whole.optimizer.paramGroups.map(({ lr }) => lr));
    });
  });
});

it("early stopping refuses what is no state of it", () => {
  const stopping = new EarlyStopping();
  expect(() => stopping.loadStateDict({ best: 1, bestStep: 3, steps: 2 })).toThrow("This is no state of EarlyStopping");
  stopping.loadStateDict(new EarlyStopping().stateDict());
  expect([stopping.best, stopping.isBest]).toEqual([undefined, false]);
});
