// What a commit changed in one file: tensors of weights, lines of text, or its size.
import { repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { FileChange } from "../../services/changes.ts";
import { bytes, grouped, many, pathUrl } from "../format.ts";
import type { LineDiff } from "../line-diffs.ts";
import { FileName, PlainText } from "./plain-text.tsx";
import { TensorName } from "./view.tsx";

const MOST_TENSORS = 400;

interface FileDiffProps {
  repo: Repo;
  revision: string;
  file: FileChange;
  /** Undefined for what is no text, and where the page has no room for it. */
  diff: LineDiff | undefined;
}

export function FileDiff({ repo, revision, file, diff }: FileDiffProps) {
  const { path, change, before, after, text, tensors } = file;
  const sizes = [...new Set([before, after].filter((side) => side !== undefined).map(({ size }) => bytes(size)))];
  const [added, deleted] = [diff?.added ?? 0, diff?.deleted ?? 0];
  return (
    <section class="diff" aria-label={path}>
      <h3>
        {after === undefined ? (
          <FileName name={path} />
        ) : (
          <a href={`${repoPath(repo)}/blob/${revision}/${pathUrl(path)}`}>
            <FileName name={path} />
          </a>
        )}
        <span class={`badge ${change}`}>{change}</span>
        <span class="grow" />
        {added > 0 ? <span class="up small">+{grouped(added)}</span> : null}
        {deleted > 0 ? <span class="down small">−{grouped(deleted)}</span> : null}
        <span class="muted small">{sizes.join(" → ")}</span>
      </h3>
      {tensors === undefined ? null : <TensorDiff tensors={tensors} />}
      {diff === undefined ? (
        tensors === undefined ? (
          <p class="muted small inner">
            {text === undefined
              ? "Not text, or too large to compare line by line."
              : "Its lines are not shown: the files above take up the room of this page."}
          </p>
        ) : null
      ) : (
        <Lines {...diff} />
      )}
    </section>
  );
}

function Lines({ lines, more }: LineDiff) {
  const marks = { same: " ", add: "+", del: "−", gap: "" } as const;
  if (lines.length === 0)
    return <p class="muted small inner">No line differs; only the end of the last line does, or the file is empty.</p>;
  const lineEnds = lines.some(({ kind, text }) => kind !== "same" && text.endsWith("\r"));
  return (
    <section class="scroll" tabindex={0} aria-label="Changed lines">
      <table class="code">
        <tbody>
          {lines.map(({ kind, text, before: old, after: now }) => (
            <tr class={kind}>
              <td class="line">{old ?? ""}</td>
              <td class="line">{now ?? ""}</td>
              <td class="mark">{marks[kind]}</td>
              <td>
                <PlainText text={text} />
                {lineEnds && text.endsWith("\r") ? <span class="turning">CR</span> : null}
              </td>
            </tr>
          ))}
          {more > 0 ? (
            <tr class="gap">
              <td class="line" />
              <td class="line" />
              <td class="mark" />
              <td>{many(more, "more line")}</td>
            </tr>
          ) : null}
        </tbody>
      </table>
    </section>
  );
}

function TensorDiff({ tensors }: { tensors: NonNullable<FileChange["tensors"]> }) {
  const { changes, same, byContent } = tensors;
  return (
    <>
      <p class="small inner">
        {many(changes.length, "tensor")} changed, {grouped(same)} the same
        {byContent ? "" : " (compared by type and shape alone: the file is large)"}
      </p>
      {changes.length === 0 ? null : (
        <section class="scroll tall" tabindex={0} aria-label="Changed tensors">
          <table class="tensors">
            <thead>
              <tr>
                <th scope="col">Tensor</th>
                <th scope="col">Change</th>
                <th scope="col" class="num" title="Length of the difference in parts of the length before">
                  Moved by
                </th>
                <th scope="col">Type and shape</th>
              </tr>
            </thead>
            <tbody>
              {changes.slice(0, MOST_TENSORS).map(({ name, change, before, after, moved }) => (
                <tr>
                  <td class="name mono">
                    <TensorName name={name} />
                  </td>
                  <td>
                    <span class={`badge ${change}`}>{change}</span>
                  </td>
                  <td class="num">{moved === undefined ? "" : percent(moved)}</td>
                  <td class="mono shape">
                    {[...new Set([before, after].filter((side) => side !== undefined))].join(" → ")}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      {changes.length > MOST_TENSORS ? (
        <p class="muted small inner">{many(changes.length - MOST_TENSORS, "more tensor")} changed.</p>
      ) : null}
    </>
  );
}

/** Two digits that say something: 0.0123 → "1.2 %", 0.0000042 → "0.00042 %". */
const percent = (share: number): string =>
  share === 0 ? "0 %" : `${(share * 100).toLocaleString("en", { maximumSignificantDigits: 2, useGrouping: false })} %`;
