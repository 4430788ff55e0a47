// Who the caller is.
import { unauthorized } from "../errors.ts";
import { defineRoute } from "./route.ts";

const whoami = defineRoute({
  operation: "whoami",
  method: "GET",
  path: "/api/whoami-v2",
  access: "user",
  summary: "The user behind the credentials",
  handle: (c, { actor }) => {
    if (actor === undefined) throw unauthorized();
    return c.json({
      type: "user",
      id: actor.id.replaceAll("-", "").slice(0, 24),
      name: actor.name,
      fullname: actor.name,
      email: null,
      emailVerified: false,
      canPay: false,
      isPro: false,
      isAdmin: actor.admin,
      periodEnd: null,
      avatarUrl: "",
      orgs: [],
      auth: {
        type: "access_token",
        accessToken: {
          displayName: actor.credential.name,
          role: actor.role,
          createdAt: actor.credential.createdAt.toISOString(),
        },
      },
    });
  },
});

export const authRoutes = [whoami];
