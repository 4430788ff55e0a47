// Every section in the order of the card.
import { defineSection, percent, type Section, table, whole } from "../section.ts";

const summary = defineSection({
  id: "summary",
  title: "What it is",
  render: ({ architecture, task, parameters, labels, maxLength, record }) => {
    if (architecture === undefined) return { missing: "config.json names no architecture" };
    const size = parameters === undefined ? "" : ` with ${whole(parameters)} parameters`;
    const classes = labels.length > 0 ? ` It tells ${labels.join(" from ")}.` : "";
    const length = maxLength === undefined ? "" : ` ${lengthRule(task)} ${maxLength} tokens.`;
    const base = record?.model.baseModel;
    const from =
      base === undefined
        ? ""
        : ` It was fine-tuned from ${base.id}${base.revision === undefined ? "" : ` at ${base.revision.slice(0, 12)}`}.`;
    return { markdown: `A ${architecture}${size}.${classes}${length}${from}` };
  },
});

/** Classifiers cut what is longer; a prompt that is too long is refused. */
const lengthRule = (task: string | undefined): string =>
  task === "text-generation" ? "Prompt and text together have at most" : "Inputs are cut after";

const usage = defineSection({
  id: "usage",
  title: "How to use it",
  render: ({ name, task }) => {
    if (task === undefined || !name.includes("/"))
      return { missing: "the task or the repository's name is not known", stays: task !== undefined };
    const code = [
      "```ts",
      'import { pipeline } from "abrazo";',
      "",
      `const run = await pipeline("${task}", "${name}");`,
      'console.log(await run("…"));',
      "```",
    ];
    return { markdown: code.join("\n") };
  },
});

const data = defineSection({
  id: "training-data",
  title: "Training data",
  render: ({ record }) => {
    if (record === undefined || record.datasets.length === 0) return { missing: "training-record.json names no data" };
    const rows = record.datasets.map(({ name, split, examples, sha256 }) => [
      name,
      split,
      examples === undefined ? "" : whole(examples),
      sha256 === undefined ? "" : `\`${sha256.slice(0, 12)}\``,
    ]);
    return { markdown: table(["data", "part", "examples", "SHA-256 of the file"], rows) };
  },
});

const training = defineSection({
  id: "training",
  title: "Training",
  render: ({ record }) => {
    if (record === undefined) return { missing: "there is no training-record.json" };
    const { steps, durationSeconds, seed, device, environment, hyperparameters, command } = record;
    const settings = Object.entries({ ...hyperparameters, seed, device }).map(([key, value]) => [key, `${value}`]);
    const minutes =
      durationSeconds < 120 ? `${durationSeconds.toFixed(0)} s` : `${(durationSeconds / 60).toFixed(0)} min`;
    const where =
      Object.values(environment).length === 0
        ? ""
        : ` (${Object.entries(environment)
            .map(([key, value]) => `${key} ${value}`)
            .join(", ")})`;
    const how = command === undefined ? "" : ` Command: \`${command}\`.`;
    return {
      markdown: `${whole(steps)} steps in ${minutes}${where}.${how}\n\n${table(["setting", "value"], settings)}`,
    };
  },
});

const evaluation = defineSection({
  id: "evaluation",
  title: "Evaluation",
  render: ({ record }) => {
    if (record === undefined || record.evaluations.length === 0) return { missing: "nothing was evaluated" };
    const rows = record.evaluations.map(({ dataset, metric, metricName, value, interval, count, slice }) => [
      `${dataset.name}, ${dataset.split}${slice === undefined ? "" : `, ${slice}`}`,
      metricName ?? metric,
      value.toFixed(4),
      interval === undefined ? "" : `${interval[0].toFixed(3)} to ${interval[1].toFixed(3)}`,
      count === undefined ? "" : whole(count),
    ]);
    const notes = (record.notes ?? []).map((note) => note.replaceAll(/\s+/g, " ").trim()).filter((note) => note !== "");
    return { markdown: [table(["data", "metric", "value", "95 % interval", "examples"], rows), ...notes].join("\n\n") };
  },
});

const bias = defineSection({
  id: "bias",
  title: "Bias",
  render: ({ record }) => {
    const measured = record?.bias;
    if (measured === undefined) return { markdown: "Bias was not measured." };
    const rows = measured.groups.map(({ attribute, sets, flipped, rate, interval }) => [
      attribute,
      whole(sets),
      whole(flipped),
      percent(rate),
      interval === undefined ? "" : `${percent(interval[0])} to ${percent(interval[1])}`,
    ]);
    const words = `Sentences that differ in the group alone (${measured.dataset}): how often the predicted label is not the same for all of them.`;
    const members = measured.groups.flatMap(({ attribute, members: groups = [] }) =>
      groups.map(({ group, pairs, flipped, rate, shift }) => [
        attribute,
        group,
        whole(pairs),
        whole(flipped),
        percent(rate),
        `${shift < 0 ? "−" : "+"}${Math.abs(shift).toFixed(3)}`,
      ]),
    );
    const byGroup =
      members.length === 0
        ? ""
        : `\n\nBy group: pairs with another member of the same set, those of them with different labels, and how far the group's positive score lies from its sets' mean.\n\n${table(["attribute", "group", "pairs", "flipped", "rate", "shift"], members)}`;
    return {
      markdown: `${words}\n\n${table(["attribute", "sets", "flipped", "rate", "95 % interval"], rows)}${byGroup}`,
    };
  },
});

/** Text as code, whatever backticks it holds. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
  const fence = "`".repeat(longest + 1);
  const pad = longest > 0 ? " " : "";
  return `${fence}${pad}${text.replaceAll(/\s+/g, " ")}${pad}${fence}`;
}

const samples = defineSection({
  id: "samples",
  title: "Samples",
  render: ({ record }) => {
    if (record?.samples === undefined || record.samples.length === 0) return { missing: "no samples were recorded" };
    const quote = (text: string) =>
      text
        .split(/\r?\n/)
        .map((line) => `> ${line}`)
        .join("\n");
    return {
      markdown: record.samples.map(({ prompt, text }) => `Prompt: ${code(prompt)}\n\n${quote(text)}`).join("\n\n"),
    };
  },
});

const files = defineSection({
  id: "files",
  title: "Weights",
  render: ({ dtypes, parameters }) => {
    if (parameters === undefined) return { missing: "there is no model.safetensors" };
    return {
      markdown: table(
        ["dtype", "parameters"],
        Object.entries(dtypes).map(([dtype, count]) => [dtype, whole(count)]),
      ),
    };
  },
});

export const SECTIONS: readonly Section[] = [summary, usage, data, training, evaluation, bias, samples, files];
