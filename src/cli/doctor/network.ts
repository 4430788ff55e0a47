// Checks of the way to the hub: whether it is there, what it is, whose token it takes for what, and its clock.
import { version } from "../../package-root.ts";
import { type Finding, findingsOf, type Patient } from "./finding.ts";
import { type Answer, ask, failureOf, textAt } from "./probe.ts";

const TLS: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: "renew the certificate of the hub",
  ERR_TLS_CERT_ALTNAME_INVALID: "use the name that the certificate is for in the address",
};
const CA_LINE = "export NODE_EXTRA_CA_CERTS=ca.pem; for Python: export SSL_CERT_FILE=ca.pem";
const NOT_TRUSTED = /SELF_SIGNED|UNABLE_TO_(VERIFY|GET)|CERT_UNTRUSTED/;

/** Whether the hub answers at all; without that nothing else can be tried. */
export async function checkReachable({ access }: Patient): Promise<{ findings: Finding[]; answer?: Answer }> {
  const { ok, wrong } = findingsOf("reachable");
  const begun = performance.now();
  let answer: Answer;
  try {
    answer = await ask(access, "/api/models?limit=1", { token: null });
  } catch (error) {
    const { code, words } = failureOf(error);
    const change =
      TLS[code] ?? (NOT_TRUSTED.test(code) ? CA_LINE : (REFUSED[code] ?? "check the address and the network"));
    return { findings: [wrong(`${access.endpoint} does not answer.`, { seen: `${code}: ${words}`, change })] };
  }
  const location = answer.headers.get("location");
  if (answer.status >= 300 && answer.status < 400 && location !== null && URL.canParse(location, access.endpoint)) {
    const { origin } = new URL(location, access.endpoint);
    if (origin !== new URL(access.endpoint).origin) {
      const change = `export ABRAZO_ENDPOINT=${origin} HF_ENDPOINT=${origin}`;
      const seen = `${answer.status} with Location: ${location}`;
      return {
        findings: [wrong("The hub is at another address: what is sent there loses its token.", { seen, change })],
      };
    }
  }
  return { findings: [ok(`in ${Math.round(performance.now() - begun)} ms`)], answer };
}

const REFUSED: Readonly<Record<string, string>> = {
  ECONNREFUSED: "start the hub there (abrazo serve), or correct host and port",
  ENOTFOUND: "correct the name in the address",
  EAI_AGAIN: "repair this machine's name service",
  TimeoutError: "let this machine reach the hub: a firewall swallows what is sent",
};

/** What answers: an Abrazo hub, Hugging Face's, or something that is no hub. */
export async function checkKind({ access }: Patient, first: Answer): Promise<Finding[]> {
  const { ok, warning, wrong } = findingsOf("hub");
  const document = await ask(access, "/api/openapi.json", { token: null }).catch(() => undefined);
  const text = document?.text ?? "";
  // The document is longer than what is read of it.
  const title = /"title"\s*:\s*"([^"]*)"/.exec(text)?.[1];
  const theirs = /"version"\s*:\s*"(\d+\.\d+\.\d+[^"]*)"/.exec(text)?.[1];
  if (title === "Abrazo") {
    if (theirs === undefined || theirs === version) return [ok(`Abrazo ${theirs ?? ""}`.trim())];
    return [
      warning(`Abrazo ${theirs}, while this command is of ${version}.`, {
        seen: "/api/openapi.json",
        change: `npm install abrazo@${theirs}`,
      }),
    ];
  }
  if (/huggingface/i.test(first.headers.get("x-powered-by") ?? "")) return [ok("Hugging Face's")];
  if (first.status === 200 && first.text.trimStart().startsWith("["))
    return [ok("another hub that speaks the protocol")];
  return [
    wrong("What answers is no hub.", {
      seen: `GET /api/models?limit=1: ${first.status}, ${first.headers.get("content-type") ?? "no type"}, ${first.text.slice(0, 60).replace(/\s+/g, " ")}`,
      change: "export ABRAZO_ENDPOINT=<address of the hub, with its path if it has one>",
    }),
  ];
}

/** A token that cannot be is refused, unless nobody sees it. */
export async function checkAuthorization({ access }: Patient): Promise<Finding[]> {
  const { ok, wrong } = findingsOf("authorization");
  const { status } = await ask(access, "/api/whoami-v2", { token: null });
  const made = await ask(access, "/api/models?limit=1", { token: `hf_${"doctor".repeat(6)}` });
  if (made.status === 401) return [ok("the header arrives")];
  return [
    wrong("The Authorization header does not arrive: the hub takes everybody for nobody.", {
      seen: `a token that is none gets ${made.status}, where a hub answers 401 (whoami without one: ${status})`,
      change: "nginx: proxy_set_header Authorization $http_authorization;",
    }),
  ];
}

export async function checkToken({ access }: Patient): Promise<Finding[]> {
  const { ok, warning, wrong, skipped } = findingsOf("login");
  const login = `abrazo login --endpoint ${access.endpoint}`;
  if (access.token === undefined) return [skipped(`nobody is logged in; public repositories can be read (${login})`)];
  const { status, text } = await ask(access, "/api/whoami-v2");
  const name = textAt(text, "name");
  if (status !== 200 || name === undefined) {
    return [wrong("The hub does not take the token.", { seen: `GET /api/whoami-v2: ${status}`, change: login })];
  }
  const role = textAt(text, "auth", "accessToken", "role") ?? "unknown";
  if (role !== "read") return [ok(`${name}, with a token of role ${role}`)];
  return [
    warning(`${name}, with a token that may only read: pushes are refused.`, {
      seen: "GET /api/whoami-v2: role read",
      change: `make one of role write on ${access.endpoint}/settings/tokens, then: ${login}`,
    }),
  ];
}

const MINUTE = 60_000;

/** Signed links and tokens end by the clock. */
export function checkClock(answer: Answer, now = Date.now()): Finding[] {
  const { ok, wrong, skipped } = findingsOf("clock");
  const theirs = Date.parse(answer.headers.get("date") ?? "");
  if (Number.isNaN(theirs)) return [skipped("the hub does not tell its time")];
  const apart = now - theirs;
  if (Math.abs(apart) < MINUTE) return [ok(`within ${Math.ceil(Math.abs(apart) / 1000)} s of the hub's`)];
  return [
    wrong(
      `This machine's clock is ${Math.round(Math.abs(apart) / 1000)} s ${apart > 0 ? "ahead of" : "behind"} the hub's: signed links and tokens seem expired.`,
      {
        seen: `Date: ${answer.headers.get("date")}, here ${new Date(now).toUTCString()}`,
        change: "sudo timedatectl set-ntp true (on whichever of the two is wrong)",
      },
    ),
  ];
}
