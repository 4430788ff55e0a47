// Loss scaling for float16: gradients too small for it are made larger before the backward pass, and smaller again after.
// Knows no update rule: it works on the gradients that an optimizer is about to take.
import { AbrazoError } from "../errors.ts";
import { optionsOf } from "../options.ts";
import { takeLosses } from "../tensor/foresight.ts";
import { noGrad, realizeSync, Tensor } from "../tensor/index.ts";
import { Storage } from "../tensor/storage.ts";
import type { GroupOptions, Optimizer } from "./optimizer.ts";

/** How the scale of losses starts, grows and shrinks. */
export interface GradScalerOptions {
  initScale?: number;
  /** What the scale is multiplied by after `growthInterval` steps without an infinite gradient. */
  growthFactor?: number;
  /** What it is multiplied by after a step with one. */
  backoffFactor?: number;
  growthInterval?: number;
  /** False: every method passes on what it is given. */
  enabled?: boolean;
}

const gradScalerOptions = optionsOf<GradScalerOptions>({
  initScale: true,
  growthFactor: true,
  backoffFactor: true,
  growthInterval: true,
  enabled: true,
});

/** What to keep with a checkpoint; PyTorch's fields. */
export interface GradScalerState {
  scale: number;
  growthFactor: number;
  backoffFactor: number;
  growthInterval: number;
  growthTracker: number;
}

type AnyOptimizer<Options extends GroupOptions> = Pick<Optimizer<Options>, "paramGroups" | "step">;

/** Where an optimizer stands between two updates of the scale. */
interface Stage {
  isUnscaled: boolean;
  isStepped: boolean;
  foundInf: boolean;
}

/**
 * Scales a loss so that float16 gradients do not vanish, and skips steps whose gradients are infinite: torch.amp.GradScaler.
 *
 * @throws GRAD_SCALER for factors that do not grow or shrink, and calls out of order
 *
 * @example
 * ```ts
 * const layer = new nn.Linear(2, 1);
 * const [optimizer, scaler] = [new SGD(layer.parameters(), { lr: 0.1 }), new GradScaler()];
 * const loss = autocast({ dtype: "float16" }, () => layer(ones([4, 2])).square().mean());
 * scaler.scale(loss).backward();
 * scaler.step(optimizer);
 * scaler.update();
 * scaler.getScale(); // 65536
 * ```
 */
export class GradScaler {
  readonly #enabled: boolean;
  #state: GradScalerState;
  readonly #stages = new Map<object, Stage>();

  constructor(given?: GradScalerOptions) {
    const {
      initScale = 65536,
      growthFactor = 2,
      backoffFactor = 0.5,
      growthInterval = 2000,
      enabled = true,
    } = gradScalerOptions("GradScaler", given);
    if (!(initScale > 0 && Number.isFinite(initScale))) {
      throw scalerError("The initial scale must be a finite number > 0.0.", `It is ${initScale}.`);
    }
    if (!(Number.isInteger(growthInterval) && growthInterval > 0)) {
      throw scalerError("The growth interval must be a whole number > 0.", `It is ${growthInterval}.`);
    }
    if (!(growthFactor > 1)) throw scalerError("The growth factor must be > 1.0.", `It is ${growthFactor}.`);
    if (!(backoffFactor < 1)) throw scalerError("The backoff factor must be < 1.0.", `It is ${backoffFactor}.`);
    this.#enabled = enabled;
    this.#state = { scale: initScale, growthFactor, backoffFactor, growthInterval, growthTracker: 0 };
  }

  /** False where the scaler leaves losses and gradients as they are. */
  isEnabled(): boolean {
    return this.#enabled;
  }

  /** What losses are multiplied by now. */
  getScale(): number {
    return this.#enabled ? this.#state.scale : 1;
  }

  /** The loss times the scale, in float32; several losses by the same scale. */
  scale(outputs: Tensor): Tensor;
  scale(outputs: readonly Tensor[]): Tensor[];
  scale(outputs: Tensor | readonly Tensor[]): Tensor | Tensor[] {
    const one = (output: Tensor): Tensor =>
      this.#enabled ? (output.dtype === "float16" ? output.to("float32") : output).mul(this.#state.scale) : output;
    return outputs instanceof Tensor ? one(outputs) : outputs.map(one);
  }

  /**
   * Divides the gradients of an optimizer's parameters by the scale, and looks whether they are finite: for clipping
   * between backward() and step(), which does it otherwise. The gradients are computed now.
   *
   * @throws GRAD_SCALER when called twice, or after step()
   */
  unscale_<Options extends GroupOptions>(optimizer: AnyOptimizer<Options>): void {
    if (!this.#enabled) return;
    const stage = this.#stageOf(optimizer);
    if (stage.isUnscaled) {
      throw scalerError("unscale_() has already been called on this optimizer since the last update().", AFTER_UPDATE);
    }
    if (stage.isStepped) throw scalerError("unscale_() is being called after step().", AFTER_UPDATE);
    stage.foundInf = noGrad(() => unscaleGrads(optimizer, this.#state.scale));
    stage.isUnscaled = true;
  }

  /** Steps the optimizer with unscaled gradients, or leaves the step out where one of them is not finite: undefined then. */
  step<Options extends GroupOptions>(optimizer: AnyOptimizer<Options>): void {
    if (!this.#enabled) {
      optimizer.step();
      return;
    }
    const stage = this.#stageOf(optimizer);
    if (stage.isStepped) throw scalerError("step() has already been called since the last update().", AFTER_UPDATE);
    if (!stage.isUnscaled) this.unscale_(optimizer);
    if (!stage.foundInf) optimizer.step();
    stage.isStepped = true;
  }

  /**
   * Sets the scale for the next step: smaller after an infinite gradient, larger after enough steps without one.
   *
   * @param newScale instead
   * @throws GRAD_SCALER before any step()
   */
  update(newScale?: number): void {
    if (!this.#enabled) return;
    const stages = [...this.#stages.values()].filter(({ isUnscaled }) => isUnscaled);
    if (newScale === undefined && stages.length === 0) {
      throw scalerError("No inf checks were recorded prior to update.", "Call step(optimizer) before update().");
    }
    this.#stages.clear();
    const state = this.#state;
    if (newScale !== undefined) {
      this.#state = { ...state, scale: newScale };
    } else if (stages.some(({ foundInf }) => foundInf)) {
      this.#state = { ...state, scale: state.scale * state.backoffFactor, growthTracker: 0 };
    } else {
      this.#state = grown(state);
    }
  }

  /** Scale, factors and count, for a checkpoint; nothing where the scaler is disabled. */
  stateDict(): GradScalerState | Record<string, never> {
    return this.#enabled ? { ...this.#state } : {};
  }

  /**
   * Takes up the state of another scaler.
   *
   * @throws GRAD_SCALER for the state of a scaler that was disabled
   */
  loadStateDict(state: GradScalerState | Record<string, never>): void {
    if (!this.#enabled) return;
    if (!isState(state)) {
      throw scalerError(
        "The source state dict is empty, possibly because it was saved from a disabled instance of GradScaler.",
        "Save the state of a scaler that is enabled.",
      );
    }
    this.#state = { ...this.#state, ...state };
  }

  #stageOf(optimizer: object): Stage {
    const stage = this.#stages.get(optimizer) ?? { isUnscaled: false, isStepped: false, foundInf: false };
    this.#stages.set(optimizer, stage);
    return stage;
  }
}

const AFTER_UPDATE = "Call update() once after each step.";

function grown(state: GradScalerState): GradScalerState {
  const growthTracker = state.growthTracker + 1;
  if (growthTracker < state.growthInterval) return { ...state, growthTracker };
  const larger = Math.fround(state.scale * state.growthFactor);
  // A scale that overflows would make every loss infinite.
  return { ...state, scale: Number.isFinite(larger) ? larger : state.scale, growthTracker: 0 };
}

function isState(state: GradScalerState | Record<string, never>): state is GradScalerState {
  return typeof state["scale"] === "number";
}

/** All in one run: the gradients, whether all their elements are finite, and the losses, which are read most likely. */
function unscaleGrads<Options extends GroupOptions>(optimizer: AnyOptimizer<Options>, scale: number): boolean {
  const parameters = optimizer.paramGroups.flatMap(({ params }) => params.filter(({ grad }) => grad !== null));
  const grads = parameters.map((parameter) => {
    const grad = parameter.grad?.mul(1 / scale) ?? parameter;
    parameter.grad = grad;
    return grad;
  });
  // 0 times what is not finite is NaN, and sums keep it: one number to read, however many the parameters are.
  const checks = grads.map((grad) => grad.mul(0).sum().to("float32"));
  const [first, ...others] = checks;
  if (first === undefined) return false;
  const check = others.reduce((sum, other) => sum.add(other.to({ device: sum.device })), first);
  realizeSync([...grads, check, ...unreadLosses(first.device)]);
  return Number.isNaN(check.itemSync());
}

/** The losses that were scaled, and as they were before. */
function unreadLosses(device: string): Tensor[] {
  const losses = takeLosses();
  const before = losses.flatMap(({ inputs }) =>
    inputs.filter(({ value, shape }) => value === undefined && shape.length === 0),
  );
  return [...losses, ...before].map((node) => new Tensor(new Storage(node), { device }));
}

function scalerError(message: string, hint: string): AbrazoError {
  return new AbrazoError({ code: "GRAD_SCALER", message, hint });
}
