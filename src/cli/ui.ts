// What the command line prints: results on stdout, progress and notes on stderr, one JSON document when asked for.
// Touches no network and no files.
import { createInterface } from "node:readline";
import { onProgress, type ProgressEvent } from "../log.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

export interface Ui {
  /** A result: words for people, or the document for --json. */
  result(document: unknown, words: string): void;
  /** A note for people, on stderr. */
  note(text: string): void;
  /** Asks for a line that is not shown. */
  askSecret(question: string): Promise<string>;
  /** Ends the progress line. */
  close(): void;
}

export function makeUi({ json, quiet }: { json: boolean; quiet: boolean }): Ui {
  const progress = quiet || json ? undefined : new ProgressLine();
  return {
    result: (document, words) => {
      progress?.clear();
      process.stdout.write(`${json ? JSON.stringify(document) : words}\n`);
    },
    note: (text) => {
      progress?.clear();
      if (!json && !quiet) process.stderr.write(`${text}\n`);
    },
    askSecret,
    close: () => progress?.close(),
  };
}

/** One line that is redrawn on a terminal; elsewhere a line now and then. */
class ProgressLine {
  readonly #stop: () => void;
  readonly #started = new Map<string, number>();
  #drawn = 0;
  #shown = false;

  constructor() {
    this.#stop = onProgress((event) => this.#draw(event));
  }

  #draw(event: ProgressEvent): void {
    const now = performance.now();
    const begun = this.#started.get(event.task) ?? now;
    this.#started.set(event.task, begun);
    const every = process.stderr.isTTY ? 100 : 5000;
    if (event.done !== true && now - this.#drawn < every) return;
    this.#drawn = now;
    const line = describe(event, (now - begun) / 1000);
    if (process.stderr.isTTY) process.stderr.write(`\r\x1b[2K${line}`);
    else process.stderr.write(`${line}\n`);
    this.#shown = process.stderr.isTTY === true;
    if (event.done === true) this.clear(true);
  }

  clear(keep = false): void {
    if (this.#shown) process.stderr.write(keep ? "\n" : "\r\x1b[2K");
    this.#shown = false;
  }

  close(): void {
    this.#stop();
    this.clear(true);
  }
}

const BAR = 24;

function describe({ task, loaded, total, unit, figures }: ProgressEvent, seconds: number): string {
  const share = total === undefined || total === 0 ? undefined : Math.min(1, loaded / total);
  const bar =
    share === undefined
      ? ""
      : ` ${"█".repeat(Math.round(share * BAR)).padEnd(BAR, "░")} ${`${Math.floor(share * 100)}%`.padStart(4)}`;
  const amount =
    unit === "bytes"
      ? formatBytes(loaded)
      : unit === "steps"
        ? `step ${loaded}${total === undefined ? "" : `/${total}`}`
        : "";
  const perSecond = seconds > 0.5 ? loaded / seconds : 0;
  const rate =
    perSecond === 0 || unit === "items"
      ? ""
      : unit === "bytes"
        ? ` ${formatBytes(perSecond)}/s`
        : ` ${perSecond.toFixed(1)}/s`;
  const left =
    share === undefined || perSecond === 0 || total === undefined || share === 1
      ? ""
      : ` ${duration((total - loaded) / perSecond)} left`;
  const more = Object.entries(figures ?? {}).map(
    ([name, value]) => ` ${name} ${Number.isInteger(value) ? value : value.toFixed(3)}`,
  );
  return `${task}${bar} ${amount}${rate}${left}${more.join("")}`;
}

function duration(seconds: number): string {
  const whole = Math.round(seconds);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

async function askSecret(question: string): Promise<string> {
  if (!process.stdin.isTTY) return readStdin();
  process.stderr.write(question);
  const lines = createInterface({ input: process.stdin, output: process.stderr, terminal: true });
  // What is typed is not echoed.
  Object.assign(lines, { _writeToOutput: () => {} });
  return new Promise((resolve) => {
    lines.question("", (answer) => {
      lines.close();
      process.stderr.write("\n");
      resolve(answer);
    });
  });
}

/** The first line of stdin. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8").split(/\r?\n/)[0] ?? "";
}
