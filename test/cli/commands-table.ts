// The table of commands as Markdown, made of their declarations. Keeps no list of commands.
import type { Argument, Command } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";

const shown = ({ name, optional, rest }: Argument): string => {
  const text = rest === true ? `${name}…` : name;
  return optional === true ? `[${text}]` : text;
};

const cell = (text: string): string => text.replaceAll("|", "\\|");

function row({ name, args = [], flags = {}, summary, examples }: Command): string {
  const own = Object.keys(flags).filter((flag) => flag !== "endpoint" && flag !== "token");
  const words = [name, ...args.map(shown)].join(" ");
  const flagList = own.map((flag) => `\`--${flag}\``).join(" ");
  return `| \`${cell(words)}\` | ${cell(summary)} | ${flagList} | \`${cell(examples[0] ?? "")}\` |`;
}

export async function commandsTable(): Promise<string> {
  const commands = await Promise.all(Object.values(COMMANDS).map(({ load }) => load()));
  return ["| abrazo | | flags | for example |", "| --- | --- | --- | --- |", ...commands.map(row)].join("\n");
}
