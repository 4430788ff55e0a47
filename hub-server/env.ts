// The server's environment, parsed once. The only place of the server that reads process.env.
import { homedir } from "node:os";
import { join } from "node:path";
import { parseRateLimit, type RateLimit } from "./rate-limit.ts";

export interface ServerEnv {
  /** Where programs are looked for: git is one. */
  path: string;
  databaseUrl: string | undefined;
  /** Where data goes when no folder is given. */
  dataDir: string;
  /** How many calls of the API one caller may make; as many as they like when undefined. */
  rateLimit: RateLimit | undefined;
  /** What of the inside webhooks may be sent to: names, addresses and networks. */
  webhookHosts: readonly string[];
  /** Who may make organizations. */
  organizations: "users" | "admins";
}

export function readEnv(env: NodeJS.ProcessEnv = process.env): ServerEnv {
  const dataHome = env["XDG_DATA_HOME"] || join(homedir(), ".local", "share");
  return {
    path: env["PATH"] ?? "",
    databaseUrl: env["DATABASE_URL"] || undefined,
    dataDir: join(dataHome, "abrazo"),
    webhookHosts: (env["ABRAZO_WEBHOOK_HOSTS"] ?? "").split(/[\s,]+/).filter((entry) => entry !== ""),
    rateLimit: parseRateLimit(env["ABRAZO_RATE_LIMIT"] ?? ""),
    organizations: env["ABRAZO_ORGANIZATIONS"] === "admins" ? "admins" : "users",
  };
}
