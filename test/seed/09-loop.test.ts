// Chapter 3.1.7, the whole loop: hyperparameters, the two loops, what they print, and the table of the five epochs.

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import {
  epochHeader,
  epochLine,
  evalLoop,
  type Figures,
  type Loader,
  SimpleNetwork,
  type Step,
  trainLoop,
} from "../../examples/fashion-mnist/loops.ts";
import { compile, data, EarlyStopping, manualSeed, nn, onProgress, optim, type Tensor } from "../../src/index.ts";
import { dataPath } from "../support/data.ts";

interface Settings {
  epochs: number;
  batchSize: number;
  learningRate: number;
}

interface Experiment {
  history: Figures[];
  lines: string[];
  events: number;
}

/** The chapter's program on the IDX files of a folder. */
function experiment(root: string, { epochs, batchSize, learningRate }: Settings, isCompiled: boolean): Experiment {
  const { Compose, Normalize, ToTensor } = data.transforms;
  const transform = new Compose([new ToTensor(), new Normalize([0.2860406], [0.3530242])]);
  const pictures = (train: boolean) =>
    new data.datasets.FashionMNIST<Tensor>({ root, train, transform: (image) => transform(image) });
  manualSeed(7);
  const model = new SimpleNetwork();
  const trainLoader: Loader = new data.DataLoader(pictures(true), { batchSize, shuffle: true });
  const testLoader: Loader = new data.DataLoader(pictures(false), { batchSize });
  const lossOf = new nn.CrossEntropyLoss();
  const optimizer = new optim.SGD(model.parameters(), { lr: learningRate });
  const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 30, gamma: 0.1 });
  const record: Step = (images, labels) => {
    const loss = lossOf(model(images), labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  };
  const step = isCompiled ? compile(record) : record;
  const [history, lines]: [Figures[], string[]] = [[], []];
  let events = 0;
  const stop = onProgress(() => events++);
  for (let epoch = 0; epoch < epochs; epoch++) {
    lines.push(epochHeader(epoch));
    model.train();
    const train = trainLoop(trainLoader, step);
    model.eval();
    const { loss, accuracy } = evalLoop(testLoader, model, lossOf);
    const figures = { epoch, train, test: loss, accuracy };
    history.push(figures);
    lines.push(epochLine(figures, optimizer.lr));
    scheduler.step();
  }
  stop();
  return { history, lines: [...lines, "Done!"], events };
}

/** IDX files of ten classes: a bright square in one of ten places, and noise. */
function syntheticIdx(): string {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-idx-"));
  let state = 1;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
  mkdirSync(folder, { recursive: true });
  for (const [part, count] of [
    ["train", 640],
    ["t10k", 160],
  ] as const) {
    const images = Buffer.alloc(16 + count * 784);
    const labels = Buffer.alloc(8 + count);
    images.writeUInt32BE(0x803, 0);
    for (const [at, size] of [count, 28, 28].entries()) images.writeUInt32BE(size, 4 + 4 * at);
    labels.writeUInt32BE(0x801, 0);
    labels.writeUInt32BE(count, 4);
    for (let index = 0; index < count; index++) {
      const label = index % 10;
      labels[8 + index] = label;
      for (let at = 0; at < 784; at++) {
        const [row, column] = [Math.floor(at / 28), at % 28];
        const isInside = Math.floor(row / 14) === Math.floor(label / 5) && Math.floor(column / 5.6) === label % 5;
        images[16 + index * 784 + at] = Math.floor(random() * 60) + (isInside ? 180 : 0);
      }
    }
    writeFileSync(join(folder, `${part}-images-idx3-ubyte.gz`), gzipSync(images));
    writeFileSync(join(folder, `${part}-labels-idx1-ubyte.gz`), gzipSync(labels));
  }
  return folder;
}

describe("the experiment on ten classes of our own", () => {
  const settings = { epochs: 10, batchSize: 32, learningRate: 1e-2 };
  const folder = syntheticIdx();
  const runs = [false, true].map((isCompiled) => experiment(folder, settings, isCompiled));
  rmSync(folder, { recursive: true });
  const [recorded, compiled] = runs;

  it("seed/9-02 epochs 10, batch size 32 and a learning rate are taken as they are given", () => {
    expect(recorded?.history.map(({ epoch }) => epoch)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(recorded?.lines.at(-2)).toContain("LR: 0.010000");
  });

  it("seed/9-08 the training loop gives the mean of the batches' losses, which fall", () => {
    const losses = recorded?.history.map(({ train }) => train) ?? [];
    expect(losses[0]).toBeGreaterThan(1.5);
    for (const [at, loss] of losses.slice(1).entries()) expect(loss).toBeLessThan(losses[at] ?? 0);
  });

  it("seed/9-09 the evaluation loop gives the mean loss and the share that is right", () => {
    const last = recorded?.history.at(-1);
    expect(last?.accuracy).toBeGreaterThan(0.9);
    expect(last?.accuracy).toBeLessThanOrEqual(1);
    expect(last?.test).toBeLessThan(recorded?.history[0]?.test ?? 0);
  });

  it("seed/9-10 progress is reported batch by batch, and an epoch is headed by 31 dashes", () => {
    expect(recorded?.events).toBe(10 * 20);
    expect(recorded?.lines[0]).toBe("Epoch 1\n-------------------------------");
  });

  it("seed/9-12 the line of an epoch, then Done!", () => {
    const figures = { epoch: 4, train: 0.53829, test: 0.54401, accuracy: 0.8036 };
    expect(epochLine(figures, 1e-3)).toBe(
      "Epoch: 4, Train Loss: 0.5383, Test Loss: 0.5440, Test Accuracy: 0.80%, LR: 0.001000",
    );
    expect(recorded?.lines.at(-1)).toBe("Done!");
  });

  it("compiled, the loop gives the same figures", () => {
    for (const [at, figures] of compiled?.history.entries() ?? []) {
      expect(figures.train).toBeCloseTo(recorded?.history[at]?.train ?? 0, 4);
      expect(figures.accuracy).toBeCloseTo(recorded?.history[at]?.accuracy ?? 0, 2);
    }
  });
});

/** The chapter's table with what seeds may differ by, and the same run in PyTorch (examples/fashion-mnist/same_in_pytorch.py). */
const TABLE = [
  { train: [1.5232, 0.05], test: [0.9543, 0.03], accuracy: [0.71, 0.015] },
  { train: [0.792, 0.02], test: [0.7059, 0.02], accuracy: [0.76, 0.015] },
  { train: [0.6442, 0.015], test: [0.6208, 0.02], accuracy: [0.78, 0.01] },
  { train: [0.579, 0.015], test: [0.5757, 0.02], accuracy: [0.79, 0.01] },
  { train: [0.5383, 0.015], test: [0.544, 0.02], accuracy: [0.8, 0.01] },
] as const;
const PYTORCH = [
  { train: 1.501623, test: 0.95132, accuracy: 0.7156 },
  { train: 0.792329, test: 0.70628, accuracy: 0.7595 },
  { train: 0.644421, test: 0.621567, accuracy: 0.7806 },
  { train: 0.577666, test: 0.572087, accuracy: 0.7952 },
  { train: 0.536731, test: 0.540051, accuracy: 0.8062 },
] as const;

const images = dataPath("images", "fashion-mnist");

it.skipIf(images === undefined)(
  "seed/9-13 five epochs on Fashion-MNIST give the chapter's table, and PyTorch's losses (needs ABRAZO_DATA)",
  { timeout: 600_000 },
  () => {
    const { history } = experiment(images ?? "", { epochs: 5, batchSize: 32, learningRate: 1e-3 }, true);
    for (const [at, figures] of history.entries()) {
      for (const name of ["train", "test", "accuracy"] as const) {
        const [value, tolerance] = TABLE[at]?.[name] ?? [0, 0];
        expect(Math.abs(figures[name] - value), `${name} of epoch ${at}`).toBeLessThanOrEqual(tolerance);
      }
      const same = PYTORCH[at];
      expect(Math.abs(figures.train - (same?.train ?? 0))).toBeLessThanOrEqual(5e-3);
      expect(Math.abs(figures.test - (same?.test ?? 0))).toBeLessThanOrEqual(5e-3);
      expect(Math.abs(figures.accuracy - (same?.accuracy ?? 0))).toBeLessThanOrEqual(5e-3);
      expect(figures.train).toBeLessThan(history[at - 1]?.train ?? 9);
    }
  },
);

describe("seed/9-14 early stopping", () => {
  it("ends training once nothing was better for as long as its patience", () => {
    const stopping = new EarlyStopping({ patience: 2 });
    expect([0.9, 0.7, 0.8, 0.75].map((loss) => stopping.step(loss))).toEqual([false, false, false, true]);
    expect(stopping.best).toBe(0.7);
  });

  it("counts a better value only beyond minDelta, in either direction, and never what is no number", () => {
    const rising = new EarlyStopping({ patience: 2, minDelta: 0.1, mode: "max" });
    expect([0.5, 0.55, 0.7, Number.NaN, 0.75].map((value) => [rising.step(value), rising.isBest])).toEqual([
      [false, true],
      [false, false],
      [false, true],
      [false, false],
      [true, false],
    ]);
    expect(() => new EarlyStopping({ patience: 0 })).toThrow(
      expect.objectContaining({ code: "EARLY_STOPPING_OPTION" }),
    );
  });
});
