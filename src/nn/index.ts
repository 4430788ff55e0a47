// Public entry point of layers and functions.
export { ModuleDict, ModuleList, ParameterDict, ParameterList, Sequential } from "./container.ts";
export { AlphaDropout, Dropout, Dropout1d, Dropout2d, Dropout3d } from "./dropout.ts";
export { Embedding, type EmbeddingOptions } from "./embedding.ts";
export * as functional from "./functional.ts";
export { Bilinear, Flatten, Identity, type LayerOptions, Linear, Unflatten } from "./linear.ts";
export { buffer, parameter } from "./marks.ts";
export { AnyModule, Module } from "./module.ts";
export { LayerNorm } from "./normalization.ts";
export type { LoadedState } from "./state.ts";
