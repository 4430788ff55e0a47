// Requests on their way: counted, timed, and ended when their caller goes or the server stops.
// Knows no shapes of requests or answers.
import type { Context } from "hono";
import { busy, RequestError, timedOut } from "./errors.ts";
import type { ServedModel } from "./models.ts";

/** One request on its way. */
export interface Ticket {
  /** Aborted with a RequestError as its reason. */
  readonly signal: AbortSignal;
  /** As when the caller goes away. */
  abort(): void;
  /** The request has ended; once is enough. */
  done(): void;
}

const gone = (): RequestError => new RequestError(499, { code: "CLIENT_GONE", message: "The caller went away." });

/** All requests of a server. */
export class Tickets {
  readonly #open = new Set<AbortController>();
  #stopping = false;
  #idle: (() => void) | undefined;

  get isStopping(): boolean {
    return this.#stopping;
  }

  /** @throws OVERLOADED while the server stops, or where too many wait for the model */
  open(c: Context, model: ServedModel): Ticket {
    if (this.#stopping) throw busy("The server is stopping.");
    const leave = model.admit();
    const controller = new AbortController();
    this.#open.add(controller);
    const abort = () => controller.abort(gone());
    const caller = c.req.raw.signal;
    caller.addEventListener("abort", abort, { once: true });
    if (caller.aborted) abort();
    const { timeout } = model.limits;
    const timer = setTimeout(() => controller.abort(timedOut(timeout)), timeout * 1000);
    const done = () => {
      clearTimeout(timer);
      caller.removeEventListener("abort", abort);
      leave();
      this.#open.delete(controller);
      if (this.#open.size === 0) this.#idle?.();
    };
    return { signal: controller.signal, abort, done };
  }

  /** Takes no more requests and waits for those on their way; what still runs after so many milliseconds is ended. */
  async stop(grace: number): Promise<void> {
    this.#stopping = true;
    if (this.#open.size === 0) return;
    const ended = new Promise<void>((resolve) => {
      this.#idle = resolve;
    });
    const timer = setTimeout(() => {
      for (const controller of this.#open) controller.abort(busy("The server is stopping."));
    }, grace);
    await ended;
    clearTimeout(timer);
  }
}
