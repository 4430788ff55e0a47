// Which nodes of a training step WebGPU leaves to the CPU, as the runtime's own profile tells: whole numbers alone.
import { expect, it } from "vitest";
import { fromConfig } from "../../src/models/auto.ts";
import { functional as F } from "../../src/nn/index.ts";
import { clipGradNorm_ } from "../../src/optim/index.ts";
import { deviceReport, Generator, type Tensor, tensor } from "../../src/tensor/index.ts";

const ids = (rows: number[][]): Tensor => tensor(rows);
const ROWS = [
  [2, 11, 12, 3],
  [2, 13, 3, 0],
];
const MASK = [
  [1, 1, 1, 1],
  [1, 1, 1, 0],
];
const SIZES = {
  distilbert: {
    ...{ model_type: "distilbert", architectures: ["DistilBertForSequenceClassification"], vocab_size: 20 },
    ...{ dim: 8, n_layers: 2, n_heads: 2, hidden_dim: 16, max_position_embeddings: 8 },
  },
  gpt2: {
    ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 20 },
    ...{ n_embd: 8, n_head: 2, n_layer: 2, n_positions: 8 },
  },
};

it.each(["distilbert", "gpt2"] as const)("a step of %s: loss, gradients and clipping", (name) => {
  const model = fromConfig(SIZES[name], new Generator(1)).requiresGrad_().train();
  const { logits } = model({ inputIds: ids(ROWS), attentionMask: ids(MASK) });
  const loss =
    name === "gpt2"
      ? F.crossEntropy(logits.flatten(0, 1), ids(ROWS).flatten(), { labelSmoothing: 0.1 })
      : F.crossEntropy(logits, tensor([1, 0]), { labelSmoothing: 0.1 });
  loss.backward();
  const parameters = model.parameters();
  const norm = clipGradNorm_(parameters, 1);
  const placed = deviceReport([loss, norm, ...parameters.map(({ grad }) => grad ?? loss)], { device: "webgpu" });

  const onDevice = placed.filter(({ device }) => device === "webgpu");
  const left = placed.filter(({ device }) => device !== "webgpu");
  expect(onDevice.length).toBeGreaterThan(250);
  // Ids, masks and labels come from the host, and there are no 64-bit kernels.
  expect(left.filter(({ outputs }) => outputs.some((dtype) => !["int64", "bool"].includes(dtype)))).toEqual([]);
  expect(left.length).toBeLessThan(0.05 * placed.length);
});
