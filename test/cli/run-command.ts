// A command in this process, as the command line would run it: words in, what it printed out.
import { type Command, parseCommand } from "../../src/cli/command.ts";
import { COMMANDS } from "../../src/cli/commands/index.ts";

export interface Ran {
  document: unknown;
  words: string;
  notes: string[];
  /** Whether the exit code would be 1. */
  isBad: boolean;
}

/** The longest name that the words begin with, and what follows it. */
async function find(words: readonly string[]): Promise<{ command: Command; rest: readonly string[] }> {
  for (let count = 3; count > 0; count--) {
    const found = COMMANDS[words.slice(0, count).join(" ")];
    if (found !== undefined) return { command: await found.load(), rest: words.slice(count) };
  }
  throw new Error(`There is no command ${words.join(" ")}.`);
}

export async function runCommand(...words: readonly string[]): Promise<Ran> {
  const { command, rest } = await find(words);
  const ran: Ran = { document: undefined, words: "", notes: [], isBad: false };
  const result = (document: unknown, text: string) => {
    // As --json prints it.
    Object.assign(ran, { document: JSON.parse(JSON.stringify(document)), words: text });
  };
  await command.run({
    ...parseCommand(command, rest),
    ui: {
      result,
      badResult: (document, text) => {
        ran.isBad = true;
        result(document, text);
      },
      isBad: false,
      note: (text) => void ran.notes.push(text),
      askSecret: () => Promise.reject(new Error("nobody is there to be asked")),
      close: () => {},
    },
  });
  return ran;
}
