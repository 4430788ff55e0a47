// The Inference API: POST /models/{id}, /models/{id}/pipeline/{task} and /pipeline/{task}/{id}, with { inputs, parameters, options }.
// Knows no task: how each speaks stands in wires.ts.
import type { Context } from "hono";
import { z } from "zod";
import { nearestName } from "../../src/errors.ts";
import { taskRow } from "../tasks.ts";
import { untilAborted } from "./batcher.ts";
import { asRequestError, badRequest, RequestError, snakeCase, tooLarge } from "./errors.ts";
import { checkTexts, jsonOf, parsed, unknownField } from "./limits.ts";
import type { ServedModel } from "./models.ts";
import type { Tickets } from "./tickets.ts";
import type { Wire } from "./wires.ts";

/** Models are loaded before there are requests and nothing is kept of answers, so that either value is kept to. */
const optionsSchema = z.strictObject({ wait_for_model: z.boolean().optional(), use_cache: z.boolean().optional() });

/** Answers one request for one model. */
export async function infer(c: Context, model: ServedModel, tickets: Tickets, task?: string): Promise<Response> {
  if (task !== undefined) checkTask(model, task);
  const { wire } = model;
  const { inputs, options } = readBody(await jsonOf(c), model);
  const list = Array.isArray(inputs) ? inputs : [inputs];
  const ticket = tickets.open(c, model);
  try {
    const outputs = await untilAborted(compute(model, list, options, ticket.signal), ticket.signal);
    const results = outputs.map((output, at) => wire.output(output, list[at]));
    if (Array.isArray(inputs)) return c.json(wire.many?.(results) ?? results);
    return c.json(wire.one?.(results[0]) ?? results[0]);
  } catch (error) {
    throw inTheirWords(asRequestError(error), wire);
  } finally {
    ticket.done();
  }
}

function compute(
  model: ServedModel,
  inputs: unknown[],
  options: Record<string, unknown>,
  signal: AbortSignal,
): Promise<unknown[]> {
  if (model.wire.isGathered) return model.gather(inputs, options, signal);
  return model.turns.take(() => model.wire.run(model, inputs, { ...options, signal }), signal);
}

function checkTask({ id, task }: ServedModel, asked: string): void {
  if (taskRow(task).name === asked) return;
  let name: string | undefined;
  try {
    ({ name } = taskRow(asked));
  } catch {
    name = undefined;
  }
  if (name === taskRow(task).name) return;
  throw badRequest(`${id} is served for ${task}, not for ${asked}.`, "task");
}

const fields = z.record(z.string(), z.unknown());

/** Inputs, and the pipeline's options for them. */
function readBody(body: unknown, model: ServedModel): { inputs: unknown; options: Record<string, unknown> } {
  const { wire, limits } = model;
  const beside = Object.fromEntries((wire.beside ?? []).map((name) => [name, z.unknown().optional()]));
  const schema = z.strictObject({
    inputs: z.unknown().optional(),
    parameters: fields.optional(),
    options: z.unknown().optional(),
    ...beside,
  });
  const { inputs, parameters = {}, options, ...others } = parsed(schema, body);
  if (options !== undefined) parsed(optionsSchema, options, { where: "options." });
  checkInputs(inputs, model);
  const { generate_parameters: inner, ...outer } = parameters;
  const given = translated({ ...others, ...outer, ...fields.catch({}).parse(inner) }, wire);
  const labels = given["candidateLabels"];
  if (Array.isArray(labels) && labels.length > limits.maxInputs)
    throw tooLarge(`There are ${labels.length} candidate_labels; ${limits.maxInputs} are allowed.`);
  return { inputs, options: wire.options?.(model, given) ?? given };
}

function checkInputs(inputs: unknown, { wire, limits, task }: ServedModel): void {
  if (inputs === undefined) throw badRequest("The body has no inputs.", "inputs");
  const list = Array.isArray(inputs) ? inputs : [inputs];
  const wrong = list.findIndex((input) => !wire.input.safeParse(input).success);
  if (wrong >= 0) {
    const place = Array.isArray(inputs) ? `inputs[${wrong}]` : "inputs";
    const issues = wire.input.safeParse(list[wrong]).error?.issues ?? [];
    throw new RequestError(422, {
      code: "INVALID_INPUT",
      message: `${place} is no input of ${task}: ${issues[0]?.message ?? "not as expected"}.`,
      param: "inputs",
    });
  }
  if (list.length > limits.maxInputs)
    throw tooLarge(`inputs has ${list.length} texts; ${limits.maxInputs} are allowed.`, "inputs");
  for (const input of list) checkTexts(wire.texts(input), limits, "inputs");
}

/** Parameters under the pipeline's names; null counts as absent. */
function translated(parameters: Record<string, unknown>, { parameters: names }: Wire): Record<string, unknown> {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(
    given.map(([name, value]) => {
      const ours = Object.hasOwn(names, name) ? names[name] : undefined;
      if (ours === undefined) throw unknownField(`parameters.${name}`, nearestName(name, Object.keys(names)));
      return [ours, value];
    }),
  );
}

/** The pipeline speaks of its options by its own names. */
function inTheirWords(error: RequestError, { parameters }: Wire): RequestError {
  const { status, code, param, headers } = error;
  if (status >= 500) return error;
  const ours = Object.values(parameters).filter((name) => /[A-Z]/.test(name));
  const words = (text: string) =>
    ours.reduce((said, name) => said.replace(new RegExp(`\\b${name}\\b`, "g"), snakeCase(name)), text);
  const hint = error.hint === undefined ? {} : { hint: words(error.hint) };
  return new RequestError(status, {
    ...{ code, message: words(error.message), headers: { ...headers } },
    ...hint,
    ...(param === undefined ? {} : { param }),
  });
}
