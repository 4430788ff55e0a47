// abrazo doctor: from where the user stands, what endpoint, proxy, clock, token and machine do wrong, and the line to change.
import { cacheFolder, isOffline } from "../../hub/settings.ts";
import { readAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { checkEndpoint, checkProxy, checkSwitches, checkTokens } from "../doctor/environment.ts";
import { describeFindings, type Finding, findingsOf, type Patient } from "../doctor/finding.ts";
import { checkCache, checkPrograms } from "../doctor/machine.ts";
import { checkAuthorization, checkClock, checkKind, checkReachable, checkToken } from "../doctor/network.ts";
import { failureOf } from "../doctor/probe.ts";
import { checkWay } from "../doctor/proxy.ts";

export const doctor = defineCommand({
  name: "doctor",
  summary:
    "Find out what is wrong between here and a hub: address, proxy, clock, token, cache. Nothing is changed. Exit code 1 if something is wrong.",
  flags: HUB_FLAGS,
  examples: ["abrazo doctor", "abrazo doctor --endpoint https://hub.example.org --json"],
  run: async ({ flags, ui }) => {
    const access = readAccess(flags);
    const patient: Patient = { access, namedBy: namedBy(flags.endpoint), env: process.env, cacheDir: cacheFolder() };
    const findings = await examine(patient);
    const counts = (state: Finding["state"]) => findings.filter((finding) => finding.state === state).length;
    const [wrong, warnings] = [counts("wrong"), counts("warning")];
    const verdict = wrong + warnings === 0 ? "All is well." : `${wrong} wrong, ${warnings} to look at.`;
    const document = { endpoint: access.endpoint, wrong, warnings, findings };
    const tell = wrong > 0 ? ui.badResult : ui.result;
    tell(document, `${describeFindings(findings)}\n${verdict}`);
  },
});

function namedBy(flag: string | undefined): string {
  if (flag !== undefined) return "--endpoint";
  return ["ABRAZO_ENDPOINT", "HF_ENDPOINT"].find((name) => (process.env[name] ?? "") !== "") ?? "nobody";
}

async function examine(patient: Patient): Promise<Finding[]> {
  const own = [checkEndpoint, checkSwitches, checkProxy, checkTokens].flatMap((check) => check(patient));
  const machine = [...(await checkCache(patient)), ...(await checkPrograms())];
  if (isOffline()) return [...own, findingsOf("reachable").skipped("offline: nobody is asked"), ...machine];
  const { findings, answer } = await checkReachable(patient);
  if (answer === undefined) return [...own, ...findings, ...machine];
  const kind = await attempt("hub", () => checkKind(patient, answer));
  const asked = [...findings, ...kind, ...checkClock(answer)];
  // Of what is no hub, nothing else can be told.
  if (kind.some(({ state }) => state === "wrong")) return [...own, ...asked, ...machine];
  const authorization = await attempt("authorization", () => checkAuthorization(patient));
  const arrives = authorization.every(({ state }) => state === "ok");
  const login = () => checkToken(patient);
  asked.push(...authorization);
  asked.push(...(arrives ? await attempt("login", login) : [findingsOf("login").skipped("the hub sees no token")]));
  asked.push(...(await attempt("proxy", () => checkWay(patient))));
  return [...own, ...asked, ...machine];
}

/** A check that breaks off is a finding, too. */
async function attempt(check: string, run: () => Promise<Finding[]>): Promise<Finding[]> {
  try {
    return await run();
  } catch (error) {
    const { code, words } = failureOf(error);
    const change = "run abrazo doctor again; if it stays so, look at what stands between here and the hub";
    return [findingsOf(check).wrong("The connection broke off.", { seen: `${code}: ${words}`, change })];
  }
}
