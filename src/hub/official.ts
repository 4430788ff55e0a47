// The official client, called as we call a hub: whom to ask, as whom, and its failures as ours.
// Knows no file.
import * as official from "@huggingface/hub";
import { AbrazoError } from "../errors.ts";
import { fullName, type RepoId } from "./repo-id.ts";
import { fetchFor, type HubAccess, strange } from "./request.ts";

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
export function checkToken({ endpoint, token }: HubAccess): string {
  if (token?.startsWith("hf_") === true) return token;
  throw new AbrazoError({
    code: token === undefined ? "NOT_LOGGED_IN" : "INVALID_TOKEN",
    message:
      token === undefined ? `There is no token for ${endpoint}.` : 'A token begins with "hf_"; this one does not.',
    hint: `Log in: abrazo login --endpoint ${endpoint}`,
    data: { endpoint },
  });
}

/** What the official client cannot read is no answer of a hub. */
export async function translated<Result>({ endpoint }: HubAccess, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
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
