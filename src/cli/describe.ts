// Figures of a record as lines for people.
import type { TrainingRecord } from "../io/training-record.ts";

type Evaluation = TrainingRecord["evaluations"][number];

export function describeEvaluation({ dataset, metric, metricName, value, interval, count, slice }: Evaluation): string {
  const range = interval === undefined ? "" : ` (95 %: ${interval.map((bound) => bound.toFixed(3)).join("–")})`;
  const of = slice === undefined ? "" : `, ${slice}`;
  const examples = count === undefined ? "" : `, ${count} ${count === 1 ? "example" : "examples"}`;
  return `${metricName ?? metric} on ${dataset.name}, ${dataset.split}${of}: ${value.toFixed(4)}${range}${examples}`;
}

export function describeRecord({ steps, durationSeconds, device, evaluations }: TrainingRecord): string[] {
  const where = device === "cpu" ? "" : ` on ${device}`;
  return [
    `${steps} ${steps === 1 ? "step" : "steps"} in ${durationSeconds.toFixed(0)} s${where}`,
    ...evaluations.map(describeEvaluation),
  ];
}
