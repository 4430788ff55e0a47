// The page of a model or dataset: its card and first rows, and beside them what is known of it.
import { raw } from "hono/html";
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { Relatives } from "../../services/relatives.ts";
import { Icon } from "../components/icons.tsx";
import { FileName } from "../components/plain-text.tsx";
import { RepoHeader, Snippet } from "../components/repo.tsx";
import { RowsTable } from "../components/rows-table.tsx";
import { many, pathUrl, words } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";
import { type Addresses, pushUsage } from "../usage.ts";
import type { DatasetPreview, RenderedCard } from "../views.ts";
import { About, type EvaluationRow, Evaluations, Family, type FileRow, Files, Tags, Usage } from "./about.tsx";

interface CardProps {
  shell: Shell;
  repo: Repo;
  addresses: Addresses;
  /** Undefined when there is no README.md. */
  card: RenderedCard | undefined;
  evaluations: readonly EvaluationRow[];
  relatives: Relatives;
  files: readonly FileRow[];
  /** Undefined for models. */
  preview: DatasetPreview | undefined;
}

export function CardPage({ shell, repo, addresses, card, evaluations, relatives, files, preview }: CardProps) {
  const { actor } = shell;
  const own = actor !== undefined && (actor.admin || actor.id === repo.ownerId);
  const task = repo.pipelineTag === null ? repo.type : `${words(repo.pipelineTag)} ${repo.type}`;
  return (
    <Page title={fullName(repo)} shell={shell} description={`${fullName(repo)}: ${task}`}>
      <RepoHeader repo={repo} tab="card">
        {files.length === 0 ? null : <Usage repo={repo} addresses={addresses} />}
      </RepoHeader>
      <div class="card-page">
        <aside class="facts-side" aria-label="Facts">
          <About repo={repo} />
        </aside>
        <div class="body">
          {preview === undefined ? null : <Preview repo={repo} preview={preview} />}
          {own && card?.metadataProblem !== undefined ? (
            <p class="note">
              The metadata of README.md cannot be used: <bdi>{card.metadataProblem}</bdi>
            </p>
          ) : null}
          {card === undefined ? (
            <NoCard repo={repo} own={own} addresses={addresses} files={files} />
          ) : (
            <Card card={card} />
          )}
        </div>
        <aside class="more-side" aria-label="More about this repository">
          <Evaluations rows={evaluations} />
          <Family repo={repo} relatives={relatives} />
          <Tags repo={repo} />
          {repo.type === "dataset" ? <Files repo={repo} files={files} /> : null}
        </aside>
      </div>
    </Page>
  );
}

const Card = ({ card }: { card: RenderedCard }) => (
  <>
    {card.problem === undefined ? null : <p class="note">{card.problem}</p>}
    {card.html === undefined ? (
      <pre class="panel source" tabindex={0}>
        {card.source}
      </pre>
    ) : card.html.trim() === "" ? (
      <p class="blank panel">The card holds metadata alone; it has no text.</p>
    ) : (
      <article class="panel prose" dir="auto">
        {raw(card.html)}
      </article>
    )}
  </>
);

interface NoCardProps {
  repo: Repo;
  own: boolean;
  addresses: Addresses;
  files: readonly FileRow[];
}

/** Whoever may write is told how; others that there is nothing to read. */
function NoCard({ repo, own, addresses, files }: NoCardProps) {
  const empty = files.length === 0;
  return (
    <section class="panel">
      <h2>{empty ? "Nothing here yet" : "No card yet"}</h2>
      {own ? (
        <>
          <p>
            {empty
              ? "Push a folder; it becomes the first version."
              : repo.type === "model"
                ? "Pushing with the command line writes a card from the files. Or add a README.md yourself."
                : "Add a README.md that says what the data is, and push again."}
          </p>
          {pushUsage(repo, addresses).map((snippet) => (
            <Snippet {...snippet} />
          ))}
        </>
      ) : (
        <p>{empty ? "This repository holds no files." : "Its owner has not written one."}</p>
      )}
      {empty ? null : (
        <p>
          <a href={`${repoPath(repo)}/tree/main`}>Look at the files</a>
        </p>
      )}
    </section>
  );
}

function Preview({ repo, preview }: { repo: Repo; preview: DatasetPreview }) {
  const { tables, shown, rows } = preview;
  if (shown === undefined) return <p class="blank panel">No CSV, TSV or JSONL file to show rows of.</p>;
  return (
    <section class="rows" aria-labelledby="rows">
      <div class="row rows-head">
        <h2 id="rows">
          <a href={`${repoPath(repo)}/blob/main/${pathUrl(shown)}`}>
            <FileName name={shown} />
          </a>
        </h2>
        <span class="muted small">{rows === undefined ? "" : `first ${many(rows.rows.length, "row")}`}</span>
        <span class="grow" />
        {tables.length < 2 ? null : (
          <details class="menu right">
            <summary>
              {many(tables.length, "table")} <Icon name="down" />
            </summary>
            <div class="sheet">
              <ul>
                {tables.map((path) => (
                  <li>
                    <a
                      href={`${repoPath(repo)}?${new URLSearchParams({ table: path })}`}
                      aria-current={path === shown ? "true" : undefined}
                    >
                      <FileName name={path} />
                    </a>
                  </li>
                ))}
              </ul>
            </div>
          </details>
        )}
      </div>
      {rows === undefined ? (
        <p class="blank panel">No rows can be read from the beginning of this file.</p>
      ) : (
        <RowsTable preview={rows} />
      )}
    </section>
  );
}
