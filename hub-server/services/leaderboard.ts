// Models ranked by what was measured on a dataset, from the evaluations that their repositories hold.
import { and, eq, isNull, sql } from "drizzle-orm";
import { fullName, type RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { repoLinks } from "../db/schema/repos.ts";
import { evaluations, repos, users } from "../db/schema.ts";
import { requireAccess, visible } from "./access.ts";
import { wireId } from "./wire-ids.ts";

export interface LeaderboardEntry {
  rank: number;
  modelId: string;
  value: number;
  metric: string;
  /** The file of the model's repository that says it. */
  filename: string;
  /** Nobody but the model's owner says so. */
  verified: boolean;
  author: { _id: string; type: "user" | "org"; name: string; fullname: string };
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
    .select({ evaluation: evaluations, namespace: repos.namespace, name: repos.name, owner: users })
    .from(evaluations)
    .innerJoin(repos, and(eq(repos.id, evaluations.repoId), eq(repos.indexedCommit, evaluations.commitId)))
    .innerJoin(users, eq(users.id, repos.ownerId))
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
  return ranked.slice(0, MOST).map(({ evaluation, owner, ...model }, index) => ({
    rank: index + 1,
    modelId: fullName(model),
    value: evaluation.value,
    metric: evaluation.metric,
    filename: evaluation.filename ?? "README.md",
    verified: false,
    author: {
      _id: wireId(owner.id),
      type: owner.kind === "org" ? "org" : "user",
      name: owner.name,
      fullname: owner.fullName ?? owner.name,
    },
  }));
}

/** What most models report is what they can be compared by. */
function mostCommon(names: readonly string[]): string | undefined {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))[0]?.[0];
}
