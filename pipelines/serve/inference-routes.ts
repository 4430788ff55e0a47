// The Inference API: POST /models/{id}, /models/{id}/pipeline/{task} and /pipeline/{task}/{id}, with { inputs, parameters, options }.
// Knows no task: how each speaks stands in wires.ts.
import type { Context } from "hono";
import { z } from "zod";
import { nearestName } from "../../src/errors.ts";
import { taskRow } from "../tasks.ts";
import { untilAborted } from "./batcher.ts";
import { asRequestError, badRequest, RequestError, snakeCase, tooLarge, unknownAdapter } from "./errors.ts";
import { eventStream } from "./events.ts";
import { bytesOf, checkTexts, jsonOf, parsed, unknownField } from "./limits.ts";
import type { ServedModel } from "./models.ts";
import type { Tickets } from "./tickets.ts";
import { streamedTokens, streamFailure } from "./token-events.ts";
import type { Together, Wire } from "./wire.ts";

/** Models are loaded before there are requests and nothing is kept of answers, so that either value is kept to. */
const optionsSchema = z.strictObject({ wait_for_model: z.boolean().optional(), use_cache: z.boolean().optional() });

/** Answers one request for one model. */
export async function infer(c: Context, model: ServedModel, tickets: Tickets, task?: string): Promise<Response> {
  if (task !== undefined) checkTask(model, task);
  const { wire } = model;
  const request = await read(c, model);
  const ticket = tickets.open(c, model);
  const { inputs, options } = request;
  if (request.isStream) {
    const events = streamedTokens({ model, prompt: String(inputs[0]), options, signal: ticket.signal });
    const stream = eventStream(events, {
      signal: ticket.signal,
      failed: (error) => streamFailure(inTheirWords(asRequestError(error), wire)),
      left: ticket.abort,
      ended: ticket.done,
    });
    return stream.catch((error: unknown) => {
      throw inTheirWords(asRequestError(error), wire);
    });
  }
  try {
    const outputs = await untilAborted(compute(model, inputs, options, ticket.signal), ticket.signal);
    const results = outputs.map((output, at) => wire.output(output, inputs[at]));
    if (request.isList) return c.json(wire.many?.(results) ?? results);
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
  const run = () => model.wire.run(model, inputs, { ...options, signal });
  const ways: Readonly<Record<Together, () => Promise<unknown[]>>> = {
    gathered: () => model.gather(inputs, options, signal),
    turn: () => model.turns.take(run, signal),
    shared: run,
  };
  return ways[model.wire.together?.(options) ?? "gathered"]();
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

/** What is asked for: inputs, and the pipeline's options for them. */
interface Asked {
  inputs: unknown[];
  isList: boolean;
  isStream: boolean;
  options: Record<string, unknown>;
}

async function read(c: Context, model: ServedModel): Promise<Asked> {
  const { wire } = model;
  const bytes = wire.media === undefined ? undefined : await bytesOf(c, wire.media);
  if (bytes === undefined) return readBody(await jsonOf(c), model);
  return { inputs: [bytes], isList: false, isStream: false, options: wire.options?.(model, {}) ?? {} };
}

function readBody(body: unknown, model: ServedModel): Asked {
  const { wire, limits } = model;
  const beside = Object.fromEntries((wire.beside ?? []).map((name) => [name, z.unknown().optional()]));
  const schema = z.strictObject({
    inputs: z.unknown().optional(),
    parameters: fields.optional(),
    options: z.unknown().optional(),
    ...(wire.isStreamed === true && { stream: z.boolean().optional() }),
    ...beside,
  });
  const { inputs, parameters = {}, options, stream, ...others } = parsed(schema, body);
  if (options !== undefined) parsed(optionsSchema, options, { where: "options." });
  const list = checkedInputs(inputs, model);
  const isList = Array.isArray(inputs);
  if (stream === true && isList) throw badRequest("A stream is of one text: inputs is an array.", "inputs");
  const { generate_parameters: inner, ...outer } = parameters;
  const given = translated({ ...others, ...outer, ...fields.catch({}).parse(inner) }, model);
  const labels = given["candidateLabels"];
  if (Array.isArray(labels) && labels.length > limits.maxInputs)
    throw tooLarge(`There are ${labels.length} candidate_labels; ${limits.maxInputs} are allowed.`);
  return { inputs: list, isList, isStream: stream === true, options: wire.options?.(model, given) ?? given };
}

/** The inputs as the pipeline takes them, one of them or several. */
function checkedInputs(inputs: unknown, { wire, limits, task }: ServedModel): unknown[] {
  if (inputs === undefined) throw badRequest("The body has no inputs.", "inputs");
  const list = Array.isArray(inputs) ? inputs : [inputs];
  if (list.length > limits.maxInputs)
    throw tooLarge(
      `inputs has ${list.length} ${wire.media === undefined ? "texts" : "images"}; ${limits.maxInputs} are allowed.`,
      "inputs",
    );
  return list.map((input, at) => {
    const { success, data, error } = wire.input.safeParse(input);
    if (!success) {
      const place = Array.isArray(inputs) ? `inputs[${at}]` : "inputs";
      throw new RequestError(422, {
        code: "INVALID_INPUT",
        message: `${place} is no input of ${task}: ${error.issues[0]?.message ?? "not as expected"}.`,
        param: "inputs",
      });
    }
    checkTexts(wire.texts(data), limits, "inputs");
    return data;
  });
}

/** Parameters under the pipeline's names; null counts as absent. */
function translated(parameters: Record<string, unknown>, model: ServedModel): Record<string, unknown> {
  const names: Readonly<Record<string, string>> = { ...model.wire.parameters, ...EVERYWHERE };
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== undefined);
  const options = Object.fromEntries(
    given.map(([name, value]) => {
      const ours = Object.hasOwn(names, name) ? names[name] : undefined;
      if (ours === undefined) throw unknownField(`parameters.${name}`, nearestName(name, Object.keys(names)));
      return [ours, value];
    }),
  );
  checkAdapter(options["adapter"], model);
  return options;
}

/** Parameters of every task. */
const EVERYWHERE = { adapter_id: "adapter" };

function checkAdapter(adapter: unknown, { id, adapters }: ServedModel): void {
  if (adapter === undefined) return;
  if (typeof adapter !== "string") throw badRequest("adapter_id is the name of an adapter.", "parameters.adapter_id");
  if (!adapters.includes(adapter)) throw unknownAdapter(id, adapter, adapters);
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
