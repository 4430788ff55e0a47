// What a commit changed in one file: tensors of weights, lines of text, or its size.
import { repoPath } from "../../../src/hub/repo-id.ts";
import type { Repo } from "../../services/access.ts";
import type { FileChange } from "../../services/changes.ts";
import { diffLines } from "../diff.ts";
import { bytes, grouped, many, pathUrl } from "../format.ts";
import { PlainText } from "./plain-text.tsx";
import { TensorName } from "./view.tsx";

const MOST_LINES = 400;
const MOST_TENSORS = 400;
/** Of a line. */
const MOST_LETTERS = 2000;

export function FileDiff({ repo, revision, file }: { repo: Repo; revision: string; file: FileChange }) {
  const { path, change, before, after, text, tensors } = file;
  const sizes = [...new Set([before, after].filter((side) => side !== undefined).map(({ size }) => bytes(size)))];
  const lines = text === undefined ? undefined : diffLines(text.before, text.after);
  const count = (kind: "add" | "del") => lines?.filter((line) => line.kind === kind).length ?? 0;
  const [added, deleted] = [count("add"), count("del")];
  return (
    <section class="diff" aria-label={path}>
      <h3>
        {after === undefined ? (
          <bdi>{path}</bdi>
        ) : (
          <a href={`${repoPath(repo)}/blob/${revision}/${pathUrl(path)}`}>
            <bdi>{path}</bdi>
          </a>
        )}
        <span class={`badge ${change}`}>{change}</span>
        <span class="grow" />
        {added > 0 ? <span class="up small">+{grouped(added)}</span> : null}
        {deleted > 0 ? <span class="down small">−{grouped(deleted)}</span> : null}
        <span class="muted small">{sizes.join(" → ")}</span>
      </h3>
      {tensors === undefined ? null : <TensorDiff tensors={tensors} />}
      {lines === undefined ? (
        tensors === undefined ? (
          <p class="muted small inner">Not text, or too large to compare line by line.</p>
        ) : null
      ) : (
        <Lines lines={lines} />
      )}
    </section>
  );
}

function Lines({ lines }: { lines: ReturnType<typeof diffLines> }) {
  const marks = { same: " ", add: "+", del: "−", gap: "" } as const;
  if (lines.length === 0)
    return <p class="muted small inner">No line differs; only the end of the last line does, or the file is empty.</p>;
  const lineEnds = lines.some(({ kind, text }) => kind !== "same" && text.endsWith("\r"));
  return (
    <section class="scroll" tabindex={0} aria-label="Changed lines">
      <table class="code">
        <tbody>
          {lines.slice(0, MOST_LINES).map(({ kind, text, before: old, after: now }) => (
            <tr class={kind}>
              <td class="line">{old ?? ""}</td>
              <td class="line">{now ?? ""}</td>
              <td class="mark">{marks[kind]}</td>
              <td>
                <PlainText text={text.length > MOST_LETTERS ? `${text.slice(0, MOST_LETTERS)}…` : text} />
                {lineEnds && text.endsWith("\r") ? <span class="turning">CR</span> : null}
              </td>
            </tr>
          ))}
          {lines.length > MOST_LINES ? (
            <tr class="gap">
              <td class="line" />
              <td class="line" />
              <td class="mark" />
              <td>{many(lines.length - MOST_LINES, "more line")}</td>
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
