// A training step against PyTorch eager: the same sizes, batch, optimizer and threads, rounds alternating.
// npx tsx bench/main.ts training-step [workload] [python]; without a Python that has torch and transformers only ours are timed.
import { spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { fromConfig } from "../src/models/auto.ts";
import { functional as F, Linear, Module } from "../src/nn/index.ts";
import { AdamW, clipGradNorm_, decayGroups, SGD } from "../src/optim/index.ts";
import { packageFile } from "../src/package-root.ts";
import { Generator, ones, randint, randn, type Tensor } from "../src/tensor/index.ts";

const ROUNDS = 2;
const WARM = 3;

type Step = () => number;

class MLP extends Module<[Tensor], Tensor> {
  readonly fc1 = new Linear(784, 512);
  readonly fc2 = new Linear(512, 512);
  readonly fc3 = new Linear(512, 10);

  override forward(x: Tensor): Tensor {
    return this.fc3(this.fc2(this.fc1(x).relu()).relu());
  }
}

function mlp(batch: number): Step {
  const model = new MLP();
  const optimizer = new SGD(model.parameters(), { lr: 0.01 });
  const [x, y] = [randn([batch, 784]), randint(0, 10, [batch])];
  return () => {
    optimizer.zeroGrad();
    const loss = F.crossEntropy(model(x), y);
    loss.backward();
    optimizer.step([loss]);
    return loss.itemSync();
  };
}

const BERT = {
  ...{ model_type: "bert", architectures: ["BertForSequenceClassification"], vocab_size: 8000, hidden_size: 256 },
  ...{ num_hidden_layers: 4, num_attention_heads: 4, intermediate_size: 1024, max_position_embeddings: 128 },
};
const GPT2 = {
  ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 2048, n_positions: 128 },
  ...{ n_embd: 192, n_layer: 4, n_head: 6 },
};

/** Dropout, clipping, decay by group: a whole step as fine-tuning runs it. */
function transformer(config: typeof BERT | typeof GPT2, batch: number, length: number): Step {
  const model = fromConfig(config, new Generator(0)).train().requiresGrad_();
  const parameters = model.parameters();
  const optimizer = new AdamW(decayGroups(parameters, 0.01), { lr: 1e-4 });
  const inputIds = randint(0, config.vocab_size, [batch, length]);
  const attentionMask = ones([batch, length], { dtype: "int64" });
  const labels = config === BERT ? randint(0, 2, [batch]) : randint(0, config.vocab_size, [batch, length]);
  let step = 0;
  return () =>
    F.dropoutStep(0, step++, () => {
      optimizer.zeroGrad();
      const loss = F.crossEntropy(model({ inputIds, attentionMask }).logits, labels);
      loss.backward();
      const norm = clipGradNorm_(parameters, 1);
      optimizer.step([loss, norm]);
      return loss.itemSync();
    });
}

const WORKLOADS: Readonly<Record<string, { what: string; steps: number; make(): Step }>> = {
  "mlp-32": { what: "MLP 784-512-512-10, SGD, batch 32", steps: 100, make: () => mlp(32) },
  "mlp-256": { what: "MLP 784-512-512-10, SGD, batch 256", steps: 50, make: () => mlp(256) },
  bert: { what: "BERT 4 × 256, AdamW, batch 32 × 64", steps: 10, make: () => transformer(BERT, 32, 64) },
  gpt2: { what: "GPT-2 4 × 192, AdamW, batch 16 × 128", steps: 10, make: () => transformer(GPT2, 16, 128) },
};

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

function timeOurs(name: string): number {
  const workload = WORKLOADS[name];
  if (workload === undefined) throw new Error(`There is no workload "${name}": ${Object.keys(WORKLOADS).join(", ")}.`);
  const step = workload.make();
  const times: number[] = [];
  for (let index = -WARM; index < workload.steps; index++) {
    const start = performance.now();
    step();
    if (index >= 0) times.push(performance.now() - start);
  }
  return median(times);
}

/** Milliseconds a step, or undefined where there is no such Python. */
function timeTorch(python: string, name: string): number | undefined {
  const args = [
    packageFile("bench", "training_step.py"),
    name,
    `${WORKLOADS[name]?.steps}`,
    `${availableParallelism()}`,
  ];
  const { status, stdout } = spawnSync(python, args, { encoding: "utf8" });
  return status === 0 ? Number(stdout) : undefined;
}

export async function main(args: readonly string[]): Promise<void> {
  const [only, python = "python3"] = args;
  for (const name of only === undefined || only === "all" ? Object.keys(WORKLOADS) : [only]) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    for (let round = 0; round < ROUNDS; round++) {
      ours.push(timeOurs(name));
      const time = timeTorch(python, name);
      if (time !== undefined) theirs.push(time);
    }
    const show = (times: readonly number[]) => `${Math.min(...times).toFixed(1)}–${Math.max(...times).toFixed(1)} ms`;
    const what = `${WORKLOADS[name]?.what}: ${show(ours)} a step`;
    const ratio = median(theirs) / median(ours);
    console.log(
      theirs.length === 0 ? `${what}; no PyTorch here` : `${what}, PyTorch ${show(theirs)}, speed ${ratio.toFixed(2)}×`,
    );
  }
}
