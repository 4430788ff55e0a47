// The command line: words → command → exit code. Commands are loaded when they are run.
// Does no work of its own.
import { nearestName } from "../errors.ts";
import { version } from "../package-root.ts";
import { type Command, helpOf, parseCommand, UsageError } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";
import { report } from "./report.ts";
import { makeUi, printResult } from "./ui.ts";

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs a command line and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const end = argv.indexOf("--");
  const json = (end < 0 ? argv : argv.slice(0, end)).includes("--json");
  try {
    return await dispatch(argv, json);
  } catch (error) {
    report(error, json);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

/** Flags that may stand before the command as well. */
const LEADING = new Set(["--json", "--quiet", "-q"]);

async function dispatch(argv: readonly string[], json: boolean): Promise<number> {
  const start = argv.findIndex((word) => !LEADING.has(word));
  const [leading, words] = start < 0 ? [argv, []] : [argv.slice(0, start), argv.slice(start)];
  const [first] = words;
  if (first === "--version" || first === "-v" || first === "version") return showVersion(json);
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    const of = first === "help" ? words.slice(1).filter((word) => !LEADING.has(word)) : [];
    await showHelp(of, json);
    return first === undefined ? EXIT.usage : EXIT.done;
  }
  if (groupOf(words[0] ?? "").length > 0 && !isCommand(first) && /^(--help|-h)$/.test(words[1] ?? "")) {
    await showHelp([first], json);
    return EXIT.done;
  }
  const { name, rest } = findCommand(words);
  return runCommand(await load(name), [...leading, ...rest], json);
}

async function runCommand(command: Command, words: readonly string[], json: boolean): Promise<number> {
  const { args, flags } = parseCommand(command, words);
  if (flags.help === true) {
    printResult(json, { help: helpOf(command) }, helpOf(command));
    return EXIT.done;
  }
  const ui = makeUi({ json, quiet: flags.quiet === true });
  try {
    await command.run({ args, flags, ui });
  } finally {
    ui.close();
  }
  return ui.isBad ? EXIT.failed : EXIT.done;
}

function showVersion(json: boolean): number {
  printResult(json, { version }, version);
  return EXIT.done;
}

/** Help of a command, of a group of commands, or of all. */
async function showHelp(words: readonly string[], json: boolean): Promise<void> {
  const name = words.join(" ");
  const group = name === "" ? Object.keys(COMMANDS) : groupOf(name);
  if (isCommand(name)) {
    const text = helpOf(await load(name));
    printResult(json, { help: text }, text);
  } else if (group.length > 0) printResult(json, { help: overview(group) }, overview(group));
  else findCommand(words);
}

const isCommand = (name: string): boolean => Object.hasOwn(COMMANDS, name);

/** Commands that begin with a word: "repo" → "repo create", "repo delete". */
const groupOf = (word: string): string[] => Object.keys(COMMANDS).filter((name) => name.startsWith(`${word} `));

async function load(name: string): Promise<Command> {
  const found = isCommand(name) ? COMMANDS[name] : undefined;
  if (found === undefined) throw unknown(name, undefined);
  return found.load();
}

/** The longest known command at the front: "repo create" before "repo". */
function findCommand(argv: readonly string[]): { name: string; rest: readonly string[] } {
  const [first = "", second = ""] = argv;
  for (let words = 3; words > 0; words--) {
    const name = argv.slice(0, words).join(" ");
    if (!isCommand(name)) continue;
    const rest = argv.slice(words);
    // "train sentimnt": what follows a command that has commands below it is one of them, or a flag.
    const below = groupOf(name);
    if (below.length > 0 && rest[0] !== undefined && !rest[0].startsWith("-"))
      throw unknown(`${name} ${rest[0]}`, nearestName(`${name} ${rest[0]}`, below), below);
    return { name, rest };
  }
  const names = Object.keys(COMMANDS);
  const group = groupOf(first);
  if (group.length > 0) {
    throw new UsageError({
      code: "UNKNOWN_COMMAND",
      message: `abrazo ${first} needs one of: ${group.join(", ")}.`,
      hint: `See abrazo ${nearestName(`${first} ${second}`, group) ?? group[0]} --help.`,
    });
  }
  throw unknown(first, nearestName(`${first} ${second}`, names) ?? nearestName(first, names), names);
}

/** "repo list" and "repo create" are "repo" in lists of what there is. */
const firstWords = (names: readonly string[]): string[] => [...new Set(names.map((name) => name.split(" ")[0] ?? ""))];

function unknown(name: string, near: string | undefined, names: readonly string[] = []): UsageError {
  return new UsageError({
    code: "UNKNOWN_COMMAND",
    message: `There is no command "${name}".`,
    hint: `${near === undefined ? `Commands: ${firstWords(names).join(", ")}.` : `Did you mean "${near}"?`} See abrazo --help.`,
  });
}

function overview(names: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length));
  const rows = names.map((name) => `  ${name.padEnd(width)}  ${COMMANDS[name]?.summary}`);
  return `Abrazo: a model hub, pipelines and fine-tuning.\n\nUsage: abrazo COMMAND [arguments] [flags]\n\n${rows.join("\n")}\n\nabrazo COMMAND --help shows arguments, flags and examples.`;
}

// A reader that has read enough, like `head`, is no failure, and what the command does besides goes on.
for (const stream of [process.stdout, process.stderr]) {
  stream.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
  });
}
process.on("uncaughtException", (error) => {
  report(error, process.argv.includes("--json"));
  process.exit(EXIT.failed);
});

process.exitCode = await main(process.argv.slice(2));
