// Parts of discussions: their state in a word, and what happened besides comments.
import { repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { EventItem } from "../../services/discussion-lists.ts";
import type { Discussion } from "../../services/discussion-log.ts";
import { Avatar } from "../layout.tsx";
import { Icon } from "./icons.tsx";
import { Time } from "./repo.tsx";

export const DiscussionState = ({ discussion }: { discussion: Discussion }) => (
  <span class={`badge state ${discussion.status}`}>
    <Icon name={discussion.isPullRequest ? "request" : "discussion"} /> {discussion.status}
  </span>
);

/** A user's name, or what stands for one who is gone. */
export const Who = ({ author }: { author: EventItem["author"] }) =>
  author === undefined ? (
    <span class="muted">a deleted user</span>
  ) : (
    <a class="who" href={`/${author.name}`}>
      <bdi>{author.name}</bdi>
    </a>
  );

const text = (value: unknown): string => (typeof value === "string" ? value : "");

const STATUS_WORDS: Readonly<Record<string, string>> = {
  open: "opened this",
  closed: "closed this",
  merged: "merged this",
};

/** What an event that is no comment says after the name of who did it. */
function Deed({ repo, event: { type, data } }: { repo: Repo; event: EventItem }) {
  const of = (key: string) => text(data?.[key]);
  switch (type) {
    case "status-change":
      return <>{STATUS_WORDS[of("status")] ?? `set this to ${of("status")}`}</>;
    case "title-change":
      return (
        <>
          renamed this from <s dir="auto">{of("from")}</s> to <strong dir="auto">{of("to")}</strong>
        </>
      );
    case "commit":
      return (
        <>
          pushed{" "}
          <a href={`${repoPath(repo)}/commit/${of("oid")}`} dir="auto">
            {of("subject") || "a commit"}
          </a>{" "}
          <code>{of("oid").slice(0, 7)}</code>
        </>
      );
    case "pinning-change":
      return <>{data?.["pinned"] === true ? "pinned this" : "unpinned this"}</>;
    case "locking-change":
      return <>{data?.["locked"] === true ? "locked this" : "unlocked this"}</>;
    default:
      return <>did something</>;
  }
}

export const EventLine = ({ repo, event }: { repo: Repo; event: EventItem }) => (
  <li class="deed" id={event.id}>
    <Avatar name={event.author?.name ?? "?"} />
    <span>
      <Who author={event.author} /> <Deed repo={repo} event={event} />{" "}
      <span class="muted small">
        <Time at={event.createdAt} />
      </span>
    </span>
  </li>
);
