// What a model is called with, told where it is none of what the model names.
// Knows no model.
import { kindOf } from "../arguments.ts";
import { AbrazoError } from "../errors.ts";
import { Tensor } from "../tensor/index.ts";
import type { InputName } from "./inputs.ts";

/** Inputs that a model has defaults for, or an error of its own. */
const OPTIONAL: ReadonlySet<InputName> = new Set<InputName>(["tokenTypeIds", "positionIds", "decoderInputIds"]);

/**
 * @param names what the model is called with
 * @throws BAD_ARGUMENT
 */
export function requireInputs(where: string, names: readonly InputName[], given: unknown): void {
  if (typeof given !== "object" || given === null || given instanceof Tensor || Array.isArray(given)) {
    throw bad(`${where} is called with { ${names.join(", ")} }, not ${kindOf(given)}`, "Give it an object of tensors.");
  }
  for (const name of names) {
    const value: unknown = Reflect.get(given, name);
    if (value instanceof Tensor || (value === undefined && OPTIONAL.has(name))) continue;
    const others = Object.keys(given).filter((other) => !(names as readonly string[]).includes(other)); // safe because widening a list of literals to look a string up
    const instead = value === undefined && others.length > 0 ? ` It was given ${others.join(", ")}.` : "";
    throw bad(
      `${where}: ${name} must be Tensor, not ${kindOf(value)}`,
      `It is called with { ${names.join(", ")} }, each a tensor.${instead}`,
    );
  }
}

const bad = (message: string, hint: string): AbrazoError => new AbrazoError({ code: "BAD_ARGUMENT", message, hint });
