// Two convolutional networks learn to read digits: LeNet-5, and the chapter's ConvNet.
// npx tsx examples/mnist/main.ts [lenet|convnet] [--data FOLDER] [--epochs N] [--device NAME] [--log FILE]
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile, data, manualSeed, nn, noGrad, optim, type Tensor } from "../../src/index.ts";

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string", default: join(process.env["ABRAZO_DATA"] ?? "../shared/data", "images", "mnist") },
    epochs: { type: "string", default: "10" },
    seed: { type: "string", default: "7" },
    device: { type: "string", default: "cpu" },
    log: { type: "string" },
  },
});
const { device } = options;
const F = nn.functional;

/** LeCun et al. 1998, as it is written today: ReLU, average pooling. 61,706 parameters. */
class LeNet5 extends nn.Module<[Tensor], Tensor> {
  readonly conv1 = new nn.Conv2d(1, 6, 5, { padding: 2 });
  readonly pool1 = new nn.AvgPool2d(2);
  readonly conv2 = new nn.Conv2d(6, 16, 5);
  readonly pool2 = new nn.AvgPool2d(2);
  readonly fc1 = new nn.Linear(400, 120);
  readonly fc2 = new nn.Linear(120, 84);
  readonly fc3 = new nn.Linear(84, 10);

  override forward(x: Tensor): Tensor {
    const first = this.pool1(this.conv1(x).relu()); // [B, 6, 14, 14]
    const second = this.pool2(this.conv2(first).relu()); // [B, 16, 5, 5]
    const flat = second.view([second.size(0), -1]); // [B, 400]
    return this.fc3(this.fc2(this.fc1(flat).relu()).relu());
  }
}

/** 30,762 parameters. */
class ConvNet extends nn.Module<[Tensor], Tensor> {
  readonly conv1 = new nn.Conv2d(1, 16, 3);
  readonly conv2 = new nn.Conv2d(16, 32, 3);
  readonly fc1 = new nn.Linear(800, 32);
  readonly dropout = new nn.Dropout(0.3);
  readonly fc2 = new nn.Linear(32, 10);

  constructor() {
    super();
    for (const { weight, bias } of [this.conv1, this.conv2]) {
      nn.init.kaimingNormal_(weight, { mode: "fan_out", nonlinearity: "relu" });
      if (bias !== undefined) nn.init.zeros_(bias);
    }
    for (const { weight, bias } of [this.fc1, this.fc2]) {
      nn.init.normal_(weight, 0, 0.01);
      if (bias !== undefined) nn.init.zeros_(bias);
    }
  }

  override forward(x: Tensor): Tensor {
    const first = F.maxPool2d(this.conv1(x).relu(), 2); // [B, 16, 13, 13]
    const second = F.maxPool2d(this.conv2(first).relu(), 2); // [B, 32, 5, 5]
    return this.fc2(this.dropout(this.fc1(second.flatten(1)).relu()));
  }
}

const { Compose, Normalize, ToTensor } = data.transforms;
const transform = new Compose([new ToTensor(), new Normalize([0.1307], [0.3081])]);
const digits = (train: boolean) =>
  new data.datasets.MNIST<Tensor>({ root: options.data, train, transform: (image) => transform(image) });
const [trainSet, testSet] = [digits(true), digits(false)];

manualSeed(Number(options.seed));
const model = (positionals[0] === "convnet" ? new ConvNet() : new LeNet5()).to({ device });
const trainLoader = new data.DataLoader(trainSet, { batchSize: 64, shuffle: true });
const testLoader = new data.DataLoader(testSet, { batchSize: 500 });
const lossOf = new nn.CrossEntropyLoss();
const optimizer = new optim.Adam(model.parameters(), { lr: 1e-3, weightDecay: 1e-5 });
const scheduler = new optim.lrScheduler.StepLR(optimizer, { stepSize: 5, gamma: 0.5 });
console.log(`${model}\n${model.parameterCount()} parameters`);

const step = compile((images: Tensor, labels: Tensor) => {
  const loss = lossOf(model(images), labels);
  loss.backward();
  optimizer.step();
  optimizer.zeroGrad();
  return loss;
});

const history: { epoch: number; train: number; accuracy: number; seconds: number }[] = [];
for (let epoch = 0; epoch < Number(options.epochs); epoch++) {
  const started = performance.now();
  model.train();
  let total = 0;
  for (const [images, labels] of trainLoader) {
    total += step(images.to({ device }), labels.to({ device })).itemSync();
  }
  const [train, seconds] = [total / trainLoader.length, (performance.now() - started) / 1000];
  scheduler.step();
  model.eval();
  let correct = 0;
  noGrad(() => {
    for (const [images, labels] of testLoader) {
      correct += model(images.to({ device })).argmax(1).eq(labels.to({ device })).sum().itemSync();
    }
  });
  const accuracy = correct / testSet.length;
  history.push({ epoch, train, accuracy, seconds });
  console.log(
    `Epoch ${epoch + 1}: loss ${train.toFixed(4)}, accuracy ${(100 * accuracy).toFixed(2)} %, ${seconds.toFixed(0)} s`,
  );
}
if (options.log !== undefined) writeFileSync(options.log, `${JSON.stringify(history)}\n`);
