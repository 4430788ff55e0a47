// training-record.json: what ran, on what, with which results. Written by training, read by cards and the hub.
// Holds the schema alone.
import { z } from "zod";

const interval = z.tuple([z.number(), z.number()]);
const dataset = z.object({
  name: z.string(),
  id: z.string().optional(),
  revision: z.string().optional(),
  split: z.string(),
  examples: z.number().int().nonnegative().optional(),
  sha256: z.string().optional(),
  url: z.string().optional(),
  license: z.string().optional(),
  labelCounts: z.record(z.string(), z.number().int()).optional(),
});

const evaluationSchema = z.object({
  dataset,
  metric: z.string(),
  /** The words for the metric, e.g. "Accuracy". */
  metricName: z.string().optional(),
  value: z.number(),
  /** 95 % interval. */
  interval: interval.optional(),
  count: z.number().int().positive().optional(),
  slice: z.string().optional(),
});

const biasGroup = z.object({
  /** What differs inside a set, e.g. "gender". */
  attribute: z.string(),
  sets: z.number().int().positive(),
  /** Sets in which the predicted label is not the same for all members. */
  flipped: z.number().int().nonnegative(),
  rate: z.number(),
  interval: interval.optional(),
  /** Largest difference of the positive score inside a set, mean over sets. */
  meanSpread: z.number().optional(),
  members: z
    .array(
      z.object({
        group: z.string(),
        /** Pairs of one of the group's sentences and another of the same set, and those whose labels differ. */
        pairs: z.number().int().nonnegative(),
        flipped: z.number().int().nonnegative(),
        rate: z.number(),
        /** Mean positive score less that of the set. */
        shift: z.number(),
      }),
    )
    .optional(),
});

export const trainingRecordSchema = z.object({
  version: z.literal(1),
  createdAt: z.string(),
  abrazoVersion: z.string(),
  task: z.string(),
  seed: z.number().int(),
  device: z.string(),
  command: z.string().optional(),
  model: z.object({
    modelType: z.string(),
    parameters: z.number().int().positive(),
    baseModel: z.object({ id: z.string(), revision: z.string().optional() }).optional(),
  }),
  datasets: z.array(dataset),
  hyperparameters: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
  steps: z.number().int().nonnegative(),
  durationSeconds: z.number().nonnegative(),
  environment: z.record(z.string(), z.string()),
  history: z.array(
    z.object({
      step: z.number().int(),
      epoch: z.number(),
      loss: z.number(),
      stepLoss: z.number().optional(),
      learningRate: z.number().optional(),
      gradNorm: z.number().optional(),
      evalLoss: z.number().optional(),
      metrics: z.record(z.string(), z.number()).optional(),
    }),
  ),
  evaluations: z.array(evaluationSchema),
  bias: z.object({ dataset: z.string(), groups: z.array(biasGroup) }).optional(),
  samples: z.array(z.object({ prompt: z.string(), text: z.string() })).optional(),
  notes: z.array(z.string()).optional(),
});

export type TrainingRecord = z.infer<typeof trainingRecordSchema>;
