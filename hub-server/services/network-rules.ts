// From which addresses an organization takes its members. access.ts holds them to it.
import { eq, sql } from "drizzle-orm";
import type { Context } from "../context.ts";
import { networkRules } from "../db/schema/organizations.ts";
import { badRequest } from "../errors.ts";
import { record } from "./audit.ts";
import { requireOrg } from "./organizations.ts";

export interface Rules {
  enforceIpRestriction: boolean;
  /** CIDR, e.g. "10.0.0.0/8". */
  ipRanges: string[];
}

export async function readRules(ctx: Context, name: string): Promise<Rules> {
  const org = await requireOrg(ctx, name, "admin");
  return rulesOf(ctx, org.id);
}

async function rulesOf({ db }: Pick<Context, "db">, orgId: string): Promise<Rules> {
  const [row] = await db.select().from(networkRules).where(eq(networkRules.orgId, orgId));
  return { enforceIpRestriction: row?.enforceIpRestriction ?? false, ipRanges: row?.ipRanges ?? [] };
}

/** Changes the rules; who changes them must not lock themselves out. */
export async function writeRules(
  ctx: Context,
  name: string,
  input: { [Name in keyof Rules]?: Rules[Name] | undefined },
): Promise<Rules> {
  const org = await requireOrg(ctx, name, "admin");
  const before = await rulesOf(ctx, org.id);
  const rules: Rules = {
    enforceIpRestriction: input.enforceIpRestriction ?? before.enforceIpRestriction,
    ipRanges: [...new Set(input.ipRanges ?? before.ipRanges)],
  };
  if (rules.enforceIpRestriction) await requireOwnAddress(ctx, rules.ipRanges);
  await ctx.db.transaction(async (tx) => {
    const set = { ...rules, updatedAt: new Date() };
    await tx
      .insert(networkRules)
      .values({ orgId: org.id, ...set })
      .onConflictDoUpdate({ target: networkRules.orgId, set });
    await record(tx, ctx, { orgId: org.id, action: "org.network", target: org.name, data: { ...rules } });
  });
  return rules;
}

async function requireOwnAddress({ db, actor }: Context, ranges: readonly string[]): Promise<void> {
  if (ranges.length === 0) throw badRequest("There is no range yet that members could come from.");
  if (actor?.admin === true) return;
  const list = sql.join(
    ranges.map((range) => sql`${range}::inet`),
    sql`, `,
  );
  const [row] = await db.execute<{ inside: boolean }>(
    sql`select ${actor?.address ?? null}::inet <<= any(array[${list}]) as inside`,
  );
  if (row?.inside === true) return;
  throw badRequest(
    `Your own address ${actor?.address} is in none of the ranges.`,
    "You would be locked out; add a range that holds it.",
  );
}
