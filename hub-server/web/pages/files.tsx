// Folders and files of a revision.
import { raw } from "hono/html";
import { fullName, repoPath } from "../../../src/hub/repo-id.ts";
import type { SafetensorsHeader } from "../../../src/io/safetensors.ts";
import type { Repo } from "../../services/access.ts";
import type { Entry, FileEntry } from "../../services/files.ts";
import type { CommitRow, RefInfo } from "../../services/refs.ts";
import { Breadcrumbs, RepoHeader, RevisionSelect } from "../components/repo.tsx";
import { ago, bytes, pathUrl, short } from "../format.ts";
import { Page, type Shell } from "../layout.tsx";

interface Place {
  shell: Shell;
  repo: Repo;
  revision: string;
  path: string;
  refs: { branches: RefInfo[]; tags: RefInfo[] };
  commit: CommitRow | undefined;
}

const at = (repo: Repo, kind: "tree" | "blob" | "resolve" | "raw" | "commits", revision: string, path = ""): string =>
  `${repoPath(repo)}/${kind}/${encodeURIComponent(revision)}${path === "" ? "" : `/${pathUrl(path)}`}`;

const Top = ({ repo, revision, path, refs, commit, kind }: Place & { kind: "tree" | "blob" }) => (
  <>
    <RepoHeader repo={repo} tab="files" />
    <div class="row">
      <RevisionSelect refs={refs} current={revision} url={(name) => at(repo, kind, name, path)} />
      <span class="grow" />
      <a class="small" href={at(repo, "commits", revision)}>
        History
      </a>
    </div>
    <Breadcrumbs repo={repo} revision={revision} path={path} />
    {commit === undefined ? null : (
      <p class="small muted">
        <a href={`${repoPath(repo)}/commit/${commit.id}`} class="mono">
          {commit.id.slice(0, 7)}
        </a>{" "}
        {commit.message.split("\n")[0]} · {commit.authorName} · {ago(new Date(commit.time * 1000))}
      </p>
    )}
  </>
);

export function TreePage({ entries, ...place }: Place & { entries: readonly Entry[] }) {
  const { shell, repo, revision, path } = place;
  const folders = [...entries].sort((a, b) => Number(a.kind === "file") - Number(b.kind === "file"));
  return (
    <Page title={`${fullName(repo)}: ${path === "" ? "files" : path}`} shell={shell}>
      <Top {...place} kind="tree" />
      {entries.length === 0 ? (
        <p class="muted">This repository has no files yet.</p>
      ) : (
        <section class="scroll" tabindex={0} aria-label="Files">
          <table>
            <thead>
              <tr>
                <th>Name</th>
                <th class="num">Size</th>
                <th>
                  <span class="muted">Get</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {folders.map((entry) => (
                <tr>
                  <td class="name">
                    <a href={at(repo, entry.kind === "file" ? "blob" : "tree", revision, entry.path)}>
                      {entry.path.split("/").at(-1)}
                      {entry.kind === "directory" ? "/" : ""}
                    </a>{" "}
                    {entry.kind === "file" && entry.lfs !== undefined ? <span class="badge">LFS</span> : null}
                  </td>
                  <td class="num">{entry.kind === "file" ? bytes(entry.size) : ""}</td>
                  <td>
                    {entry.kind === "file" ? (
                      <a
                        href={`${at(repo, "resolve", revision, entry.path)}?download=true`}
                        aria-label={`Download ${entry.path}`}
                      >
                        ↓
                      </a>
                    ) : null}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Page>
  );
}

export type FileView =
  | { kind: "text"; text: string }
  | { kind: "markdown"; html: string }
  | { kind: "image" }
  | { kind: "tensors"; header: SafetensorsHeader }
  | { kind: "none"; reason: string };

export function FilePage({ file, view, ...place }: Place & { file: FileEntry; view: FileView }) {
  const { shell, repo, revision, path } = place;
  return (
    <Page title={`${fullName(repo)}: ${path}`} shell={shell}>
      <Top {...place} kind="blob" />
      <div class="row small">
        <span>{bytes(file.size)}</span>
        {file.lfs === undefined ? null : (
          <span class="mono muted" title={file.lfs.sha256}>
            SHA-256 {file.lfs.sha256.slice(0, 12)}…
          </span>
        )}
        <span class="grow" />
        <a href={at(repo, "raw", revision, path)}>Raw</a>
        <a href={`${at(repo, "resolve", revision, path)}?download=true`}>Download</a>
      </div>
      <ViewOf view={view} src={at(repo, "resolve", revision, path)} name={path} />
    </Page>
  );
}

function ViewOf({ view, src, name }: { view: FileView; src: string; name: string }) {
  switch (view.kind) {
    case "text":
      return <Code text={view.text} />;
    case "markdown":
      return <article class="panel prose">{raw(view.html)}</article>;
    case "image":
      return (
        <p>
          <img src={src} alt={name} />
        </p>
      );
    case "tensors":
      return <Tensors header={view.header} />;
    case "none":
      return <p class="note">{view.reason}</p>;
  }
}

const Code = ({ text }: { text: string }) => {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return (
    <section class="scroll" tabindex={0} aria-label="Text of the file">
      <table class="code">
        <tbody>
          {lines.map((line, index) => (
            <tr id={`L${index + 1}`}>
              <td class="line">
                <a href={`#L${index + 1}`}>{index + 1}</a>
              </td>
              <td>{line}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
};

function Tensors({ header }: { header: SafetensorsHeader }) {
  const tensors = [...header.tensors.values()].sort((a, b) => a.name.localeCompare(b.name, "en", { numeric: true }));
  const count = (shape: readonly number[]) => shape.reduce((product, size) => product * size, 1);
  const total = tensors.reduce((sum, { shape }) => sum + count(shape), 0);
  const metadata = Object.entries(header.metadata);
  return (
    <>
      <p>
        {tensors.length} tensors, {short(total)} parameters
        {metadata.length === 0 ? "" : ` · ${metadata.map(([key, value]) => `${key}: ${value}`).join(", ")}`}
      </p>
      <section class="scroll" tabindex={0} aria-label="Tensors">
        <table>
          <thead>
            <tr>
              <th>Tensor</th>
              <th>Shape</th>
              <th>Type</th>
              <th class="num">Size</th>
            </tr>
          </thead>
          <tbody>
            {tensors.map(({ name, shape, dtype, byteLength }) => (
              <tr>
                <td class="name mono">{name}</td>
                <td class="mono">[{shape.join(", ")}]</td>
                <td class="mono">{dtype}</td>
                <td class="num">{bytes(byteLength)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}
