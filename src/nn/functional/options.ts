// The names of options that a function and its layer share.
// Knows no function and no layer.
import { optionsOf } from "../../options.ts";
import type { Tensor } from "../../tensor/index.ts";
import type { AdaptiveMaxPoolOptions } from "./adaptive-pool.ts";
import type { UnfoldOptions } from "./conv.ts";
import type { CrossEntropyOptions, NllOptions } from "./loss.ts";
import type { AvgPoolOptions, MaxPoolOptions } from "./pool.ts";
import type { LossOptions } from "./reduction.ts";
import type { InterpolateOptions } from "./resize.ts";
import type { MaxUnpoolOptions } from "./unpool.ts";

export interface WeightedOptions extends LossOptions {
  weight?: Tensor | undefined;
}

export type MarginOptions = LossOptions & { margin?: number };

export const lossOptions = optionsOf<LossOptions>({ reduction: true });
export const weightedOptions = optionsOf<WeightedOptions>({ ...lossOptions.names, weight: true });
export const smoothL1Options = optionsOf<LossOptions & { beta?: number }>({ ...lossOptions.names, beta: true });
export const huberOptions = optionsOf<LossOptions & { delta?: number }>({ ...lossOptions.names, delta: true });
export const nllOptions = optionsOf<NllOptions>({ weight: true, ignoreIndex: true, reduction: true });
export const crossEntropyOptions = optionsOf<CrossEntropyOptions>({
  ...nllOptions.names,
  labelSmoothing: true,
});
export const bceWithLogitsOptions = optionsOf<WeightedOptions & { posWeight?: Tensor | undefined }>({
  ...weightedOptions.names,
  posWeight: true,
});
export const klDivOptions = optionsOf<{ reduction?: KLReduction; logTarget?: boolean }>({
  ...lossOptions.names,
  logTarget: true,
});
export const poissonOptions = optionsOf<LossOptions & { logInput?: boolean; full?: boolean; eps?: number }>({
  ...lossOptions.names,
  logInput: true,
  full: true,
  eps: true,
});
export const gaussianOptions = optionsOf<LossOptions & { full?: boolean; eps?: number }>({
  ...lossOptions.names,
  full: true,
  eps: true,
});
export const marginOptions = optionsOf<MarginOptions>({ ...lossOptions.names, margin: true });
export const tripletOptions = optionsOf<MarginOptions & { p?: number; eps?: number; swap?: boolean }>({
  ...marginOptions.names,
  p: true,
  eps: true,
  swap: true,
});
export const geluOptions = optionsOf<{ approximate?: "none" | "tanh" }>({ approximate: true });
export const unfoldOptions = optionsOf<UnfoldOptions>({ dilation: true, padding: true, stride: true });
export const interpolateOptions = optionsOf<InterpolateOptions>({
  size: true,
  scaleFactor: true,
  mode: true,
  alignCorners: true,
});
export const maxPoolOptions = optionsOf<MaxPoolOptions>({
  stride: true,
  padding: true,
  dilation: true,
  ceilMode: true,
  returnIndices: true,
});
export const avgPool1dOptions = optionsOf<Omit<AvgPoolOptions, "divisorOverride">>({
  stride: true,
  padding: true,
  ceilMode: true,
  countIncludePad: true,
});
export const avgPoolOptions = optionsOf<AvgPoolOptions>({ ...avgPool1dOptions.names, divisorOverride: true });
export const adaptiveMaxPoolOptions = optionsOf<AdaptiveMaxPoolOptions>({ returnIndices: true });
export const unpoolLayerOptions = optionsOf<Omit<MaxUnpoolOptions, "outputSize">>({ stride: true, padding: true });
export const maxUnpoolOptions = optionsOf<MaxUnpoolOptions>({ ...unpoolLayerOptions.names, outputSize: true });
export const responseOptions = optionsOf<{ alpha?: number; beta?: number; k?: number }>({
  alpha: true,
  beta: true,
  k: true,
});
export const distanceOptions = optionsOf<{ p?: number; eps?: number; keepDim?: boolean }>({
  p: true,
  eps: true,
  keepDim: true,
});

export type KLReduction = "mean" | "sum" | "none" | "batchmean";
