// Layers that a stored architecture may name without the caller's help: from what was recorded of them to a new one.
// Runs no code of a file: a name picks a row of this table, settings are checked values.
import { AbrazoError } from "../errors.ts";
import * as nn from "../nn/index.ts";

/** What a file says of one module. */
export interface Recorded {
  class: string;
  /** Its own properties that are plain values. */
  settings: Readonly<Record<string, unknown>>;
  /** Shapes of its own parameters and buffers. */
  tensors: Readonly<Record<string, readonly number[]>>;
}

type Size = number | readonly [number, number];

function bad(module: Recorded, name: string): AbrazoError {
  return new AbrazoError({
    code: "INVALID_ARCHITECTURE",
    message: `The ${module.class} of the architecture has ${JSON.stringify(module.settings[name])} as "${name}".`,
    hint: "The file is damaged, or was written by another version.",
  });
}

function number(module: Recorded, name: string): number {
  const value = module.settings[name];
  if (typeof value === "number") return value;
  throw bad(module, name);
}

function numbers(module: Recorded, name: string): number[] {
  const value = module.settings[name];
  if (Array.isArray(value) && value.every((item): item is number => typeof item === "number")) return value;
  throw bad(module, name);
}

function word<Word extends string>(module: Recorded, name: string, words: readonly Word[]): Word {
  const found = words.find((item) => item === module.settings[name]);
  if (found !== undefined) return found;
  throw bad(module, name);
}

const has = ({ tensors }: Recorded, name: string): boolean => Object.hasOwn(tensors, name);

function maybe(module: Recorded, name: string): number | undefined {
  return module.settings[name] === undefined ? undefined : number(module, name);
}

/** One size for both axes, or one for each. */
function size(value: unknown, module: Recorded, name: string): Size {
  const [height, width, ...more] = Array.isArray(value) ? value : [value, value];
  if (typeof height === "number" && typeof width === "number" && more.length === 0) {
    return Array.isArray(value) ? [height, width] : height;
  }
  throw bad(module, name);
}

/** Pooling layers keep their options in one record; what was not given is not there. */
function poolOptions(module: Recorded) {
  const given: Record<string, unknown> = { ...Object(module.settings["options"]) };
  const { stride, padding, dilation, ceilMode, returnIndices, countIncludePad, divisorOverride } = given;
  const flags = Object.entries({ ceilMode, returnIndices, countIncludePad }).filter(([, value]) => value !== undefined);
  if (flags.some(([, value]) => typeof value !== "boolean")) throw bad(module, "options");
  return {
    stride: size(stride, module, "options"),
    padding: size(padding, module, "options"),
    ...Object.fromEntries(flags),
    ...(dilation === undefined ? {} : { dilation: size(dilation, module, "options") }),
    ...(typeof divisorOverride === "number" ? { divisorOverride } : {}),
  };
}

function convOptions(module: Recorded) {
  const { padding } = module.settings;
  return {
    stride: numbers(module, "stride"),
    padding: padding === "same" || padding === "valid" ? padding : numbers(module, "padding"),
    dilation: numbers(module, "dilation"),
    groups: number(module, "groups"),
    bias: has(module, "bias"),
    paddingMode: word(module, "paddingMode", ["zeros", "reflect", "replicate", "circular"]),
  } as const;
}

const conv = (module: Recorded): [number, number, number[]] => [
  number(module, "inChannels"),
  number(module, "outChannels"),
  numbers(module, "kernelSize"),
];

function batchNorm(module: Recorded): [number, nn.NormOptions] {
  const { momentum } = module.settings;
  return [
    number(module, "numFeatures"),
    {
      eps: number(module, "eps"),
      momentum: momentum === null ? null : number(module, "momentum"),
      affine: has(module, "weight"),
      bias: has(module, "bias"),
      trackRunningStats: has(module, "running_mean"),
    },
  ];
}

export const LAYERS: Readonly<Record<string, (module: Recorded) => nn.AnyModule>> = {
  Linear: (m) => new nn.Linear(number(m, "inFeatures"), number(m, "outFeatures"), { bias: has(m, "bias") }),
  Identity: () => new nn.Identity(),
  Flatten: (m) => new nn.Flatten(number(m, "startDim"), number(m, "endDim")),
  Unflatten: (m) => new nn.Unflatten(number(m, "dim"), numbers(m, "unflattenedSize")),
  Conv1d: (m) => new nn.Conv1d(...conv(m), convOptions(m)),
  Conv2d: (m) => new nn.Conv2d(...conv(m), convOptions(m)),
  Conv3d: (m) => new nn.Conv3d(...conv(m), convOptions(m)),
  BatchNorm1d: (m) => new nn.BatchNorm1d(...batchNorm(m)),
  BatchNorm2d: (m) => new nn.BatchNorm2d(...batchNorm(m)),
  BatchNorm3d: (m) => new nn.BatchNorm3d(...batchNorm(m)),
  GroupNorm: (m) =>
    new nn.GroupNorm(number(m, "numGroups"), number(m, "numChannels"), {
      eps: number(m, "eps"),
      affine: has(m, "weight"),
      bias: has(m, "bias"),
    }),
  RMSNorm: (m) => {
    const eps = maybe(m, "eps");
    const options = { elementwiseAffine: has(m, "weight"), ...(eps === undefined ? {} : { eps }) };
    return new nn.RMSNorm(numbers(m, "normalizedShape"), options);
  },
  LayerNorm: (m) =>
    new nn.LayerNorm(numbers(m, "normalizedShape"), {
      eps: number(m, "eps"),
      elementwiseAffine: has(m, "weight"),
      bias: has(m, "bias"),
    }),
  Embedding: (m) => {
    const paddingIdx = maybe(m, "paddingIdx");
    const options = paddingIdx === undefined ? {} : { paddingIdx };
    return new nn.Embedding(number(m, "numEmbeddings"), number(m, "embeddingDim"), options);
  },
  MaxPool2d: (m) => new nn.MaxPool2d(size(m.settings["kernelSize"], m, "kernelSize"), poolOptions(m)),
  AvgPool2d: (m) => new nn.AvgPool2d(size(m.settings["kernelSize"], m, "kernelSize"), poolOptions(m)),
  Dropout: (m) => new nn.Dropout(number(m, "p")),
  Dropout1d: (m) => new nn.Dropout1d(number(m, "p")),
  Dropout2d: (m) => new nn.Dropout2d(number(m, "p")),
  Dropout3d: (m) => new nn.Dropout3d(number(m, "p")),
  AlphaDropout: (m) => new nn.AlphaDropout(number(m, "p")),
  ReLU: () => new nn.ReLU(),
  LeakyReLU: (m) => new nn.LeakyReLU(number(m, "negativeSlope")),
  GELU: (m) => new nn.GELU({ approximate: word(m, "approximate", ["none", "tanh"]) }),
  PReLU: (m) => new nn.PReLU(number(m, "numParameters")),
  ELU: (m) => new nn.ELU(number(m, "alpha")),
  CELU: (m) => new nn.CELU(number(m, "alpha")),
  SELU: () => new nn.SELU(),
  ReLU6: () => new nn.ReLU6(),
  Hardtanh: (m) => new nn.Hardtanh(number(m, "minVal"), number(m, "maxVal")),
  Hardsigmoid: () => new nn.Hardsigmoid(),
  Hardswish: () => new nn.Hardswish(),
  Hardshrink: (m) => new nn.Hardshrink(number(m, "lambd")),
  Softshrink: (m) => new nn.Softshrink(number(m, "lambd")),
  Threshold: (m) => new nn.Threshold(number(m, "threshold"), number(m, "value")),
  Softplus: (m) => new nn.Softplus(number(m, "beta"), number(m, "threshold")),
  Softsign: () => new nn.Softsign(),
  LogSigmoid: () => new nn.LogSigmoid(),
  Tanhshrink: () => new nn.Tanhshrink(),
  Mish: () => new nn.Mish(),
  GLU: (m) => new nn.GLU(number(m, "dim")),
  Softmin: (m) => new nn.Softmin(number(m, "dim")),
  SiLU: () => new nn.SiLU(),
  Sigmoid: () => new nn.Sigmoid(),
  Tanh: () => new nn.Tanh(),
  Softmax: (m) => new nn.Softmax(number(m, "dim")),
  LogSoftmax: (m) => new nn.LogSoftmax(number(m, "dim")),
};
