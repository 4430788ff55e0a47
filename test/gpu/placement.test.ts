// Which nodes of a training step WebGPU leaves to the CPU, as the runtime's own profile tells: whole numbers alone.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { Node } from "../../src/graph/node.ts";
import { topological } from "../../src/graph/walk.ts";
import { fromConfig } from "../../src/models/auto.ts";
import { functional as F } from "../../src/nn/index.ts";
import { lower } from "../../src/onnx/lower.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { toSession } from "../../src/onnx/represent.ts";
import { nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { sessionOptions } from "../../src/onnx/session.ts";
import { clipGradNorm_ } from "../../src/optim/index.ts";
import { Generator, type Tensor, tensor } from "../../src/tensor/index.ts";

interface ProfileEvent {
  cat: string;
  args?: { provider?: string; op_name?: string; output_type_shape?: Record<string, number[]>[] };
}

interface Placed {
  kind: string;
  provider: string;
  outputs: string[];
}

/** Compiles and runs a graph for a device, and gives where each of its kernels ran. */
function placement(outputs: readonly Node[], device: string): Placed[] {
  const lowered = lower(topological(outputs), outputs, { device, initializer: () => undefined });
  const folder = mkdtempSync(join(tmpdir(), "abrazo-profile-"));
  const names = lowered.model.outputs.map(({ name }) => name);
  const options = {
    ...sessionOptions(device, lowered.flops, undefined),
    ...{ enableProfiling: true, profileFilePrefix: join(folder, "profile") },
  };
  const session = new Session(encodeModel(lowered.model), names, options);
  const feeds = lowered.inputs.map(({ name, node }) => {
    if (node.value?.kind !== "host") throw new Error(`the leaf ${name} is not on the host`);
    const { dtype, data } = toSession(node.dtype, node.value.data);
    return [name, nativeTensor(dtype, data, node.shape.map(Number))] as const;
  });
  session.run(Object.fromEntries(feeds));
  session.release();
  const events = readdirSync(folder).flatMap((name): ProfileEvent[] =>
    JSON.parse(readFileSync(join(folder, name), "utf8")),
  );
  rmSync(folder, { recursive: true });
  return events
    .filter(({ cat, args }) => cat === "Node" && args?.provider !== undefined)
    .map(({ args }) => ({
      kind: args?.op_name ?? "",
      provider: args?.provider ?? "",
      outputs: (args?.output_type_shape ?? []).flatMap((output) => Object.keys(output)),
    }));
}

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
  const placed = placement(
    [loss, norm, ...parameters.map(({ grad }) => grad ?? loss)].map((t) => t.node),
    "webgpu",
  );

  const onDevice = placed.filter(({ provider }) => provider === "WebGpuExecutionProvider");
  const left = placed.filter(({ provider }) => provider !== "WebGpuExecutionProvider");
  expect(onDevice.length).toBeGreaterThan(250);
  // Ids, masks and labels come from the host, and there are no 64-bit kernels.
  expect(left.filter(({ outputs }) => outputs.some((dtype) => !["int64", "bool"].includes(dtype)))).toEqual([]);
  expect(left.length).toBeLessThan(0.05 * placed.length);
});
