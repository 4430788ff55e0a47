// POST /v1/embeddings: texts → one vector of length 1 each.
// Knows no model: the pipeline pools the states of tokens, as the repository says.
import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Context } from "hono";
import { z } from "zod";
import { readJson } from "../../src/io/json.ts";
import { taskRow } from "../tasks.ts";
import { untilAborted } from "./batcher.ts";
import { badRequest } from "./errors.ts";
import { checkTexts, jsonOf, parsed } from "./limits.ts";
import type { ServedModel } from "./models.ts";
import type { Models } from "./openai.ts";
import { embeddingSchema } from "./openai-schemas.ts";
import type { Tickets } from "./tickets.ts";

export async function embed(c: Context, models: Models, tickets: Tickets): Promise<Response> {
  const { model: id, input, encoding_format: format } = parsed(embeddingSchema, await jsonOf(c));
  const { model, adapter } = models.get(id);
  if (taskRow(model.task).name !== "feature-extraction")
    throw badRequest(`${id} does ${model.task}; embeddings need a model that does feature-extraction.`, "model");
  const texts = [input].flat();
  checkTexts(texts, model.limits, "input");
  const options = { pooling: await poolingOf(model), normalize: true, adapter };
  const ticket = tickets.open(c, model);
  try {
    const vectors = await untilAborted(model.gather(texts, options, ticket.signal), ticket.signal);
    const data = vectors.map((vector, index) => ({
      ...{ object: "embedding", index },
      embedding: format === "base64" ? base64(vector) : vector,
    }));
    const tokens = texts.reduce((sum, text) => sum + model.tokenizer.encode(text).length, 0);
    return c.json({ object: "list", data, model: id, usage: { prompt_tokens: tokens, total_tokens: tokens } });
  } finally {
    ticket.done();
  }
}

/** float32, little-endian. */
function base64(vector: unknown): string {
  const numbers = Array.isArray(vector) ? vector.map(Number) : [];
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, value] of numbers.entries()) bytes.writeFloatLE(value, at * 4);
  return bytes.toString("base64");
}

const flag = z.boolean().default(false);
const poolingSchema = z.looseObject({
  pooling_mode_cls_token: flag,
  pooling_mode_max_tokens: flag,
  pooling_mode_lasttoken: flag,
});

/** What sentence-transformers wrote down beside the model; the mean where it wrote nothing. */
async function poolingOf({ folder }: ServedModel): Promise<"mean" | "cls" | "max" | "lastToken"> {
  const path = join(folder, "1_Pooling", "config.json");
  if (!existsSync(path)) return "mean";
  const pooling = await readJson(path, poolingSchema);
  if (pooling.pooling_mode_cls_token) return "cls";
  if (pooling.pooling_mode_lasttoken) return "lastToken";
  return pooling.pooling_mode_max_tokens ? "max" : "mean";
}
