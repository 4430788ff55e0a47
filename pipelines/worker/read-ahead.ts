// The results of a stream, made before they are asked for: whoever asks from another thread takes a while to ask again.
// Knows no threads.

type Step<Value> = { result: IteratorResult<Value, unknown> } | { error: unknown };

/**
 * Reads up to `most` results ahead. What goes wrong is told in its turn, after the results before it; return() ends the source between
 * two of its results.
 */
export function readAhead<Value>(source: AsyncIterator<Value>, most: number): AsyncIterator<Value> {
  const made: Step<Value>[] = [];
  let isOver = false;
  /** Whoever waits for a result, or for room. */
  let wake = (): void => {};
  const change = () =>
    new Promise<void>((resolve) => {
      const before = wake;
      wake = () => {
        before();
        resolve();
      };
    });
  const changed = () => {
    const call = wake;
    wake = () => {};
    call();
  };
  const read = async () => {
    while (!isOver) {
      const step = await source.next().then(
        (result): Step<Value> => ({ result }),
        (error: unknown): Step<Value> => ({ error }),
      );
      made.push(step);
      isOver ||= "error" in step || step.result.done === true;
      changed();
      while (!isOver && made.length >= most) await change();
    }
  };
  void read();
  return {
    next: async () => {
      while (made.length === 0 && !isOver) await change();
      const step = made.shift();
      changed();
      if (step === undefined) return { done: true, value: undefined };
      if ("error" in step) throw step.error;
      return step.result;
    },
    return: async () => {
      isOver = true;
      made.length = 0;
      changed();
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}
