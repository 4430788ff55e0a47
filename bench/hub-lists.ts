// Reads of a hub with many repositories: how long it takes to say what one is, to list, to search and to open a small file.
// Each is compared with what a request that asks the database once takes at the same time: one that asks nothing, and the
// bare statement `select 1`. npx tsx bench/main.ts hub-lists [repositories] [rounds] [embedded]. Runs alone.
import { mkdtempSync, rmSync } from "node:fs";
import { Agent, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDatabase } from "../hub-server/db/client.ts";
import { startPostgres } from "../test/support/postgres.ts";
import { fill, type Sample } from "./hub-lists-data.ts";
import { SOURCES, serveBenchHub } from "./hub-servers.ts";

interface Case {
  what: string;
  method?: "GET" | "HEAD";
  /** Asked in turn. */
  paths: readonly string[];
  token?: string;
  /** Milliseconds that 95 of 100 requests may take. */
  goal?: number;
}

const INFO_GOAL = 10;
const LIST_GOAL = 50;

const SORTS = ["lastModified", "createdAt", "downloads", "likes", "likes30d", "trendingScore", "mainSize", "id"];
const EXPANDED = "expand[]=downloads&expand[]=likes&expand[]=sha&expand[]=siblings&expand[]=baseModels&expand[]=config";

export function reads(sample: Sample): Case[] {
  const { token, models, popular, own, shared } = sample;
  const info = (what: string, names: readonly string[], query: string, signedIn?: string): Case => ({
    what,
    paths: names.map((name) => `/api/models/${name}${query}`),
    goal: INFO_GOAL,
    ...(signedIn !== undefined && { token: signedIn }),
  });
  return [
    info("info", models, ""),
    info("info, signed in", models, "", token),
    info("info, most used models", popular, "", token),
    info("info, own private", own, "", token),
    info("info, private of an organization", shared, "", token),
    info("info, expand", models, `?${EXPANDED}`, token),
    info("info at a revision, with blobs", models, "/revision/main?blobs=true", token),
    { what: "whoami", paths: ["/api/whoami-v2"], token },
    { what: "tree", paths: models.map((name) => `/api/models/${name}/tree/main`), token },
    {
      what: "resolve, HEAD",
      method: "HEAD",
      paths: models.map((name) => `/${name}/resolve/main/config.json`),
      token,
    },
    { what: "resolve, GET", paths: models.map((name) => `/${name}/resolve/main/config.json`), token },
    ...lists(sample).map((each) => ({ goal: LIST_GOAL, ...each })),
  ];
}

function lists({ token, authors, rareWords }: Sample): Case[] {
  const list = (what: string, ...queries: string[]): Case => ({
    what: `list ${what}`,
    paths: queries.map((query) => `/api/models?limit=20&${query}`),
    token,
  });
  return [
    { what: "list, anonymous", paths: ["/api/models?limit=20"] },
    list("", ""),
    { what: "list of 100, full", paths: ["/api/models?limit=100&full=true"], token },
    ...SORTS.map((sort) => list(`by ${sort}`, `sort=${sort}`)),
    list("the other way", "sort=downloads&direction=1"),
    list("by author", ...authors.map((author) => `author=${author}`)),
    list("by author and downloads", ...authors.map((author) => `author=${author}&sort=downloads`)),
    list("with a common tag", "filter=transformers", "pipeline_tag=text-generation"),
    list("with a rare tag", ...rareWords.map((word) => `filter=${word}`)),
    list("with two common tags", "pipeline_tag=text-generation&library=transformers&sort=downloads"),
    list("with two tags that seldom meet", "filter=da,vit&sort=likes", "filter=fi,lora&sort=downloads"),
    list("with a common and a rare tag", ...rareWords.map((word) => `filter=transformers,${word}&sort=downloads`)),
    list("for a common word", "search=bert", "search=qwen"),
    list("for a rare word", ...rareWords.map((word) => `search=${word}`)),
    list("for two common words", "search=bert%20transformers", "search=llama%20apache"),
    list("for a common and a rare word", ...rareWords.map((word) => `search=bert%20${word}`)),
    list("for two rare words", ...rareWords.map((word, at) => `search=${word}%20${rareWords.at(at - 1)}`)),
    list("for a misspelt word", ...rareWords.map((word) => `search=${word.slice(0, 4)}x`)),
    list("for two letters", "search=be", "search=ka"),
    list("for a common word, by downloads", "search=bert&sort=downloads"),
    list("for a rare word, by downloads", ...rareWords.map((word) => `search=${word}&sort=downloads`)),
    list("for a word and a tag", "search=bert&filter=license:mit", "search=llama&pipeline_tag=fill-mask"),
    { what: "quicksearch, common", paths: ["/api/quicksearch?q=bert", "/api/quicksearch?q=llama"], token },
    { what: "quicksearch, rare", paths: rareWords.map((word) => `/api/quicksearch?q=${word}`), token },
    {
      what: "quicksearch, begun",
      paths: ["b", "be", "ber", "bert", "bert-k"].map((q) => `/api/quicksearch?q=${q}`),
      token,
    },
    {
      what: "quicksearch, two words",
      paths: ["/api/quicksearch?q=bert%20ka", "/api/quicksearch?q=llama%20mit"],
      token,
    },
    { what: "trending", paths: ["/api/trending"], token },
    { what: "tags by type", paths: ["/api/models-tags-by-type"], token },
    { what: "first page", paths: ["/"] },
    { what: "page of models", paths: ["/models"] },
    { what: "page of models with a task", paths: ["/models?pipeline_tag=fill-mask"] },
    { what: "page of a search", paths: ["/models?search=bert"] },
  ];
}

interface Answer {
  ms: number;
  link: string | undefined;
}

/** One request over a connection that stays open; the time until the last byte is there. */
function ask(agent: Agent, base: string, path: string, { method = "GET", token }: Partial<Case>): Promise<Answer> {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const began = performance.now();
    const sent = request(new URL(path, base), { agent, method, headers }, (response) => {
      const status = response.statusCode ?? 0;
      if (status >= 300) reject(new Error(`${method} ${path}: ${status}`));
      response.resume();
      response.once("error", reject);
      response.once("end", () => {
        const { link } = response.headers;
        resolve({ ms: performance.now() - began, link: typeof link === "string" ? link : link?.[0] });
      });
    });
    sent.once("error", reject);
    sent.end();
  });
}

const quantile = (values: readonly number[], part: number): number =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(values.length * part))] ?? Number.NaN;

/** Follows the links of a list, and gives the address of a page far behind. */
async function deepPage(agent: Agent, base: string, query: string, token: string): Promise<string> {
  let path = `/api/models?limit=1000&${query}`;
  for (let page = 0; page < 15; page++) {
    const { link } = await ask(agent, base, path, { token });
    const next = /<([^>]+)>/.exec(link ?? "")?.[1];
    if (next === undefined) break;
    path = next;
  }
  return path.replace("limit=1000", "limit=20");
}

async function withPages(agent: Agent, base: string, sample: Sample): Promise<Case[]> {
  const { token } = sample;
  const second = async (query: string) =>
    /<([^>]+)>/.exec((await ask(agent, base, `/api/models?limit=20&${query}`, { token })).link ?? "")?.[1] ?? "";
  const paged = [
    { what: "list, second page", paths: [await second("sort=downloads")] },
    { what: "list, deep page", paths: [await deepPage(agent, base, "sort=downloads", token)] },
    { what: "list with a tag, deep page", paths: [await deepPage(agent, base, "filter=transformers", token)] },
    { what: "search, second page", paths: [await second("search=bert")] },
  ];
  return [...reads(sample), ...paged.map((each) => ({ ...each, token, goal: LIST_GOAL }))];
}

export async function measure(base: string, bare: (() => Promise<number>) | number, sample: Sample, rounds: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const cases = await withPages(agent, base, sample);
  const times = new Map<Case, number[]>(cases.map((each) => [each, []]));
  const first = new Map<Case, number>();
  const [empty, statement]: [number[], number[]] = [[], []];
  // All in turn: what else the machine does meanwhile comes upon all alike.
  for (let round = -2; round < rounds; round++) {
    for (const [at, each] of cases.entries()) {
      const path = each.paths[(round + 2) % each.paths.length] ?? "";
      const { ms } = await ask(agent, base, path, each);
      const nothing = at % 4 === 0 ? (await ask(agent, base, "/api/telemetry/bench", {})).ms : undefined;
      if (!first.has(each)) first.set(each, ms);
      if (round < 0) continue;
      times.get(each)?.push(ms);
      if (nothing === undefined) continue;
      empty.push(nothing);
      statement.push(typeof bare === "number" ? bare : await bare());
    }
  }
  agent.destroy();
  return { times, first, empty, statement };
}

export function report({ times, first, empty, statement }: Awaited<ReturnType<typeof measure>>): void {
  const least = quantile(empty, 0.5) + quantile(statement, 0.5);
  const show = (ms: number) => ms.toFixed(1).padStart(8);
  console.log(
    `nothing asked of the database: p50 ${quantile(empty, 0.5).toFixed(2)} ms, p95 ${quantile(empty, 0.95).toFixed(2)} ms`,
  );
  console.log(
    `select 1: p50 ${quantile(statement, 0.5).toFixed(2)} ms, p95 ${quantile(statement, 0.95).toFixed(2)} ms`,
  );
  console.log(`${"".padEnd(36)} p50, ms  p95, ms    first  p50 / (both of these)`);
  for (const [each, values] of times) {
    const { what, goal } = each;
    const [p50, p95] = [quantile(values, 0.5), quantile(values, 0.95)];
    const said = goal === undefined ? "" : `  (goal: p95 ${goal} ms${p95 > goal ? ", missed" : ""})`;
    console.log(
      `${what.padEnd(36)}${show(p50)} ${show(p95)} ${show(first.get(each) ?? 0)} ${(p50 / least).toFixed(1).padStart(9)} ×${said}`,
    );
  }
}

export async function main([size = "1000000", rounds = "40", engine = "server"]: readonly string[]): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "abrazo-bench-lists-"));
  const server = engine === "embedded" ? undefined : await startPostgres();
  try {
    const url = await server?.database("bench");
    const began = performance.now();
    const database = await openDatabase(url === undefined ? { folder: join(folder, "hub") } : { url });
    const sample = await fill(database.db, Number(size));
    const once = async () => {
      const start = performance.now();
      await database.db.execute("select 1");
      return performance.now() - start;
    };
    // The embedded database has one connection, which will be the hub's.
    const bare = url === undefined ? quantile(await Promise.all(Array.from({ length: 20 }, once)), 0.5) : once;
    if (url === undefined) await database.close();
    console.log(`## ${size} repositories, ${engine}, made in ${((performance.now() - began) / 1000).toFixed(0)} s`);
    const hub = await serveBenchHub(folder, url, SOURCES);
    try {
      report(await measure(hub.url, bare, sample, Number(rounds)));
    } finally {
      await hub.stop();
      if (url !== undefined) await database.close();
    }
  } finally {
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
