// How long a generated text may get.
// Knows no task.
import { z } from "zod";
import { generationFile } from "../../src/generate/generation-config.ts";
import type { BaseConfig } from "../../src/models/architecture.ts";
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

/** Whether the caller says how long a text may get. */
export const hasLength = ({ maxNewTokens, maxLength }: Record<string, unknown>): boolean =>
  maxNewTokens !== undefined || maxLength !== undefined;

const specificSchema = z.record(z.string(), z.looseObject({}));

/** The same of a text that is made from another, of which the config may say more for the task; what is within the limit stays as it is. */
export function madeLength(
  model: { task: string; config: BaseConfig; generation: GenerationConfig; limits: Limits },
  options: Record<string, unknown>,
): { maxNewTokens?: number } {
  if (hasLength(options)) return {};
  const { srcLang, tgtLang } = options;
  const isNamed = srcLang !== undefined && tgtLang !== undefined;
  const all = specificSchema.safeParse(model.config["task_specific_params"]);
  const specific = all.success ? all.data[isNamed ? `translation_${srcLang}_to_${tgtLang}` : model.task] : undefined;
  const { maxNewTokens, maxLength } = { ...model.generation, ...generationFile(specific ?? {}).options };
  const most = model.limits.maxNewTokens;
  return (maxNewTokens ?? maxLength ?? NEW_TOKENS) > most ? { maxNewTokens: most } : {};
}
