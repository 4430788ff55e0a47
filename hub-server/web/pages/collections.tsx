// Collections: their list, and one with what it holds.
import { repoPath } from "../../../src/hub/repo-id.ts";
import type { Item } from "../../services/collection-items.ts";
import { type Collection, slugOf } from "../../services/collections.ts";
import { Icon } from "../components/icons.tsx";
import { Pager, Private, Time } from "../components/repo.tsx";
import { many } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";
import { Problem } from "./account.tsx";

const Card = ({ collection, items }: { collection: Collection; items: number }) => (
  <li class="repo">
    <h3>
      <a href={`/collections/${slugOf(collection)}`}>
        <span class="owner">{collection.owner.name}/</span>
        <bdi>{collection.title}</bdi>
      </a>
      {collection.isPrivate ? <Private /> : null}
    </h3>
    <ul class="facts">
      <li>{many(items, "item")}</li>
      <li>
        updated <Time at={collection.updatedAt} />
      </li>
      {collection.upvotes === 0 ? null : <li>{many(collection.upvotes, "upvote")}</li>}
    </ul>
  </li>
);

export function CollectionsPage({
  shell,
  rows,
  search,
  page,
  more,
  problem,
}: {
  shell: Shell;
  rows: readonly { collection: Collection; items: number }[];
  search: string;
  page: number;
  more: boolean;
  problem?: string;
}) {
  const at = (number: number) =>
    `/collections?${new URLSearchParams({ ...(search !== "" && { q: search }), p: `${number}` })}`;
  return (
    <Page title="Collections" shell={shell}>
      <h1>Collections</h1>
      <div class="tokens-page">
        <div>
          <form class="list-form" action="/collections">
            <input
              type="search"
              name="q"
              value={search}
              placeholder="Part of a title"
              aria-label="Search collections"
            />
          </form>
          {rows.length === 0 ? (
            <p class="blank panel">No collections{search === "" ? " yet" : " with these words"}.</p>
          ) : (
            <ul class="cards">
              {rows.map((row) => (
                <Card {...row} />
              ))}
            </ul>
          )}
          <Pager previous={page === 0 ? undefined : at(page - 1)} next={more ? at(page + 1) : undefined} />
        </div>
        {shell.actor === undefined ? null : (
          <form class="form panel" method="post" action="/collections">
            <h2>New collection</h2>
            <Problem text={problem} />
            <label for="title">Title</label>
            <input id="title" name="title" required maxlength={60} autocomplete="off" />
            <label for="description">Description</label>
            <input id="description" name="description" maxlength={150} autocomplete="off" />
            <label class="check">
              <input type="checkbox" name="private" value="yes" />
              <span>Private</span>
            </label>
            <button type="submit">Create</button>
          </form>
        )}
      </div>
    </Page>
  );
}

export function CollectionPage({
  shell,
  collection,
  items,
  mayChange,
  problem,
}: {
  shell: Shell;
  collection: Collection;
  items: readonly Item[];
  mayChange: boolean;
  problem?: string;
}) {
  const base = `/collections/${slugOf(collection)}`;
  return (
    <Page title={collection.title} shell={shell} description={collection.description ?? undefined}>
      <p class="muted">
        <a href="/collections">Collections</a> of <a href={`/${collection.owner.name}`}>{collection.owner.name}</a>
      </p>
      <div class="row">
        <h1>
          <bdi>{collection.title}</bdi>
        </h1>
        {collection.isPrivate ? <Private /> : null}
        <span class="grow" />
        {mayChange ? <Delete base={base} /> : null}
      </div>
      {collection.description ? <p class="lead">{collection.description}</p> : null}
      <Problem text={problem} />
      <div class={mayChange ? "tokens-page" : undefined}>
        {items.length === 0 ? (
          <p class="blank panel">Nothing in it yet.</p>
        ) : (
          <ul class="token-list">
            {items.map((item) => (
              <Row item={item} base={base} mayChange={mayChange} />
            ))}
          </ul>
        )}
        {mayChange ? <Add base={base} /> : null}
      </div>
    </Page>
  );
}

function Row({ item, base, mayChange }: { item: Item; base: string; mayChange: boolean }) {
  const { repo, other, note } = item;
  const name = repo === undefined ? (other?.collection.title ?? "") : `${repo.namespace}/${repo.name}`;
  const href =
    repo === undefined
      ? `/collections/${other === undefined ? "" : slugOf({ ...other.collection, owner: other.owner })}`
      : repoPath(repo);
  return (
    <li class="panel">
      <div class="row">
        <Icon name={repo?.type ?? "folder"} />
        <a class="grow" href={href}>
          <strong>
            <bdi>{name}</bdi>
          </strong>
        </a>
        {repo?.isPrivate === true ? <Private /> : null}
        {mayChange ? (
          <form method="post" action={`${base}/items/remove`}>
            <input type="hidden" name="id" value={item.id} />
            <button class="plain small" type="submit" aria-label={`Remove ${name}`}>
              Remove
            </button>
          </form>
        ) : null}
      </div>
      {note === null ? null : <p class="small muted">{note}</p>}
    </li>
  );
}

const Add = ({ base }: { base: string }) => (
  <form class="form panel" method="post" action={`${base}/items`}>
    <h2>Add</h2>
    <label for="type">Kind</label>
    <select id="type" name="type">
      <option value="model">Model</option>
      <option value="dataset">Dataset</option>
      <option value="space">Space</option>
      <option value="collection">Collection</option>
    </select>
    <label for="id">Name</label>
    <input id="id" name="id" required placeholder="ana/mood" autocapitalize="none" autocomplete="off" />
    <label for="note">Note</label>
    <input id="note" name="note" maxlength={500} autocomplete="off" />
    <button type="submit">Add</button>
  </form>
);

const Delete = ({ base }: { base: string }) => (
  <details class="confirm small">
    <summary>Delete</summary>
    <form method="post" action={`${base}/delete`}>
      <button class="danger" type="submit">
        Yes, delete it
      </button>
    </form>
  </details>
);
