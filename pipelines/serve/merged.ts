// Several streams as one, several calls at once.
// Knows not what they give.

/**
 * Opens the streams in their order, so many at once, and gives what they give. The next value of each is asked for before its last one
 * is taken, so that none waits for whoever reads the others. The end of the loop, or an error of one, ends all.
 */
export async function* merged<Value>(
  streams: readonly (() => AsyncGenerator<Value, void, undefined>)[],
  most: number,
): AsyncGenerator<Value, void, undefined> {
  type Step = { at: number; step: IteratorResult<Value, void> };
  const waiting = [...streams.entries()];
  const open = new Map<number, AsyncGenerator<Value, void, undefined>>();
  const steps = new Map<number, Promise<Step>>();
  const ask = (at: number, stream: AsyncGenerator<Value, void, undefined>) => {
    const step = stream.next().then((result) => ({ at, step: result }));
    // It is looked at when its turn comes, if it comes.
    step.catch(() => undefined);
    steps.set(at, step);
  };
  const fill = () => {
    while (open.size < most) {
      const next = waiting.shift();
      if (next === undefined) return;
      const [at, start] = next;
      const stream = start();
      open.set(at, stream);
      ask(at, stream);
    }
  };
  try {
    for (fill(); open.size > 0; fill()) {
      const { at, step } = await Promise.race(steps.values());
      steps.delete(at);
      const stream = open.get(at);
      if (step.done === true || stream === undefined) {
        open.delete(at);
        continue;
      }
      ask(at, stream);
      yield step.value;
    }
  } finally {
    await Promise.allSettled([...open.values()].map((stream) => stream.return()));
  }
}

/**
 * The results of all inputs in their order, so many calls at once. An error of one, or the signal, ends the others.
 *
 * @param call is given a signal that tells it so
 */
export async function someAtOnce<Input, Output>(
  inputs: readonly Input[],
  most: number,
  signal: AbortSignal,
  call: (input: Input, at: number, ended: AbortSignal) => Promise<Output>,
): Promise<Output[]> {
  const failed = new AbortController();
  const ended = AbortSignal.any([signal, failed.signal]);
  const results = new Array<Output>(inputs.length);
  const waiting = inputs.entries();
  const work = async () => {
    for (const [at, input] of waiting) {
      ended.throwIfAborted();
      results[at] = await call(input, at, ended);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(most, inputs.length) }, work));
  } catch (error) {
    failed.abort(error);
    throw error;
  }
  return results;
}
