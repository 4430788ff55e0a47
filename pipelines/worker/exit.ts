// The end of the process while threads compute: each is let come out of the runtime first, since one that is ended inside it aborts
// the process.
// Knows no pools.

/** A thread, as the end of the process sees it. */
export interface Leaver {
  /** Whether it may be inside the runtime. */
  isBusy(): boolean;
  /** Asks it to end itself; it hears that between two runs. */
  ask(): void;
  /** Becomes 1 when it has. */
  gone: Int32Array;
}

/** What a run gets to come to its end, all threads together. */
const GRACE_MS = 30_000;

const leavers = new Set<Leaver>();

/** To be waited for until the returned function is called. */
export function letLeave(leaver: Leaver): () => void {
  if (leavers.size === 0) process.on("exit", waitForAll);
  leavers.add(leaver);
  return () => {
    leavers.delete(leaver);
    if (leavers.size === 0) process.off("exit", waitForAll);
  };
}

/** Nothing asynchronous happens any more when a process exits: this blocks. */
function waitForAll(): void {
  const until = performance.now() + GRACE_MS;
  const busy = [...leavers].filter((leaver) => leaver.isBusy());
  for (const leaver of busy) leaver.ask();
  for (const { gone } of busy) Atomics.wait(gone, 0, 0, Math.max(0, until - performance.now()));
}

/** Tells the thread that waits that this one is out of the runtime, however it ends. */
export function sayWhenGone(gone: Int32Array): void {
  process.on("exit", () => {
    Atomics.store(gone, 0, 1);
    Atomics.notify(gone, 0);
  });
}
