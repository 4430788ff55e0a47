// The checks of the wire that exist, with the client that makes each, read from the tests' sources; and how they came out, read from
// the suites' last reports. Runs no client.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";
import { CLIENTS, type Client, clientsOf } from "./conformance-clients.ts";

interface Check {
  number: number;
  title: string;
  /** The test's file, from the folder test. */
  file: string;
  clients: readonly Client[];
}

/** What the numbers are about, by how often people meet it. 96 (buckets) is not done by this hub. */
const RANKS: readonly (readonly [heading: string, first: number, last: number])[] = [
  ["What nearly everybody does", 1, 26],
  ["What a team does in its first week", 27, 64],
  ["What is done regularly, but not every day", 65, 87],
  ["What is rare", 88, 95],
];

const TITLE = String.raw`(?:"((?:[^"\\\\]|\\\\.)*)"|'((?:[^'\\\\]|\\\\.)*)'|\`([^\`]*)\`)`;
/** Both ways to write one: by `check`, and by hand where a test is about more. */
const CALL = new RegExp(
  String.raw`(?<![\w.])(?:check\(\s*(\d+),\s*${TITLE}|it\("conformance/(\d+) ((?:[^"\\\\]|\\\\.)*)")`,
  "g",
);
/** Where the next test or suite begins, a check's body is over. */
const NEXT = /^\s*(?:check|it|describe\w*)[.(]/m;

/** Every check there is, by number. */
function checks(): Check[] {
  const folder = packageFile("test");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(test|suite)\.ts$/.test(name),
  );
  const found = files.sort().flatMap((file) => {
    const source = readFileSync(join(folder, file), "utf8");
    if (!/conformance\/harness\.ts"|from "\.\/harness\.ts"|it\("conformance\//.test(source)) return [];
    return [...source.matchAll(CALL)].map((call): Check => {
      const [whole, number = call[5], ...titles] = call;
      const rest = source.slice(call.index + whole.length);
      const body = rest.slice(0, NEXT.exec(rest)?.index);
      const title = titles.slice(0, 3).find((each) => each !== undefined) ?? call[6] ?? "";
      return {
        number: Number(number),
        title: title.replace(/\\(.)/g, "$1").replace(/\$\{[^}]*\}/g, "…"),
        file: file.replaceAll("\\", "/"),
        clients: clientsOf(source, title + body),
      };
    });
  });
  return found.sort((a, b) => a.number - b.number);
}

/** The text of test/clients/CONFORMANCE.md. */
export function conformanceList(): string {
  const all = checks();
  const sections = RANKS.map(([heading, first, last]) => {
    const numbers = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const rows = numbers.flatMap((number) => {
      const of = all.filter((check) => check.number === number);
      const titles = [...new Set(of.map(({ title }) => cell(title)))];
      const where = [...new Set(of.map(({ file }) => `\`${file}\``))];
      const clients = CLIENTS.filter((client) => of.some((check) => check.clients.includes(client)));
      const made = clients.map(({ pinned }) => pinned()).join("<br>");
      return of.length === 0 ? [] : [`| ${number} | ${titles.join("<br>")} | ${made} | ${where.join("<br>")} |`];
    });
    const missing = numbers.filter((number) => all.every((check) => check.number !== number));
    const none = missing.length === 0 ? "" : `\nWithout a test: ${missing.join(", ")}.\n`;
    return `## ${heading} (${first} to ${last})\n\n| check | what | client | where, below test |\n| ----: | ---- | ---- | ---- |\n${rows.join("\n")}\n${none}`;
  });
  return `# Conformance

Checks of what unmodified clients send and read, by number, made from the tests' sources: \`npm run conformance\` writes this page and
prints how the checks came out in the last runs of \`npm test\`, \`npm run test:clients\` and \`npm run test:browser\`, by client and
installed version. A replay makes the calls of a client that is not installed, or those that no client can be brought to make.

${sections.join("\n")}`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

interface Report {
  testResults: { name: string; assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[];
}

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** How the checks came out in the last runs: check by client and version. */
export function conformanceTable(): string {
  const all = checks();
  const outcomes = new Map<string, Counts>();
  const versions = new Map(CLIENTS.map((client) => [client, client.installed()]));
  for (const { name, assertionResults } of reports().flatMap(({ testResults }) => testResults)) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      const [, number, said] = /^conformance\/(\d+) (.*)/s.exec(title) ?? [];
      const file = name.replaceAll("\\", "/");
      const made = all.filter((check) => check.number === Number(number) && file.endsWith(`test/${check.file}`));
      const same = made.find((check) => check.title === said) ?? made[0];
      for (const client of same?.clients.filter(({ runs }) => runs(ancestorTitles)) ?? []) {
        const key = `${number} ${client.name}`;
        const counts = outcomes.get(key) ?? { passed: 0, failed: 0, skipped: 0 };
        counts[status === "passed" || status === "failed" ? status : "skipped"]++;
        outcomes.set(key, counts);
      }
    }
  }
  const numbers = [...new Set(all.map(({ number }) => number))];
  const rows = numbers.map((number) => {
    const cells = CLIENTS.map((client) => {
      const counts = outcomes.get(`${number} ${client.name}`);
      const isMade = all.some((check) => check.number === number && check.clients.includes(client));
      return isMade ? outcome(counts) : "";
    });
    return `| ${number} | ${cells.join(" | ")} |`;
  });
  const heads = CLIENTS.map((client) => versions.get(client) ?? client.name);
  return [`| check | ${heads.join(" | ")} |`, `| ----: | ${CLIENTS.map(() => "----").join(" | ")} |`, ...rows].join(
    "\n",
  );
}

function outcome(counts: Counts | undefined): string {
  if (counts === undefined) return "not run";
  if (counts.failed > 0) return `fail (${counts.failed} of ${counts.failed + counts.passed})`;
  return counts.passed > 0 ? "pass" : "skipped";
}

/** What the suites that ran here left of their last run (bin/test.mjs). */
function reports(): Report[] {
  const paths = ["unit", "clients", "browser"].map((suite) => packageFile(".cache", `vitest-${suite}.json`));
  // safe because vitest writes the reports
  return paths.filter(existsSync).map((path) => JSON.parse(readFileSync(path, "utf8")) as Report);
}
