// abrazo run: a task on texts.
import { z } from "zod";
import { defineCommand, HUB_FLAGS } from "../command.ts";

export const run = defineCommand({
  name: "run",
  summary: "Run a task on texts, with a folder, a repository or the shipped model.",
  args: [
    { name: "TASK", summary: "Task: sentiment-analysis, ner, text-generation, …; a name that is none lists them all" },
    { name: "TEXT", summary: "Texts, or files of images", rest: true },
  ],
  flags: {
    ...HUB_FLAGS,
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
    'abrazo run text-generation "This film" --dtype q4',
    'abrazo run text-classification "Fine." --model ana/base --adapter ./adapter',
    'abrazo run zero-shot-classification "A late goal." --labels sport,politics --model ana/nli',
    'abrazo run question-answering "Who wrote it?" --context "Ana wrote it." --model ana/qa',
  ],
  run: async ({ args: [task = "", ...texts], flags, ui }) => {
    const { chooseDevice } = await import("./train/inputs.ts");
    const { runTask } = await import("../run-task.ts");
    const results = await runTask(task, texts, { ...flags, device: chooseDevice(flags.device) });
    ui.result(results, results.map(({ text, output }) => describe(text, output)).join("\n"));
  },
});

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
