// Training against PyTorch eager: the same models, batches, optimizers and threads, rounds alternating in one run.
// npm run bench -- training [python] [part of a row's name] [device]; it needs a Python with torch and transformers.
// On a GPU, PyTorch runs on CUDA, and rows in mixed precision and of larger sizes join.
import { type ChildProcessWithoutNullStreams, execFileSync, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { createInterface } from "node:readline";
import { DataLoader, TensorDataset } from "../src/data/index.ts";
import { fromConfig } from "../src/models/auto.ts";
import {
  Conv2d,
  CrossEntropyLoss,
  Dropout,
  functional as F,
  Flatten,
  Linear,
  Module,
  ReLU,
  Sequential,
} from "../src/nn/index.ts";
import { Session } from "../src/onnx/runtime.ts";
import { Adam, AdamW, clipGradNorm_, decayGroups, GradScaler, type Optimizer, SGD } from "../src/optim/index.ts";
import { packageFile } from "../src/package-root.ts";
import { autocast, compile, Generator, ones, randint, randn, type Tensor } from "../src/tensor/index.ts";
import { INSTALL, matmulPeers } from "./matmul-peers.ts";

const ROUNDS = 5;
/** Milliseconds and rounds before the first: JavaScript is compiled as it runs, for some thousand steps. PyTorch has as many. */
const WARM = 4000;
const WARM_ROUNDS = 2;

type Step = () => number;

/** Where our side computes; set before a row is made. */
let device = "cpu";

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;

/** Milliseconds in the loader and inside the runtime: the rest of a step is recording, keys, feeding and garbage collection. */
let [loading, inside] = [0, 0];
const collections: PerformanceEntry[] = [];
new PerformanceObserver((list) => void collections.push(...list.getEntries())).observe({ entryTypes: ["gc"] });

/** Batches of a loader, epoch after epoch. */
function endless(batch: number): () => [Tensor, Tensor] {
  const dataset = new TensorDataset(randn([8192, 1, 28, 28]), randint(0, 10, [8192]));
  const loader = new DataLoader(dataset, { batchSize: batch, shuffle: true, dropLast: true });
  let batches = loader[Symbol.iterator]();
  return () => {
    const start = performance.now();
    let next = batches.next();
    if (next.done === true) {
      batches = loader[Symbol.iterator]();
      next = batches.next();
    }
    // safe because a dataset of two tensors is collated into two tensors
    const [images, labels] = next.value as unknown as [Tensor, Tensor];
    loading += performance.now() - start;
    return [images.to(device), labels.to(device)];
  };
}

/** The chapter's loop: a batch of the loader, the loss read before its gradients are taken, the step. */
function pictures(model: Module<[Tensor], Tensor>, optimizer: Optimizer, batch: number): Step {
  const next = endless(batch);
  const lossOf = new CrossEntropyLoss();
  return () => {
    const [images, labels] = next();
    const loss = lossOf(model(images), labels);
    const value = loss.itemSync();
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return value;
  };
}

function compiled(model: Module<[Tensor], Tensor>, optimizer: Optimizer, batch: number): Step {
  const next = endless(batch);
  const lossOf = new CrossEntropyLoss();
  const step = compile((images: Tensor, labels: Tensor) => {
    const loss = lossOf(model(images), labels);
    loss.backward();
    optimizer.step();
    optimizer.zeroGrad();
    return loss;
  });
  return () => step(...next()).itemSync();
}

function mlp(batch: number, loop: typeof pictures): Step {
  const layers = [
    new Flatten(),
    new Linear(784, 512),
    new ReLU(),
    new Linear(512, 512),
    new ReLU(),
    new Linear(512, 10),
  ];
  const model = new Sequential(...layers).to({ device });
  return loop(model, new SGD(model.parameters(), { lr: 1e-3 }), batch);
}

class ConvNet extends Module<[Tensor], Tensor> {
  readonly conv1 = new Conv2d(1, 16, 3);
  readonly conv2 = new Conv2d(16, 32, 3);
  readonly fc1 = new Linear(800, 32);
  readonly dropout = new Dropout(0.3);
  readonly fc2 = new Linear(32, 10);

  override forward(x: Tensor): Tensor {
    const first = F.maxPool2d(this.conv1(x).relu(), 2); // [B, 16, 13, 13]
    const second = F.maxPool2d(this.conv2(first).relu(), 2); // [B, 32, 5, 5]
    return this.fc2(this.dropout(this.fc1(second.flatten(1)).relu()));
  }
}

function convnet(batch: number, loop: typeof pictures): Step {
  const model = new ConvNet().to({ device });
  return loop(model, new Adam(model.parameters(), { lr: 1e-3 }), batch);
}

const bertConfig = (hidden: number) => ({
  ...{ model_type: "bert", architectures: ["BertForSequenceClassification"], vocab_size: 8000, hidden_size: hidden },
  ...{ num_hidden_layers: 4, num_attention_heads: 4, intermediate_size: 4 * hidden, max_position_embeddings: 256 },
});
const GPT2 = {
  ...{ model_type: "gpt2", architectures: ["GPT2LMHeadModel"], vocab_size: 2048, n_positions: 128 },
  ...{ n_embd: 192, n_layer: 4, n_head: 6 },
};

/** Dropout, clipping, decay by group: a whole step as fine-tuning runs it; in float16 where `isMixed`. */
function transformer(
  config: ReturnType<typeof bertConfig> | typeof GPT2,
  isMixed = false,
): (batch: number, length: number) => number {
  const model = fromConfig(config, new Generator(0)).train().requiresGrad_().to({ device });
  const parameters = model.parameters();
  const optimizer = new AdamW(decayGroups(parameters, 0.01), { lr: 1e-4 });
  const scaler = new GradScaler({ enabled: isMixed });
  let step = 0;
  return (batch, length) =>
    F.dropoutStep(0, step++, () => {
      const inputIds = randint(0, config.vocab_size, [batch, length]).to(device);
      const attentionMask = ones([batch, length], { dtype: "int64" }).to(device);
      const classes = "n_embd" in config ? [config.vocab_size, batch * length] : [2, batch];
      const labels = randint(0, classes[0] ?? 0, classes.slice(1)).to(device);
      optimizer.zeroGrad();
      const loss = autocast({ dtype: "float16", device, enabled: isMixed }, () =>
        F.crossEntropy(model({ inputIds, attentionMask }).logits.flatten(0, -2), labels),
      );
      scaler.scale(loss).backward();
      scaler.unscale_(optimizer);
      const norm = clipGradNorm_(parameters, 1);
      if (isMixed) scaler.step(optimizer);
      else optimizer.step([loss, norm]);
      scaler.update();
      return loss.itemSync();
    });
}

/** A row named `bert-HIDDENxBATCHxLENGTH`, or `bert16-…` in mixed precision. */
function bert(name: string): Step {
  const [kind, sizes = ""] = name.split("-");
  const [hidden = 0, batch = 0, length = 0] = sizes.split("x").map(Number);
  const step = transformer(bertConfig(hidden), kind === "bert16");
  return () => step(batch, length);
}

interface Workload {
  what: string;
  /** What PyTorch's side calls it. */
  peer: string;
  steps: number;
  make(): Step;
}

const WORKLOADS: readonly Workload[] = [
  { what: "MLP, SGD, batch 32, lazy", peer: "mlp-32", steps: 150, make: () => mlp(32, pictures) },
  { what: "MLP, SGD, batch 32, compiled", peer: "mlp-32", steps: 150, make: () => mlp(32, compiled) },
  { what: "MLP, SGD, batch 256, lazy", peer: "mlp-256", steps: 60, make: () => mlp(256, pictures) },
  { what: "MLP, SGD, batch 256, compiled", peer: "mlp-256", steps: 60, make: () => mlp(256, compiled) },
  { what: "ConvNet, Adam, batch 64, lazy", peer: "convnet-64", steps: 40, make: () => convnet(64, pictures) },
  { what: "ConvNet, Adam, batch 64, compiled", peer: "convnet-64", steps: 40, make: () => convnet(64, compiled) },
  { what: "BERT 4 × 256, AdamW, batch 32 × 64", peer: "bert-256x32x64", steps: 6, make: () => bert("bert-256x32x64") },
  {
    what: "GPT-2 4 × 192, AdamW, batch 16 × 128",
    peer: "gpt2-",
    steps: 6,
    make: () => {
      const step = transformer(GPT2);
      return () => step(16, 128);
    },
  },
];

/** How a step grows: one size at a time, away from the row above. */
const GROWTH = [
  "bert-256x8x64",
  "bert-256x64x64",
  "bert-256x32x32",
  "bert-256x32x128",
  "bert-128x32x64",
  "bert-384x32x64",
];

/** What a GPU is for: sizes that a CPU would take seconds for, and half the digits. */
const ON_GPU = ["bert16-256x32x64", "bert-768x32x128", "bert16-768x32x128"];

class Peer {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;

  constructor(python: string) {
    this.#child = spawn(python, [packageFile("bench", "training.py"), `${availableParallelism()}`, device]);
    this.#child.stderr.resume();
    this.#lines = createInterface(this.#child.stdout)[Symbol.asyncIterator]();
  }

  async ask(line: string): Promise<number> {
    this.#child.stdin.write(`${line}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error("Python ended; does it have torch and transformers?");
    return Number(value);
  }

  close(): void {
    this.#child.stdin.end();
  }
}

const run = Session.prototype.run;
Session.prototype.run = function timed(...args: Parameters<typeof run>) {
  const start = performance.now();
  try {
    return run.apply(this, args);
  } finally {
    inside += performance.now() - start;
  }
};

interface Timed {
  ours: number[];
  theirs: number[];
  /** Parts of our steps: recording, keys and feeding; the loader; garbage collection. */
  shares: { recording: number; loading: number; collecting: number };
}

/** On a device the event loop turns once a step, as with `await loss.item()`: what nobody reads any more is freed there. */
async function turned(step: Step): Promise<void> {
  step();
  if (device !== "cpu") await new Promise<void>((resolve) => setImmediate(resolve));
}

async function alternate(peer: Peer, name: string, make: () => Step, steps: number, rounds = ROUNDS): Promise<Timed> {
  const step = make();
  const cold = performance.now();
  let warm = 0;
  for (; warm < WARM_ROUNDS * steps || performance.now() - cold < WARM; warm++) await turned(step);
  await peer.ask(`step ${name} ${warm}`);
  const [ours, theirs]: [number[], number[]] = [[], []];
  [loading, inside] = [0, 0];
  let [total, collecting] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const began = performance.now();
    for (let index = 0; index < steps; index++) await turned(step);
    const ended = performance.now();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const within = collections.splice(0).filter(({ startTime }) => startTime >= began && startTime < ended);
    collecting += within.reduce((sum, { duration }) => sum + duration, 0);
    total += ended - began;
    // The mean of a round, not its median: that would leave out the collector, which works once in many steps.
    ours.push((ended - began) / steps);
    theirs.push(await peer.ask(`step ${name} ${steps}`));
  }
  const recording = Math.max(0, total - loading - collecting - inside) / total;
  return { ours, theirs, shares: { recording, loading: loading / total, collecting: collecting / total } };
}

const show = (times: readonly number[]): string =>
  `${Math.min(...times).toFixed(2)}–${Math.max(...times).toFixed(2)} ms`;

function print(what: string, { ours, theirs, shares }: Timed): void {
  const ratio = median(theirs) / median(ours);
  const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
  console.log(
    `${what}: ${show(ours)} a step, PyTorch ${show(theirs)}, speed ${ratio.toFixed(2)}×; recording ${percent(shares.recording)}, loader ${percent(shares.loading)}, garbage ${percent(shares.collecting)}`,
  );
}

async function matmul(peer: Peer, size: number): Promise<void> {
  const [a, b] = [randn([size, size]).to(device), randn([size, size]).to(device)];
  const [ours, theirs]: [number[], number[]] = [[], []];
  a.matmul(b).dataSync();
  for (let round = 0; round < ROUNDS; round++) {
    const times = Array.from({ length: 3 }, () => {
      const start = performance.now();
      a.matmul(b).dataSync();
      return performance.now() - start;
    });
    ours.push(median(times));
    theirs.push(await peer.ask(`matmul ${size} 3`));
  }
  const rate = (times: readonly number[]) => (2 * size ** 3) / Math.min(...times) / 1e6;
  const peak = (2 * 4096 ** 3) / (await peer.ask("matmul 4096 3")) / 1e6;
  console.log(
    `${size} × ${size} matmul: ${show(ours)} (${rate(ours).toFixed(0)} GFLOP/s), PyTorch ${show(theirs)} (${rate(theirs).toFixed(0)}), speed ${(median(theirs) / median(ours)).toFixed(2)}×; PyTorch's 4096 × 4096, the most measured here: ${peak.toFixed(0)}`,
  );
}

/** The same product by other libraries for JavaScript, alternating. */
async function matmulBeside(size: number): Promise<void> {
  const peers = await matmulPeers(size);
  if (peers.length === 0) console.log(`TensorFlow.js and jax-js are not here: ${INSTALL}`);
  const [a, b] = [randn([size, size]), randn([size, size])];
  for (const [name, multiply] of peers) {
    const [ours, theirs]: [number[], number[]] = [[], []];
    await multiply();
    for (let round = 0; round < ROUNDS; round++) {
      const start = performance.now();
      a.matmul(b).dataSync();
      const middle = performance.now();
      await multiply();
      ours.push(middle - start);
      theirs.push(performance.now() - middle);
    }
    const ratio = median(theirs) / median(ours);
    console.log(`${size} × ${size} matmul: ${show(ours)}, ${name} ${show(theirs)}, speed ${ratio.toFixed(1)}×`);
  }
}

/** Peak memory of a process that trains through all shape buckets of an epoch. */
async function memory(python: string): Promise<void> {
  const ours = Number(apart("buckets"));
  const peer = new Peer(python);
  const theirs = await peer.ask("buckets");
  peer.close();
  console.log(
    `peak memory, BERT 4 × 256 through eight lengths: ${ours.toFixed(0)} MB, PyTorch ${theirs.toFixed(0)} MB, ratio ${(ours / theirs).toFixed(2)}`,
  );
}

function buckets(): number {
  const step = transformer(bertConfig(256));
  for (let round = 0; round < 2; round++) for (const length of [16, 32, 64, 96, 128, 160, 192, 256]) step(16, length);
  // maxRSS would count the process that started this one.
  return Number(/VmHWM:\s+(\d+)/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) / 1024;
}

/** One row in this process, beside a PyTorch of its own. */
async function row(python: string, what: string): Promise<void> {
  const peer = new Peer(python);
  try {
    const workload = WORKLOADS.find((each) => each.what === what);
    if (workload !== undefined) {
      print(what, await alternate(peer, workload.peer, workload.make, workload.steps));
    } else if (what === "matmul") {
      await matmul(peer, 2000);
      if (device === "cpu") await matmulBeside(2000);
    } else {
      print(what, await alternate(peer, what, () => bert(what), 4, 2));
    }
  } finally {
    peer.close();
  }
}

/** Each row in a process of its own: what one leaves to the collector is no cost of the next. */
function apart(...args: readonly string[]): string {
  const script = ["--import", "tsx", packageFile("bench", "training.ts"), ...args];
  return execFileSync(process.execPath, script, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] }).trim();
}

/** @param only a part of the rows' names */
export async function main([
  python = packageFile(".cache", "python-clients", "bin", "python"),
  only = "",
  place = "cpu",
]: readonly string[]) {
  const sizes = place === "cpu" ? GROWTH : [...GROWTH, ...ON_GPU];
  for (const what of [...WORKLOADS.map((each) => each.what), ...sizes, "matmul"]) {
    if (what.includes(only)) console.log(apart("row", python, what, place));
  }
  if (only === "" && place === "cpu") await memory(python);
}

const [kind, ...args] = process.argv.slice(2);
if (kind === "row") {
  device = args[2] ?? "cpu";
  await row(args[0] ?? "", args[1] ?? "");
}
if (kind === "buckets") console.log(buckets());
