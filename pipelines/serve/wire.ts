// What the wires of all tasks have in common.
// Knows no task and no HTTP.
import type { z } from "zod";
import { badRequest, snakeCase } from "./errors.ts";
import type { ServedModel } from "./models.ts";

/**
 * How a request goes beside others: its inputs run with those of others that have the same options; it takes its turn; or its texts
 * grow beside all others.
 */
export type Together = "gathered" | "turn" | "shared";

/** Options of a call of the pipeline. */
export interface RunOptions extends Record<string, unknown> {
  signal: AbortSignal;
}

/** One task on the wire. */
export interface Wire {
  /** The pipeline's options by the names of their parameters. */
  parameters: Readonly<Record<string, string>>;
  /** What one input is, and how it is read. */
  input: z.ZodType;
  /** The texts of an input. */
  texts(input: unknown): string[];
  /** Parameters that stand beside the inputs as well, because clients put them there. */
  beside?: readonly string[];
  /** Media types of a body that is an input by itself; bodies are JSON where absent. */
  media?: readonly string[];
  /** Whether `stream: true` gives the tokens of a text as they come. */
  isStreamed?: boolean;
  /** How requests with such options go beside others; gathered where absent. */
  together?(options: Record<string, unknown>): Together;
  /** Options where the caller names none, and checks of those it names. */
  options?(model: ServedModel, options: Record<string, unknown>): Record<string, unknown>;
  /** One output for each input. */
  run(model: ServedModel, inputs: unknown[], options: RunOptions): Promise<unknown[]>;
  /** An output in the wire's words. */
  output(output: unknown, input: unknown): unknown;
  /** What a single input gives; its output where absent. */
  one?(output: unknown): unknown;
  /** What several inputs give; the list of their outputs where absent. */
  many?(outputs: unknown[]): unknown;
}

/** Parameters with our names for them. */
export const named = (...options: string[]): Record<string, string> =>
  Object.fromEntries(options.map((name) => [snakeCase(name), name]));

/** Calls the pipeline with all inputs at once, which gives an array. */
export async function listed(model: ServedModel, ...args: unknown[]): Promise<unknown[]> {
  const outputs = await model.call(...args);
  return outputs as unknown[]; // safe because a pipeline gives an array for an array
}

/** @throws INVALID_REQUEST where a zero-shot task is given nothing to choose from */
export const withLabels =
  (task: string): NonNullable<Wire["options"]> =>
  (_, options) => {
    if (options["candidateLabels"] !== undefined) return options;
    throw badRequest(`${task} needs candidate_labels.`, "parameters.candidate_labels");
  };
