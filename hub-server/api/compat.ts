// The scoreboard: which operations of Hugging Face's list this hub answers, and by which of its routes.
// The list (operations.tsv: method, path, area) is theirs; what is answered is read off the routes. Knows no handlers.
import { readFileSync } from "node:fs";
import { packageFile } from "../../src/package-root.ts";
import type { Route } from "./route.ts";

export interface Operation {
  method: string;
  /** As their list has it, with {names} for parameters. */
  path: string;
  area: string;
}

interface Row extends Operation {
  state: "answered" | "501";
  /** The route that answers, by its operation. */
  route?: string;
}

export interface Scoreboard {
  answered: number;
  total: number;
  areas: { area: string; answered: number; total: number }[];
  operations: Row[];
}

/** Every operation of the list, once. */
export const OPERATIONS: readonly Operation[] = readList();

function readList(): Operation[] {
  const [, ...lines] = readFileSync(packageFile("hub-server", "api", "operations.tsv"), "utf8")
    .trim()
    .split("\n");
  return lines.map((line) => {
    const [method = "", path = "", area = ""] = line.split("\t");
    return { method, path, area };
  });
}

export const nameOf = ({ method, path }: Pick<Operation, "method" | "path">): string => `${method} ${path}`;

/** What is answered and what is not, from the largest area to the smallest. */
export function scoreboard(routes: readonly Route[]): Scoreboard {
  const answering = new Map(routes.flatMap(({ answers = [], operation }) => answers.map((name) => [name, operation])));
  const operations = OPERATIONS.map((operation): Row => {
    const route = answering.get(nameOf(operation));
    return route === undefined ? { ...operation, state: "501" } : { ...operation, state: "answered", route };
  });
  const areas = [...new Set(operations.map(({ area }) => area))].map((area) => {
    const rows = operations.filter((row) => row.area === area);
    return { area, answered: rows.filter(isAnswered).length, total: rows.length };
  });
  return {
    answered: operations.filter(isAnswered).length,
    total: operations.length,
    areas: areas.sort((a, b) => b.total - a.total || (a.area < b.area ? -1 : 1)),
    operations,
  };
}

const isAnswered = ({ state }: Row): boolean => state === "answered";

/** The operations that no route answers or stands at, as the router takes paths: a parameter at the end takes the rest, slashes included. */
export function unanswered(routes: readonly Route[]): { method: string; path: string; fixed: boolean }[] {
  const { operations } = scoreboard(routes);
  const there = new Set(routes.map(nameOf));
  return operations
    .filter((operation) => operation.state === "501" && !there.has(nameOf(operation)))
    .map(({ method, path }) => ({ method, path: routerPath(path), fixed: !path.includes("{") }));
}

function routerPath(path: string): string {
  const parts = path.split("/");
  return parts
    .map((part, index) => {
      if (!part.includes("{")) return part;
      return index === parts.length - 1 && /\{(path|rev)\}$/.test(part) ? "*" : `:p${index}`;
    })
    .join("/");
}

const SPACES = "spaces that run: it keeps their files";

/** What is asked for at addresses that this hub does not answer, in the words that an error puts it in. */
const SUBJECTS: readonly (readonly [RegExp, string])[] = [
  [/^\/api\/(scheduled-)?jobs(\/|$)/, "jobs"],
  [/^(\/api)?\/buckets(\/|$)/, "buckets"],
  [/^(\/api)?\/(daily_)?papers(\/|$)/, "papers"],
  [/^\/api\/kernels(\/|$)/, "kernels"],
  [/^\/api\/spaces\/(hardware|templates)$/, SPACES],
  [
    /^\/api\/spaces\/[^/]+\/[^/]+\/(runtime|hardware|storage|sleeptime|pause|restart|dev-mode|secrets|variables|volumes|logs|metrics|events|jwt)(\/|$)/,
    SPACES,
  ],
];

/** What an address that nothing answers is about; "that operation" where there is no better word. */
export const subjectOf = (path: string): string =>
  SUBJECTS.find(([addresses]) => addresses.test(path))?.[1] ?? "that operation";
