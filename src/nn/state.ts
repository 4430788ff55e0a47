// Taking a state by name: what lacks, what is too many, what has another shape.
// Knows no modules: it is given their tensors by path.
import { AbrazoError, nearestName } from "../errors.ts";
import { noGrad, Tensor } from "../tensor/index.ts";

/** Names that loading a state left over: of the module without a value, and of values without a place. */
export interface LoadedState {
  missing: string[];
  unexpected: string[];
}

/**
 * A state as a Map, whichever of its two forms it is given in.
 *
 * @throws NOT_A_STATE_DICT for what holds anything but tensors by name
 */
export function stateMap(state: unknown): ReadonlyMap<string, Tensor> {
  if (typeof state !== "object" || state === null || Array.isArray(state) || state instanceof Promise) {
    throw notState(`Expected state_dict to be dict-like, got ${state instanceof Promise ? "Promise" : typeof state}.`);
  }
  const tensors = new Map<string, Tensor>();
  for (const [name, value] of state instanceof Map ? state : Object.entries(state)) {
    if (!(value instanceof Tensor))
      throw notState(
        `While copying the parameter named "${name}", expected torch.Tensor or Tensor-like object from checkpoint but received ${typeof value}`,
      );
    tensors.set(String(name), value);
  }
  return tensors;
}

function notState(message: string): AbrazoError {
  return new AbrazoError({
    code: "NOT_A_STATE_DICT",
    message,
    hint: "Pass what stateDict() gave or what load() read, awaited: a Map or an object of tensors by name.",
  });
}

/** Takes values for `own`, which may name one tensor twice: both names are expected, and the last value stays. */
export function loadState(
  module: string,
  own: readonly (readonly [string, Tensor])[],
  state: ReadonlyMap<string, Tensor>,
  strict: boolean,
): LoadedState {
  const expected = new Set(own.map(([name]) => name));
  const given = new Map<Tensor, Tensor>();
  const problems: string[] = [];
  for (const [name, tensor] of own) {
    const value = state.get(name);
    if (value === undefined) continue;
    given.set(tensor, value);
    if (value.shape.join() !== tensor.shape.join()) problems.push(sizeMismatch(name, value.shape, tensor.shape));
  }
  const missing = [...expected].filter((name) => !state.has(name));
  const unexpected = [...state.keys()].filter((name) => !expected.has(name));
  if (strict && unexpected.length > 0) problems.unshift(`Unexpected key(s) in state_dict: ${quoted(unexpected)}. `);
  if (strict && missing.length > 0) problems.unshift(`Missing key(s) in state_dict: ${quoted(missing)}. `);
  if (problems.length > 0) throw stateError(module, problems, { missing, unexpected });
  for (const [tensor, value] of given) take(tensor, value);
  return { missing, unexpected };
}

/** A leaf of its own over the same elements: what is trained then is this tensor, not the one it came from. */
function take(tensor: Tensor, value: Tensor): void {
  const cast = noGrad(() => value.detach().to(tensor.dtype));
  // Of a frozen one the cast stays recorded, so that weights in a file are not read before they are used.
  tensor.assign((tensor.requiresGrad ? cast.settle() : cast).node);
}

const size = (shape: readonly number[]) => `torch.Size([${shape.join(", ")}])`;

function sizeMismatch(name: string, given: readonly number[], wanted: readonly number[]): string {
  return `size mismatch for ${name}: copying a param with shape ${size(given)} from checkpoint, the shape in current model is ${size(wanted)}.`;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `"${name}"`).join(", ");
}

function stateError(module: string, problems: readonly string[], { missing, unexpected }: LoadedState): AbrazoError {
  const near = missing.flatMap((name) => {
    const found = nearestName(name, unexpected);
    return found === undefined ? [] : [`"${found}" is near "${name}".`];
  });
  return new AbrazoError({
    code: "STATE_DICT_MISMATCH",
    message: `Error(s) in loading state_dict for ${module}:\n\t${problems.join("\n\t")}`,
    hint: [
      ...near.slice(0, 5),
      "Check that the weights belong to this architecture and configuration, or pass { strict: false }.",
    ].join(" "),
    data: { missing, unexpected },
  });
}
