// Tensors of several names, such as tied weights: a safetensors file holds each once, and its metadata the other names, as
// safetensors.torch.save_model() has it. Knows no file.
import type { Tensor } from "../tensor/index.ts";

/** What is stored, and the name of what is stored for each name that is not. */
export interface EachOnce {
  entries: [string, Tensor][];
  otherNames: Record<string, string>;
}

/** Each tensor by its first name. */
export function eachOnce(entries: readonly (readonly [string, Tensor])[]): EachOnce {
  const first = new Map<Tensor, string>();
  const otherNames: Record<string, string> = {};
  for (const [name, tensor] of entries) {
    const kept = first.get(tensor);
    if (kept === undefined) first.set(tensor, name);
    else otherNames[name] = kept;
  }
  return { entries: [...first].map(([tensor, name]) => [name, tensor]), otherNames };
}

/** Names of a file's metadata that stand for another tensor of the same file. */
export function otherNamesIn(stored: Iterable<string>, metadata: Readonly<Record<string, string>>): [string, string][] {
  const names = new Set(stored);
  return Object.entries(metadata).filter(([other, kept]) => other !== "format" && !names.has(other) && names.has(kept));
}

/** The same tensors, under their other names too. */
export function underAllNames(
  tensors: ReadonlyMap<string, Tensor>,
  others: Iterable<readonly [string, string]>,
): Map<string, Tensor> {
  const all = new Map(tensors);
  for (const [other, kept] of others) {
    const tensor = tensors.get(kept);
    if (tensor !== undefined) all.set(other, tensor);
  }
  return all;
}
