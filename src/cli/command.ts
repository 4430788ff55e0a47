// A command is data: name, words, arguments, flags, and what it runs. Help and errors derive from it.
// Parses with node:util; prints nothing.
import { parseArgs } from "node:util";
import { AbrazoError, nearestName } from "../errors.ts";
import type { Ui } from "./ui.ts";

export interface Flag {
  type: "string" | "boolean" | "number";
  /** Of a number: no fraction, and its bounds, which belong to it. */
  whole?: boolean;
  least?: number;
  most?: number;
  /** Of a number: a bound that does not belong to it. */
  above?: number;
  /** Of a string: may be given more than once; its value is a list. */
  many?: true;
  /** What stands for the value in help. */
  value?: string;
  short?: string;
  summary: string;
}

export type Flags = Readonly<Record<string, Flag>>;

type Parsed<Of extends Flags> = {
  [Name in keyof Of]?: Of[Name]["type"] extends "boolean"
    ? boolean
    : Of[Name]["type"] extends "number"
      ? number
      : Of[Name]["many"] extends true
        ? readonly string[]
        : string;
};

export interface Argument {
  name: string;
  summary: string;
  optional?: boolean;
  /** Takes all that follow. */
  rest?: boolean;
}

export interface RunContext<Of extends Flags> {
  args: readonly string[];
  flags: Parsed<Of & typeof COMMON>;
  ui: Ui;
}

export interface Command<Of extends Flags = Flags> {
  /** As typed, e.g. "repo create". */
  name: string;
  summary: string;
  args?: readonly Argument[];
  flags?: Of;
  examples: readonly string[];
  run(context: RunContext<Of>): Promise<void>;
}

/** Flags that every command has. */
export const COMMON = {
  json: { type: "boolean", summary: "Print one JSON document on stdout and nothing else there" },
  quiet: { type: "boolean", short: "q", summary: "No progress and no notes" },
  help: { type: "boolean", short: "h", summary: "This text" },
} as const satisfies Flags;

/** Flags of every command that talks to a hub. */
export const HUB_FLAGS = {
  endpoint: { type: "string", value: "URL", summary: "The hub; else ABRAZO_ENDPOINT or HF_ENDPOINT" },
  token: { type: "string", value: "hf_…", summary: "Access token; else the one of abrazo login" },
} as const satisfies Flags;

export function defineCommand<Of extends Flags>(command: Command<Of>): Command {
  return command as unknown as Command; // safe because only parseCommand makes the flags that run() reads, from these declarations
}

/** A mistake in how a command was typed: exit code 2. */
export class UsageError extends AbrazoError {}

export function parseCommand(command: Command, argv: readonly string[]): Omit<RunContext<Flags>, "ui"> {
  const declared: Flags = { ...COMMON, ...command.flags };
  checkNames(command, declared, argv);
  const options = Object.fromEntries(
    Object.entries(declared).map(([name, { type, short, many = false }]) => [
      name,
      {
        ...{ type: type === "boolean" ? ("boolean" as const) : ("string" as const), multiple: many },
        ...(short !== undefined && { short }),
      },
    ]),
  );
  const { values, positionals } = parse(command, argv, options);
  const flags = Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, convert(command, name, declared[name], value)]),
  );
  const wanted = command.args ?? [];
  const least = wanted.filter(({ optional }) => optional !== true).length;
  if (flags["help"] !== true && positionals.length < least) {
    const missing = wanted[positionals.length];
    throw usage(command, `${missing?.name} is missing.`);
  }
  if (positionals.length > wanted.length && wanted.at(-1)?.rest !== true) {
    throw usage(command, `"${positionals[wanted.length]}" is one argument too many.`);
  }
  return { args: positionals, flags: flags as Parsed<Flags & typeof COMMON> }; // safe because convert gave each flag its declared type
}

function parse(command: Command, argv: readonly string[], options: Record<string, { type: "string" | "boolean" }>) {
  try {
    return parseArgs({ args: [...argv], options, allowPositionals: true, strict: true });
  } catch (error) {
    throw usage(command, parseProblem(error));
  }
}

/** What parseArgs says, in the words of the other mistakes, and without its advice: that would have to fit every program. */
function parseProblem(error: unknown): string {
  const text = (error instanceof Error ? error.message : String(error)).replaceAll("\n", " ");
  const [, flag, what = ""] = /^(?:Unknown option|Option) '([^',\s]+)[^']*'(.*)/.exec(text) ?? [];
  if (flag === undefined) return text;
  if (text.startsWith("Unknown")) return `There is no flag ${flag}.`;
  if (what.includes("does not take")) return `${flag} takes no value.`;
  const dashed = /'(--[\w-]+)=-XYZ'/.exec(what)?.[1];
  return `${flag} needs a value${dashed === undefined ? "" : `; one that begins with "-" is given as ${dashed}=VALUE`}.`;
}

/** Unknown flags offer the nearest; parseArgs alone would not. */
function checkNames(command: Command, declared: Flags, argv: readonly string[]): void {
  const end = argv.indexOf("--");
  for (const word of end < 0 ? argv : argv.slice(0, end)) {
    const name = /^--([^=]+)/.exec(word)?.[1];
    if (name === undefined || Object.hasOwn(declared, name)) continue;
    const near = nearestName(name, Object.keys(declared));
    throw usage(command, `There is no flag --${name}.${near === undefined ? "" : ` Did you mean --${near}?`}`);
  }
}

function convert(command: Command, name: string, flag: Flag | undefined, value: unknown): unknown {
  if (flag?.type !== "number") return value;
  const number = Number(value);
  const isNumber = Number.isFinite(number) && String(value).trim() !== "";
  if (isNumber && problem(number, flag) === undefined) return number;
  const wanted = (isNumber ? problem(number, flag) : undefined) ?? `a ${flag.whole === true ? "whole " : ""}number`;
  throw usage(command, `--${name} takes ${wanted}, not "${String(value)}".`);
}

function problem(number: number, { whole = false, least, most, above }: Flag): string | undefined {
  if (whole && !Number.isSafeInteger(number)) return "a whole number";
  if (least !== undefined && number < least)
    return most === undefined ? `${least} or more` : `a number from ${least} to ${most}`;
  if (above !== undefined && number <= above) return `more than ${above}`;
  if (most !== undefined && number > most) return `a number from ${least ?? above ?? 0} to ${most}`;
  return undefined;
}

function usage(command: Command, message: string): UsageError {
  return new UsageError({ code: "USAGE", message, hint: `See abrazo ${command.name} --help.` });
}

/** The help of one command. */
export function helpOf(command: Command): string {
  const args = (command.args ?? []).map(({ name, optional, rest }) => {
    const shown = rest === true ? `${name}…` : name;
    return optional === true ? `[${shown}]` : shown;
  });
  const declared: Flags = { ...command.flags, ...COMMON };
  const flags = Object.entries(declared);
  const rows = (pairs: readonly (readonly [string, string])[]) => {
    const width = Math.max(...pairs.map(([left]) => left.length));
    return pairs.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join("\n");
  };
  const flagRows = flags.map(([name, { short, type, value, summary }]): [string, string] => [
    `${short === undefined ? "    " : `-${short}, `}--${name}${type === "boolean" ? "" : ` ${value ?? (type === "number" ? "N" : "TEXT")}`}`,
    summary,
  ]);
  const argRows = (command.args ?? []).map(({ name, summary }): [string, string] => [name, summary]);
  return [
    `${command.summary}\n`,
    `Usage: abrazo ${[command.name, ...args].join(" ")} [flags]\n`,
    ...(argRows.length > 0 ? [`Arguments:\n${rows(argRows)}\n`] : []),
    `Flags:\n${rows(flagRows)}\n`,
    `Examples:\n${command.examples.map((example) => `  ${example}`).join("\n")}`,
  ].join("\n");
}
