// What the owner of the data folder may do through the running server: the key lies in the folder's lock file.
import { timingSafeEqual } from "node:crypto";
import { z } from "zod";
import { forbidden } from "../errors.ts";
import { createFirstToken, createUser } from "../services/users.ts";
import { defineRoute, jsonBody } from "./route.ts";

export const localUserSchema = z.object({
  name: z.string(),
  password: z.string().optional(),
  token: z.string().optional(),
  admin: z.boolean().default(false),
});

export const LOCAL_KEY_HEADER = "x-abrazo-local-key";

const createLocalUser = defineRoute({
  operation: "createLocalUser",
  method: "POST",
  path: "/api/admin/users",
  access: "link",
  summary: "Make a user, for whoever can read the data folder",
  body: localUserSchema,
  handle: async (c, ctx) => {
    const [given, right] = [Buffer.from(c.req.header(LOCAL_KEY_HEADER) ?? ""), Buffer.from(ctx.localKey)];
    if (given.length !== right.length || !timingSafeEqual(given, right))
      throw forbidden("Only the owner of the data folder may do this.");
    const { token, ...user } = await jsonBody(c, localUserSchema);
    const made = await createUser(ctx, user);
    return c.json({ name: made.name, token: await createFirstToken(ctx, made, token) });
  },
});

export const adminRoutes = [createLocalUser];
