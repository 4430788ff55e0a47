// Errors as the command line tells them: what happened and what to do, and no trace of the program's insides.
// Decides no exit code.
import { AbrazoError } from "../errors.ts";
import { printable } from "./ui.ts";

interface Told {
  code: string;
  message: string;
  hint?: string | undefined;
  data?: Record<string, unknown>;
}

/** Prints an error: one document on stdout with --json, else lines on stderr. */
export function report(error: unknown, json: boolean): void {
  const told = tell(error);
  if (json) {
    process.stdout.write(`${JSON.stringify({ error: told })}\n`);
    return;
  }
  const hint = told.hint === undefined ? "" : `${told.hint}\n`;
  process.stderr.write(printable(`${told.code}: ${told.message}\n${hint}`));
  if (process.env["ABRAZO_DEBUG"] === "1" && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

function tell(error: unknown): Told {
  const system = systemError(error);
  if (error instanceof AbrazoError && error.code !== system?.code) return error.toJSON();
  if (system !== undefined) return tellSystem(system);
  return {
    code: "INTERNAL",
    message: `internal: ${error instanceof Error ? `${error.name}: ${error.message}` : String(error)}`,
    hint: "This is a bug in Abrazo. Please report it with what you ran; ABRAZO_DEBUG=1 shows where it happened.",
  };
}

type SystemError = Error & Record<"syscall" | "code", unknown>;

/** What the operating system refused, also where another error was made of it. */
function systemError(error: unknown): SystemError | undefined {
  if (!(error instanceof Error)) return undefined;
  return "syscall" in error && "code" in error ? error : systemError(error.cause);
}

/** What to do, where it is not the path that is wrong. */
const HINTS: Readonly<Record<string, string>> = {
  ENOSPC: "Make room, or choose another place.",
  EROFS: "Choose another place.",
  EMFILE: "Raise the limit (ulimit -n), or close other programs.",
  ENOTFOUND: "Check the address and the network.",
  EADDRNOTAVAIL: "Check the address.",
};

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: "There is no such file or folder",
  EACCES: "Not allowed",
  EPERM: "Not allowed",
  EROFS: "The disk is read-only",
  ENOSPC: "The disk is full",
  EISDIR: "That is a folder, not a file",
  ENOTDIR: "That is a file, not a folder",
  EEXIST: "There is something of that name already",
  ENOTEMPTY: "The folder is not empty",
  EMFILE: "Too many files are open",
  ENAMETOOLONG: "The name is too long",
  ENOTFOUND: "There is no such host",
  EADDRNOTAVAIL: "This machine does not have that address",
};

/** The operating system refused: with the place that it names, under its own code. */
function tellSystem(error: SystemError): Told {
  const code = String(error.code);
  // Of a copy it is the place that it goes to.
  const [dest, path, host] = ["dest", "path", "hostname"].map(
    (key) => Object.entries(error).find(([name]) => name === key)?.[1],
  );
  const place = dest ?? path ?? host;
  const words = WORDS[code];
  return {
    code,
    message: words === undefined ? error.message : `${words}${typeof place === "string" ? `: ${place}` : ""}.`,
    hint: HINTS[code] ?? "Check the path and what you may do there.",
    data: { syscall: error.syscall, ...(typeof place === "string" && { place }) },
  };
}
