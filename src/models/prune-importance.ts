// How much a model needs each of its heads, neurons and layers, measured on data.
// Cuts nothing and chooses nothing.
//
// Heads and neurons: the mean over rows x of |∂L(x)/∂ξ|, where ξ = 1 multiplies what the unit gives to the matrix that reads it. To
//   first order that is how much L changes without the unit: Molchanov et al. 2017, arXiv 1611.06440; of heads Michel et al. 2019,
//   arXiv 1905.10650.
// Layers: the mean loss without the layer, as Kim et al. 2024, arXiv 2402.02834, measure blocks of language models by perplexity.
import { AbrazoError } from "../errors.ts";
import { type AnyModule, functional as F, type Module } from "../nn/index.ts";
import { autograd, cat, type HookHandle, noGrad, ones, type Tensor } from "../tensor/index.ts";
import type { AnyModel, ModelOutput } from "./architecture.ts";
import { classOf } from "./auto.ts";
import { AutoModelForCausalLM } from "./auto-model.ts";
import type { Site } from "./prune-parts.ts";

/**
 * What a model is called with, and `labels` for its loss: int64 [B] of a class each, or [B, T] of a class or token each, -100 where
 * none counts. Those of a causal language model are its `inputIds`, which it shifts itself, as in transformers.
 */
export type PruneBatch = Readonly<Record<string, Tensor>>;

/** The loss of each row of a batch, [B]. */
export type RowLoss = (output: ModelOutput, batch: PruneBatch) => Tensor;

const IGNORED = -100;

/** Cross-entropy with `labels`, of each row the mean over those that count. */
export function crossEntropyOfRows(model: AnyModel): RowLoss {
  const isCausal = AutoModelForCausalLM.has(classOf(model.config));
  return ({ logits }, { labels }) => {
    if (logits === undefined || labels === undefined) throw noLoss(model, labels !== undefined);
    if (labels.dims.length === 1) return F.crossEntropy(logits, labels, { reduction: "none" });
    const tokens = labels.size(1);
    const [given, wanted] = isCausal
      ? [logits.narrow(1, 0, tokens - 1), labels.narrow(1, 1, tokens - 1)]
      : [logits, labels];
    const each = F.crossEntropy(given.flatten(0, 1), wanted.flatten(), { reduction: "none", ignoreIndex: IGNORED });
    const counts = wanted.ne(IGNORED).to(logits.dtype).sum(1).clamp(1); // [B]
    return each
      .unflatten(0, [wanted.size(0), wanted.size(1)])
      .sum(1)
      .div(counts);
  };
}

function noLoss(model: AnyModel, hasLabels: boolean): AbrazoError {
  return new AbrazoError({
    code: "NO_LOSS",
    message: hasLabels
      ? `A ${classOf(model.config)} gives no logits to compare with labels.`
      : "A batch has no labels to take the loss with.",
    hint: "Put `labels` into every batch, or pass { loss: (output, batch) => … } that gives one loss a row.",
  });
}

/** What the model gives for a batch. */
export function call(model: AnyModel, { labels: _, ...inputs }: PruneBatch): ModelOutput {
  // safe because a batch holds what the model is called with: what lacks is said by the model
  return (model as unknown as Module<[object], ModelOutput>)(inputs);
}

/** The loss of each row of a batch, [B]. @throws LOSS_NOT_PER_ROW */
function lossesOf(model: AnyModel, batch: PruneBatch, loss: RowLoss): Tensor {
  const losses = loss(call(model, batch), batch);
  const rows = rowsOf(batch);
  if (losses.shape.length === 1 && losses.size(0) === rows) return losses;
  throw new AbrazoError({
    code: "LOSS_NOT_PER_ROW",
    message: `The loss of ${rows} rows has the shape [${losses.shape.join(", ")}], and not [${rows}].`,
    hint: "Give one loss a row: importance is each row's own. Losses of PyTorch's names take { reduction: \"none\" }.",
    data: { rows, shape: losses.shape },
  });
}

const rowsOf = (batch: PruneBatch): number => Object.values(batch)[0]?.size(0) ?? 0;

/** The mean loss of a row. */
export async function meanLoss(model: AnyModel, batches: readonly PruneBatch[], loss: RowLoss): Promise<number> {
  let [sum, rows] = [0, 0];
  for (const batch of batches) {
    const losses = Array.from(await noGrad(() => lossesOf(model, batch, loss)).data(), Number);
    sum += losses.reduce((total, each) => total + each, 0);
    rows += losses.length;
  }
  return sum / rows;
}

/** Runs `use` while a layer gives what it is given, and nothing else of it counts. */
export async function without<Result>(layers: readonly AnyModule[], use: () => Promise<Result>): Promise<Result> {
  const hooks = layers.map((layer) =>
    // safe because a layer of a stack takes states first and gives them, alone or with what else it makes
    (layer as Module<[Tensor], unknown>).registerForwardHook((_, [x], output) =>
      Array.isArray(output) ? [x, ...output.slice(1)] : x,
    ),
  );
  return held(hooks, use);
}

async function held<Result>(hooks: readonly HookHandle[], use: () => Promise<Result>): Promise<Result> {
  try {
    return await use();
  } finally {
    for (const hook of hooks) hook.remove();
  }
}

/** The mean of |∂L/∂ξ| for each unit of the sites. */
export async function unitImportance(
  model: AnyModel,
  sites: readonly Site[],
  batches: readonly PruneBatch[],
  loss: RowLoss,
): Promise<Map<Site, number[]>> {
  const sums = new Map(sites.map((site) => [site, new Array<number>(site.count).fill(0)]));
  if (sites.length === 0) return sums;
  const masks = new Map<Site, Tensor>();
  const hooks = sites.map((site) =>
    site.read.registerForwardPreHook((_, [x]): [Tensor] => [masked(x, masks.get(site), site)]),
  );
  let rows = 0;
  await held(hooks, async () => {
    for (const batch of batches) {
      const [count, device] = [rowsOf(batch), Object.values(batch)[0]?.device ?? "cpu"];
      for (const site of sites) masks.set(site, ones([count, site.count], { requiresGrad: true, device }));
      const total = lossesOf(model, batch, loss).sum();
      const gradients = autograd.grad(total, [...masks.values()]);
      // One run reads them all. A row's own gradient: its loss depends on its own mask alone.
      const each = await cat(gradients.map((gradient) => gradient.abs().sum(0))).data();
      addUp([...sums.values()], each);
      rows += count;
    }
  });
  return new Map([...sums].map(([site, sum]) => [site, sum.map((each) => each / rows)]));
}

/** x [B, T, D] with its units, which lie side by side, times the mask [B, U]. */
function masked(x: Tensor, mask: Tensor | undefined, { count }: Site): Tensor {
  if (mask === undefined) return x;
  if (x.dims.at(-1) === count) return x.mul(mask.unsqueeze(1));
  return x.unflatten(-1, [count, -1]).mul(mask.unsqueeze(1).unsqueeze(-1)).flatten(-2);
}

function addUp(sums: readonly number[][], values: ArrayLike<number | bigint>): void {
  let at = 0;
  for (const sum of sums) {
    for (const unit of sum.keys()) sum[unit] = (sum[unit] ?? 0) + Number(values[at++] ?? 0);
  }
}
