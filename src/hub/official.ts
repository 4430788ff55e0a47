// The official client, called as we call a hub: whom to ask, as whom, and its failures as ours.
// Knows no file.
import { AbrazoError } from "../errors.ts";
import { fullName, type RepoId } from "./repo-id.ts";
import { checkSendable, fetchFor, type HubAccess, strange } from "./request.ts";

type Official = typeof import("@huggingface/hub");

/** Loaded when first needed: most programs that load this package run a model, and begin sooner without. */
export const officialClient = (): Promise<Official> => import("@huggingface/hub");

/** What the official client needs: whom to ask, as whom, about which repository, and how. */
export function callOf(access: HubAccess, id: RepoId, send: typeof fetch = fetchFor(access, () => {})) {
  return {
    hubUrl: access.endpoint,
    accessToken: checkToken(access),
    repo: { type: id.type, name: fullName(id) },
    fetch: send,
  };
}

/** The official client takes no token of another form, and none at all for one. */
export function checkToken(access: HubAccess): string {
  const { endpoint, token } = access;
  checkSendable(access);
  if (token?.startsWith("hf_") === true) return token;
  throw new AbrazoError({
    code: token === undefined ? "NOT_LOGGED_IN" : "INVALID_TOKEN",
    message:
      token === undefined ? `There is no token for ${endpoint}.` : 'A token begins with "hf_"; this one does not.',
    hint: `Log in: abrazo login --endpoint ${endpoint}`,
    data: { endpoint },
  });
}

/** Asks by the official client. What it cannot read is no answer of a hub. */
export async function translated<Result>(
  { endpoint }: HubAccess,
  ask: (official: Official) => Promise<Result>,
): Promise<Result> {
  const official = await officialClient();
  try {
    return await ask(official);
  } catch (error) {
    const unread =
      error instanceof TypeError ||
      error instanceof SyntaxError ||
      error instanceof official.InvalidApiResponseFormatError;
    if (unread) throw strange(endpoint, error.message, error);
    if (error instanceof official.HubApiError) throw strange(endpoint, error.message, error);
    throw error;
  }
}
