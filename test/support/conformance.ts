// The checks of the wire that exist, read from the tests' sources, and how they came out, read from the suites' last reports.
// Knows no client and runs nothing.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";

interface Check {
  number: number;
  title: string;
  /** The test's file, from the folder test. */
  file: string;
}

/** What the numbers are about, by how often people meet it. 96 (buckets) is not done by this hub. */
const RANKS: readonly (readonly [heading: string, first: number, last: number])[] = [
  ["What nearly everybody does", 1, 26],
  ["What a team does in its first week", 27, 64],
  ["What is done regularly, but not every day", 65, 87],
  ["What is rare", 88, 95],
];

/** Every call of `check`, by number. */
function checks(): Check[] {
  const folder = packageFile("test");
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) =>
    /\.(test|suite)\.ts$/.test(name),
  );
  const found = files.sort().flatMap((file) => {
    const text = readFileSync(join(folder, file), "utf8");
    if (!/conformance\/harness\.ts"|from "\.\/harness\.ts"/.test(text)) return [];
    const calls = text.matchAll(/(?<![\w.])check\(\s*(\d+),\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|`([^`]*)`)/g);
    return [...calls].map(([, number, ...titles]) => ({
      number: Number(number),
      title: (titles.find((title) => title !== undefined) ?? "").replace(/\\(.)/g, "$1").replace(/\$\{[^}]*\}/g, "…"),
      file: file.replaceAll("\\", "/"),
    }));
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
      return of.length === 0 ? [] : [`| ${number} | ${titles.join("<br>")} | ${where.join("<br>")} |`];
    });
    const missing = numbers.filter((number) => all.every((check) => check.number !== number));
    const none = missing.length === 0 ? "" : `\nWithout a test: ${missing.join(", ")}.\n`;
    return `## ${heading} (${first} to ${last})\n\n| check | what | where, below test |\n| ----: | ---- | ---- |\n${rows.join("\n")}\n${none}`;
  });
  return `# Conformance

Checks of what unmodified clients send and read, by number, made from the tests' sources: \`npm run conformance\` writes this page and
prints how the checks came out in the last runs of \`npm test\`, \`npm run test:clients\` and \`npm run test:browser\`. Those of
\`clients/\` run with huggingface_hub 1.33 and 2.0.

${sections.join("\n")}`;
}

const cell = (text: string): string => text.replaceAll("|", "\\|");

interface Report {
  testResults: { name: string; assertionResults: { ancestorTitles: string[]; title: string; status: string }[] }[];
}

/** Which client made a check, by the test's file, where no title says its version. */
const CLIENTS: readonly (readonly [fits: RegExp, client: string])[] = [
  [/huggingface-js/, "@huggingface/hub"],
  [/browser\//, "transformers.js in Chromium"],
  [/git/, "git"],
  [/\/cli\/|\/hub\//, "abrazo"],
];
const clientOf = (file: string, titles: readonly string[]): string =>
  /huggingface_hub [\d.]+/.exec(titles.join(" "))?.[0] ?? CLIENTS.find(([fits]) => fits.test(file))?.[1] ?? "replayed";

/** How the checks came out in the last runs: check by client and version. */
export function conformanceTable(): string {
  const outcomes = new Map<string, Map<number, { passed: number; failed: number }>>();
  for (const { name, assertionResults } of reports().flatMap(({ testResults }) => testResults)) {
    for (const { ancestorTitles, title, status } of assertionResults) {
      const number = Number(/^conformance\/(\d+) /.exec(title)?.[1]);
      if (Number.isNaN(number) || (status !== "passed" && status !== "failed")) continue;
      const client = clientOf(name, ancestorTitles);
      const ofClient = outcomes.get(client) ?? new Map<number, { passed: number; failed: number }>();
      const counts = ofClient.get(number) ?? { passed: 0, failed: 0 };
      counts[status]++;
      outcomes.set(client, ofClient.set(number, counts));
    }
  }
  const clients = [...outcomes.keys()].sort();
  const numbers = [...new Set([...outcomes.values()].flatMap((ofClient) => [...ofClient.keys()]))].sort(
    (a, b) => a - b,
  );
  const rows = numbers.map((number) => {
    const cells = clients.map((client) => {
      const counts = outcomes.get(client)?.get(number);
      if (counts === undefined) return "";
      return counts.failed > 0 ? `fail (${counts.failed} of ${counts.passed + counts.failed})` : "pass";
    });
    return `| ${number} | ${cells.join(" | ")} |`;
  });
  return [`| check | ${clients.join(" | ")} |`, `| ----: | ${clients.map(() => "----").join(" | ")} |`, ...rows].join(
    "\n",
  );
}

/** What the suites that ran here left of their last run (bin/test.mjs). */
function reports(): Report[] {
  const paths = ["unit", "clients", "browser"].map((suite) => packageFile(".cache", `vitest-${suite}.json`));
  // safe because vitest writes the reports
  return paths.filter(existsSync).map((path) => JSON.parse(readFileSync(path, "utf8")) as Report);
}
