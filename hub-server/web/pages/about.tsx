// Beside a card: facts, tags, what was measured, relatives, files, how to use it.
import type { Child } from "hono/jsx";
import { repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { Relative, Relatives } from "../../services/relatives.ts";
import { Icon } from "../components/icons.tsx";
import { FileName } from "../components/plain-text.tsx";
import { Day, filterUrl, Snippet } from "../components/repo.tsx";
import { bytes, grouped, languageName, many, pathUrl, short, words } from "../format.ts";
import { isShare, metricWords } from "../metrics.ts";
import { type Addresses, usageOf } from "../usage.ts";

export interface EvaluationRow {
  dataset: string;
  split: string;
  metric: string;
  metricName: string | null;
  slice: string | null;
  value: number;
  low: number | null;
  high: number | null;
  count: number | null;
}

const strings = (value: unknown): string[] =>
  (Array.isArray(value) ? value : [value]).filter((item) => typeof item === "string");

export function About({ repo }: { repo: Repo }) {
  const card = repo.cardData ?? {};
  const tasks = repo.type === "model" ? [] : strings(card["task_categories"]);
  const language = strings(card["language"]);
  return (
    <section class="panel about" aria-labelledby="about">
      <h2 id="about">About</h2>
      <dl class="pairs">
        {repo.pipelineTag === null ? null : (
          <Pair name="Task">
            <a href={filterUrl(repo, "pipeline_tag", repo.pipelineTag)}>{words(repo.pipelineTag)}</a>
          </Pair>
        )}
        {tasks.length === 0 ? null : (
          <Pair name={tasks.length === 1 ? "Task" : "Tasks"}>
            {tasks.slice(0, 6).map((task, index) => (
              <>
                {index === 0 ? "" : ", "}
                <a href={filterUrl(repo, "filter", `task_categories:${task}`)}>
                  <bdi>{words(task)}</bdi>
                </a>
              </>
            ))}
          </Pair>
        )}
        {repo.libraryName === null ? null : (
          <Pair name="Library">
            <a href={filterUrl(repo, "library", repo.libraryName)}>{repo.libraryName}</a>
          </Pair>
        )}
        {strings(card["license"]).map((license) => (
          <Pair name="License">
            <a href={filterUrl(repo, "filter", `license:${license}`)}>{license}</a>
          </Pair>
        ))}
        {language.length === 0 ? null : (
          <Pair name={language.length === 1 ? "Language" : "Languages"}>
            {language.slice(0, 6).map(languageName).join(", ")}
            {language.length > 6 ? ` and ${language.length - 6} more` : ""}
          </Pair>
        )}
        {repo.parameters === null ? null : (
          <Pair name="Parameters">
            <span title={many(repo.parameters, "parameter")}>{short(repo.parameters)}</span>
          </Pair>
        )}
        {repo.safetensors === null ? null : <Pair name="Tensor types">{tensorTypes(repo.safetensors)}</Pair>}
        {repo.sdk === null ? null : (
          <Pair name="SDK">
            <a href={filterUrl(repo, "sdk", repo.sdk)}>{repo.sdk}</a>
          </Pair>
        )}
        <Pair name="Size">
          <span title={`${bytes(repo.usedStorage)} with all earlier versions`}>{bytes(repo.mainSize)}</span>
        </Pair>
        {repo.type === "space" ? null : (
          <Pair name="Downloads">
            <span title={`in the last 30 days; ${grouped(repo.downloadsAllTime)} in all`}>
              {grouped(repo.downloads)}
            </span>
          </Pair>
        )}
        <Pair name="Updated">
          <Day at={repo.updatedAt} />
        </Pair>
      </dl>
    </section>
  );
}

/** The type that most parameters have comes first. */
const tensorTypes = (parameters: Readonly<Record<string, number>>): string =>
  Object.entries(parameters)
    .sort(([, a], [, b]) => b - a)
    .map(([dtype]) => dtype)
    .join(", ");

const Pair = ({ name, children }: { name: string; children?: Child }) => (
  <>
    <dt>{name}</dt>
    <dd>{children}</dd>
  </>
);

const MOST_TAGS = 40;

/** Tags that the facts above do not say already. */
export function Tags({ repo }: { repo: Repo }) {
  const said = new Set<string | null>([repo.pipelineTag, repo.libraryName, ...strings(repo.cardData?.["language"])]);
  const tags = repo.tags.filter((tag) => !said.has(tag) && !/^(license|dataset|base_model|task_categories):/.test(tag));
  if (tags.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="tags">
      <h2 id="tags">Tags</h2>
      <ul class="tags">
        {tags.slice(0, MOST_TAGS).map((tag) => (
          <li>
            <a class="tag" href={filterUrl(repo, "filter", tag)} title={tag}>
              <bdi>{tag}</bdi>
            </a>
          </li>
        ))}
      </ul>
      {tags.length > MOST_TAGS ? <p class="small muted">and {tags.length - MOST_TAGS} more</p> : null}
    </section>
  );
}

export function Family({ repo, relatives }: { repo: Repo; relatives: Relatives }) {
  const { bases, datasets, made, spaces } = relatives;
  if (bases.length + datasets.length + made.count + spaces.count === 0) return null;
  const list = (heading: string, of: readonly Relative[]) =>
    of.length === 0 ? null : (
      <>
        <h3>{heading}</h3>
        <ul class="plain-list">
          {of.map(({ name, id }) => (
            <li>{id === undefined ? <bdi>{name}</bdi> : <a href={repoPath(id)}>{name}</a>}</li>
          ))}
        </ul>
      </>
    );
  const words = repo.type === "model" ? "made from this one" : "trained on this";
  return (
    <section class="panel" aria-labelledby="family">
      <h2 id="family">Lineage</h2>
      {list(repo.type === "space" ? "Models" : "Made from", bases)}
      {list(repo.type === "space" ? "Datasets" : "Trained on", datasets)}
      {made.count === 0 ? null : (
        <p>
          <a href={`/models?${new URLSearchParams({ filter: made.tag })}`}>
            {many(made.count, "model")} {words}
          </a>
        </p>
      )}
      {spaces.count === 0 ? null : (
        <p>
          <a href={`/spaces?${spaces.query}`}>{many(spaces.count, "space")} with it</a>
        </p>
      )}
    </section>
  );
}

const MOST_EVALUATIONS = 24;

export function Evaluations({ rows }: { rows: readonly EvaluationRow[] }) {
  if (rows.length === 0) return null;
  const shown = rows.slice(0, MOST_EVALUATIONS);
  return (
    <section class="panel" aria-labelledby="evaluation">
      <h2 id="evaluation">Evaluation</h2>
      {[...new Set(shown.map(placeOf))].map((place) => (
        <>
          <h3>
            <bdi>{place}</bdi>
          </h3>
          <dl class="scores">
            {shown
              .filter((row) => placeOf(row) === place)
              .map((row) => (
                <Score row={row} />
              ))}
          </dl>
        </>
      ))}
      {rows.length > MOST_EVALUATIONS ? (
        <p class="small muted">and {rows.length - MOST_EVALUATIONS} more in the card</p>
      ) : null}
    </section>
  );
}

const placeOf = ({ dataset, split, slice }: EvaluationRow): string =>
  [dataset, split, slice].filter((part) => part !== null && part !== "").join(", ");

function Score({ row }: { row: EvaluationRow }) {
  const { metric, value, low, high, count } = row;
  const interval = low === null || high === null ? undefined : ([low, high] as const);
  const notes = [
    interval === undefined ? undefined : `95 %: ${low?.toFixed(3)} to ${high?.toFixed(3)}`,
    count === null ? undefined : many(count, "example"),
  ].filter((note) => note !== undefined);
  return (
    <>
      <dt>{metricWords(row)}</dt>
      <dd>
        <strong>{score(value)}</strong>
        {isShare(metric, value) ? <Scale value={value} interval={interval} /> : null}
        {notes.length === 0 ? null : <span class="muted">{notes.join(" · ")}</span>}
      </dd>
    </>
  );
}

/** Four decimals below 10, as measurements are compared; fewer above. */
const score = (value: number): string => (Math.abs(value) < 10 ? value.toFixed(4) : value.toFixed(2));

/** From 0 to 1: how far the value reaches, and around its end the interval. */
const Scale = ({ value, interval }: { value: number; interval: readonly [number, number] | undefined }) => (
  <svg class="scale" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
    <rect class="all" x="0" y="2" width="100" height="4" />
    <rect class="part" x="0" y="2" width={(value * 100).toFixed(2)} height="4" />
    {interval === undefined ? null : (
      <rect
        class="span"
        x={(interval[0] * 100).toFixed(2)}
        y="0"
        width={((interval[1] - interval[0]) * 100).toFixed(2)}
        height="8"
      />
    )}
  </svg>
);

export interface FileRow {
  path: string;
  size: number;
}

const MOST_FILES = 8;

/** The files of a dataset in short; the tab has them all. */
export function Files({ repo, files }: { repo: Repo; files: readonly FileRow[] }) {
  if (files.length === 0) return null;
  return (
    <section class="panel" aria-labelledby="files">
      <h2 id="files">
        Files <span class="count">{grouped(files.length)}</span>
      </h2>
      <ul class="file-list">
        {files.slice(0, MOST_FILES).map(({ path, size }) => (
          <li>
            <a href={`${repoPath(repo)}/blob/main/${pathUrl(path)}`}>
              <FileName name={path} />
            </a>
            <span class="muted">{bytes(size)}</span>
          </li>
        ))}
      </ul>
      {files.length > MOST_FILES ? (
        <p>
          <a href={`${repoPath(repo)}/tree/main`}>All {grouped(files.length)} files</a>
        </p>
      ) : null}
    </section>
  );
}

/** A menu beside the name, wide enough for code. */
export const Usage = ({ repo, addresses }: { repo: Repo; addresses: Addresses }) => (
  <details class="menu right use">
    <summary>
      Use this {repo.type} <Icon name="down" />
    </summary>
    <div class="sheet">
      {usageOf(repo, addresses).map((snippet) => (
        <Snippet {...snippet} />
      ))}
      {repo.isPrivate ? (
        <p class="small muted">Private: each tool needs an access token of somebody who may see it.</p>
      ) : null}
    </div>
  </details>
);
