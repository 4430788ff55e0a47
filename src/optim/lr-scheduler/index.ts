// The schedulers of torch.optim.lr_scheduler.
// Has no scheduler of its own.
export { CosineAnnealingLR, CosineAnnealingWarmRestarts } from "./annealing.ts";
export { LRScheduler, type SchedulerOptions, type SchedulerState } from "./base.ts";
export { ChainedScheduler, SequentialLR } from "./composite.ts";
export { CyclicLR, type CyclicOptions, OneCycleLR, type OneCycleOptions } from "./cyclic.ts";
export {
  ConstantLR,
  ExponentialLR,
  LambdaLR,
  LinearLR,
  type LrLambda,
  MultiplicativeLR,
  MultiStepLR,
  PolynomialLR,
  StepLR,
} from "./factor.ts";
export { type PlateauOptions, ReduceLROnPlateau } from "./plateau.ts";
