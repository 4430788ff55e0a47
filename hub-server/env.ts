// The server's environment, parsed once. The only place of the server that reads process.env.
import { homedir } from "node:os";
import { join } from "node:path";

export interface ServerEnv {
  databaseUrl: string | undefined;
  /** Where data goes when no folder is given. */
  dataDir: string;
}

export function readEnv(env: NodeJS.ProcessEnv = process.env): ServerEnv {
  const dataHome = env["XDG_DATA_HOME"] || join(homedir(), ".local", "share");
  return { databaseUrl: env["DATABASE_URL"] || undefined, dataDir: join(dataHome, "abrazo") };
}
