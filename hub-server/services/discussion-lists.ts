// Reading discussions: the list of a repository, and one with all that happened in it.
// Writes nothing.
import { and, asc, count, desc, eq, ilike, inArray, type SQL, sql } from "drizzle-orm";
import type { RepoId } from "../../src/hub/repo-id.ts";
import type { Context } from "../context.ts";
import { type DiscussionStatus, discussionEvents, discussions } from "../db/schema/discussions.ts";
import { refs, users } from "../db/schema.ts";
import type { Repo } from "./access.ts";
import type { Discussion, DiscussionEvent } from "./discussion-log.ts";
import { discussionRepo, findDiscussion } from "./discussions.ts";
import { containing } from "./like-pattern.ts";
import { conflictsOf } from "./merge.ts";
import { pullRequestRef } from "./pushes.ts";

export const PAGE = 50;

export const DISCUSSION_SORTS = {
  "recently-created": [desc(discussions.num)],
  trending: [desc(discussions.updatedAt), desc(discussions.num)],
  // Nobody reacts here otherwise than by a comment.
  reactions: [desc(discussions.comments), desc(discussions.num)],
} as const;

export interface DiscussionQuery {
  type?: "all" | "discussion" | "pull_request" | undefined;
  status?: "all" | "open" | "closed" | undefined;
  author?: string | undefined;
  search?: string | undefined;
  sort?: keyof typeof DISCUSSION_SORTS | undefined;
  page?: number | undefined;
  pageSize?: number | undefined;
}

export interface Person {
  id: string;
  name: string;
  fullName: string | null;
  kind: string;
}

export interface DiscussionItem extends Discussion {
  /** Undefined once the user is gone. */
  author: Person | undefined;
}

const STATUSES: Readonly<Record<"open" | "closed", readonly DiscussionStatus[]>> = {
  open: ["open", "draft"],
  closed: ["closed", "merged"],
};

/** A page of discussions, pinned ones first, and how many there are in all and by state. */
export async function listDiscussions(
  ctx: Context,
  id: RepoId,
  query: DiscussionQuery,
): Promise<{
  repo: Repo;
  items: DiscussionItem[];
  count: number;
  start: number;
  open: number;
  closed: number;
}> {
  const repo = await discussionRepo(ctx, id, "read");
  const { status = "all", sort = "recently-created", page = 0, pageSize = PAGE } = query;
  const about = narrowed(repo, query);
  const where = and(about, status === "all" ? undefined : inArray(discussions.status, [...STATUSES[status]]));
  const rows = await ctx.db
    .select({ discussion: discussions, author: authorColumns })
    .from(discussions)
    .leftJoin(users, eq(users.id, discussions.authorId))
    .where(where)
    .orderBy(desc(discussions.pinned), ...DISCUSSION_SORTS[sort])
    .limit(pageSize)
    .offset(page * pageSize);
  const [open, closed] = [await total(ctx, about, "open"), await total(ctx, about, "closed")];
  const found = { all: open + closed, open, closed }[status];
  const items = rows.map(({ discussion, author }) => ({ ...discussion, author: author ?? undefined }));
  return { repo, items, count: found, start: page * pageSize, open, closed };
}

const authorColumns = { id: users.id, name: users.name, fullName: users.fullName, kind: users.kind };

function narrowed(repo: Repo, { type = "all", author, search }: DiscussionQuery): SQL | undefined {
  const words = (search ?? "").trim().slice(0, 200);
  return and(
    eq(discussions.repoId, repo.id),
    type === "all" ? undefined : eq(discussions.isPullRequest, type === "pull_request"),
    words === "" ? undefined : ilike(discussions.title, containing(words)),
    author === undefined
      ? undefined
      : inArray(
          discussions.authorId,
          sql`(select ${users.id} from ${users} where lower(${users.name}) = ${author.toLowerCase()})`,
        ),
  );
}

async function total({ db }: Context, about: SQL | undefined, status: "open" | "closed"): Promise<number> {
  const [row] = await db
    .select({ value: count() })
    .from(discussions)
    .where(and(about, inArray(discussions.status, [...STATUSES[status]])));
  return row?.value ?? 0;
}

export interface EventItem extends DiscussionEvent {
  author: Person | undefined;
  /** Who changed a comment last. */
  editor: Person | undefined;
}

export interface DiscussionDetails {
  repo: Repo;
  discussion: DiscussionItem;
  events: EventItem[];
  /** Of pull requests that are not over: files that both sides changed differently. */
  conflicts: string[];
  /** Whether the ref of a pull request is there. */
  hasRef: boolean;
}

export async function discussionDetails(ctx: Context, id: RepoId, num: number): Promise<DiscussionDetails> {
  const { repo, discussion } = await findDiscussion(ctx, id, num, "read");
  const events = await ctx.db
    .select()
    .from(discussionEvents)
    .where(eq(discussionEvents.discussionId, discussion.id))
    .orderBy(asc(discussionEvents.position));
  const people = await peopleOf(ctx, [
    discussion.authorId,
    ...events.flatMap((event) => [event.authorId, event.editorId]),
  ]);
  const person = (userId: string | null) => (userId === null ? undefined : people.get(userId));
  return {
    repo,
    discussion: { ...discussion, author: person(discussion.authorId) },
    events: events.map((event) => withAuthors(event, person)),
    conflicts: discussion.isPullRequest ? await conflictsOf(ctx, repo, discussion) : [],
    hasRef: discussion.isPullRequest && (await hasRef(ctx, repo, num)),
  };
}

/** An event with the people in it. */
export async function describeEvent(ctx: Context, event: DiscussionEvent): Promise<EventItem> {
  const people = await peopleOf(ctx, [event.authorId, event.editorId]);
  return withAuthors(event, (userId) => (userId === null ? undefined : people.get(userId)));
}

const withAuthors = (event: DiscussionEvent, person: (id: string | null) => Person | undefined): EventItem => ({
  ...event,
  author: person(event.authorId),
  editor: person(event.editorId ?? event.authorId),
});

async function peopleOf({ db }: Context, ids: readonly (string | null)[]): Promise<Map<string, Person>> {
  const wanted = [...new Set(ids)].filter((id) => id !== null);
  if (wanted.length === 0) return new Map();
  const rows = await db.select(authorColumns).from(users).where(inArray(users.id, wanted));
  return new Map(rows.map((row) => [row.id, row]));
}

async function hasRef({ db }: Context, repo: Repo, num: number): Promise<boolean> {
  const [ref] = await db
    .select({ name: refs.name })
    .from(refs)
    .where(and(eq(refs.repoId, repo.id), eq(refs.name, pullRequestRef(num))));
  return ref !== undefined;
}
