// Optimizers against PyTorch, step by step; schedules against transformers.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  Adadelta,
  Adagrad,
  Adam,
  Adamax,
  AdamW,
  clipGradNorm_,
  constantSchedule,
  cosineSchedule,
  linearSchedule,
  NAdam,
  type Optimizer,
  RAdam,
  RMSprop,
  SGD,
} from "../../src/optim/index.ts";
import { packageFile } from "../../src/package-root.ts";
import { clearSessions, fromTypedArray, sessionStats, type Tensor, tensor, zeros } from "../../src/tensor/index.ts";

interface Step {
  loss: number;
  norm: number | null;
  weight: number[];
  bias: number[];
}
interface Golden {
  start: { weight: number[]; bias: number[] };
  x: number[];
  y: number[];
  cases: Record<string, Step[]>;
  clipped: Step[];
  groups: Step[];
  "group options": Step[];
  idle: Record<"Adam" | "SGD" | "NAdam", Step[]>;
  schedules: Record<"linear" | "cosine" | "constant", number[]>;
}
const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "optim.json"), "utf8"));

const CASES: Readonly<Record<string, (parameters: Tensor[]) => Optimizer>> = {
  SGD: (p) => new SGD(p, { lr: 0.1 }),
  "SGD decay": (p) => new SGD(p, { lr: 0.1, weightDecay: 0.1 }),
  "SGD momentum": (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }),
  "SGD dampening": (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.5 }),
  "SGD nesterov": (p) => new SGD(p, { lr: 0.1, momentum: 0.9, weightDecay: 0.05, nesterov: true }),
  Adam: (p) => new Adam(p, { lr: 0.05 }),
  "Adam decay": (p) => new Adam(p, { lr: 0.05, weightDecay: 0.1, betas: [0.8, 0.95], eps: 1e-3 }),
  AdamW: (p) => new AdamW(p, { lr: 0.05 }),
  "AdamW decay": (p) => new AdamW(p, { lr: 0.05, weightDecay: 0.3, betas: [0.8, 0.95], eps: 1e-3 }),
  "SGD maximize": (p) => new SGD(p, { lr: 0.05, momentum: 0.5, weightDecay: 0.1, maximize: true }),
  "Adam amsgrad": (p) => new Adam(p, { lr: 0.05, amsgrad: true, betas: [0.5, 0.6] }),
  "AdamW amsgrad maximize": (p) => new AdamW(p, { lr: 0.05, amsgrad: true, betas: [0.5, 0.6], maximize: true }),
  RMSprop: (p) => new RMSprop(p, { lr: 0.02 }),
  "RMSprop momentum": (p) => new RMSprop(p, { lr: 0.02, alpha: 0.9, momentum: 0.8, weightDecay: 0.1 }),
  "RMSprop centered": (p) => new RMSprop(p, { lr: 0.02, alpha: 0.8, centered: true, eps: 1e-3 }),
  "RMSprop all": (p) =>
    new RMSprop(p, { lr: 0.02, alpha: 0.8, centered: true, momentum: 0.5, eps: 1e-2, maximize: true }),
  Adagrad: (p) => new Adagrad(p, { lr: 0.1 }),
  "Adagrad decay": (p) =>
    new Adagrad(p, { lr: 0.1, lrDecay: 0.1, weightDecay: 0.1, initialAccumulatorValue: 0.5, eps: 1e-3 }),
  Adadelta: (p) => new Adadelta(p),
  "Adadelta decay": (p) => new Adadelta(p, { lr: 0.5, rho: 0.7, eps: 1e-3, weightDecay: 0.1, maximize: true }),
  Adamax: (p) => new Adamax(p, { lr: 0.05 }),
  "Adamax decay": (p) => new Adamax(p, { lr: 0.05, betas: [0.7, 0.8], weightDecay: 0.1, maximize: true }),
  NAdam: (p) => new NAdam(p, { lr: 0.05 }),
  "NAdam decay": (p) => new NAdam(p, { lr: 0.05, weightDecay: 0.1, momentumDecay: 0.1 }),
  "NAdam decoupled": (p) => new NAdam(p, { lr: 0.05, weightDecay: 0.1, decoupledWeightDecay: true, maximize: true }),
  RAdam: (p) => new RAdam(p, { lr: 0.05 }),
  "RAdam decay": (p) => new RAdam(p, { lr: 0.05, weightDecay: 0.1, betas: [0.8, 0.9] }),
  "RAdam decoupled": (p) => new RAdam(p, { lr: 0.05, weightDecay: 0.1, decoupledWeightDecay: true, maximize: true }),
};

function parameters(): { weight: Tensor; bias: Tensor } {
  const make = (values: number[], shape: number[]) =>
    fromTypedArray(Float32Array.from(values), shape, { requiresGrad: true });
  return { weight: make(golden.start.weight, [3, 4]), bias: make(golden.start.bias, [3]) };
}

/** Loss of one batch of the golden's data. */
function lossOf({ weight, bias }: { weight: Tensor; bias: Tensor }, step: number): Tensor {
  const x = fromTypedArray(Float32Array.from(golden.x.slice(step * 24, (step + 1) * 24)), [6, 4]);
  const y = fromTypedArray(Float32Array.from(golden.y.slice(step * 18, (step + 1) * 18)), [6, 3]);
  return x.matmul(weight.transpose(0, 1)).add(bias).sub(y).square().mean();
}

interface Run {
  maxNorm?: number;
  /** The bias has a gradient at every third step alone. */
  idle?: boolean;
}

function compare(
  expected: readonly Step[],
  make: (p: Tensor[]) => Optimizer,
  { maxNorm, idle = false }: Run = {},
): void {
  const held = parameters();
  const list = [held.weight, held.bias];
  const optimizer = make(list);
  for (const [step, want] of expected.entries()) {
    optimizer.zeroGrad();
    const loss = lossOf(held, step);
    loss.backward();
    if (idle && step % 3 !== 1) held.bias.grad = null;
    const norm = maxNorm === undefined ? undefined : clipGradNorm_(list, maxNorm);
    optimizer.step(norm === undefined ? [loss] : [loss, norm]);
    expect(loss.itemSync()).toBeCloseTo(want.loss, 5);
    if (norm !== undefined) expect(norm.itemSync()).toBeCloseTo(want.norm ?? Number.NaN, 5);
    for (const name of ["weight", "bias"] as const) {
      for (const [place, value] of [...held[name].dataSync()].entries()) {
        expect(Math.abs(Number(value) - (want[name][place] ?? Number.NaN))).toBeLessThan(5e-6);
      }
    }
  }
}

/** A value of a type that the signature does not allow, as JavaScript lets it through. */
function wrong<Type>(value: unknown): Type {
  return value as Type; // safe because the test is that it is refused
}

const leaf = (): Tensor => zeros([2], { requiresGrad: true });

describe("every step gives PyTorch's parameters", () => {
  it.each(Object.keys(golden.cases))("%s", (name) => {
    const make = CASES[name];
    expect(make).toBeDefined();
    if (make !== undefined) compare(golden.cases[name] ?? [], make);
  });

  it("AdamW with clipped gradients, and their norm before", () => {
    compare(golden.clipped, (p) => new AdamW(p, { lr: 0.05 }), { maxNorm: 0.5 });
  });

  it("AdamW with a decay for each group", () => {
    compare(golden.groups, ([weight, bias]) => {
      if (weight === undefined || bias === undefined) throw new Error("two parameters");
      return new AdamW(
        [
          { params: [weight], weightDecay: 0.3 },
          { params: [bias], weightDecay: 0 },
        ],
        { lr: 0.05 },
      );
    });
  });
});

describe("groups", () => {
  const pair = () => {
    const { weight, bias } = parameters();
    return [weight, bias] as const;
  };

  it("have options of their own, like PyTorch's", () => {
    compare(golden["group options"], ([weight, bias]) => {
      if (weight === undefined || bias === undefined) throw new Error("two parameters");
      const groups = [
        { params: [weight], lr: 0.2, momentum: 0.9 },
        { params: [bias], weightDecay: 0.2, maximize: true },
      ];
      return new SGD(groups, { lr: 0.05 });
    });
  });

  it("show their options, take new ones, and come later, too", () => {
    const [weight, bias] = pair();
    const optimizer = new Adam([weight], { lr: 0.5 });
    expect(optimizer.defaults).toEqual({
      lr: 0.5,
      betas: [0.9, 0.999],
      eps: 1e-8,
      weightDecay: 0,
      amsgrad: false,
      maximize: false,
      decoupledWeightDecay: false,
    });
    optimizer.addParamGroup({ params: [bias], lr: 0, betas: [0, 0.5] });
    expect(optimizer.paramGroups.map(({ lr, betas, eps }) => ({ lr, betas, eps }))).toEqual([
      { lr: 0.5, betas: [0.9, 0.999], eps: 1e-8 },
      { lr: 0, betas: [0, 0.5], eps: 1e-8 },
    ]);
    const before = [...bias.dataSync()];
    lossOf({ weight, bias }, 0).backward();
    optimizer.step();
    expect([...bias.dataSync()]).toEqual(before);
    optimizer.lr = 0.25;
    expect(optimizer.paramGroups.map(({ lr }) => lr)).toEqual([0.25, 0.25]);
  });

  it("hold each parameter once, and leaves only", () => {
    const [weight, bias] = pair();
    expect(() => new SGD([weight, weight])).toThrow("some parameters appear in more than one parameter group");
    const optimizer = new SGD([weight]);
    expect(() => optimizer.addParamGroup({ params: [bias, weight] })).toThrow("more than one parameter group");
    expect(optimizer.paramGroups).toHaveLength(1);
    expect(() => new SGD([weight.mul(2)])).toThrow("can't optimize a non-leaf Tensor");
    // @ts-expect-error what a caller without types may pass
    expect(() => new SGD(["weight"])).toThrow("can only optimize Tensors, but one of the params is string");
  });
});

describe("a parameter without a gradient is passed over and its steps are not counted", () => {
  it.each(["Adam", "SGD", "NAdam"] as const)("%s", (name) => {
    const make = {
      Adam: CASES["Adam"],
      SGD: (p: Tensor[]) => new SGD(p, { lr: 0.05, momentum: 0.9 }),
      NAdam: CASES["NAdam"],
    };
    compare(golden.idle[name], make[name] ?? (() => new SGD([])), { idle: true });
  });
});

it("one step is one run of one session, compiled once whatever the learning rate", () => {
  clearSessions();
  const held = parameters();
  const list = [held.weight, held.bias];
  const optimizer = new AdamW(list, { lr: 0.05 });
  const before = { ...sessionStats };
  for (let step = 0; step < 5; step++) {
    optimizer.lr = 0.1 / (step + 1);
    optimizer.zeroGrad();
    const loss = lossOf(held, step);
    loss.backward();
    const norm = clipGradNorm_(list, 1);
    optimizer.step([loss, norm]);
    loss.itemSync();
    norm.itemSync();
  }
  expect(sessionStats.runs - before.runs).toBe(5);
  expect(sessionStats.compiled - before.compiled).toBe(1);
});

describe("no step compiles anew when learning rate, bias corrections or other options change", () => {
  it.each(Object.keys(CASES))("%s", (name) => {
    const held = parameters();
    const optimizer = (CASES[name] ?? (() => new SGD([])))([held.weight, held.bias]);
    const step = (at: number) => {
      optimizer.lr = 0.01 / (at + 1);
      optimizer.zeroGrad();
      lossOf(held, at).backward();
      optimizer.step();
    };
    // Momentum begins at the second step, RAdam's rate is rectified from the sixth on.
    for (let at = 0; at < 7; at++) step(at);
    const before = sessionStats.compiled;
    for (let at = 7; at < 12; at++) step(at);
    expect(sessionStats.compiled).toBe(before);
  });
});

describe("state", () => {
  const MAKES: Readonly<Record<string, (p: Tensor[]) => Optimizer>> = {
    AdamW: (p) => new AdamW(p, { lr: 0.05, amsgrad: true }),
    SGD: (p) => new SGD(p, { lr: 0.05, momentum: 0.9, dampening: 0.5 }),
    NAdam: (p) => new NAdam(p, { lr: 0.05 }),
    RMSprop: (p) => new RMSprop(p, { lr: 0.05, centered: true, momentum: 0.5 }),
  };

  it.each(Object.keys(MAKES))("%s goes on from it as if it had not stopped", (name) => {
    const make = MAKES[name] ?? (() => new SGD([]));
    const run = (stopAt: number | undefined): number[] => {
      const held = parameters();
      const list = [held.weight, held.bias];
      let optimizer = make(list);
      for (let step = 0; step < 6; step++) {
        if (step === stopAt) {
          const state = optimizer.stateDict();
          optimizer = make(list);
          optimizer.lr = 99; // the state has the rate, too
          optimizer.loadStateDict(state);
        }
        optimizer.zeroGrad();
        lossOf(held, step).backward();
        optimizer.step();
      }
      return [...held.weight.dataSync(), ...held.bias.dataSync()].map(Number);
    };
    expect(run(3)).toEqual(run(undefined));
  });

  it("has PyTorch's structure: state by number, groups with numbers instead of parameters", () => {
    const held = parameters();
    const idle = zeros([2], { requiresGrad: true });
    const optimizer = new AdamW([{ params: [held.weight] }, { params: [idle, held.bias], lr: 0.5 }], { lr: 0.05 });
    expect(optimizer.stateDict().state).toEqual({});
    lossOf(held, 0).backward();
    optimizer.step();
    const { state, paramGroups } = optimizer.stateDict();
    expect(Object.keys(state)).toEqual(["0", "2"]);
    expect(Object.keys(state[2] ?? {})).toEqual(["expAvg", "expAvgSq", "step"]);
    expect(state[2]?.step).toBe(1);
    expect(paramGroups.map(({ lr, params }) => ({ lr, params }))).toEqual([
      { lr: 0.05, params: [0] },
      { lr: 0.5, params: [1, 2] },
    ]);
  });

  it("of other groups or shapes is refused, and nothing changes", () => {
    const held = parameters();
    const make = () => new SGD([held.weight, held.bias], { lr: 0.1, momentum: 0.9 });
    const optimizer = make();
    lossOf(held, 0).backward();
    optimizer.step();
    const good = optimizer.stateDict();
    const other = make();
    const [group] = good.paramGroups;
    if (group === undefined) throw new Error("one group");
    expect(() => other.loadStateDict({ ...good, paramGroups: [] })).toThrow(
      "loaded state dict has a different number of parameter groups",
    );
    expect(() => other.loadStateDict({ ...good, paramGroups: [{ ...group, params: [0] }] })).toThrow(
      "loaded state dict contains a parameter group that doesn't match the size of optimizer's group",
    );
    expect(() => other.loadStateDict({ ...good, paramGroups: [{ ...group, lr: -1 }] })).toThrow(
      "Invalid learning rate",
    );
    const swapped = { 0: good.state[1] ?? { step: 1 }, 1: good.state[0] ?? { step: 1 } };
    expect(() => other.loadStateDict({ ...good, state: swapped })).toThrow('"momentumBuffer" has the shape [3]');
    expect(other.stateDict().state).toEqual({});
  });
});

it("step(closure) makes the gradients itself and gives the loss", () => {
  const [one, two] = [parameters(), parameters()];
  const optimizer = new SGD([one.weight, one.bias], { lr: 0.1 });
  const loss = optimizer.step(() => {
    optimizer.zeroGrad();
    const made = lossOf(one, 0);
    made.backward();
    return made;
  });
  expect(loss.itemSync()).toBeCloseTo(lossOf(two, 0).itemSync(), 6);
  expect(one.weight.dataSync()[0]).not.toBe(two.weight.dataSync()[0]);
});

it("zeroGrad() forgets gradients, or makes them zeros", () => {
  const held = parameters();
  const optimizer = new SGD([held.weight, held.bias], { lr: 0.1, weightDecay: 1 });
  lossOf(held, 0).backward();
  optimizer.zeroGrad({ setToNone: false });
  expect(held.bias.grad?.tolistSync()).toEqual([0, 0, 0]);
  optimizer.step(); // decays alone
  expect(Number(held.bias.dataSync()[0])).toBeCloseTo((golden.start.bias[0] ?? 0) * 0.9, 6);
  optimizer.zeroGrad();
  expect(held.bias.grad).toBeNull();
});

it("leaves frozen parameters and those without a gradient alone", () => {
  const held = parameters();
  held.bias.requiresGrad_(false);
  const idle = zeros([2], { requiresGrad: true });
  const optimizer = new AdamW([held.weight, held.bias, idle], { lr: 0.1, weightDecay: 1 });
  lossOf(held, 0).backward();
  optimizer.step();
  expect([...held.bias.dataSync()]).toEqual([...Float32Array.from(golden.start.bias)]);
  expect([...idle.dataSync()]).toEqual([0, 0]);
  expect(held.weight.dataSync()[0]).not.toBe(Math.fround(golden.start.weight[0] ?? 0));
});

it("refuses options that PyTorch refuses", () => {
  const p = tensor([1], { dtype: "float32", requiresGrad: true });
  expect(() => new SGD([p], { lr: -1 })).toThrow("Invalid learning rate: -1");
  expect(() => new AdamW([p], { weightDecay: -0.1 })).toThrow("Invalid weight_decay value: -0.1");
  expect(() => new SGD([p], { nesterov: true })).toThrow("Nesterov momentum requires a momentum and zero dampening");
  expect(() => new AdamW([])).toThrow("optimizer got an empty parameter list");
  expect(() => new SGD([p], { momentum: -1 })).toThrow("Invalid momentum value: -1");
  expect(() => new Adam([p], { betas: [0.9, 1] })).toThrow("Invalid beta parameter at index 1: 1");
  expect(() => new Adamax([p], { eps: -1 })).toThrow("Invalid epsilon value: -1");
  expect(() => new RMSprop([p], { alpha: -1 })).toThrow("Invalid alpha value: -1");
  expect(() => new Adadelta([p], { rho: 2 })).toThrow("Invalid rho value: 2");
  expect(() => new Adagrad([p], { lrDecay: -1 })).toThrow("Invalid lr_decay value: -1");
  expect(() => new Adagrad([p], { initialAccumulatorValue: -1 })).toThrow(
    "Invalid initial_accumulator_value value: -1",
  );
  expect(() => new NAdam([p], { momentumDecay: -1 })).toThrow("Invalid momentum_decay value: -1");
  expect(() => new RAdam([p], { lr: Number.NaN })).toThrow("Invalid learning rate: NaN");
  expect(() => new SGD([{ params: [p], lr: -2 }])).toThrow("Invalid learning rate: -2");
});

it.each<[string, () => unknown, string, string]>([
  [
    "a module",
    () => new SGD(wrong({}), { lr: 1 }),
    "NOT_A_PARAMETER",
    "Pass a list: model.parameters(), or groups { params: [...] }.",
  ],
  [
    "one tensor",
    () => new Adam(wrong(leaf())),
    "NOT_A_PARAMETER",
    "Pass a list: model.parameters(), or groups { params: [...] }.",
  ],
  ["a number for the options", () => new SGD([leaf()], wrong(0.1)), "OPTIMIZER_OPTION", "Name them: { lr: 0.1 }."],
  [
    "PyTorch's spelling",
    () => new Adam([leaf()], wrong({ weight_decay: 1 })),
    "OPTIMIZER_OPTION",
    'Did you mean "weightDecay"?',
  ],
  ["another rule's option", () => new RMSprop([leaf()], wrong({ betas: 1 })), "OPTIMIZER_OPTION", "Valid names:"],
  ["a word as rate", () => new SGD([leaf()], { lr: wrong("0.1") }), "OPTIMIZER_OPTION", "It has to be 0 or more."],
  ["one beta", () => new Adam([leaf()], { betas: wrong([0.9]) }), "OPTIMIZER_OPTION", "They are two numbers in [0, 1)"],
  [
    "no state",
    () => new SGD([leaf()], { lr: 1 }).loadStateDict(wrong({})),
    "OPTIMIZER_STATE",
    "Pass what stateDict() gave",
  ],
  [
    "nothing as state",
    () => new SGD([leaf()], { lr: 1 }).loadStateDict(wrong(null)),
    "OPTIMIZER_STATE",
    "Pass what stateDict() gave",
  ],
])("refuses %s", (_, act, code, hint) => {
  expect(act).toThrow(expect.objectContaining({ code, hint: expect.stringContaining(hint) }));
});

it("schedules are those of transformers", () => {
  const made = { linear: linearSchedule(4, 20), cosine: cosineSchedule(4, 20), constant: constantSchedule(4) };
  for (const name of ["linear", "cosine", "constant"] as const) {
    for (const [step, value] of golden.schedules[name].entries()) expect(made[name](step)).toBeCloseTo(value, 10);
  }
});
