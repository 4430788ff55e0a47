// Bodies of the OpenAI API, as far as they are answered. A field that would not be kept to is unknown.
// Knows no models.
import { z } from "zod";

const count = z.number().int().positive();

/** How tokens are drawn. Those after `max_tokens` are no fields of OpenAI's, but of the servers that speak its language. */
const sampling = {
  model: z.string(),
  temperature: z.number().min(0).max(2).optional(),
  top_p: z.number().positive().max(1).optional(),
  n: count.optional(),
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).max(16)]).optional(),
  seed: z.number().int().nonnegative().max(0xffffffff).optional(),
  stream: z.boolean().optional(),
  stream_options: z.strictObject({ include_usage: z.boolean().optional() }).optional(),
  max_tokens: count.optional(),
  top_k: z.number().int().nonnegative().optional(),
  min_p: z.number().min(0).max(1).optional(),
  repetition_penalty: z.number().positive().optional(),
  /** JavaScript's client of Hugging Face sends it here; false is a temperature of 0. */
  do_sample: z.boolean().optional(),
  return_full_text: z.literal(false).optional(),
  // Values that change nothing, which some clients always send.
  frequency_penalty: z.literal(0).optional(),
  presence_penalty: z.literal(0).optional(),
};

export const completionSchema = z.strictObject({
  ...sampling,
  prompt: z.union([z.string(), z.array(z.string()).min(1)], "a text or an array of texts is expected"),
  echo: z.literal(false).optional(),
  best_of: z.literal(1).optional(),
});

const part = z.strictObject({ type: z.literal("text"), text: z.string() });

const message = z.strictObject({
  role: z.enum(["system", "developer", "user", "assistant"]),
  content: z.union([z.string(), z.array(part).min(1)], "a text or parts of type text are expected"),
  name: z.string().optional(),
});

export const chatSchema = z.strictObject({
  ...sampling,
  messages: z.array(message).min(1),
  max_completion_tokens: count.optional(),
  logprobs: z.literal(false).optional(),
});

export const embeddingSchema = z.strictObject({
  model: z.string(),
  input: z.union(
    [z.string().min(1), z.array(z.string().min(1)).min(1)],
    "a text or an array of texts is expected, none of them empty",
  ),
  encoding_format: z.enum(["float", "base64"]).optional(),
});

export type Sampling = z.infer<z.ZodObject<typeof sampling>>;
export type ChatMessages = z.infer<typeof chatSchema>["messages"];
