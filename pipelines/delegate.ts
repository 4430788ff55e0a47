// Tasks that transformers.js does on ONNX repositories and we hand on to it, with our names for its options and results.
// Checks no options: those of a task are transformers.js's.

import { type ForeignPipeline, foreignPipeline } from "./engine.ts";
import type { LoadedModel } from "./task.ts";

/** Tasks of transformers.js that have no graphs of ours. */
export const FOREIGN_TASKS = [
  "audio-classification",
  "automatic-speech-recognition",
  "background-removal",
  "depth-estimation",
  "document-question-answering",
  "image-segmentation",
  "image-to-image",
  "image-to-text",
  "object-detection",
  "text-to-audio",
  "zero-shot-audio-classification",
  "zero-shot-object-detection",
] as const;

/** A task that is handed on. */
export type ForeignTask = (typeof FOREIGN_TASKS)[number];

/** What a pipeline of such a task is called with, and gives: as transformers.js documents it, with names in camelCase. */
export type ForeignCall = (...args: unknown[]) => Promise<unknown>;

export const isForeign = (task: string): task is ForeignTask => (FOREIGN_TASKS as readonly string[]).includes(task);

/** The pipeline of transformers.js under our names. */
export async function delegated(
  task: string,
  folder: string,
  options: Parameters<typeof foreignPipeline>[2],
): Promise<{ call: ForeignCall; runtime: LoadedModel["runtime"]; dispose: () => Promise<void> }> {
  const run: ForeignPipeline = await foreignPipeline(task, folder, options);
  return {
    call: async (...args) => renamed(await run(...args.map((arg) => renamed(arg, snake))), camel),
    runtime: "transformers.js",
    dispose: async () => {
      await run.dispose();
    },
  };
}

const camel = (name: string): string => name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Plain objects with other names of their fields; tensors, pictures and sounds stay what they are. */
function renamed(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, rename));
  if (typeof value !== "object" || value === null || Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [rename(name), renamed(item, rename)]));
}
