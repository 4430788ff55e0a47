// What is said of an argument of a kind that a function does not take, in PyTorch's sentence.
// Knows no function and no tensor.
import { AbrazoError } from "./errors.ts";

const HINT = "Tensors are given as tensors, sizes and axes as numbers and lists of them, options last.";

/** What a value is, for a sentence: its class, or its type. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null ? "Object" : (value.constructor?.name ?? "Object");
}

/** The error for an argument of the wrong kind. Positions count from 1. */
export function argumentError(where: string, position: number, wanted: string, given: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_ARGUMENT",
    message: `${where}(): argument (position ${position}) must be ${wanted}, not ${kindOf(given)}`,
    hint: HINT,
    data: { where, position },
  });
}

export function requireFunction(where: string, given: unknown, position = 1): void {
  if (typeof given !== "function") throw argumentError(where, position, "a function", given);
}

export function requireList(where: string, given: unknown, position = 1): void {
  if (!Array.isArray(given)) throw argumentError(where, position, "a list", given);
}

/** A number, a word or a truth value, as `typeof` calls it. */
export function requireType(where: string, type: "number" | "string", given: unknown, position = 1): void {
  if (typeof given !== type) throw argumentError(where, position, `a ${type}`, given);
}

/** An object with what the function uses of it, such as the methods of a dataset. */
export function requireParts(
  where: string,
  given: unknown,
  parts: readonly PropertyKey[],
  wanted: string,
  position = 1,
): void {
  const isObject = (typeof given === "object" || typeof given === "function") && given !== null;
  if (!isObject || parts.some((part) => Reflect.get(given, part) === undefined)) {
    throw argumentError(where, position, wanted, given);
  }
}

/** The error for an attribute of an operation: numbers that a caller gave come to it as they are. */
export function attributeError(name: string, wanted: string, given: unknown): AbrazoError {
  return new AbrazoError({
    code: "BAD_ARGUMENT",
    message: `argument${name === "" ? "" : ` '${name}'`} must be ${wanted}, not ${kindOf(given)}`,
    hint: HINT,
    data: { name },
  });
}
