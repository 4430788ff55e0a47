// How long a generated text may get.
// Knows no task.
import type { GenerationConfig } from "../generation-config.ts";
import type { Limits } from "./limits.ts";

/** Python's pipeline has the same where nobody names a length. */
const NEW_TOKENS = 256;

/** How long a text may get where the caller does not say it: as its repository says, within the server's limit. */
export function lengthOf({ generation: own, limits }: { generation: GenerationConfig; limits: Limits }): {
  maxNewTokens?: number;
} {
  const { maxNewTokens, maxLength } = own;
  if (maxNewTokens === undefined && maxLength !== undefined && maxLength <= limits.maxNewTokens) return {};
  return { maxNewTokens: Math.min(maxNewTokens ?? NEW_TOKENS, limits.maxNewTokens) };
}
