// Stateless functions of torch.nn.functional: compositions of operations, by family.
// Has no function of its own.
export * from "./functional/activation.ts";
export * from "./functional/adaptive-pool.ts";
export { type AttentionOptions, extendMask, scaledDotProductAttention } from "./functional/attention.ts";
export * from "./functional/conv.ts";
export * from "./functional/distance.ts";
export { alphaDropout, dropout, dropout1d, dropout2d, dropout3d, dropoutStep } from "./functional/dropout.ts";
export * from "./functional/embedding.ts";
export * from "./functional/linear.ts";
export {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  type CrossEntropyOptions,
  crossEntropy,
  klDiv,
  type NllOptions,
  nllLoss,
} from "./functional/loss.ts";
export * from "./functional/margin-loss.ts";
export * from "./functional/norm.ts";
export * from "./functional/pad.ts";
export * from "./functional/pool.ts";
export * from "./functional/regression-loss.ts";
export {
  type InterpolateOptions,
  type InterpolationMode,
  interpolate,
  pixelShuffle,
  pixelUnshuffle,
} from "./functional/resize.ts";
export * from "./functional/softmax.ts";
export * from "./functional/unpool.ts";
