// What the suites of image layers share: the goldens, and the networks of the chapter.
import { readFileSync } from "node:fs";
import {
  AvgPool2d,
  BatchNorm2d,
  Conv2d,
  functional as F,
  Flatten,
  Linear,
  MaxPool2d,
  Module,
  ReLU,
  Sequential,
} from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { manualSeed, rand, type Tensor, tensor } from "../../src/tensor/index.ts";

type Lists = Record<string, number[]>;
export interface NetworkGolden {
  parameters: number;
  logits: number[];
  losses: number[];
  grads: Lists;
  state: Lists;
}

interface Golden {
  layers: { js: string; text: string; state: Lists; shapes: Lists }[];
  forwards: { js: string; input: number[]; shape: number[]; y: number[] }[];
  indexed: {
    axes: number;
    kernel: number;
    options: object;
    input: number[];
    values: number[];
    indices: number[];
    again: number[];
  }[];
  running: { js: string; input: number[]; after: Lists[]; eval: number[] }[];
  lenet5: NetworkGolden;
  convnet: NetworkGolden;
}

export const IMAGES: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "images.json"), "utf8"));

export class LeNet5 extends Module<[Tensor], Tensor> {
  readonly conv1 = new Conv2d(1, 6, 5, { padding: 2 });
  readonly pool = new AvgPool2d(2);
  readonly conv2 = new Conv2d(6, 16, 5);
  readonly fc1 = new Linear(400, 120);
  readonly fc2 = new Linear(120, 84);
  readonly fc3 = new Linear(84, 10);

  override forward(x: Tensor): Tensor {
    const first = this.pool(this.conv1(x).relu()); // [N, 6, 14, 14]
    const second = this.pool(this.conv2(first).relu()); // [N, 16, 5, 5]
    const flat = second.view([x.size(0), -1]); // [N, 400]
    return this.fc3(this.fc2(this.fc1(flat).relu()).relu());
  }
}

/** Convolutions, batch normalization and pooling: every kind of layer of a small network for images. */
export const convnet = (): Sequential =>
  new Sequential(
    new Conv2d(1, 4, 3),
    new BatchNorm2d(4),
    new ReLU(),
    new Conv2d(4, 8, 3),
    new ReLU(),
    new MaxPool2d(2),
    new Flatten(),
    new Linear(72, 16),
    new ReLU(),
    new Linear(16, 5),
  );

/** What is not as in the golden, by name, with the largest difference. */
export function differences(golden: NetworkGolden, trained: Trained, limit: number): string[] {
  const { model, logits, losses } = trained;
  const parameters = new Map(model.namedParameters());
  const state = model.stateDict();
  const parts: [string, number][] = [
    ["logits", apart(logits, golden.logits)],
    ["losses", apart(losses, golden.losses)],
    ...Object.entries(golden.grads).map(([name, grad]): [string, number] => [
      `gradient of ${name}`,
      apart(numbers(parameters.get(name)?.grad), grad),
    ]),
    ...Object.entries(golden.state).map(([name, value]): [string, number] => [
      name,
      apart(numbers(state.get(name)), value),
    ]),
  ];
  return parts.filter(([, most]) => !(most < limit)).map(([name, most]) => `${name}: ${most}`);
}

interface Trained {
  model: Module<[Tensor], Tensor>;
  logits: number[];
  losses: number[];
}

export const numbers = (t: Tensor | null | undefined): number[] => [...(t?.dataSync() ?? [])].map(Number);

/** The largest difference from a golden, which may hold the first elements alone; infinite where elements are missing. */
export function apart(found: readonly number[], wanted: readonly number[]): number {
  if (found.length < wanted.length) return Number.POSITIVE_INFINITY;
  return wanted.reduce((most, value, at) => Math.max(most, Math.abs(value - (found[at] ?? Number.NaN))), 0);
}

/** A model made after seed 7, trained as its golden was. */
export function train(
  make: () => Module<[Tensor], Tensor>,
  shape: readonly number[],
  classes: number,
  steps: number,
  device = "cpu",
): Trained {
  manualSeed(7);
  const model = make().to({ device });
  const x = rand(shape).to({ device });
  const target = tensor(
    Array.from({ length: shape[0] ?? 0 }, (_, at) => at % classes),
    { dtype: "int64", device },
  );
  const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
  model.eval();
  const logits = numbers(model(x));
  model.train();
  const losses = Array.from({ length: steps }, () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), target);
    loss.backward();
    optimizer.step([loss]);
    return loss.itemSync();
  });
  return { model, logits, losses };
}
