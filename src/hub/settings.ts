// The client's environment: endpoint, cache, token, offline. The only place of the library that reads process.env for the hub.
import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { AbrazoError } from "../errors.ts";
import { readCredential } from "./credentials.ts";

export const HUGGING_FACE = "https://huggingface.co";

const env = (name: string): string | undefined => process.env[name] || undefined;

const isSet = (name: string): boolean => /^(1|true|yes|on)$/i.test(env(name) ?? "");

export const isOffline = (): boolean => ["HF_HUB_OFFLINE", "ABRAZO_OFFLINE"].some(isSet);

/** Whether large files go in chunks where the hub can take them so; HF_HUB_DISABLE_XET says no, as to Python's client. */
export const usesXet = (): boolean => !isSet("HF_HUB_DISABLE_XET");

/** Whether files of the cache may be links; HF_HUB_DISABLE_SYMLINKS says no, as to Python's client. */
export const linksAllowed = (): boolean => !isSet("HF_HUB_DISABLE_SYMLINKS");

/**
 * Given, or ABRAZO_ENDPOINT, HF_ENDPOINT, huggingface.co; without a slash at its end.
 *
 * @example
 * ```ts
 * endpointOf("http://127.0.0.1:7860/"); // "http://127.0.0.1:7860"
 * ```
 */
export function endpointOf(given?: string): string {
  return checkEndpoint(given ?? env("ABRAZO_ENDPOINT") ?? env("HF_ENDPOINT") ?? HUGGING_FACE);
}

/** The hub that Python's client asks in this environment: a cache folder without a marker is of that one. */
export const pythonEndpoint = (): string => checkEndpoint(env("HF_ENDPOINT") ?? HUGGING_FACE);

/** As endpointOf, but a push never goes to a place that nobody named. */
export function pushEndpoint(given?: string): string {
  const named = given ?? env("ABRAZO_ENDPOINT") ?? env("HF_ENDPOINT");
  if (named !== undefined) return checkEndpoint(named);
  throw new AbrazoError({
    code: "ENDPOINT_MISSING",
    message: "No hub was named.",
    hint: "Pass --endpoint URL, or set ABRAZO_ENDPOINT (for example http://127.0.0.1:7860).",
  });
}

/** An address without a slash at its end. Of one that is refused, nothing is told but what cannot hold a password. */
function checkEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const ok = url !== undefined && /^https?:$/.test(url.protocol);
  if (ok && `${url.username}${url.password}${url.search}${url.hash}` === "")
    return `${url.origin}${url.pathname}`.replace(/\/+$/, "");
  throw new AbrazoError({
    code: "INVALID_ENDPOINT",
    message: ok
      ? `The address of the hub at ${url.host} holds more than host and path.`
      : `"${text.replace(/\/\/[^@/]*@/, "//…@")}" is no address of a hub.`,
    hint: ok
      ? "Leave out user, password, ? and #; a token goes into abrazo login or --token."
      : "It begins with http:// or https://, for example http://127.0.0.1:7860.",
  });
}

/** Milliseconds that a hub may be silent: HF_HUB_DOWNLOAD_TIMEOUT in seconds, as Python's client reads it, else 30 seconds. */
export function answerLimit(): number {
  const given = env("HF_HUB_DOWNLOAD_TIMEOUT");
  const seconds = Number(given ?? 30);
  if (seconds > 0 && seconds <= 1_000_000) return 1000 * seconds;
  throw new AbrazoError({
    code: "INVALID_SETTING",
    message: `HF_HUB_DOWNLOAD_TIMEOUT is "${given}".`,
    hint: "It takes seconds, for example 30.",
  });
}

/**
 * Hugging Face's cache folder, shared with its Python client.
 *
 * @example
 * ```ts
 * cacheFolder("models"); // "models"
 * ```
 */
export function cacheFolder(given?: string): string {
  const home = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  return given ?? env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub");
}

/** What an upload that goes on has sent already; not in Hugging Face's cache, whose tools would wonder. */
export function uploadsFolder(): string {
  return join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "abrazo", "uploads");
}

/** Credentials of our own, never in Hugging Face's token file. */
export function configFolder(): string {
  return join(env("XDG_CONFIG_HOME") ?? join(homedir(), ".config"), "abrazo");
}

/**
 * The token for an endpoint: given, ABRAZO_TOKEN, a login at that endpoint, HF_TOKEN, Hugging Face's token file. What
 * stands in the environment goes to the hub that it is meant for alone: ABRAZO_TOKEN to that of ABRAZO_ENDPOINT (where
 * none is named, to any but Hugging Face's), HF_TOKEN to huggingface.co and that of HF_ENDPOINT, the file to the
 * former.
 *
 * @example
 * ```ts
 * tokenFor("http://127.0.0.1:7860", "hf_given"); // "hf_given"
 * ```
 */
export function tokenFor(endpoint: string, given?: string): string | undefined {
  if (given !== undefined) return given;
  const [ownHub, hfHub] = [env("ABRAZO_ENDPOINT"), env("HF_ENDPOINT")];
  const isHuggingFace = /^https:\/\/(huggingface\.co|hf\.co)(\/|$)/.test(endpoint);
  const own = (ownHub === undefined ? !isHuggingFace : sameHost(endpoint, ownHub)) ? env("ABRAZO_TOKEN") : undefined;
  const kept = own ?? readCredential(configFolder(), endpoint);
  if (kept !== undefined) return kept;
  const named = hfHub !== undefined && sameHost(endpoint, hfHub);
  return (isHuggingFace || named ? env("HF_TOKEN") : undefined) ?? (isHuggingFace ? huggingFaceToken() : undefined);
}

/** Whether a token for `named` may go to `endpoint`: never from https to http. */
function sameHost(endpoint: string, named: string): boolean {
  const [to, from] = [new URL(endpoint), new URL(checkEndpoint(named))];
  return to.host === from.host && (to.protocol === from.protocol || to.protocol === "https:");
}

function huggingFaceToken(): string | undefined {
  const home = env("HF_HOME") ?? join(env("XDG_CACHE_HOME") ?? join(homedir(), ".cache"), "huggingface");
  try {
    return readFileSync(env("HF_TOKEN_PATH") ?? join(home, "token"), "utf8").trim() || undefined;
  } catch {
    return undefined;
  }
}
