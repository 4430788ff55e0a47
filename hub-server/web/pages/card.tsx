// The page of a model or dataset: its card, and beside it what was measured.
import { raw } from "hono/html";
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import { RepoHeader } from "../components/repo.tsx";
import { bytes, short } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";
import type { RowsPreview } from "../rows.ts";

export interface EvaluationRow {
  dataset: string;
  split: string;
  metric: string;
  slice: string | null;
  value: number;
  low: number | null;
  high: number | null;
  count: number | null;
}

interface CardProps {
  shell: Shell;
  repo: Repo;
  origin: string;
  /** Sanitised HTML of the card; undefined when there is no README.md. */
  html: string | undefined;
  empty: boolean;
  evaluations: readonly EvaluationRow[];
  preview?: RowsPreview | undefined;
}

export function CardPage({ shell, repo, origin, html, empty, evaluations, preview }: CardProps) {
  const license = repo.cardData?.["license"];
  return (
    <Page title={fullName(repo)} shell={shell}>
      <RepoHeader repo={repo} tab="card" />
      <div class="two">
        <div>
          {preview === undefined ? null : <Preview preview={preview} />}
          {html === undefined ? (
            <NoCard repo={repo} origin={origin} empty={empty} />
          ) : (
            <article class="panel prose">{raw(html)}</article>
          )}
        </div>
        <aside aria-label="About this repository">
          <section class="panel">
            <h2>About</h2>
            <dl class="pairs">
              {repo.pipelineTag === null ? null : <Pair name="Task" value={repo.pipelineTag} />}
              {repo.libraryName === null ? null : <Pair name="Library" value={repo.libraryName} />}
              {typeof license === "string" ? <Pair name="License" value={license} /> : null}
              {repo.parameters === null ? null : <Pair name="Parameters" value={short(repo.parameters)} />}
              {repo.safetensors === null ? null : (
                <Pair name="Tensor types" value={Object.keys(repo.safetensors).join(", ")} />
              )}
              <Pair name="Size" value={bytes(repo.usedStorage)} />
              <Pair name="Downloads" value={`${repo.downloads}`} />
            </dl>
          </section>
          {evaluations.length === 0 ? null : <Evaluations rows={evaluations} />}
          <Usage repo={repo} origin={origin} />
        </aside>
      </div>
    </Page>
  );
}

const Pair = ({ name, value }: { name: string; value: string }) => (
  <>
    <dt>{name}</dt>
    <dd>{value}</dd>
  </>
);

const Evaluations = ({ rows }: { rows: readonly EvaluationRow[] }) => (
  <section class="panel">
    <h2>Evaluation</h2>
    {rows.map(({ dataset, split, metric, slice, value, low, high, count }) => (
      <p class="small">
        <strong>
          {metric} {value.toFixed(4)}
        </strong>
        <br />
        <span class="muted">
          {dataset}, {split}
          {slice === null ? "" : `, ${slice}`}
          {low === null || high === null ? "" : ` · 95 %: ${low.toFixed(3)} to ${high.toFixed(3)}`}
          {count === null ? "" : ` · ${count} examples`}
        </span>
      </p>
    ))}
  </section>
);

function Usage({ repo, origin }: { repo: Repo; origin: string }) {
  const name = fullName(repo);
  const js = `import { pipeline } from "abrazo";\n\nconst run = await pipeline(\n  "${repo.pipelineTag}",\n  "${name}",\n  { endpoint: "${origin}" },\n);\nawait run("…");`;
  const python = `from huggingface_hub import snapshot_download\n\nsnapshot_download(\n  "${name}",\n  endpoint="${origin}",${repo.type === "dataset" ? '\n  repo_type="dataset",' : ""}\n)`;
  return (
    <section class="panel">
      <h2>Use it</h2>
      <pre tabindex={0}>
        <code>{`abrazo pull ${name}${repo.type === "dataset" ? " --type dataset" : ""} \\\n  --endpoint ${origin}`}</code>
      </pre>
      {repo.type === "model" && repo.pipelineTag !== null ? (
        <pre tabindex={0}>
          <code>{js}</code>
        </pre>
      ) : null}
      <pre tabindex={0}>
        <code>{python}</code>
      </pre>
    </section>
  );
}

const NoCard = ({ repo, origin, empty }: { repo: Repo; origin: string; empty: boolean }) => (
  <section class="panel">
    <h2>{empty ? "Nothing here yet" : "No card yet"}</h2>
    <p>{empty ? "Push a folder:" : "Pushing with the command line writes a card from the files:"}</p>
    <pre tabindex={0}>
      <code>{`abrazo push ./folder ${fullName(repo)}${repo.type === "dataset" ? " --type dataset" : ""} \\\n  --endpoint ${origin}`}</code>
    </pre>
    <p class="muted small">
      Or look at <a href={`${repoPath(repo)}/tree/main`}>the files</a>.
    </p>
  </section>
);

const Preview = ({ preview }: { preview: RowsPreview }) => (
  <section>
    <h2>
      {preview.path} <span class="muted small">first {preview.rows.length} rows</span>
    </h2>
    <section class="scroll" tabindex={0} aria-label={`Rows of ${preview.path}`}>
      <table>
        <thead>
          <tr>
            {preview.columns.map((column) => (
              <th>{column}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row) => (
            <tr>
              {preview.columns.map((_, index) => (
                <td class="cell">{row[index] ?? ""}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </section>
    {preview.truncated ? <p class="muted small">Long cells are cut.</p> : null}
  </section>
);
