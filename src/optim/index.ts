// Public entry point of optimizers and schedules.
export { Adam, type AdamOptions, AdamW } from "./adam.ts";
export { clipGradNorm_, decayGroups, Optimizer, type OptimizerState, type ParameterGroup } from "./optimizer.ts";
export { constantSchedule, cosineSchedule, linearSchedule, type Schedule } from "./schedules.ts";
export { SGD, type SGDOptions } from "./sgd.ts";
