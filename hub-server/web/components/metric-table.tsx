// Metrics of a commit beside those of its parent.
import type { MetricChange } from "../../services/changes.ts";
import { isBetter, metricWords } from "../metrics.ts";

export function MetricTable({ rows }: { rows: readonly MetricChange[] }) {
  return (
    <>
      <h2>Metrics</h2>
      <section class="scroll" tabindex={0} aria-label="Changed metrics">
        <table>
          <thead>
            <tr>
              <th scope="col">Metric</th>
              <th scope="col" class="num">
                Before
              </th>
              <th scope="col" class="num">
                After
              </th>
              <th scope="col" class="num">
                Change
              </th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Row row={row} />
            ))}
          </tbody>
        </table>
      </section>
    </>
  );
}

const show = (value: number | undefined): string => (value === undefined ? "–" : value.toFixed(4));

function Row({ row }: { row: MetricChange }) {
  const { dataset, split, slice, before, after } = row;
  const place = [dataset, split, slice].filter((part) => part !== null && part !== "").join(", ");
  return (
    <tr>
      <td class="name">
        <bdi>{metricWords(row)}</bdi> <span class="muted">on</span> <bdi class="muted">{place}</bdi>
      </td>
      <td class="num">{show(before)}</td>
      <td class="num">{show(after)}</td>
      <td class="num">
        <Change row={row} />
      </td>
    </tr>
  );
}

function Change({ row: { metric, before, after } }: { row: MetricChange }) {
  if (before === undefined) return <span class="muted">new</span>;
  if (after === undefined) return <span class="muted">not measured</span>;
  const change = after - before;
  const better = isBetter(metric, change);
  return (
    <span class={better === undefined ? "" : better ? "up" : "down"}>
      {change > 0 ? "+" : "−"}
      {Math.abs(change).toFixed(4)}
      {better === undefined ? null : <span class="hidden">{better ? ", better" : ", worse"}</span>}
    </span>
  );
}
