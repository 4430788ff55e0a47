// AdamW (Loshchilov and Hutter 2019, arXiv 1711.05101), with clipping of the global gradient norm in the same graph.
// Knows no loop and no schedule.
import { noGrad, realizeSync, type Tensor, tensor, zerosLike } from "../tensor/index.ts";

export interface ParameterGroup {
  parameters: readonly Tensor[];
  weightDecay?: number;
}

export interface AdamWOptions {
  lr?: number;
  betas?: readonly [number, number];
  eps?: number;
  weightDecay?: number;
  /** The gradients' norm is scaled down to this. */
  maxGradNorm?: number;
}

interface Slot {
  parameter: Tensor;
  weightDecay: number;
  m: Tensor;
  v: Tensor;
}

/**
 * m ← β₁ m + (1-β₁) g, v ← β₂ v + (1-β₂) g², p ← p (1 - lr λ) - lr m̂ / (√v̂ + ε), with m̂ = m / (1-β₁ᵗ), v̂ = v / (1-β₂ᵗ).
 * The learning rate and the bias corrections are inputs of the graph: a step never needs a new one.
 */
export class AdamW {
  lr: number;
  readonly #slots: Slot[];
  readonly #options: Required<Omit<AdamWOptions, "lr" | "weightDecay" | "maxGradNorm">> & {
    maxGradNorm: number | undefined;
  };
  #step = 0;

  constructor(groups: readonly Tensor[] | readonly ParameterGroup[], options: AdamWOptions = {}) {
    const { lr = 1e-3, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 1e-2, maxGradNorm } = options;
    this.lr = lr;
    this.#options = { betas, eps, maxGradNorm };
    this.#slots = asGroups(groups).flatMap((group) =>
      group.parameters.map((parameter) => ({
        parameter,
        weightDecay: group.weightDecay ?? weightDecay,
        m: zerosLike(parameter),
        v: zerosLike(parameter),
      })),
    );
  }

  /** Steps taken. */
  get stepCount(): number {
    return this.#step;
  }

  zeroGrad(): void {
    for (const { parameter } of this.#slots) parameter.grad = null;
  }

  /**
   * Updates every parameter that has a gradient, in one run together with `also` (such as the loss, whose value is then
   * there without running again). Returns the norm of the gradients before clipping.
   */
  step(also: readonly Tensor[] = []): Tensor {
    return noGrad(() => {
      const active = this.#slots.filter(({ parameter }) => parameter.grad !== null);
      this.#step++;
      const norm = gradNorm(active.map(({ parameter }) => parameter.grad).filter((grad) => grad !== null));
      const scale = this.#options.maxGradNorm === undefined ? undefined : clipScale(norm, this.#options.maxGradNorm);
      const updates = active.map((slot) => this.#update(slot, scale));
      const results = updates.flatMap(({ m, v, p }) => [m, v, p]);
      realizeSync([...results, norm, ...also]);
      for (const [index, slot] of active.entries()) {
        const update = updates[index];
        if (update === undefined) continue;
        slot.m = update.m.settle();
        slot.v = update.v.settle();
        slot.parameter.assign(update.p.settle().node);
      }
      return norm.settle();
    });
  }

  #update({ parameter, weightDecay, m, v }: Slot, scale: Tensor | undefined): { m: Tensor; v: Tensor; p: Tensor } {
    const [beta1, beta2] = this.#options.betas;
    const raw = parameter.grad ?? zerosLike(parameter);
    const g = scale === undefined ? raw : raw.mul(scale);
    const nextM = m.mul(beta1).add(g.mul(1 - beta1));
    const nextV = v.mul(beta2).add(g.square().mul(1 - beta2));
    const root = nextV
      .sqrt()
      .mul(1 / Math.sqrt(1 - beta2 ** this.#step))
      .add(this.#options.eps);
    const decayed = weightDecay === 0 ? parameter : parameter.mul(1 - this.lr * weightDecay);
    const p = decayed.sub(nextM.mul(this.lr / (1 - beta1 ** this.#step)).div(root));
    return { m: nextM, v: nextV, p };
  }

  /** Step count and both moments by place, for checkpoints. */
  stateDict(): { step: number; m: Tensor[]; v: Tensor[] } {
    return { step: this.#step, m: this.#slots.map(({ m }) => m), v: this.#slots.map(({ v }) => v) };
  }

  loadStateDict({ step, m, v }: { step: number; m: readonly Tensor[]; v: readonly Tensor[] }): void {
    this.#step = step;
    for (const [index, slot] of this.#slots.entries()) {
      slot.m = m[index] ?? slot.m;
      slot.v = v[index] ?? slot.v;
    }
  }
}

function asGroups(groups: readonly Tensor[] | readonly ParameterGroup[]): ParameterGroup[] {
  return groups.map((item) => ("parameters" in item ? item : { parameters: [item] }));
}

/** √ Σ g², over all gradients together. */
function gradNorm(grads: readonly Tensor[]): Tensor {
  const squares = grads.map((grad) => grad.square().sum());
  return squares.reduce((sum, part) => sum.add(part), tensor(0, { dtype: "float32" })).sqrt();
}

/** PyTorch's clip_grad_norm_: min(1, max / (norm + 1e-6)). */
function clipScale(norm: Tensor, maxNorm: number): Tensor {
  return norm.add(1e-6).reciprocal().mul(maxNorm).clamp(0, 1);
}
