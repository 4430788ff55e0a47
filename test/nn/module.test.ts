// Modules: calling, hooks, names, modes, state.
import { expect, it } from "vitest";
import { AnyModule, buffer, Dropout, Linear, Module, ModuleList, Sequential } from "../../src/nn/index.ts";
import { ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

class Block extends Module<[Tensor], Tensor> {
  override readonly name = "block";
  readonly fc = new Linear(2, 2);
  readonly drop = new Dropout(0.5);
  readonly mean = buffer(zeros([2]));
  readonly #factor = 2;

  override forward(x: Tensor): Tensor {
    return this.drop(this.fc(x)).mul(this.#factor);
  }
}

class Net extends Module<[Tensor], Tensor> {
  readonly blocks = new ModuleList([new Block(), new Block()]);
  readonly head = new Linear(2, 1, { bias: false });

  override forward(x: Tensor): Tensor {
    let hidden = x;
    for (const block of this.blocks) hidden = block(hidden);
    return this.head(hidden);
  }
}

it("is called like a function and stays an instance", () => {
  const net = new Net();
  expect(net(ones([3, 2])).shape).toEqual([3, 1]);
  expect(net).toBeInstanceOf(Net);
  expect(net).toBeInstanceOf(AnyModule);
  expect(net.blocks.length).toBe(2);
  expect(new Block().name).toBe("block");
  expect([ones([1, 2])].map(net.head)[0]?.shape).toEqual([1, 1]);
  expect(() => Reflect.apply(Object(net.blocks), undefined, [])).toThrow(
    'Module [ModuleList] is missing the required "forward" function',
  );
});

it("names parameters, buffers and modules by path, each once", () => {
  const net = new Net();
  expect([...net.namedParameters()].map(([name]) => name)).toEqual([
    "blocks.0.fc.weight",
    "blocks.0.fc.bias",
    "blocks.1.fc.weight",
    "blocks.1.fc.bias",
    "head.weight",
  ]);
  expect([...net.namedBuffers()].map(([name]) => name)).toEqual(["blocks.0.mean", "blocks.1.mean"]);
  expect([...net.namedModules()].map(([name]) => name).slice(0, 4)).toEqual(["", "blocks", "blocks.0", "blocks.0.fc"]);
  expect(net.parameterCount()).toBe(14);
  class Tied extends Module<[Tensor], Tensor> {
    readonly first = net.head;
    readonly second = net.head;
    override forward(x: Tensor): Tensor {
      return this.first(x);
    }
  }
  expect([...new Tied().namedParameters()].map(([name]) => name)).toEqual(["first.weight"]);
});

it("switches every module below between training and evaluation", () => {
  const net = new Net();
  expect([...net.modules()].every(({ training }) => training)).toBe(true);
  net.eval();
  expect([...net.modules()].some(({ training }) => training)).toBe(false);
  const x = ones([1, 2]);
  expect([...net(x).dataSync()]).toEqual([...net(x).dataSync()]);
});

it("runs hooks after forward, in order, until they are taken off", () => {
  const layer = new Linear(2, 2);
  const seen: string[] = [];
  const first = layer.registerForwardHook((module, [x], output) => {
    seen.push(`${module === layer} ${x.shape} ${output.shape}`);
    return undefined;
  });
  layer.registerForwardHook((_, __, output) => output.mul(0));
  const chain = new Sequential(layer, new Linear(2, 3));
  expect([...layer(ones([4, 2])).dataSync()].every((value) => Number(value) === 0)).toBe(true);
  chain(ones([4, 2]));
  first.remove();
  layer(ones([4, 2]));
  expect(seen).toEqual(["true 4,2 4,2", "true 4,2 4,2"]);
});

it("takes a state by name, or says everything that does not fit", () => {
  const [net, other] = [new Net(), new Net()];
  other.blocks[Symbol.iterator]().next().value?.mean.fill_(3);
  net.loadStateDict(other.stateDict());
  for (const [name, value] of net.stateDict()) {
    expect([...value.dataSync()], name).toEqual([...(other.stateDict().get(name)?.dataSync() ?? [])]);
  }
  const state = new Map([...other.stateDict()].map(([name, value]) => [name.replace("head", "heed"), value]));
  state.set("blocks.0.fc.bias", zeros([5]));
  expect(() => net.loadStateDict(state)).toThrow(
    [
      "Error(s) in loading state_dict for Net:",
      'Missing key(s) in state_dict: "head.weight". ',
      'Unexpected key(s) in state_dict: "heed.weight". ',
      "size mismatch for blocks.0.fc.bias: copying a param with shape torch.Size([5]) from checkpoint, " +
        "the shape in current model is torch.Size([2]).",
    ].join("\n\t"),
  );
  state.delete("blocks.0.fc.bias");
  expect(net.loadStateDict(state, { strict: false })).toEqual({
    missing: ["blocks.0.fc.bias", "head.weight"].sort(),
    unexpected: ["heed.weight"],
  });
});

it("keeps what it was given when a state does not fit", () => {
  const net = new Net();
  const before = [...net.head.weight.dataSync()];
  const state = new Map(new Net().stateDict());
  state.delete("blocks.0.fc.bias");
  expect(() => net.loadStateDict(state)).toThrow();
  expect([...net.head.weight.dataSync()]).toEqual(before);
});

it("freezes", () => {
  const net = new Net();
  net.blocks[Symbol.iterator]().next().value?.requiresGrad_(false);
  net
    .eval()(tensor([[1, 2]], { dtype: "float32" }))
    .sum()
    .backward();
  expect([...net.namedParameters()].filter(([, { grad }]) => grad !== null).map(([name]) => name)).toEqual([
    "blocks.1.fc.weight",
    "blocks.1.fc.bias",
    "head.weight",
  ]);
  net.zeroGrad();
  expect(net.parameters().every(({ grad }) => grad === null)).toBe(true);
});

it("takes a state as a Map or as a plain object, and nothing else", () => {
  const layer = new Linear(2, 1);
  layer.loadStateDict({ weight: tensor([[1, 2]]), bias: tensor([3]) });
  expect([layer.weight.tolistSync(), layer.bias?.tolistSync()]).toEqual([[[1, 2]], [3]]);
  const load = (state: unknown) => () => layer.loadStateDict(state as Map<string, Tensor>); // safe because the test is that it is refused
  expect(load(null)).toThrow("Expected state_dict to be dict-like, got object.");
  expect(load(Promise.resolve(new Map()))).toThrow("Expected state_dict to be dict-like, got Promise.");
  expect(load({ weight: [[1, 2]] })).toThrow(
    'While copying the parameter named "weight", expected torch.Tensor or Tensor-like object from checkpoint but received object',
  );
});
