// Public entry point of layers and functions.
export {
  CELU,
  ELU,
  GELU,
  GLU,
  LogSigmoid,
  LogSoftmax,
  Mish,
  SELU,
  Sigmoid,
  SiLU,
  Softmax,
  Softmin,
  Softplus,
  Softsign,
  Tanh,
  Tanhshrink,
} from "./activation.ts";
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./container.ts";
export { CosineSimilarity, PairwiseDistance } from "./distance.ts";
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export * as functional from "./functional.ts";
export { Bilinear, Flatten, Identity, type LayerOptions, Linear, Unflatten } from "./linear.ts";
export {
  BCELoss,
  BCEWithLogitsLoss,
  CosineEmbeddingLoss,
  CrossEntropyLoss,
  GaussianNLLLoss,
  HingeEmbeddingLoss,
  HuberLoss,
  KLDivLoss,
  L1Loss,
  MarginRankingLoss,
  MSELoss,
  MultiLabelSoftMarginLoss,
  NLLLoss,
  PoissonNLLLoss,
  SmoothL1Loss,
  SoftMarginLoss,
  TripletMarginLoss,
} from "./loss.ts";
export { buffer, parameter } from "./marks.ts";
export { AnyModule, Module } from "./module.ts";
export { LayerNorm } from "./normalization.ts";
export {
  Hardshrink,
  Hardsigmoid,
  Hardswish,
  Hardtanh,
  LeakyReLU,
  PReLU,
  ReLU,
  ReLU6,
  Softshrink,
  Threshold,
} from "./piecewise-activation.ts";
export type { LoadedState } from "./state.ts";
