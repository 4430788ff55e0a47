// States between PyTorch and here, both ways: what one trained and stored, the other loads and computes with.
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import { SGD } from "../../src/optim/index.ts";
import { loadFile, save, saveFile, saveModel } from "../../src/serialize/index.ts";
import { noGrad, type Tensor, tensor } from "../../src/tensor/index.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const DEFINE = `
  import torch, torch.nn as nn
  from safetensors.torch import load_file, load_model, save_model

  class Tied(nn.Module):
      def __init__(self):
          super().__init__()
          self.table = nn.Embedding(5, 3)
          self.head = nn.Linear(3, 5)
          self.head.weight = self.table.weight
      def forward(self, ids):
          return self.head(self.table(ids))

  def mlp():
      return nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
`;

class Tied extends nn.Module<[Tensor], Tensor> {
  readonly table = new nn.Embedding(5, 3);
  readonly head = new nn.Linear(3, 5);

  constructor() {
    super();
    this.head.registerParameter("weight", this.table.weight);
  }

  override forward(ids: Tensor): Tensor {
    return this.head(this.table(ids));
  }
}

const mlp = (): nn.Sequential =>
  new nn.Sequential(new nn.Linear(4, 8), new nn.BatchNorm1d(8), new nn.ReLU(), new nn.Linear(8, 3));

const IDS = [4, 0, 2];
const rows = Array.from({ length: 6 }, (_, row) => Array.from({ length: 4 }, (_, at) => Math.sin(row * 4 + at)));
const targets = rows.map((_, row) => row % 3);

const answers = (model: nn.Module<[Tensor], Tensor>, x: Tensor): number[] => {
  model.eval();
  return [...noGrad(() => model(x)).dataSync()].map(Number);
};

function expectNear(found: readonly number[], wanted: readonly number[]): void {
  expect(found).toHaveLength(wanted.length);
  for (const [at, value] of wanted.entries()) expect(found[at]).toBeCloseTo(value, 5);
}

describeClients("PyTorch", () => {
  let home: ClientHome;
  let python: Python;
  const path = (name: string): string => join(home.folder, name);

  beforeAll(async () => {
    home = await ClientHome.make("http://127.0.0.1:9");
    python = home.python();
    await python.run(DEFINE);
  });
  afterAll(() => home?.remove());

  it("loads a module with tied weights that was stored here, whichever way", async () => {
    const model = new Tied();
    await saveFile(model.stateDict(), path("tied.safetensors"), { format: "pt" });
    await saveModel(model, path("tied"));
    await save(model.stateDict(), path("tied.pth"));
    const found = await python.run<{ outputs: number[][]; keys: string[]; shared: boolean }>(
      `
  outputs = []
  for path in paths:
      torch.manual_seed(0)
      model = Tied()
      load_model(model, path)
      outputs.append(model(torch.tensor(ids)).flatten().tolist())
  state = torch.load(pth, weights_only=True)
  model = Tied()
  model.load_state_dict(state)
  outputs.append(model(torch.tensor(ids)).flatten().tolist())
  shared = state["table.weight"].data_ptr() == state["head.weight"].data_ptr()
  result = {"outputs": outputs, "keys": list(state), "shared": shared}
`,
      { paths: [path("tied.safetensors"), path("tied/model.safetensors")], pth: path("tied.pth"), ids: IDS },
    );
    for (const outputs of found.outputs) expectNear(outputs, answers(model, tensor(IDS)));
    expect(found.outputs).toHaveLength(3);
    expect(found.keys).toEqual(["table.weight", "head.weight", "head.bias"]);
    expect(found.shared).toBe(true);
  });

  it("gives a state of tied weights with both names, or with one and where the other is said", async () => {
    const wanted = await python.run<number[]>(
      `
  model = Tied()
  torch.save(model.state_dict(), pth)
  save_model(model, safetensors)
  result = model(torch.tensor(ids)).flatten().tolist()
`,
      { pth: path("theirs.pth"), safetensors: path("theirs.safetensors"), ids: IDS },
    );
    for (const name of ["theirs.pth", "theirs.safetensors"]) {
      const model = new Tied();
      expect(model.loadStateDict(await loadFile(path(name)))).toEqual({ missing: [], unexpected: [] });
      expectNear(answers(model, tensor(IDS)), wanted);
    }
  });

  it("trains a network, which is trained on here, and loads it back as .pth and as safetensors", async () => {
    const before = await python.run<number[]>(
      `
  torch.manual_seed(3)
  net = mlp()
  x, y = torch.tensor(rows), torch.tensor(targets)
  optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
  for _ in range(5):
      optimizer.zero_grad()
      nn.functional.cross_entropy(net(x), y).backward()
      optimizer.step()
  torch.save(net.state_dict(), pth)
  result = net.eval()(x).flatten().tolist()
`,
      { pth: path("mlp.pth"), rows, targets },
    );
    const model = mlp();
    model.loadStateDict(await loadFile(path("mlp.pth")));
    const [x, y] = [tensor(rows, { dtype: "float32" }), tensor(targets, { dtype: "int64" })];
    expectNear(answers(model, x), before);
    model.train();
    const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });
    for (let step = 0; step < 5; step++) {
      optimizer.zeroGrad();
      nn.functional.crossEntropy(model(x), y).backward();
      optimizer.step();
    }
    await saveFile(model.stateDict(), path("mlp.safetensors"));
    await save(model.stateDict(), path("tuned.pth"));
    const after = await python.run<{ outputs: number[][]; batches: number; same: number[] }>(
      `
  outputs = []
  for state in [load_file(safetensors), torch.load(tuned, weights_only=True)]:
      model = mlp()
      model.load_state_dict(state)
      outputs.append(model.eval()(x).flatten().tolist())
  net.train()
  optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
  for _ in range(5):
      optimizer.zero_grad()
      nn.functional.cross_entropy(net(x), y).backward()
      optimizer.step()
  batches = int(model[1].num_batches_tracked)
  result = {"outputs": outputs, "batches": batches, "same": net.eval()(x).flatten().tolist()}
`,
      { safetensors: path("mlp.safetensors"), tuned: path("tuned.pth") },
    );
    const ours = answers(model, x);
    for (const outputs of [...after.outputs, after.same]) expectNear(ours, outputs);
    expect(after.batches).toBe(10);
    expect(ours.some((value, at) => Math.abs(value - (before[at] ?? 0)) > 0.01)).toBe(true);
  });
});
