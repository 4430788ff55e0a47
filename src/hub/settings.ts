// The client's environment: endpoint, cache, token, offline. The only place of the library that reads process.env for the hub.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { AbrazoError } from "../errors.ts";
import { readCredential } from "./credentials.ts";

const HUGGING_FACE = "https://huggingface.co";

const env = (name: string): string | undefined => process.env[name] || undefined;

export const isOffline = (): boolean => /^(1|true|yes|on)$/i.test(env("HF_HUB_OFFLINE") ?? env("ABRAZO_OFFLINE") ?? "");

/** Given, or ABRAZO_ENDPOINT, HF_ENDPOINT, huggingface.co; without a slash at its end. */
export function endpointOf(given?: string): string {
  return checkEndpoint(given ?? env("ABRAZO_ENDPOINT") ?? env("HF_ENDPOINT") ?? HUGGING_FACE);
}

/** As endpointOf, but a push never goes to a place that nobody named. */
export function pushEndpoint(given?: string): string {
  const named = given ?? env("ABRAZO_ENDPOINT") ?? env("HF_ENDPOINT");
  if (named !== undefined) return checkEndpoint(named);
  throw new AbrazoError({
    code: "ENDPOINT_MISSING",
    message: "No hub was named to push to.",
    hint: "Pass --endpoint URL, or set ABRAZO_ENDPOINT (for example http://127.0.0.1:7860).",
  });
}

function checkEndpoint(text: string): string {
  try {
    const url = new URL(text);
    if (url.protocol === "http:" || url.protocol === "https:") return text.replace(/\/+$/, "");
  } catch {
    // Told below, with the text.
  }
  throw new AbrazoError({
    code: "INVALID_ENDPOINT",
    message: `"${text}" is no address of a hub.`,
    hint: "It begins with http:// or https://, for example http://127.0.0.1:7860.",
  });
}

/** Hugging Face's cache folder, shared with its Python client. */
export function cacheFolder(given?: string): string {
  const home = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  return given ?? env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub");
}

/** Credentials of our own, never in Hugging Face's token file. */
export function configFolder(): string {
  return join(env("XDG_CONFIG_HOME") ?? join(homedir(), ".config"), "abrazo");
}

/**
 * The token for an endpoint: given, ABRAZO_TOKEN, a login at that endpoint, and HF_TOKEN or Hugging Face's token file — these
 * only for huggingface.co, HF_TOKEN also for the host that HF_ENDPOINT names.
 */
export function tokenFor(endpoint: string, given?: string): string | undefined {
  const own = given ?? env("ABRAZO_TOKEN") ?? readCredential(configFolder(), endpoint);
  if (own !== undefined) return own;
  const hfEndpoint = env("HF_ENDPOINT");
  const { host } = new URL(endpoint);
  const isHuggingFace = host === "huggingface.co" || host === "hf.co";
  const named = hfEndpoint !== undefined && new URL(hfEndpoint).host === host;
  if (isHuggingFace || named) {
    const token = env("HF_TOKEN");
    if (token !== undefined) return token;
  }
  return isHuggingFace ? huggingFaceToken() : undefined;
}

function huggingFaceToken(): string | undefined {
  const home = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env("HF_TOKEN_PATH") ?? join(home, "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
