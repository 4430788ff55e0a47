// Where tokens of logins are kept: one file, by endpoint, readable by its owner alone.
// Asks nobody for anything.
import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { AbrazoError } from "../errors.ts";

const schema = z.record(z.string(), z.object({ token: z.string(), user: z.string().optional() }));
type Credentials = z.infer<typeof schema>;

const fileIn = (folder: string): string => join(folder, "credentials.json");

/** A damaged file is an error: a login that took it for an empty one would throw the others' tokens away. */
function read(folder: string): Credentials {
  const path = fileIn(folder);
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return {};
    throw error;
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    throw new AbrazoError({
      code: "INVALID_CREDENTIALS",
      message: `${path} is damaged.`,
      hint: "Correct it, or delete it and log in again.",
      data: { path },
    });
  }
}

export function readCredential(folder: string, endpoint: string): string | undefined {
  const all = read(folder);
  return Object.hasOwn(all, endpoint) ? all[endpoint]?.token : undefined;
}

/** Keeps a login, or forgets it when `credential` is undefined. */
export function writeCredential(
  folder: string,
  endpoint: string,
  credential: { token: string; user: string } | undefined,
): string {
  const all = read(folder);
  if (credential === undefined) delete all[endpoint];
  else all[endpoint] = credential;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = fileIn(folder);
  const temporary = `${path}.${randomUUID()}.tmp`;
  try {
    // A new file each time: the mode holds for new files alone.
    writeFileSync(temporary, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600, flag: "wx" });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  return path;
}
