// Where tokens of logins are kept: one file, by endpoint, readable by its owner alone.
// Asks nobody for anything.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";

const schema = z.record(z.string(), z.object({ token: z.string(), user: z.string().optional() }));
type Credentials = z.infer<typeof schema>;

function read(folder: string): Credentials {
  try {
    return schema.parse(JSON.parse(readFileSync(join(folder, "credentials.json"), "utf8")));
  } catch {
    return {};
  }
}

export function readCredential(folder: string, endpoint: string): string | undefined {
  return read(folder)[endpoint]?.token;
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
  const path = join(folder, "credentials.json");
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(all, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, path);
  return path;
}
