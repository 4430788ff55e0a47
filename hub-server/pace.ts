// How long a client may keep the hub waiting: a while, and beyond it the time that its bytes take at the least speed. So a slow
// line may take hours, and one that says nothing, or a byte now and then, may not. Knows no requests.

/** Bytes a millisecond that make waiting good. */
const LEAST_SPEED = 1024 / 1000;

export class Pace {
  readonly #silence: number;
  #owed = 0;

  /** @param silence milliseconds that a client may owe */
  constructor(silence: number) {
    this.#silence = silence;
  }

  /** Milliseconds for which the client may say nothing from now on. */
  get left(): number {
    return Math.max(0, this.#silence - this.#owed);
  }

  /**
   * Counts milliseconds of waiting, and the bytes that moved in them; gives whether that is still in time.
   *
   * @param pending bytes that are on their way: how much of them has moved cannot be seen
   */
  count(waited: number, moved: number, pending = 0): boolean {
    this.#owed = Math.max(0, this.#owed + waited - moved / LEAST_SPEED);
    return this.#owed <= this.#silence + pending / LEAST_SPEED;
  }
}
