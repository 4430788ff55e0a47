// Feature extraction: texts → the states of their tokens, or one vector a text.
// Knows no model and no runtime.
import { z } from "zod";
import { fromTypedArray, type Tensor } from "../../src/tensor/index.ts";
import { withAdapter } from "../adapted.ts";
import { textsOf } from "../inputs.ts";
import { adapter, count, parseOptions, signal } from "../options.ts";
import { encodePairs, type Row, runRows } from "../rows.ts";
import type { InputStream } from "../stream.ts";
import { defineTask, type Encoder, type Output } from "../task.ts";

const POOLINGS = ["none", "mean", "cls", "lastToken", "max"] as const;

const optionsSchema = z.strictObject({
  /**
   * How the states of a text's tokens become one vector: their mean, the first or the last token's, the largest of each
   * feature. Padding never counts. "none" (the default) gives every token's.
   */
  pooling: z.enum(POOLINGS).optional(),
  /** Divides each vector by its length; only with a pooling. */
  normalize: z.boolean().optional(),
  adapter,
  signal,
  /** Texts that run together at most, for this call. */
  batchSize: count.optional(),
});

/** How states become features. */
export type FeatureExtractionOptions = z.infer<typeof optionsSchema>;

/**
 * `pipeline("feature-extraction")`, also called "embeddings": float32 [B, D] with a pooling. Without one the states of all tokens,
 * [B, T, D], where rows shorter than the longest end in zeros. B is 1 for one text.
 */
export interface FeatureExtractionPipeline {
  (texts: string | readonly string[], options?: FeatureExtractionOptions): Promise<Tensor>;
  /** A tensor for each text: [D], or [T, D] without a pooling. */
  (texts: InputStream<string>, options?: FeatureExtractionOptions): AsyncGenerator<Tensor, void, undefined>;
}

export const featureExtraction = defineTask({
  name: "feature-extraction",
  kind: "encoder",
  auto: "AutoModel",
  create: (base: Encoder, context): FeatureExtractionPipeline => {
    const extract = async (input: unknown, given?: FeatureExtractionOptions): Promise<Tensor> => {
      const options = parseOptions("feature-extraction", optionsSchema, given);
      const { texts } = textsOf(input, "feature-extraction");
      const engine = withAdapter(base, options.adapter);
      const rows = encodePairs(
        engine,
        texts.map((text) => ({ text })),
      );
      const outputs = await runRows(engine, rows, { ...options, batchSize: options.batchSize ?? context.batchSize });
      const states = outputs.map((output) => statesOf(output));
      const { pooling = "none", normalize = false } = options;
      return pooling === "none" ? allTokens(states, rows) : pooled(states, pooling, normalize);
    };
    return extract as FeatureExtractionPipeline; // safe because streams are taken apart before a task sees them
  },
});

/** ONNX files name the states differently: those of all tokens are what has two axes. */
function statesOf(output: Readonly<Record<string, Output>>): Output {
  const found = output["last_hidden_state"] ?? output["token_embeddings"];
  return (
    found ??
    Object.values(output).find(({ shape }) => shape.length === 2) ?? { data: new Float32Array(), shape: [0, 0] }
  );
}

function allTokens(states: readonly Output[], rows: readonly Row[]): Tensor {
  const columns = Math.max(0, ...rows.map(({ ids }) => ids.length));
  const width = states[0]?.shape[1] ?? 0;
  const all = new Float32Array(states.length * columns * width);
  for (const [row, { data }] of states.entries()) all.set(data, row * columns * width);
  return fromTypedArray(all, [states.length, columns, width]);
}

const POOL: Readonly<Record<Exclude<(typeof POOLINGS)[number], "none">, (state: Output, feature: number) => number>> = {
  cls: ({ data }, feature) => data[feature] ?? 0,
  lastToken: ({ data, shape: [tokens = 0, width = 0] }, feature) => data[(tokens - 1) * width + feature] ?? 0,
  mean: (state, feature) =>
    column(state, feature).reduce((sum, value) => sum + value, 0) / Math.max(1, state.shape[0] ?? 0),
  max: (state, feature) => Math.max(...column(state, feature)),
};

function column({ data, shape: [tokens = 0, width = 0] }: Output, feature: number): number[] {
  return Array.from({ length: tokens }, (_, token) => data[token * width + feature] ?? 0);
}

function pooled(states: readonly Output[], pooling: keyof typeof POOL, normalize: boolean): Tensor {
  const width = states[0]?.shape[1] ?? 0;
  const all = new Float32Array(states.length * width);
  for (const [row, state] of states.entries()) {
    const vector = Array.from({ length: width }, (_, feature) => POOL[pooling](state, feature));
    const length = normalize ? Math.max(Math.hypot(...vector), 1e-12) : 1;
    all.set(
      vector.map((value) => value / length),
      row * width,
    );
  }
  return fromTypedArray(all, [states.length, width]);
}
