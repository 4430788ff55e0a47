// What the routes of the OpenAI API share: models by name, and errors in its shape.
// Knows no route.
import { type RequestError, unknownModel } from "./errors.ts";
import type { ServedModel } from "./models.ts";

/** The models that a request may name. */
export interface Models {
  /** @throws MODEL_NOT_FOUND with the nearest name */
  get(id: string): ServedModel;
}

/** All models by their names. */
export const namedModels = (models: ReadonlyMap<string, ServedModel>): Models => ({
  get: (id) => {
    const model = models.get(id);
    if (model === undefined) throw unknownModel(id, [...models.keys()]);
    return model;
  },
});

/** The one that the path named, whatever the body calls it: clients that are given an address put it there. */
export const oneModel = (model: ServedModel): Models => ({ get: () => model });

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
