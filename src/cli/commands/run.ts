// abrazo run: a task on texts.
import { z } from "zod";
import { defineCommand, HUB_FLAGS, UsageError } from "../command.ts";
import type { TextResult } from "../run-task.ts";

export const run = defineCommand({
  name: "run",
  summary: "Run a task on texts, with a folder, a repository or the shipped model.",
  args: [
    { name: "TASK", summary: "Task: sentiment-analysis, ner, text-generation, …; a name that is none lists them all" },
    { name: "TEXT", summary: "Texts, or files of images; or all lines of --file", optional: true, rest: true },
  ],
  flags: {
    ...HUB_FLAGS,
    file: { type: "string", value: "FILE", summary: "Texts from a file, one a line; - reads standard input" },
    model: { type: "string", value: "DIR|NS/NAME", summary: "Model; the shipped one when left out" },
    revision: { type: "string", value: "REVISION", summary: "Branch, tag or commit of the repository" },
    adapter: {
      type: "string",
      value: "DIR|NS/NAME",
      summary: "LoRA adapter that the model runs with; NS/NAME@REVISION",
    },
    labels: { type: "string", value: "A,B,C", summary: "Labels to choose from, of a zero-shot task" },
    context: { type: "string", value: "TEXT", summary: "What the questions are about, of question-answering" },
    device: { type: "string", value: "cpu|webgpu|cuda|auto", summary: "Where to run; cpu when left out" },
    dtype: {
      type: "string",
      value: "fp32|q8|q4",
      summary: "Weights in 8 or 4 bits, made as they load; fp32 when left out",
    },
  },
  examples: [
    'abrazo run sentiment-analysis "I love this book!"',
    'abrazo run sentiment-analysis "Fine." "Awful." --model ana/sentiment-small --json',
    "abrazo run sentiment-analysis --file reviews.txt",
    'abrazo run text-generation "This film" --dtype q4',
    'abrazo run text-classification "Fine." --model ana/base --adapter ./adapter',
    'abrazo run zero-shot-classification "A late goal." --labels sport,politics --model ana/nli',
    'abrazo run question-answering "Who wrote it?" --context "Ana wrote it." --model ana/qa',
  ],
  run: async ({ args: [task = "", ...texts], flags, ui }) => {
    const { chooseDevice } = await import("./train/inputs.ts");
    const { linesOf, runLines, runTask } = await import("../run-task.ts");
    const all = { ...flags, device: chooseDevice(flags.device) };
    if (flags.file === undefined) {
      if (texts.length === 0) throw usage("TEXT is missing.");
      const results = await runTask(task, texts, all);
      return ui.result(results, results.map(({ text, output }) => describe(text, output)).join("\n"));
    }
    if (texts.length > 0) throw usage("Texts come from TEXT or from --file, and both are given.");
    const results: TextResult[] = [];
    for await (const result of runLines(task, linesOf(flags.file), all)) {
      // Results for people come as they are made; a document is one.
      if (flags.json === true) results.push(result);
      else ui.result(result, describe(result.text, result.output));
    }
    if (flags.json === true) ui.result(results, "");
  },
});

const usage = (message: string): UsageError =>
  new UsageError({ code: "USAGE", message, hint: "See abrazo run --help." });

const classification = z.object({ label: z.string(), score: z.number() });
const generation = z.array(z.object({ generatedText: z.string() }));

/** A label with its score before the text, a generated text by itself, and what no task gives yet as JSON. */
function describe(text: string, output: unknown): string {
  const label = classification.safeParse(output);
  if (label.success) return `${label.data.label}  ${label.data.score.toFixed(4)}  ${text}`;
  const texts = generation.safeParse(output);
  if (texts.success) return texts.data.map(({ generatedText }) => generatedText).join("\n");
  return `${JSON.stringify(output)}  ${text}`;
}
