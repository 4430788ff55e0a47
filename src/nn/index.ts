// Public entry point of layers and functions.
export * as functional from "./functional.ts";
export { Dropout, Embedding, LayerNorm, Linear } from "./layers.ts";
export { AnyModule, buffer, Module, ModuleList, parameter, Sequential } from "./module.ts";
