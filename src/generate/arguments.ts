// Arguments of the public functions of generation, for callers whom no compiler helps.
// Generates nothing.
import { argumentError, requireList, requireParts } from "../arguments.ts";
import type { Prompt } from "./contract.ts";

/** @throws BAD_ARGUMENT for anything that starts no decoding */
export function requireDecoder(where: string, given: unknown): void {
  requireParts(where, given, ["start", "maxLength"], "a decoder, as makeDecoder() makes it");
}

/** @throws BAD_ARGUMENT for anything but a list of whole numbers from 0 on */
export function requireIds(where: string, given: unknown, position: number): void {
  const isId = (id: unknown) => Number.isSafeInteger(id) && Number(id) >= 0;
  if (!(Array.isArray(given) && given.every(isId))) throw argumentError(where, position, "a list of token ids", given);
}

/** @throws BAD_ARGUMENT for anything but a list of prompts */
export function requirePrompts(where: string, prompts: readonly Prompt[]): void {
  requireList(where, prompts, 2);
  for (const prompt of prompts) {
    requireParts(where, prompt, ["ids"], "a list of prompts { ids, seed }", 2);
    for (const ids of [prompt.ids, prompt.sourceIds ?? [], prompt.negativeIds ?? []]) requireIds(where, ids, 2);
    if (!Number.isFinite(prompt.seed)) throw argumentError(where, 2, "a list of prompts with a number as seed", prompt);
  }
}
