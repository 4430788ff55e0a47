// Stateless functions of torch.nn.functional: compositions of operations, by family.
// Has no function of its own.
export * from "./functional/activation.ts";
export * from "./functional/attention.ts";
export * from "./functional/conv.ts";
export * from "./functional/distance.ts";
export * from "./functional/dropout.ts";
export * from "./functional/embedding.ts";
export * from "./functional/linear.ts";
export * from "./functional/loss.ts";
export * from "./functional/margin-loss.ts";
export * from "./functional/norm.ts";
export * from "./functional/pad.ts";
export * from "./functional/pool.ts";
export * from "./functional/regression-loss.ts";
export * from "./functional/resize.ts";
export * from "./functional/softmax.ts";
