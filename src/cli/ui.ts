// What the command line prints: results on stdout, progress and notes on stderr, one JSON document when asked for.
// Touches no network and no files.
import { AbrazoError } from "../errors.ts";
import { onProgress, type ProgressEvent, setLogListener } from "../log.ts";

const UNITS = ["B", "kB", "MB", "GB", "TB"] as const;

export function formatBytes(bytes: number): string {
  let [value, unit] = [bytes, 0];
  while (value >= 1000 && unit < UNITS.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Text for a terminal: what a hub or a file named cannot move the cursor, recolour or hide anything. */
export function printable(text: string): string {
  return text.replace(/(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

export interface Ui {
  /** A result: words for people, or the document for --json. */
  result(document: unknown, words: string): void;
  /** A result that is bad news: it is printed as any, and the exit code is 1. */
  badResult(document: unknown, words: string): void;
  /** Whether a result was bad news. */
  readonly isBad: boolean;
  /** A note for people, on stderr; none with --quiet. */
  note(text: string): void;
  /** Asks for a line that is not shown. */
  askSecret(question: string): Promise<string>;
  /** Ends the progress line. */
  close(): void;
}

/** Words for people, or one document, on stdout. */
export function printResult(json: boolean, document: unknown, words: string): void {
  process.stdout.write(`${json ? JSON.stringify(document) : printable(words)}\n`);
}

export function makeUi({ json, quiet }: { json: boolean; quiet: boolean }): Ui {
  const progress = quiet ? undefined : new ProgressLine();
  const restore = setLogListener(({ level, message }) => {
    progress?.clear();
    process.stderr.write(`${level}: ${printable(message)}\n`);
  });
  let isBad = false;
  const result = (document: unknown, words: string) => {
    progress?.clear();
    printResult(json, document, words);
  };
  return {
    result,
    badResult: (document, words) => {
      isBad = true;
      result(document, words);
    },
    get isBad() {
      return isBad;
    },
    note: (text) => {
      progress?.clear();
      if (!quiet) process.stderr.write(`${printable(text)}\n`);
    },
    askSecret,
    close: () => {
      restore();
      progress?.close();
    },
  };
}

/** Whether a line on stderr can be drawn again. */
const isTerminal = (): boolean => process.stderr.isTTY === true && process.env["TERM"] !== "dumb";

/** One line that is redrawn on a terminal; elsewhere a line now and then. */
class ProgressLine {
  readonly #stop: () => void;
  readonly #started = new Map<string, number>();
  #drawn = performance.now();
  #shown = false;

  constructor() {
    this.#stop = onProgress((event) => this.#draw(event));
  }

  #draw(event: ProgressEvent): void {
    const now = performance.now();
    const begun = this.#started.get(event.task) ?? now;
    this.#started.set(event.task, begun);
    const every = isTerminal() ? 100 : 5000;
    if (event.done !== true && now - this.#drawn < every) return;
    this.#drawn = now;
    const line = printable(describeProgress(event, (now - begun) / 1000));
    // A line that wraps could not be taken back.
    if (isTerminal()) process.stderr.write(`\r\x1b[2K${[...line].slice(0, process.stderr.columns - 1).join("")}`);
    else process.stderr.write(`${line}\n`);
    this.#shown = isTerminal();
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

export function describeProgress({ task, loaded, total, unit, figures }: ProgressEvent, seconds: number): string {
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
  const perSecond = seconds > 0.05 ? loaded / seconds : 0;
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
  const { stdin, stderr } = process;
  if (!stdin.isTTY) return readStdin();
  // Before the question: from then on nothing that is typed is shown.
  stdin.setRawMode(true);
  stderr.write(question);
  try {
    return await readHidden(stdin);
  } finally {
    stdin.pause();
    stdin.setRawMode(false);
    stderr.write("\n");
  }
}

/** A line of a terminal in raw mode, where keys that edit or end it are characters like any other. */
function readHidden(stdin: NodeJS.ReadStream): Promise<string> {
  const typed: string[] = [];
  return new Promise((resolve, reject) => {
    const end = (settle: () => void) => {
      stdin.off("data", read);
      settle();
    };
    const read = (chunk: string) => {
      for (const key of chunk) {
        if (key === "\r" || key === "\n") return end(() => resolve(typed.join("")));
        if (key === "\x03" || (key === "\x04" && typed.length === 0)) return end(() => reject(nothingTyped()));
        if (key === "\x7f" || key === "\b") typed.pop();
        else if (key === "\x15") typed.length = 0;
        else if (key >= " ") typed.push(key);
      }
    };
    stdin.setEncoding("utf8").on("data", read).resume();
  });
}

const nothingTyped = (): AbrazoError =>
  new AbrazoError({ code: "NOTHING_TYPED", message: "Nothing was typed.", hint: "Run the command again." });

/** The first line of stdin. */
export async function readStdin(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString("utf8").split(/\r?\n/)[0] ?? "";
}
