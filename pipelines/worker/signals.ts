// The signal of a call: taken out of its options on one side, put into them on the other.
// Knows no threads.
import { isPlain } from "../../src/data/collate.ts";
import { AbrazoError } from "../../src/errors.ts";

/** The signal among the options of a call, which come after the input, and the arguments without it. */
export function takeSignal(args: readonly unknown[]): { args: unknown[]; signal: AbortSignal | undefined } {
  const options = args.at(-1);
  const isThere = args.length > 1 && typeof options === "object" && options !== null && isPlain(options);
  if (!isThere || !("signal" in options)) return { args: [...args], signal: undefined };
  const { signal, ...others } = options;
  if (signal === undefined || signal instanceof AbortSignal) return { args: [...args.slice(0, -1), others], signal };
  throw new AbrazoError({
    code: "INVALID_OPTION",
    message: `signal is no AbortSignal but a ${typeof signal}.`,
    hint: "Take the signal of an AbortController, or AbortSignal.timeout(milliseconds).",
    data: { option: "signal" },
  });
}

/** The arguments of a call with a signal among its options, where `takeSignal` found one before. */
export function giveSignal(args: readonly unknown[], signal: AbortSignal): unknown[] {
  const options = args.at(-1);
  return [...args.slice(0, -1), { ...(typeof options === "object" ? options : {}), signal }];
}

/** Results that end with the signal's reason as soon as it is aborted, whatever they wait for. */
export async function* untilAborted(
  results: AsyncGenerator<unknown, void, undefined>,
  signal: AbortSignal | undefined,
): AsyncGenerator<unknown, void, undefined> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason);
  });
  aborted.catch(() => undefined);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    for (;;) {
      signal?.throwIfAborted();
      const step = await Promise.race([results.next(), aborted]);
      if (step.done === true) return;
      yield step.value;
    }
  } finally {
    signal?.removeEventListener("abort", abort);
    const left = results.return();
    // What the results wait for may never come.
    if (signal?.aborted === true) left.catch(() => undefined);
    else await left;
  }
}
