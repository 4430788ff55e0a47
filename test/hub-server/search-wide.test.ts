// Searches among many repositories, once the database knows which words are common: whichever way is taken, the same is found.
import { sql } from "drizzle-orm";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { repoIndex } from "../../hub-server/db/schema/repos.ts";
import { repos } from "../../hub-server/db/schema.ts";
import { searchDocument } from "../../hub-server/services/search-text.ts";
import { createUser } from "../../hub-server/services/users.ts";
import { divide } from "../../hub-server/services/word-statistics.ts";
import { type TestHub, testHub } from "../support/hub.ts";

/** More than are ranked, and enough for a word of one to be a rare one. */
const MANY = 1200;
let hub: TestHub;

beforeAll(async () => {
  hub = await testHub();
  const { db } = hub.deps;
  const { id: ownerId } = await createUser({ db }, { name: "wide" });
  // Of every two names one has "ordinary"; the bodies all have it. Private ones are every tenth.
  const rows = Array.from({ length: MANY }, (_, at) => ({
    row: {
      type: at % 100 === 5 ? ("dataset" as const) : ("model" as const),
      namespace: "wide",
      name: `${at % 2 === 0 ? "ordinary" : "usual"}-${at}`,
      ownerId,
      isPrivate: at % 10 === 3,
      downloads: at,
    },
    body: `ordinary words ${at === 700 ? "axolotl" : ""} ${at === 703 ? "pangolin" : ""}`,
  }));
  for (let from = 0; from < MANY; from += 300) {
    const part = rows.slice(from, from + 300);
    const made = await db
      .insert(repos)
      .values(part.map(({ row }) => row))
      .returning();
    const index = made.map(({ id, type, name }, at) => {
      const words = searchDocument({ name: `wide/${name}`, titles: [], body: part[at]?.body ?? "" });
      return { repoId: id, type, version: 0, ...words, facts: {} };
    });
    await db.insert(repoIndex).values(index);
  }
  await db.execute(sql`analyze ${repoIndex}`);
});
afterAll(() => hub.close());

const names = async (query: string): Promise<string[]> => {
  const found: { id: string }[] = await (await fetch(`${hub.url}/api/models?${query}`)).json();
  return found.map(({ id }) => id);
};

describe("a search among many", () => {
  it("for a common and a rare word finds those with both", async () => {
    expect(await names("search=ordinary axolotl")).toEqual(["wide/ordinary-700"]);
    expect(await names("search=ordinary axolotl&sort=downloads")).toEqual(["wide/ordinary-700"]);
    expect(await names("search=usual axolotl")).toEqual([]);
    expect(await names("search=usual axolotl&sort=downloads")).toEqual([]);
    expect(await names("search=ord axo")).toEqual(["wide/ordinary-700"]);
  });

  it("shows nobody what is private", async () => {
    expect(await names("search=ordinary pangolin")).toEqual([]);
    expect(await names("search=pangolin&sort=downloads")).toEqual([]);
  });

  it("for a common word has those first whose name it is", async () => {
    const found = await names("search=ordinary&limit=700");
    const inNames = found.filter((id) => id.startsWith("wide/ordinary"));
    expect(inNames).toHaveLength(MANY / 2);
    expect(found.slice(0, inNames.length)).toEqual(inNames);
    expect((await names("search=ordinary&sort=downloads&limit=3")).map((id) => id.split("-")[1])).toEqual([
      "1199",
      "1198",
      "1197",
    ]);
  });

  it("counts what it finds, up to a thousand", async () => {
    const counted = async (words: string) => {
      const { modelsCount, datasetsCount } = await (await fetch(`${hub.url}/api/quicksearch?q=${words}`)).json();
      return [modelsCount, datasetsCount];
    };
    expect(await counted("ordinary")).toEqual([1000, 12]);
    expect(await counted("usual")).toEqual([468, 12]);
    expect(await counted("axolotl")).toEqual([1, 0]);
    expect(await counted("nothing")).toEqual([0, 0]);
  });
});

it("the index is asked for the rare words of a search, and for all where none or all are rare", () => {
  const common = [
    { word: "ordinary", part: 0.4 },
    { word: "ordinal", part: 0.004 },
  ];
  expect(divide("'ordinary':* & 'axo':* & 'new':*", common)).toEqual({
    indexed: "'axo':* & 'new':*",
    rest: "'ordinary':*",
    rare: true,
  });
  expect(divide("'ord':*", common)).toEqual({ indexed: "'ord':*", rest: undefined, rare: false });
  // A single letter is looked for as it stands.
  expect(divide("'o' & 'ordinal':*", common)).toEqual({ indexed: "'o' & 'ordinal':*", rest: undefined, rare: true });
  expect(divide("'ordinary':*", [])).toEqual({ indexed: "'ordinary':*", rest: undefined, rare: true });
});
