// The chapter's network, its two loops and its line of figures.
// Reads no files and no arguments.
import { type data, nn, noGrad, type Tensor, withProgress } from "../../src/index.ts";

export class SimpleNetwork extends nn.Module<[Tensor], Tensor> {
  readonly flatten = new nn.Flatten();
  readonly network_stack = new nn.Sequential(
    new nn.Linear(28 * 28, 512),
    new nn.ReLU(),
    new nn.Linear(512, 512),
    new nn.ReLU(),
    new nn.Linear(512, 10),
  );

  override forward(x: Tensor): Tensor {
    return this.network_stack(this.flatten(x));
  }
}

export type Loader = data.DataLoader<[Tensor, number], [Tensor, Tensor]>;
export type Step = (images: Tensor, labels: Tensor) => Tensor;
export type Model = nn.Module<[Tensor], Tensor>;
export type Loss = nn.Module<[Tensor, Tensor], Tensor>;

/** One pass over the training set; the mean of the batches' losses. */
export function trainLoop(loader: Loader, step: Step, device = "cpu"): number {
  let total = 0;
  for (const [images, labels] of withProgress(loader, "train")) {
    total += step(images.to({ device }), labels.to({ device })).itemSync();
  }
  return total / loader.length;
}

/** Mean loss of the batches, and the share of pictures that are told right. */
export function evalLoop(
  loader: Loader,
  model: Model,
  lossOf: Loss,
  device = "cpu",
): { loss: number; accuracy: number } {
  return noGrad(() => {
    let [loss, correct] = [0, 0];
    for (const [images, labels] of loader) {
      const predictions = model(images.to({ device }));
      const here = labels.to({ device });
      loss += lossOf(predictions, here).itemSync();
      correct += predictions.argmax(1).eq(here).to("float32").sum().itemSync();
    }
    return { loss: loss / loader.length, accuracy: correct / (loader.dataset.length ?? 1) };
  });
}

export interface Figures {
  epoch: number;
  train: number;
  test: number;
  accuracy: number;
}

/** The chapter's line. It writes a share with a percent sign: 0.80% is 80 %. */
export function epochLine({ epoch, train, test, accuracy }: Figures, lr: number): string {
  return `Epoch: ${epoch}, Train Loss: ${train.toFixed(4)}, Test Loss: ${test.toFixed(4)}, Test Accuracy: ${accuracy.toFixed(2)}%, LR: ${lr.toFixed(6)}`;
}

export const epochHeader = (epoch: number): string => `Epoch ${epoch + 1}\n${"-".repeat(31)}`;
