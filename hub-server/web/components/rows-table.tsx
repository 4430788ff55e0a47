// The first rows of a table: numbers to the right, long texts in few lines, the header in view.
import { many } from "../format.ts";
import type { RowsPreview } from "../rows.ts";
import { PlainText } from "./plain-text.tsx";

export function RowsTable({ preview }: { preview: RowsPreview }) {
  const { columns, rows, path } = preview;
  const left = [
    preview.cut ? "long cells are cut" : undefined,
    preview.moreColumns > 0 ? `${many(preview.moreColumns, "more column")} not shown` : undefined,
    preview.skipped > 0 ? `${many(preview.skipped, "line")} could not be read` : undefined,
  ].filter((note) => note !== undefined);
  return (
    <>
      <section class="scroll tall" tabindex={0} aria-label={`Rows of ${path}`}>
        <table class="grid">
          <thead>
            <tr>
              {columns.map(({ name, kind }) => (
                <th scope="col" class={kind}>
                  <bdi>{name}</bdi>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr>
                {columns.map(({ kind }, index) => {
                  const cell = row[index];
                  return (
                    <td class={kind} dir="auto">
                      <Cell cell={cell} long={kind === "long"} />
                    </td>
                  );
                })}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      {left.length === 0 ? null : <p class="muted small under">{sentence(left.join("; "))}</p>}
    </>
  );
}

function Cell({ cell, long }: { cell: string | undefined; long: boolean }) {
  if (cell === undefined) return <span class="muted">–</span>;
  return long ? (
    <p>
      <PlainText text={cell} />
    </p>
  ) : (
    <PlainText text={cell} />
  );
}

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
