// Checks of the environment: addresses, tokens and switches that stand in each other's way. Asks nobody.
import { statSync } from "node:fs";
import { join } from "node:path";
import { readCredential } from "../../hub/credentials.ts";
import { configFolder } from "../../hub/settings.ts";
import { type Finding, findingsOf, type Patient } from "./finding.ts";

const HUGGING_FACE = /^https:\/\/(huggingface\.co|hf\.co)(\/|$)/;

export function checkEndpoint({ access, namedBy, env }: Patient): Finding[] {
  const { ok, warning } = findingsOf("endpoint");
  const findings = [ok(`${access.endpoint}, named by ${namedBy}`)];
  const python = env["HF_ENDPOINT"];
  if (python?.endsWith("/") === true) {
    findings.push(
      warning("HF_ENDPOINT ends in a slash: Python's datasets does not take it off and asks for //datasets/….", {
        seen: `HF_ENDPOINT=${python}`,
        change: `export HF_ENDPOINT=${python.replace(/\/+$/, "")}`,
      }),
    );
  }
  if (!HUGGING_FACE.test(access.endpoint) && (python ?? "").replace(/\/+$/, "") !== access.endpoint) {
    findings.push(
      warning(
        python === undefined
          ? "Python's clients and transformers ask huggingface.co: HF_ENDPOINT is not set."
          : "Python's clients ask another hub than abrazo.",
        { seen: `HF_ENDPOINT=${python ?? ""}`, change: `export HF_ENDPOINT=${access.endpoint}` },
      ),
    );
  }
  const { protocol, hostname } = new URL(access.endpoint);
  if (protocol === "http:" && access.token !== undefined && !/^(localhost|127\.|\[::1\])/.test(hostname)) {
    findings.push(
      warning("The token goes over the network in clear.", {
        seen: access.endpoint,
        change: `abrazo login --endpoint https://${new URL(access.endpoint).host}`,
      }),
    );
  }
  return findings;
}

const SWITCHES: Readonly<Record<string, string>> = {
  HF_HUB_OFFLINE: "No client asks the hub: all work from the cache.",
  ABRAZO_OFFLINE: "abrazo does not ask the hub: it works from the cache.",
  TRANSFORMERS_OFFLINE: "transformers does not ask the hub.",
  HF_HUB_DISABLE_XET: "Large files are sent and fetched whole, without deduplication.",
  HF_HUB_DISABLE_SYMLINKS: "Files of the cache are copies: every commit takes its full size on disk.",
};

export function checkSwitches({ env }: Patient): Finding[] {
  const { warning } = findingsOf("switches");
  return Object.entries(SWITCHES)
    .filter(([name]) => /^(1|true|yes|on)$/i.test(env[name] ?? ""))
    .map(([name, found]) => warning(found, { seen: `${name}=${env[name]}`, change: `unset ${name}` }));
}

/** Node's own client does not take a proxy from the environment; Python's does. */
export function checkProxy({ access, env }: Patient): Finding[] {
  const { warning } = findingsOf("proxy");
  const { protocol, hostname } = new URL(access.endpoint);
  const names = protocol === "https:" ? ["HTTPS_PROXY", "https_proxy"] : ["HTTP_PROXY", "http_proxy"];
  const name = [...names, "ALL_PROXY", "all_proxy"].find((each) => (env[each] ?? "") !== "");
  const excepted = (env["NO_PROXY"] ?? env["no_proxy"] ?? "")
    .split(",")
    .map((part) => part.trim().replace(/^\*?\./, ""));
  const isExcepted = excepted.some((part) => part === "*" || (part !== "" && `.${hostname}`.endsWith(`.${part}`)));
  if (name === undefined || isExcepted) return [];
  return [
    warning(`Python's clients reach the hub through a proxy, abrazo does without it.`, {
      seen: `${name}=${(env[name] ?? "").replace(/\/\/[^@/]*@/, "//…@")}`,
      change: `export NO_PROXY=${[...excepted.filter((part) => part !== ""), hostname].join(",")}`,
    }),
  ];
}

export function checkTokens({ access, env }: Patient): Finding[] {
  const { ok, warning, wrong } = findingsOf("token");
  const { endpoint, token } = access;
  const kept = readCredential(configFolder(), endpoint);
  const findings: Finding[] = [];
  for (const name of ["ABRAZO_TOKEN", "HF_TOKEN"]) {
    const value = env[name] ?? "";
    if (value === value.trim()) continue;
    findings.push(
      wrong(`${name} has white space around it, which no hub takes.`, {
        seen: `${value.length - value.trim().length} characters of white space`,
        change: `export ${name}="$(echo $${name})"`,
      }),
    );
  }
  const own = env["ABRAZO_TOKEN"];
  if (kept !== undefined && own !== undefined && own !== "" && own !== kept && token === own) {
    findings.push(
      warning("ABRAZO_TOKEN hides the login that is kept for this hub.", {
        seen: "they are two different tokens",
        change: "unset ABRAZO_TOKEN",
      }),
    );
  }
  if ((env["HF_TOKEN"] ?? "") !== "" && token !== env["HF_TOKEN"] && !HUGGING_FACE.test(endpoint)) {
    findings.push(
      warning("HF_TOKEN is not the token that abrazo sends to this hub; Python's clients send it.", {
        seen: token === undefined ? "no token goes to this hub" : "two different tokens",
        change: token === undefined ? `export HF_ENDPOINT=${endpoint}` : "export HF_TOKEN=<the token of this hub>",
      }),
    );
  }
  if ((env["HUGGING_FACE_HUB_TOKEN"] ?? "") !== "") {
    findings.push(
      warning("HUGGING_FACE_HUB_TOKEN is read by old clients alone.", {
        seen: "it is set",
        change: "export HF_TOKEN=$HUGGING_FACE_HUB_TOKEN; unset HUGGING_FACE_HUB_TOKEN",
      }),
    );
  }
  if (token !== undefined && !/^hf_[A-Za-z0-9]{34,}$/.test(token)) {
    findings.push(
      warning("The token has a form that not every client takes: hf_ and at least 34 letters and digits.", {
        seen: `${token.length} characters`,
        change: `abrazo login --endpoint ${endpoint}`,
      }),
    );
  }
  findings.push(...checkCredentialsFile());
  return findings.length > 0 ? findings : [ok(token === undefined ? "none is set" : "one, in one place")];
}

/** Others may not read what is in it. */
function checkCredentialsFile(): Finding[] {
  const path = join(configFolder(), "credentials.json");
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || process.platform === "win32" || (found.mode & 0o077) === 0) return [];
  return [
    findingsOf("token").wrong("Other users of this machine can read your tokens.", {
      seen: `${path} has mode ${(found.mode & 0o777).toString(8)}`,
      change: `chmod 600 ${path}`,
    }),
  ];
}
