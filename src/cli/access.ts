// Endpoint and token of a command, from its flags and the environment.
import type { HubAccess } from "../hub/request.ts";
import { endpointOf, pushEndpoint, tokenFor } from "../hub/settings.ts";

interface Flags {
  endpoint?: string;
  token?: string;
}

export function readAccess({ endpoint, token }: Flags): HubAccess {
  const of = endpointOf(endpoint);
  return { endpoint: of, token: tokenFor(of, token) };
}

/** Writing never goes to a hub that nobody named. */
export function writeAccess({ endpoint, token }: Flags): HubAccess {
  const of = pushEndpoint(endpoint);
  return { endpoint: of, token: tokenFor(of, token) };
}
