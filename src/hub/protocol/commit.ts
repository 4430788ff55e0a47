// The wire of uploads: preupload, commit lines, LFS batch. Read by the server, written by clients.
import { z } from "zod";

export const preuploadRequestSchema = z.object({
  files: z.array(z.object({ path: z.string(), sample: z.string().optional(), size: z.number().int().nonnegative() })),
  gitIgnore: z
    .string()
    .max(64 * 1024)
    .optional(),
});

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const commitLineSchema = z.discriminatedUnion("key", [
  z.object({
    key: z.literal("header"),
    value: z.object({ summary: z.string(), description: z.string().default(""), parentCommit: z.string().nullish() }),
  }),
  z.object({
    key: z.literal("file"),
    value: z.object({ path: z.string(), content: z.string(), encoding: z.enum(["base64", "utf-8"]).default("utf-8") }),
  }),
  z.object({
    key: z.literal("lfsFile"),
    value: z.object({
      path: z.string(),
      algo: z.literal("sha256").default("sha256"),
      oid: sha256,
      size: z.number().int().nonnegative().optional(),
    }),
  }),
  z.object({ key: z.literal("deletedFile"), value: z.object({ path: z.string() }) }),
  z.object({ key: z.literal("deletedFolder"), value: z.object({ path: z.string() }) }),
]);

export const lfsBatchRequestSchema = z.object({
  operation: z.enum(["upload", "download"]),
  transfers: z.array(z.string()).default(["basic"]),
  ref: z.object({ name: z.string() }).nullish(),
  objects: z.array(z.object({ oid: sha256, size: z.number().int().nonnegative() })).max(1000),
});
