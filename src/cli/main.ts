// The command line: words → command → exit code. Commands are loaded when they are run.
// Does no work of its own.
import { readFileSync } from "node:fs";
import { AbrazoError, nearestName } from "../errors.ts";
import { packageFile } from "../package-root.ts";
import { type Command, helpOf, parseCommand, UsageError } from "./command.ts";
import { COMMANDS } from "./commands/index.ts";
import { makeUi } from "./ui.ts";

const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** Runs a command line and returns its exit code. */
export async function main(argv: readonly string[]): Promise<number> {
  const json = argv.includes("--json");
  try {
    return await dispatch(argv, json);
  } catch (error) {
    report(error, json);
    return error instanceof UsageError ? EXIT.usage : EXIT.failed;
  }
}

async function dispatch(argv: readonly string[], json: boolean): Promise<number> {
  const [first] = argv;
  if (first === "--version" || first === "-v" || first === "version") {
    const { version }: { version: string } = JSON.parse(readFileSync(packageFile("package.json"), "utf8"));
    process.stdout.write(`${version}\n`);
    return EXIT.done;
  }
  if (first === undefined || first === "--help" || first === "-h" || first === "help") {
    process.stdout.write(`${await overview()}\n`);
    return first === undefined ? EXIT.usage : EXIT.done;
  }
  const { name, rest } = findCommand(argv);
  const command = await load(name);
  const { args, flags } = parseCommand(command, rest);
  if (flags.help === true) {
    process.stdout.write(`${helpOf(command)}\n`);
    return EXIT.done;
  }
  const ui = makeUi({ json, quiet: flags.quiet === true });
  try {
    await command.run({ args, flags, ui });
  } finally {
    ui.close();
  }
  return EXIT.done;
}

async function load(name: string): Promise<Command> {
  const found = COMMANDS[name];
  if (found === undefined) throw new UsageError({ code: "UNKNOWN_COMMAND", message: `There is no command "${name}".` });
  return found.load();
}

/** The longest known command at the front: "repo create" before "repo". */
function findCommand(argv: readonly string[]): { name: string; rest: readonly string[] } {
  for (let words = 3; words > 0; words--) {
    const name = argv.slice(0, words).join(" ");
    if (name in COMMANDS) return { name, rest: argv.slice(words) };
  }
  const [first = "", second = ""] = argv;
  const names = Object.keys(COMMANDS);
  const group = names.filter((name) => name.startsWith(`${first} `));
  throw new UsageError({
    code: "UNKNOWN_COMMAND",
    message:
      group.length > 0 ? `abrazo ${first} needs one of: ${group.join(", ")}.` : `There is no command "${first}".`,
    hint:
      group.length > 0 ? `Try: abrazo ${group[0]} --help` : `${nearCommand(first, second, names)} See abrazo --help.`,
  });
}

function nearCommand(first: string, second: string, names: readonly string[]): string {
  const near = nearestName(`${first} ${second}`, names) ?? nearestName(first, names);
  return near === undefined ? `Commands: ${names.join(", ")}.` : `Did you mean "${near}"?`;
}

async function overview(): Promise<string> {
  const names = Object.keys(COMMANDS);
  const width = Math.max(...names.map((name) => name.length));
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => `  ${name.padEnd(width)}  ${summary}`);
  return `Abrazo: a model hub, pipelines and fine-tuning.\n\nUsage: abrazo COMMAND [arguments] [flags]\n\n${rows.join("\n")}\n\nabrazo COMMAND --help shows arguments, flags and examples.`;
}

function report(error: unknown, json: boolean): void {
  const known = error instanceof AbrazoError;
  if (json) {
    const document = known
      ? error.toJSON()
      : { code: "INTERNAL", message: error instanceof Error ? error.message : String(error) };
    process.stdout.write(`${JSON.stringify({ error: document })}\n`);
    return;
  }
  if (known) {
    process.stderr.write(`${error.code}: ${error.message}\n${error.hint === undefined ? "" : `${error.hint}\n`}`);
    return;
  }
  process.stderr.write(`internal: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
}

process.exitCode = await main(process.argv.slice(2));
