// Server-sent events: one JSON value an event, [DONE] at the end.
// Knows no shapes of values.

/**
 * A response that sends what the iterator gives. The first value is waited for, so that what is wrong with the request is still
 * an answer of its own; what goes wrong later is the last event.
 *
 * @param ended called once, when all was sent, something went wrong or the caller left
 */
export async function eventStream(
  values: AsyncGenerator<unknown, void, undefined>,
  { failed, left, ended }: { failed(error: unknown): unknown; left(): void; ended(): void },
): Promise<Response> {
  let next: IteratorResult<unknown, void> | undefined;
  try {
    next = await values.next();
  } catch (error) {
    ended();
    throw error;
  }
  const encoder = new TextEncoder();
  let isOpen = true;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const send = (data: string) => isOpen && controller.enqueue(encoder.encode(`data: ${data}\n\n`));
      try {
        const { done, value } = next ?? (await values.next());
        next = undefined;
        if (done !== true) {
          send(JSON.stringify(value));
          return;
        }
        send("[DONE]");
      } catch (error) {
        send(JSON.stringify(failed(error)));
      }
      if (isOpen) controller.close();
      ended();
    },
    async cancel() {
      isOpen = false;
      left();
      await values.return().catch(() => {}); // the caller is gone: nobody is left to be told
      ended();
    },
  });
  return new Response(body, { headers: { "Content-Type": "text/event-stream", "Cache-Control": "no-cache" } });
}
