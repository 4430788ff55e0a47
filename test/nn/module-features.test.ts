// Modules by path, in containers, cast, hooked and frozen.
import { describe, expect, it } from "vitest";
import * as nn from "../../src/nn/index.ts";
import {
  buffer,
  Linear,
  Module,
  ModuleDict,
  ModuleList,
  ParameterDict,
  ParameterList,
  parameter,
  ReLU,
  Sequential,
} from "../../src/nn/index.ts";
import { noGrad, ones, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

const numbers = (tensor: Tensor | null | undefined) => Array.from(tensor?.dataSync() ?? [], Number);

class Norm extends Module<[Tensor], Tensor> {
  readonly scale = new Linear(2, 2);
  readonly running = buffer(zeros([2]));
  readonly scratch = buffer(ones([2]), { persistent: false });
  readonly weight = parameter(ones([2]));

  override forward(x: Tensor): Tensor {
    return this.scale(x).mul(this.weight).sub(this.running);
  }
}

describe("paths", () => {
  const net = new Sequential({ norm: new Norm(), act: new ReLU() });

  it("finds modules, parameters and buffers, and says what is not there", () => {
    expect(net.getSubmodule("")).toBe(net);
    expect(net.getSubmodule("norm.scale")).toBeInstanceOf(Linear);
    expect(net.getParameter("norm.scale.bias").shape).toEqual([2]);
    expect(net.getBuffer("norm.running").shape).toEqual([2]);
    expect(() => net.getSubmodule("norm.scala")).toThrow("Sequential has no module `norm.scala`");
    expect(() => net.getParameter("norm.running")).toThrow("Sequential has no parameter `norm.running`");
    expect(() => net.getBuffer("norm.weight")).toThrow("Sequential has no buffer `norm.weight`");
  });

  it("gives a module's own before those of its children, and recurses only where asked", () => {
    expect([...net.namedParameters()].map(([name]) => name)).toEqual([
      "norm.weight",
      "norm.scale.weight",
      "norm.scale.bias",
    ]);
    expect([...net.namedParameters("net")].map(([name]) => name)[0]).toBe("net.norm.weight");
    expect(net.parameters(false)).toEqual([]);
    expect(net.getSubmodule("norm").parameters(false)).toHaveLength(1);
    expect(net.buffers().map(({ shape }) => shape)).toEqual([[2], [2]]);
    expect([...net.stateDict().keys()]).toEqual([
      "norm.weight",
      "norm.running",
      "norm.scale.weight",
      "norm.scale.bias",
    ]);
    expect([...net.children()]).toHaveLength(2);
  });

  it("applies a function from the bottom up", () => {
    const seen: string[] = [];
    expect(net.apply((module) => seen.push(module.constructor.name))).toBe(net);
    expect(seen).toEqual(["Linear", "Norm", "ReLU", "Sequential"]);
  });

  it("holds what is named at run time", () => {
    const made = new Norm();
    made.registerParameter("late", ones([3]));
    made.registerBuffer("seen", zeros([1]));
    made.registerModule("more", new ReLU());
    expect(made.getParameter("late").requiresGrad).toBe(true);
    expect([...made.stateDict().keys()]).toContain("seen");
    expect([...made.namedModules()].map(([name]) => name)).toEqual(["", "scale", "more"]);
    expect(() => made.registerParameter("a.b", ones([1]))).toThrow('parameter name can\'t contain "."');
    expect(() => made.registerParameter("", ones([1]))).toThrow('parameter name can\'t be empty string ""');
    expect(() => made.registerParameter("forward", ones([1]))).toThrow("Norm has no free name `forward`");
  });
});

describe("containers", () => {
  it("a list by place, with repeats folded in print", () => {
    const list = new ModuleList([new Linear(2, 2), new Linear(2, 2)]);
    list.append(new Linear(2, 1)).insert(0, new Linear(3, 2));
    expect([list.length, list[0]?.inFeatures, list.at(-1).outFeatures]).toEqual([4, 3, 1]);
    expect([...list.namedParameters()].map(([name]) => name).slice(0, 2)).toEqual(["0.weight", "0.bias"]);
    expect(`${list}`).toBe(`ModuleList(
  (0): Linear(in_features=3, out_features=2, bias=True)
  (1-2): 2 x Linear(in_features=2, out_features=2, bias=True)
  (3): Linear(in_features=2, out_features=1, bias=True)
)`);
    expect(() => list.at(4)).toThrow("index 4 is out of range");
    expect(`${new ModuleList()}`).toBe("ModuleList()");
  });

  it("a table by name, in order, also of numbers", () => {
    const table = new ModuleDict<Linear | ReLU>([
      ["10", new Linear(2, 2)],
      ["2", new ReLU()],
    ]);
    table.set("last", new ReLU());
    expect([...table]).toEqual(["10", "2", "last"]);
    expect([...new ModuleDict({ b: new ReLU(), a: new ReLU() })]).toEqual(["b", "a"]);
    expect([table.length, table.has("2"), table.has("3")]).toEqual([3, true, false]);
    expect(() => table.get("lost")).toThrow("There is no module 'lost'.");
    expect(`${table.get("last")}`).toBe("ReLU()");
    expect([...table.entries()].map(([name, item]) => `${name} ${item.constructor.name}`)).toEqual([
      "10 Linear",
      "2 ReLU",
      "last ReLU",
    ]);
    expect([...table.keys()]).toHaveLength([...table.values()].length);
  });

  it("a row by place and by name", () => {
    const row = new Sequential({ first: new Linear(2, 3), act: new ReLU() });
    row.append(new Linear(3, 1));
    expect([row.length, row[1], row.at(-1)]).toEqual([3, row.getSubmodule("act"), row.getSubmodule("2")]);
    expect([...row.stateDict().keys()]).toEqual(["first.weight", "first.bias", "2.weight", "2.bias"]);
    expect(row(ones([4, 2])).shape).toEqual([4, 1]);
    const part = row.slice(0, 2);
    expect(part[0]).toBe(row[0]);
    expect(part(ones([4, 2])).shape).toEqual([4, 3]);
    expect(`${part}`).toBe(
      "Sequential(\n  (first): Linear(in_features=2, out_features=3, bias=True)\n  (act): ReLU()\n)",
    );
    const twice = new ReLU();
    expect([...new Sequential(twice, twice).modules()]).toHaveLength(2);
    expect(`${new Sequential(twice, twice)}`).toBe("Sequential(\n  (0): ReLU()\n  (1): ReLU()\n)");
  });

  it("parameters by place and by name", () => {
    const list = new ParameterList([parameter(ones([2]))]).append(parameter(zeros([3])));
    expect([...list].map(({ shape }) => shape)).toEqual([[2], [3]]);
    expect([list.length, list[1]?.shape, [...list.stateDict().keys()]]).toEqual([2, [3], ["0", "1"]]);
    expect(`${list}`).toContain("(0): Parameter containing: [torch.float32 of size 2]");
    expect(() => list.append(ones([1]))).toThrow("a ParameterList holds parameters, and this tensor is none");
    const table = new ParameterDict({ left: parameter(ones([2])) }).set("right", parameter(ones([1])));
    expect(table.keys()).toEqual(["left", "right"]);
    expect(table.get("right").shape).toEqual([1]);
    expect(`${table}`).toContain("(left): Parameter containing");
  });
});

describe("state", () => {
  it("a module that took another's state trains itself, not the other", () => {
    const [one, other] = [new Linear(2, 1), new Linear(2, 1)];
    one.loadStateDict(other.stateDict());
    one(ones([1, 2]))
      .sum()
      .backward();
    expect(other.weight.grad).toBeNull();
    expect(numbers(one.weight.grad)).toEqual([1, 1]);
    noGrad(() => one.weight.fill_(9));
    expect(numbers(other.weight)).not.toContain(9);
  });

  it("takes values that are still to be computed, of another dtype, and both names of a tied tensor", () => {
    const layer = new Linear(2, 1);
    const state = new Map([
      ["weight", ones([1, 2], { dtype: "float64" }).mul(3)],
      ["bias", ones([1]).add(1)],
    ]);
    expect(layer.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
    expect([layer.weight.dtype, layer.weight.isLeaf, numbers(layer.weight)]).toEqual(["float32", true, [3, 3]]);
    layer(ones([1, 2]))
      .sum()
      .backward();
    expect(numbers(layer.weight.grad)).toEqual([1, 1]);
    class Tied extends Module<[Tensor], Tensor> {
      readonly first = new Linear(2, 2, { bias: false });
      readonly second = this.first;
      override forward(x: Tensor): Tensor {
        return this.second(this.first(x));
      }
    }
    const tied = new Tied();
    const weight = ones([2, 2]);
    expect(
      tied.loadStateDict(
        new Map([
          ["first.weight", weight],
          ["second.weight", weight],
        ]),
      ),
    ).toEqual({ missing: [], unexpected: [] });
    expect([...tied.stateDict().keys()]).toEqual(["first.weight", "second.weight"]);
    expect(tied.stateDict().get("second.weight")).toBe(tied.first.weight);
    expect([...tied.namedParameters()].map(([name]) => name)).toEqual(["first.weight"]);
    const one = new Map([["second.weight", weight.mul(2)]]);
    expect(() => tied.loadStateDict(one)).toThrow('Missing key(s) in state_dict: "first.weight". ');
    expect(tied.loadStateDict(one, { strict: false })).toEqual({ missing: ["first.weight"], unexpected: [] });
    expect(numbers(tied.first.weight)).toEqual([2, 2, 2, 2]);
    tied.loadStateDict({ "first.weight": weight, "second.weight": weight.mul(3) });
    expect(numbers(tied.first.weight)).toEqual([3, 3, 3, 3]);
  });

  it("casts floats, their gradients too, and leaves whole numbers", () => {
    class Counted extends Module<[Tensor], Tensor> {
      readonly fc = new Linear(2, 1);
      readonly count = buffer(tensor(3));
      override forward(x: Tensor): Tensor {
        return this.fc(x);
      }
    }
    const net = new Counted();
    net(ones([1, 2]))
      .sum()
      .backward();
    const { weight } = net.fc;
    expect(net.double()).toBe(net);
    expect(net.fc.weight).toBe(weight);
    expect([weight.dtype, weight.grad?.dtype, weight.isLeaf, net.count.dtype]).toEqual([
      "float64",
      "float64",
      true,
      "int64",
    ]);
    expect(net(ones([1, 2], { dtype: "float64" })).dtype).toBe("float64");
    expect([net.half().fc.weight.dtype, net.bfloat16().fc.weight.dtype, net.float().fc.weight.dtype]).toEqual([
      "float16",
      "bfloat16",
      "float32",
    ]);
    expect(net.to({ device: "cpu", dtype: "float64" }).fc.bias?.dtype).toBe("float64");
  });
});

describe("hooks", () => {
  it("before: other inputs; after: another output; both until removed", () => {
    const layer = new Linear(2, 2);
    const handle = layer.registerForwardPreHook((_, [x]) => [x.mul(0)]);
    const bias = numbers(layer.bias);
    expect(numbers(layer(ones([1, 2])))).toEqual(bias);
    handle.remove();
    expect(numbers(layer(ones([1, 2])))).not.toEqual(bias);
  });

  it("on gradients: what comes in and goes out, and another in its place", () => {
    const layer = new Linear(2, 1, { bias: false });
    noGrad(() => layer.weight.copy_(tensor([[3, 5]])));
    const seen: (number[] | null)[][] = [];
    const handle = layer.registerFullBackwardHook((module, gradInput, gradOutput) => {
      expect(module).toBe(layer);
      seen.push([numbers(gradInput[0]), numbers(gradOutput[0])]);
      return [gradInput[0]?.mul(10) ?? null];
    });
    const x = ones([1, 2], { requiresGrad: true });
    layer(x).mul(2).sum().backward();
    expect(seen).toEqual([[[6, 10], [2]]]);
    expect(numbers(x.grad)).toEqual([60, 100]);
    expect(numbers(layer.weight.grad)).toEqual([2, 2]);
    layer(x).sum().backward();
    expect(seen).toHaveLength(2);
    handle.remove();
    layer(x).sum().backward();
    expect(seen).toHaveLength(2);
  });

  it("on the gradient before it goes back, and for inputs that take none", () => {
    const layer = new Linear(2, 1);
    const seen: unknown[] = [];
    layer.registerFullBackwardPreHook((_, [grad]) => [grad?.mul(7) ?? null]);
    layer.registerFullBackwardHook((_, gradInput, gradOutput) => void seen.push(gradInput, numbers(gradOutput[0])));
    layer(ones([1, 2]))
      .sum()
      .backward();
    expect(seen).toEqual([[null], [7]]);
    expect(numbers(layer.weight.grad)).toEqual([7, 7]);
  });

  it("on several inputs: all gradients at once, of which none can be replaced", () => {
    const layer = new nn.Bilinear(1, 1, 1, { bias: false });
    noGrad(() => layer.weight.fill_(2));
    const seen: number[][] = [];
    const handle = layer.registerFullBackwardHook((_, grads) => void seen.push(...grads.map(numbers)));
    const [a, b] = [
      tensor([[3]])
        .to("float32")
        .requiresGrad_(),
      tensor([[5]])
        .to("float32")
        .requiresGrad_(),
    ];
    layer(a, b).sum().backward();
    expect(seen).toEqual([[10], [6]]);
    handle.remove();
    layer.registerFullBackwardHook((_, grads) => grads.map((grad) => grad?.mul(2) ?? null));
    expect(() => layer(a, b).sum().backward()).toThrow("cannot replace their gradients");
  });
});

it("summary tells trained from frozen, counts several outputs and inputs, and leaves modes alone", () => {
  const net = new Sequential(new Linear(4, 8), new ReLU(), new Sequential(new nn.Dropout(), new Linear(8, 2)));
  net[0]?.requiresGrad_(false);
  net[1]?.eval();
  const found = nn.summary(net, [4]);
  expect(found.rows.map(({ layer }) => layer)).toEqual(["Linear-1", "ReLU-2", "Dropout-3", "Linear-4"]);
  expect([found.totalParameters, found.trainableParameters]).toEqual([58, 18]);
  expect(`${found}`).toContain("Non-trainable params: 40");
  expect([net.training, net[1]?.training, net[2]?.training]).toEqual([true, false, true]);
  expect(found.passSize).toBeCloseTo((2 * 26 * 4) / 2 ** 20, 12);
  class Pair extends Module<[Tensor, Tensor], Tensor> {
    readonly lstm = new nn.LSTM(3, 4, { batchFirst: true });
    readonly both = new nn.Bilinear(4, 2, 1);
    override forward(x: Tensor, y: Tensor): Tensor {
      return this.both(this.lstm(x)[0].select(1, -1), y);
    }
  }
  const rows = nn.summary(new Pair(), [[5, 3], [2]]).rows;
  expect(rows).toEqual([
    {
      layer: "LSTM-1",
      outputShape: [
        [-1, 5, 4],
        [-1, 2, 4],
        [-1, 2, 4],
      ],
      parameters: 144,
      trainable: true,
    },
    { layer: "Bilinear-2", outputShape: [-1, 1], parameters: 9, trainable: true },
  ]);
});
