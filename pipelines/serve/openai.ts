// What the routes of the OpenAI API share: models by name, and errors in its shape.
// Knows no route.
import { type RequestError, unknownModel } from "./errors.ts";
import type { ServedModel } from "./models.ts";

/** A model, and with which of its adapters; with what it was loaded with where there is none. */
export interface Chosen {
  model: ServedModel;
  adapter?: string;
}

/** The models that the body of a request may name. */
export interface Models {
  /** @throws MODEL_NOT_FOUND with the nearest name */
  get(name: string): Chosen;
}

/**
 * All models and adapters by the names that they are listed under, and then adapters as id:name. One is listed by its own name, as
 * vLLM does, where nothing else has it.
 */
export function listedNames(models: ReadonlyMap<string, ServedModel>): { listed: Map<string, Chosen>; all: Models } {
  const adapters = [...models.values()].flatMap((model) => model.adapters.map((adapter) => ({ model, adapter })));
  const isTaken = (name: string) => models.has(name) || adapters.filter(({ adapter }) => adapter === name).length > 1;
  const long = ({ model, adapter }: Required<Chosen>) => `${model.id}:${adapter}`;
  const listed = new Map<string, Chosen>([...models].map(([id, model]) => [id, { model }]));
  for (const each of adapters) listed.set(isTaken(each.adapter) ? long(each) : each.adapter, each);
  const known = new Map([...adapters.map((each) => [long(each), each] as const), ...listed]);
  return { listed, all: { get: (name) => known.get(name) ?? unknown(name, [...known.keys()]) } };
}

function unknown(name: string, known: readonly string[]): never {
  throw unknownModel(name, known);
}

/** @throws MODEL_NOT_FOUND with the nearest id */
export function modelOf(models: ReadonlyMap<string, ServedModel>, id: string): ServedModel {
  return models.get(id) ?? unknown(id, [...models.keys()]);
}

/** The one that the path named, whatever the body calls it: clients that are given an address put it there. Its adapters have their names. */
export const oneModel = (model: ServedModel): Models => ({
  get: (name) => {
    const adapter = model.adapters.find((each) => name === each || name === `${model.id}:${each}`);
    return adapter === undefined ? { model } : { model, adapter };
  },
});

const TYPES: Readonly<Record<number, string>> = {
  401: "authentication_error",
  500: "server_error",
  503: "server_error",
};

interface Failure {
  status: number;
  body: object;
  headers: Readonly<Record<string, string>>;
}

/** An error as OpenAI's clients read it. There is one status for all that is wrong with a body. */
export function failure({ status, text, code, param, headers }: RequestError): Failure {
  const type = TYPES[status] ?? "invalid_request_error";
  const wire = { message: text, type, param: param ?? null, code: code.toLowerCase() };
  return { status: status === 422 ? 400 : status, body: { error: wire }, headers };
}
