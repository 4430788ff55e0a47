// abrazo run: a task on texts.
import { defineCommand, HUB_FLAGS } from "../command.ts";

export const run = defineCommand({
  name: "run",
  summary: "Run a task on texts, with a folder, a repository or the shipped model.",
  args: [
    { name: "TASK", summary: "sentiment-analysis, text-classification or text-generation" },
    { name: "TEXT", summary: "Texts", rest: true },
  ],
  flags: {
    ...HUB_FLAGS,
    model: { type: "string", value: "DIR|NS/NAME", summary: "Model; the shipped one when left out" },
    revision: { type: "string", value: "REVISION", summary: "Branch, tag or commit of the repository" },
    device: { type: "string", value: "cpu|webgpu|cuda|auto", summary: "Where to run; cpu when left out" },
  },
  examples: [
    'abrazo run sentiment-analysis "I love this book!"',
    'abrazo run sentiment-analysis "Fine." "Awful." --model ana/sentiment-small --json',
  ],
  run: async ({ args: [task = "", ...texts], flags, ui }) => {
    const { runTask } = await import("../run-task.ts");
    const results = await runTask(task, texts, flags);
    ui.result(results, results.map(({ text, output }) => `${JSON.stringify(output)}  ${text}`).join("\n"));
  },
});
