// Public keys by which the caller is known to git over SSH.
import { z } from "zod";
import { addSshKey, listSshKeys, removeSshKey, type SshKey } from "../services/ssh-keys.ts";
import { defineRoute, jsonBody } from "./route.ts";

const keySchema = z.object({
  /** A line of a file like id_ed25519.pub. */
  key: z.string().max(8192),
  /** What the owner calls it; the key's own comment when left out. */
  title: z.string().max(100).optional(),
});

const wired = ({ createdAt, lastUsedAt, type, key, ...row }: SshKey) => ({
  ...row,
  key: `${type} ${key}`,
  createdAt: createdAt.toISOString(),
  lastUsedAt: lastUsedAt?.toISOString() ?? null,
});

const list = defineRoute({
  operation: "listSshKeys",
  method: "GET",
  path: "/api/settings/ssh-keys",
  access: "user",
  summary: "The caller's keys for git over SSH",
  handle: async (c, ctx) => c.json((await listSshKeys(ctx)).map(wired), 200, { "Cache-Control": "no-store" }),
});

const add = defineRoute({
  operation: "addSshKey",
  method: "POST",
  path: "/api/settings/ssh-keys",
  access: "user",
  summary: "Add a public key, by which git over SSH knows the caller",
  body: keySchema,
  handle: async (c, ctx) => c.json(wired(await addSshKey(ctx, await jsonBody(c, keySchema))), 201),
});

const remove = defineRoute({
  operation: "removeSshKey",
  method: "DELETE",
  path: "/api/settings/ssh-keys/:keyId",
  access: "user",
  summary: "Remove a key of one's own; what git-lfs was given with it ends, too",
  handle: async (c, ctx) => {
    await removeSshKey(ctx, c.req.param("keyId") ?? "");
    return c.json({ success: true });
  },
});

export const sshKeyRoutes = [list, add, remove];
