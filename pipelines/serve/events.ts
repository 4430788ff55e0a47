// Server-sent events: one JSON value an event.
// Knows no shapes of values.

export interface EventStreamOptions {
  /** The event after the last value; none when absent. */
  closing?: string;
  /** Ends the stream, also while nobody reads it. */
  signal: AbortSignal;
  /** What is sent last when something goes wrong. */
  failed(error: unknown): unknown;
  /** The caller went away. */
  left(): void;
  /** Called once: all was sent, something went wrong, or the caller went away. */
  ended(): void;
}

/**
 * A response that sends what the iterator gives. The first value is waited for, so that what is wrong with the request is still
 * an answer of its own; what goes wrong later is the last event.
 */
export async function eventStream(
  values: AsyncGenerator<unknown, void, undefined>,
  { closing, signal, failed, left, ended }: EventStreamOptions,
): Promise<Response> {
  let next: IteratorResult<unknown, void> | undefined;
  try {
    next = await values.next();
  } catch (error) {
    ended();
    throw error;
  }
  const encoder = new TextEncoder();
  const event = (data: string) => encoder.encode(`data: ${data}\n\n`);
  let isOpen = true;
  const leave = () => {
    isOpen = false;
    ended();
    // It may wait for a reader who never comes; what it holds is given back. Nobody is left to be told of an error.
    values.return().catch(() => {});
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const stop = () => {
        if (!isOpen) return;
        controller.enqueue(event(JSON.stringify(failed(signal.reason))));
        controller.close();
        leave();
      };
      signal.addEventListener("abort", stop, { once: true });
      if (signal.aborted) stop();
    },
    async pull(controller) {
      let last: string | undefined;
      try {
        const { done, value } = next ?? (await values.next());
        next = undefined;
        if (done !== true) {
          if (isOpen) controller.enqueue(event(JSON.stringify(value)));
          return;
        }
        last = closing;
      } catch (error) {
        last = JSON.stringify(isOpen ? failed(error) : null);
      }
      if (!isOpen) return;
      if (last !== undefined) controller.enqueue(event(last));
      controller.close();
      leave();
    },
    cancel() {
      if (!isOpen) return;
      leave();
      left();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" } });
}
