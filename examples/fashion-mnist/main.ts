// The chapter's experiment: a network of three layers learns to tell clothes apart, from the files to the saved weights.
// npx tsx examples/fashion-mnist/main.ts [--data FOLDER] [--epochs N] [--compile] [--device NAME] [--out FOLDER] [--log FILE]
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile, data, loadFile, manualSeed, nn, optim, saveFile, type Tensor } from "../../src/index.ts";
import {
  epochHeader,
  epochLine,
  evalLoop,
  type Figures,
  type Loader,
  SimpleNetwork,
  type Step,
  trainLoop,
} from "./loops.ts";

const { values: options } = parseArgs({
  options: {
    data: { type: "string", default: join(process.env["ABRAZO_DATA"] ?? "../shared/data", "images", "fashion-mnist") },
    epochs: { type: "string", default: "5" },
    seed: { type: "string", default: "7" },
    device: { type: "string", default: "cpu" },
    compile: { type: "boolean", default: false },
    out: { type: "string" },
    log: { type: "string" },
  },
});
const { device } = options;

const { Compose, Normalize, ToTensor } = data.transforms;
const plain = new data.datasets.FashionMNIST({ root: options.data });
const pixels = plain.data.to("float64").div(255);
const [mean, std] = [pixels.mean().itemSync(), pixels.std().itemSync()];
console.log(`mean ${mean.toFixed(4)}, std ${std.toFixed(4)}`);

const transform = new Compose([new ToTensor(), new Normalize([mean], [std])]);
const trainSet = new data.datasets.FashionMNIST<Tensor>({ root: options.data, transform: (image) => transform(image) });
const testSet = new data.datasets.FashionMNIST<Tensor>({
  root: options.data,
  train: false,
  transform: (image) => transform(image),
});

manualSeed(Number(options.seed));
const model = new SimpleNetwork().to({ device });
const trainLoader: Loader = new data.DataLoader(trainSet, { batchSize: 32, shuffle: true });
const testLoader: Loader = new data.DataLoader(testSet, { batchSize: 32 });
const lossOf = new nn.CrossEntropyLoss();
const optimizer = new optim.SGD(model.parameters(), { lr: 1e-3 });
const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 30, gamma: 0.1 });
console.log(`${model}`);

const record: Step = (images, labels) => {
  const loss = lossOf(model(images), labels);
  loss.backward();
  optimizer.step();
  optimizer.zeroGrad();
  return loss;
};
const step = options.compile ? compile(record) : record;

const history: (Figures & { seconds: number })[] = [];
for (let epoch = 0; epoch < Number(options.epochs); epoch++) {
  console.log(epochHeader(epoch));
  const started = performance.now();
  model.train();
  const train = trainLoop(trainLoader, step, device);
  const seconds = (performance.now() - started) / 1000;
  model.eval();
  const { loss, accuracy } = evalLoop(testLoader, model, lossOf, device);
  const figures = { epoch, train, test: loss, accuracy };
  history.push({ ...figures, seconds });
  console.log(epochLine(figures, optimizer.lr));
  scheduler.step();
}
console.log("Done!");
if (options.log !== undefined) writeFileSync(options.log, `${JSON.stringify(history)}\n`);

if (options.out !== undefined) {
  mkdirSync(options.out, { recursive: true });
  const path = join(options.out, "model.safetensors");
  await saveFile(model.stateDict(), path);
  const again = new SimpleNetwork();
  again.loadStateDict(await loadFile(path));
  again.to({ device }).eval();
  const [saved, loaded] = [evalLoop(testLoader, model, lossOf, device), evalLoop(testLoader, again, lossOf, device)];
  console.log(
    `saved and loaded: ${loaded.loss === saved.loss && loaded.accuracy === saved.accuracy ? "equal" : "different"}`,
  );
}
