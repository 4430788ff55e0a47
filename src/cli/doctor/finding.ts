// What the doctor says: a check, what is wrong or right, how it was seen, and the line to change.
// Runs no check.
import type { HubAccess } from "../../hub/request.ts";

export type State = "ok" | "warning" | "wrong" | "skipped";

export interface Finding {
  check: string;
  state: State;
  /** What is the case. */
  found: string;
  /** How that was seen. */
  seen?: string | undefined;
  /** What to change, as a line to type or write. */
  change?: string | undefined;
}

/** What checks are run with. */
export interface Patient {
  access: HubAccess;
  /** Where the endpoint was named: "--endpoint", "HF_ENDPOINT" or so. */
  namedBy: string;
  env: Readonly<Record<string, string | undefined>>;
  cacheDir: string;
}

type Words = Pick<Finding, "seen" | "change">;

/** The findings of one check. */
export const findingsOf = (check: string) => ({
  ok: (found: string, words: Words = {}): Finding => ({ check, state: "ok", found, ...words }),
  warning: (found: string, words: Words): Finding => ({ check, state: "warning", found, ...words }),
  wrong: (found: string, words: Words): Finding => ({ check, state: "wrong", found, ...words }),
  skipped: (found: string): Finding => ({ check, state: "skipped", found }),
});

const SIGNS: Readonly<Record<State, string>> = { ok: "ok", warning: "warning", wrong: "WRONG", skipped: "skipped" };

/** A line a finding; what is not right with how it was seen and what to change below. */
export function describeFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ check }) => check.length));
  return findings
    .flatMap(({ check, state, found, seen, change }) => [
      `${SIGNS[state].padEnd(8)} ${check.padEnd(width)}  ${found}`,
      ...(state === "ok" || seen === undefined ? [] : [`${" ".repeat(width + 11)}seen: ${seen}`]),
      ...(change === undefined ? [] : [`${" ".repeat(width + 11)}change: ${change}`]),
    ])
    .join("\n");
}
