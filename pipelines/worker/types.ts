// What a call in a worker takes besides: a signal among its options, whatever the task.
// Types only.

/** Options that every call of a pipeline in workers takes besides those of its task. */
export interface CancelOptions {
  /** Ends the call with its reason: one that waits is dropped, what runs is stopped after its batch or token, and not waited for. */
  signal?: AbortSignal | undefined;
}

/** A pipeline's function with a signal among the options of each of its forms. */
export type InWorkers<Call> = Forms<Call> & Pick<Call, keyof Call>;

/** Up to eight forms of a function; the first one again where there are fewer. */
type Forms<Call> = Call extends {
  (...args: infer A1): infer R1;
  (...args: infer A2): infer R2;
  (...args: infer A3): infer R3;
  (...args: infer A4): infer R4;
  (...args: infer A5): infer R5;
  (...args: infer A6): infer R6;
  (...args: infer A7): infer R7;
  (...args: infer A8): infer R8;
}
  ? {
      (...args: WithSignal<A1>): R1;
      (...args: WithSignal<A2>): R2;
      (...args: WithSignal<A3>): R3;
      (...args: WithSignal<A4>): R4;
      (...args: WithSignal<A5>): R5;
      (...args: WithSignal<A6>): R6;
      (...args: WithSignal<A7>): R7;
      (...args: WithSignal<A8>): R8;
    }
  : Call;

/** Options come last, and may be left out or not. */
type WithSignal<Args extends readonly unknown[]> = Args extends readonly [...infer Others, infer Options extends object]
  ? [...Others, Options & CancelOptions]
  : Args extends readonly [...infer Others, (infer Options)?]
    ? Options extends object | undefined
      ? [...Others, (Options & CancelOptions)?]
      : Args
    : Args;
