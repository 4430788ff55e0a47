// Errors as they pass between threads: what is ours comes out as it went in.
// Knows no threads.
import { AbrazoError } from "../../src/errors.ts";

/** An error as it is posted. */
export interface Fault {
  /** What the platform clones by itself: message, cause, and the class where it is JavaScript's own. */
  error: unknown;
  name: string | undefined;
  stack: string | undefined;
  /** Of an error of ours. */
  own: { code: string; hint: string | undefined; data: Record<string, unknown> } | undefined;
}

export function faultOf(error: unknown): Fault {
  if (!(error instanceof Error)) return { error: cloned(error) ?? String(error), name: undefined, ...NOTHING };
  const { name, message, stack } = error;
  if (!(error instanceof AbrazoError))
    return { error: cloned(error) ?? new Error(message), name, stack, own: undefined };
  const { code, hint, data, cause } = error;
  const plain = new Error(message, cause === undefined ? undefined : { cause: cloned(cause) ?? String(cause) });
  return { error: plain, name, stack, own: { code, hint, data: cloneable(data) } };
}

const NOTHING = { stack: undefined, own: undefined } as const;

/** The error that was posted, with the stack that it had. */
export function errorOf({ error, name, stack, own }: Fault): unknown {
  if (!(error instanceof Error)) return error;
  const made = own === undefined ? error : new AbrazoError({ ...own, message: error.message, cause: error.cause });
  if (name !== undefined && made.name !== name) made.name = name;
  if (stack !== undefined) made.stack = stack;
  return made;
}

function cloned(value: unknown): unknown {
  try {
    return structuredClone(value);
  } catch {
    return undefined;
  }
}

/** Values that cannot be cloned stay behind. */
function cloneable(data: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(data).filter(([, value]) => value === undefined || cloned(value) !== undefined),
  );
}
