// The server's environment, parsed once. The only place of the server that reads process.env.
import { homedir } from "node:os";
import { join } from "node:path";
import { AbrazoError } from "../src/errors.ts";
import { parseRateLimit, type RateLimit } from "./rate-limit.ts";
import type { S3Options } from "./storage/s3-blobs.ts";

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
  /** Names of this hub, and of sites whose pages may read what it says. */
  hosts: readonly string[];
  /** Who may make organizations. */
  organizations: "users" | "admins";
  /** Where blobs are kept instead of the data folder. */
  s3: S3Options | undefined;
  /** Where people reach the hub over HTTP; git-lfs over SSH is told so. */
  url: string | undefined;
  /** Where git is served over SSH; nowhere when undefined. */
  sshPort: number | undefined;
}

export function readEnv(env: NodeJS.ProcessEnv = process.env): ServerEnv {
  const dataHome = env["XDG_DATA_HOME"] || join(homedir(), ".local", "share");
  return {
    path: env["PATH"] ?? "",
    databaseUrl: env["DATABASE_URL"] || undefined,
    dataDir: join(dataHome, "abrazo"),
    webhookHosts: entries(env["ABRAZO_WEBHOOK_HOSTS"]),
    hosts: entries(env["ABRAZO_HOSTS"]).map((name) => name.toLowerCase()),
    rateLimit: parseRateLimit(env["ABRAZO_RATE_LIMIT"] ?? ""),
    organizations: env["ABRAZO_ORGANIZATIONS"] === "admins" ? "admins" : "users",
    s3: readS3(env),
    url: readUrl(env["ABRAZO_URL"]),
    sshPort: readPort(env["ABRAZO_SSH_PORT"]),
  };
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) return Number(text);
  throw new AbrazoError({
    code: "BAD_PORT",
    message: `ABRAZO_SSH_PORT is "${text}", which is no port.`,
    hint: "Give a number up to 65535, such as 2222.",
  });
}

function readUrl(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  if (/^https?:/i.test(text) && URL.canParse(text)) return text.replace(/\/+$/, "");
  throw new AbrazoError({
    code: "BAD_URL",
    message: `ABRAZO_URL is "${text}", which is no address.`,
    hint: "Give where people reach the hub, such as https://hub.example.org.",
  });
}

const entries = (list: string | undefined): string[] => (list ?? "").split(/[\s,]+/).filter((entry) => entry !== "");

/** A bucket is named by ABRAZO_S3_BUCKET; who may use it, by Amazon's own variables. */
function readS3(env: NodeJS.ProcessEnv): S3Options | undefined {
  const bucket = env["ABRAZO_S3_BUCKET"] || undefined;
  if (bucket === undefined) return undefined;
  return {
    bucket,
    region: env["ABRAZO_S3_REGION"] || env["AWS_REGION"] || "us-east-1",
    endpoint: env["ABRAZO_S3_ENDPOINT"]?.replace(/\/+$/, "") || undefined,
    publicEndpoint: env["ABRAZO_S3_PUBLIC_ENDPOINT"]?.replace(/\/+$/, "") || undefined,
    prefix: env["ABRAZO_S3_PREFIX"] || undefined,
    redirect: env["ABRAZO_S3_REDIRECT"] !== "0",
  };
}
