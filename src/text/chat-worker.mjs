// The process that renders chat templates. A template is a program that came with a model: here it can be stopped, and has a
// heap of its own. Plain JavaScript, so that it starts from the sources and from the package alike.
// Knows no tokenizer; chat-renderer.ts alone starts it.
import { Worker } from "node:worker_threads";
import { Environment, Interpreter, parse, tokenize } from "@huggingface/jinja";

const [LONGEST_TEXT, PARENT] = process.argv.slice(2).map(Number);

// As many as Python's sandbox allows.
const LONGEST_RANGE = 100_000;

const DAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  ...["January", "February", "March", "April", "May", "June"],
  ...["July", "August", "September", "October", "November", "December"],
];

const padded = (value, size = 2) => String(value).padStart(size, "0");
const hour12 = (date) => date.getHours() % 12 || 12;
const dayOfYear = (date) =>
  Math.round(
    (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(date.getFullYear(), 0, 0)) / 864e5,
  );

/** Python's strftime in the locale C. */
const FORMATS = {
  A: (date) => DAYS[date.getDay()],
  B: (date) => MONTHS[date.getMonth()],
  H: (date) => padded(date.getHours()),
  I: (date) => padded(hour12(date)),
  M: (date) => padded(date.getMinutes()),
  S: (date) => padded(date.getSeconds()),
  Y: (date) => String(date.getFullYear()),
  a: (date) => DAYS[date.getDay()].slice(0, 3),
  b: (date) => MONTHS[date.getMonth()].slice(0, 3),
  d: (date) => padded(date.getDate()),
  e: (date) => String(date.getDate()).padStart(2),
  j: (date) => padded(dayOfYear(date), 3),
  m: (date) => padded(date.getMonth() + 1),
  p: (date) => (date.getHours() < 12 ? "AM" : "PM"),
  y: (date) => padded(date.getFullYear() % 100),
  "%": () => "%",
};

const date = (now, format) =>
  format
    .replaceAll("%D", "%m/%d/%y")
    .replaceAll("%F", "%Y-%m-%d")
    .replaceAll("%T", "%H:%M:%S")
    .replaceAll("%R", "%H:%M")
    .replace(/%(-?)([A-Za-z%])/g, (whole, bare, name) => {
      const text = FORMATS[name]?.(now);
      return text === undefined ? whole : bare === "-" ? text.replace(/^[0 ]+(?=.)/, "") : text;
    });

/** Python's range, of a bounded length. */
function range(...bounds) {
  const [start, stop, step = 1] = bounds.length === 1 ? [0, bounds[0]] : bounds;
  if (step === 0) throw new Error("range() arg 3 must not be zero");
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (length > LONGEST_RANGE) {
    throw new Error(`Range too big. The sandbox blocks ranges larger than MAX_RANGE (${LONGEST_RANGE}).`);
  }
  return Array.from({ length }, (_, index) => start + index * step);
}

class Raised extends Error {}

const templates = new Map();

/** A template as a tree, with the white space around blocks that Python's setting leaves. */
function templateOf(text) {
  const known = templates.get(text);
  if (known !== undefined) return known;
  // Few templates are in use at a time.
  if (templates.size >= 16) templates.clear();
  const template = parse(tokenize(text, { lstrip_blocks: true, trim_blocks: true }));
  templates.set(text, template);
  return template;
}

const GLOBALS = {
  ...{ true: true, True: true, false: false, False: false, none: null, None: null },
  range,
  strftime_now: (format) => date(new Date(), format),
  raise_exception: (message) => {
    throw new Raised(message);
  },
};

function render({ template, variables }) {
  try {
    const environment = new Environment();
    for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) environment.set(name, value);
    const text = new Interpreter(environment).run(templateOf(template)).value;
    return text.length > LONGEST_TEXT ? { kind: "tooLong", length: text.length } : { kind: "text", text };
  } catch (error) {
    const kind = error instanceof Raised ? "raised" : "failed";
    return { kind, message: error instanceof Error ? error.message : String(error) };
  }
}

/** Ends the process once its parent is gone. A template may loop for ever, and no event is heard meanwhile: a thread looks. */
function watch() {
  const { workerData: parent } = require("node:worker_threads");
  const isThere = () => {
    try {
      return process.kill(parent, 0);
    } catch (error) {
      return error.code === "EPERM";
    }
  };
  // A process without a parent is given another.
  setInterval(() => {
    if (process.ppid !== parent || !isThere()) process.kill(process.pid, "SIGKILL");
  }, 500);
}

new Worker(`(${watch})()`, { eval: true, workerData: PARENT }).unref();
process.on("message", (request) => process.send(render(request)));
// Nobody is left to render for.
process.on("disconnect", () => process.exit());
process.send({ kind: "ready" });
