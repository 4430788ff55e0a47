// Public entry point of optimizers and schedules.
export { Adadelta, type AdadeltaOptions, Adagrad, type AdagradOptions } from "./adagrad.ts";
export { Adam, type AdamOptions, AdamW, type MomentsOptions } from "./adam.ts";
export { Adamax, type AdamaxOptions, NAdam, type NAdamOptions, RAdam } from "./adam-kin.ts";
export { clipGradNorm_, clipGradsWithNorm_, clipGradValue_, getTotalNorm, type NormOptions } from "./clip.ts";
export { GradScaler, type GradScalerOptions, type GradScalerState } from "./grad-scaler.ts";
export * as lrScheduler from "./lr-scheduler/index.ts";
export {
  Optimizer,
  type OptimizerState,
  type ParamGroup,
  type ParamGroupInput,
  type ParamsInput,
  type SlotState,
  type UpdateContext,
} from "./optimizer.ts";
export { decayGroups, type GroupOptions } from "./options.ts";
export { RMSprop, type RMSpropOptions } from "./rmsprop.ts";
export { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from "./schedules.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
