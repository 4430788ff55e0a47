// Activations.
// Holds no weights.
import { AbrazoError } from "../../errors.ts";
import type { Tensor } from "../../tensor/index.ts";

const ACTIVATIONS: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  gelu: (x) => x.gelu(),
  gelu_new: (x) => x.gelu({ approximate: "tanh" }),
  gelu_pytorch_tanh: (x) => x.gelu({ approximate: "tanh" }),
  relu: (x) => x.relu(),
  tanh: (x) => x.tanh(),
  silu: (x) => x.mul(x.sigmoid()),
};

/** The activation of a config's name, e.g. "gelu_new". */
export function activation(name: string): (x: Tensor) => Tensor {
  const found = ACTIVATIONS[name];
  if (found !== undefined) return found;
  throw new AbrazoError({
    code: "UNKNOWN_ACTIVATION",
    message: `There is no activation "${name}".`,
    hint: `Known: ${Object.keys(ACTIVATIONS).join(", ")}.`,
  });
}
