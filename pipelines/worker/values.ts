// Arguments and results as they pass between threads: tensors give their memory away, what cannot pass is an error that names it.
// Knows no threads.
import { isPlain } from "../../src/data/collate.ts";
import { toWire, type Wire } from "../../src/data/wire.ts";
import { AbrazoError } from "../../src/errors.ts";

/** The arguments of a call as they are posted: the caller's memory is copied. */
export function wireArguments(args: readonly unknown[]): Wire[] {
  return args.map((arg, at) => wired(arg, at === 0 ? "input" : at === args.length - 1 ? "options" : `argument ${at}`));
}

/** A result as it is posted; memory of its tensors goes into `give`. */
export function wireResult(value: unknown, give: Set<ArrayBuffer>): Wire {
  return wired(value, "result", give);
}

function wired(value: unknown, path: string, give?: Set<ArrayBuffer>): Wire {
  // What holds no tensors goes whole: thousands of results are cloned in one go.
  if (isData(value)) return { kind: "value", value };
  // An address is taken as text as well.
  if (value instanceof URL) return { kind: "value", value: value.href };
  if (Array.isArray(value)) {
    return { kind: "list", items: value.map((item, at) => wired(item, `${path}[${at}]`, give)) };
  }
  try {
    return toWire(value, path, give);
  } catch (error) {
    if (error instanceof AbrazoError && error.code === "CANNOT_SEND_TO_WORKER") throw cannotSend(error);
    throw error;
  }
}

function isData(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return typeof value !== "function" && typeof value !== "symbol";
  if (Array.isArray(value)) return value.every(isData);
  if (ArrayBuffer.isView(value) || value instanceof Blob) return true;
  return isPlain(value) && Object.values(value).every(isData);
}

/** The error for what does not pass; `message` says what it is. */
export function cannotSend({ message, data }: { message: string; data?: Record<string, unknown> }): AbrazoError {
  return new AbrazoError({
    code: "CANNOT_SEND_TO_WORKER",
    message: message.replace(/^can't pickle /, ""),
    hint: "Functions and objects with methods do not pass between threads. Leave it out, or make the pipeline without { worker }.",
    data,
  });
}
