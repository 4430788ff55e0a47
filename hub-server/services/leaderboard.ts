// Models ranked by what was measured on a dataset, from the evaluations that their repositories hold.
import { and, eq, isNull, sql } from "drizzle-orm";
import { fullName, type RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { type RepoFacts, repoIndex, repoLinks } from "../db/schema/repos.ts";
import { evaluations, repos, users } from "../db/schema.ts";
import { requireAccess, visible } from "./access.ts";
import { text } from "./card-tags.ts";
import type { Account } from "./users.ts";

export interface LeaderboardEntry {
  rank: number;
  modelId: string;
  value: number;
  metric: string;
  /** The file of the model's repository that says it. */
  filename: string;
  /** Where the file says that the result is from. */
  source?: { url: string; name?: string };
  notes?: string;
  owner: Account;
}

const MOST = 500;
/** Of these the least is the best. */
const LESS_IS_BETTER = /loss|perplexity|error|\b(wer|cer|mae|mse|rmse)\b/i;

export async function leaderboardOf(
  ctx: Context,
  id: RepoId,
  { task, basesOnly }: { task?: string | undefined; basesOnly: boolean },
): Promise<LeaderboardEntry[]> {
  const dataset = await requireAccess(ctx, "read", id);
  const based = sql`exists (select 1 from ${repoLinks} where ${repoLinks.repoId} = ${repos.id} and ${repoLinks.kind} = 'base_model')`;
  const rows = await ctx.db
    .select({
      evaluation: evaluations,
      namespace: repos.namespace,
      name: repos.name,
      owner: users,
      results: sql<RepoFacts["evalResults"] | null>`${repoIndex.facts} -> 'evalResults'`,
    })
    .from(evaluations)
    .innerJoin(repos, and(eq(repos.id, evaluations.repoId), eq(repos.indexedCommit, evaluations.commitId)))
    .innerJoin(users, eq(users.id, repos.ownerId))
    .leftJoin(repoIndex, eq(repoIndex.repoId, repos.id))
    .where(
      and(
        eq(sql`lower(${evaluations.dataset})`, fullName(dataset).toLowerCase()),
        eq(repos.type, "model"),
        isNull(evaluations.slice),
        task === undefined ? undefined : eq(evaluations.split, task),
        basesOnly ? sql`not ${based}` : undefined,
        visible(ctx),
      ),
    )
    .limit(20 * MOST);
  const metric = mostCommon(rows.map(({ evaluation }) => evaluation.metric));
  const direction = LESS_IS_BETTER.test(metric ?? "") ? 1 : -1;
  const ranked = rows
    .filter(({ evaluation }) => evaluation.metric === metric)
    .sort((a, b) => direction * (a.evaluation.value - b.evaluation.value));
  return ranked.slice(0, MOST).map(({ evaluation, owner, results, ...model }, index) => ({
    rank: index + 1,
    modelId: fullName(model),
    value: evaluation.value,
    metric: evaluation.metric,
    filename: evaluation.filename ?? "README.md",
    ...saidOf(evaluation, results ?? []),
    owner,
  }));
}

type Evaluation = typeof evaluations.$inferSelect;

/** What the file that gives a result says about it. */
function saidOf(
  { filename, dataset, split, value }: Evaluation,
  results: NonNullable<RepoFacts["evalResults"]>,
): Pick<LeaderboardEntry, "source" | "notes"> {
  const entry = results.find(({ data, ...file }) => {
    const of = recordOf(data?.["dataset"]);
    return file.filename === filename && of["id"] === dataset && of["task_id"] === split && data?.["value"] === value;
  });
  const source = recordOf(entry?.data?.["source"]);
  const [url, name, notes] = [text(source["url"]), text(source["name"]), text(entry?.data?.["notes"])];
  return {
    ...(url !== undefined && { source: { url, ...(name !== undefined && { name }) } }),
    ...(notes !== undefined && { notes }),
  };
}

const recordOf = (value: unknown): Record<string, unknown> =>
  typeof value === "object" && value !== null ? { ...value } : {};

/** What most models report is what they can be compared by. */
function mostCommon(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0];
}
