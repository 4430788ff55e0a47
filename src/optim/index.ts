// Public entry point of optimizers and schedules.
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { clipGradNorm_, clipGradsWithNorm_, clipGradValue_, getTotalNorm, type NormOptions } from "./clip.ts";
export {
  decayGroups,
  type GroupOptions,
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
  type ParamsInput,
} from "./optimizer.ts";
export { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from "./schedules.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
