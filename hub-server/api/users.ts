// Users: what is shown of them, whom they follow, their pictures, their own settings.
import type { Context as HonoContext } from "hono";
import { z } from "zod";
import { fullName } from "../../src/hub/repo-id.ts";
import { SOCIALS } from "../db/schema/accounts.ts";
import { likesOf } from "../services/likes.ts";
import { orgsOf } from "../services/organizations.ts";
import {
  avatarOf,
  followersOf,
  followingOf,
  getAccount,
  getUser,
  overviewOf,
  requireOwnProfile,
  setAvatar,
  setFollowing,
  socialsOf,
  updateProfile,
} from "../services/profiles.ts";
import type { Account } from "../services/users.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { avatarResponse, avatarUrl, wireOrg, wireUser } from "./people.ts";
import { defineRoute, type HubEnv, jsonBody, type Route, wholeBody } from "./route.ts";

const nameIn = (c: HonoContext<HubEnv>): string => c.req.param("username") ?? c.req.param("name") ?? "";

const overview = defineRoute({
  operation: "getUserOverview",
  answers: ["GET /api/users/{username}/overview"],
  method: "GET",
  path: "/api/users/:username/overview",
  access: "public",
  summary: "What is shown of a user, with numbers of what the caller may see",
  handle: async (c, ctx) => {
    const user = await getUser(ctx, nameIn(c));
    const numbers = await overviewOf(ctx, user);
    return c.json({
      ...wireUser(c, user),
      details: user.details ?? "",
      isFollowing: numbers.isFollowing,
      createdAt: user.createdAt.toISOString(),
      numModels: numbers.repos.model,
      numDatasets: numbers.repos.dataset,
      numSpaces: numbers.repos.space,
      numDiscussions: numbers.discussions,
      numPapers: 0,
      numUpvotes: numbers.upvotes,
      numLikes: numbers.likes,
      numFollowing: numbers.following,
      numFollowers: numbers.followers,
      orgs: (await orgsOf(ctx, user.id)).map(({ org }) => wireOrg(c, org)),
    });
  },
});

const likes = defineRoute({
  operation: "listUserLikes",
  answers: ["GET /api/users/{username}/likes"],
  method: "GET",
  path: "/api/users/:username/likes",
  access: "public",
  summary: "Repositories that a user likes",
  query: { limit: "rows of a page", cursor: "where the page begins" },
  handle: async (c, ctx) => {
    const page = pageOf(c);
    const rows = await likesOf(ctx, (await getUser(ctx, nameIn(c))).id, page);
    return pageResponse(c, page, rows, ({ repo, createdAt }) => ({
      createdAt: createdAt.toISOString(),
      repo: { name: fullName(repo), type: repo.type },
    }));
  },
});

function people(
  operation: string,
  path: string,
  summary: string,
  list: typeof followersOf,
  find: typeof getAccount,
): Route {
  return defineRoute({
    operation,
    method: "GET",
    path,
    access: "public",
    summary,
    query: { limit: "rows of a page", cursor: "where the page begins" },
    handle: async (c, ctx) => {
      const page = pageOf(c);
      const account = await find(ctx, nameIn(c));
      return pageResponse(c, page, await list(ctx, account.id, page), (row) => wireUser(c, row));
    },
  });
}

function follow(method: "POST" | "DELETE"): Route {
  return defineRoute({
    operation: method === "POST" ? "follow" : "unfollow",
    method,
    path: "/api/users/:username/follow",
    access: "user",
    scope: "discussion.write",
    summary: method === "POST" ? "Follow a user or an organization" : "Follow them no longer",
    handle: async (c, ctx) => {
      await setFollowing(ctx, nameIn(c), method === "POST");
      return c.json({ success: true });
    },
  });
}

const avatar = defineRoute({
  operation: "getUserAvatar",
  answers: ["GET /api/users/{username}/avatar"],
  method: "GET",
  path: "/api/users/:username/avatar",
  access: "public",
  summary: "Where the picture of a user is",
  query: { redirect: "true: go there at once" },
  handle: async (c, ctx) => avatarResponse(c, await getUser(ctx, nameIn(c))),
});

const anyAvatar = defineRoute({
  operation: "getAvatar",
  answers: ["GET /api/avatars/{namespace}"],
  method: "GET",
  path: "/api/avatars/:name",
  access: "public",
  summary: "The way to the picture of a user or an organization",
  handle: async (c, ctx) => c.redirect(avatarUrl(c, await getAccount(ctx, nameIn(c))), 302),
});

const picture = defineRoute({
  operation: "getPicture",
  method: "GET",
  path: "/api/avatars/:name/picture",
  access: "public",
  summary: "The picture itself",
  handle: async (c, ctx) => {
    const { type, bytes, etag } = await avatarOf(ctx, await getAccount(ctx, nameIn(c)));
    const headers = {
      "Content-Type": type,
      ETag: etag,
      "Cache-Control": "public, max-age=300",
      "X-Content-Type-Options": "nosniff",
      // Opened by itself it runs nothing either.
      "Content-Security-Policy": "default-src 'none'; sandbox",
      "Cross-Origin-Resource-Policy": "cross-origin",
    };
    if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
    return c.body(bytes, 200, headers);
  },
});

const putPicture = defineRoute({
  operation: "setPicture",
  method: "PUT",
  path: "/api/settings/avatar",
  access: "user",
  summary: "Set one's own picture: PNG, JPEG or WebP, up to 1 MiB, as the body",
  handle: async (c, ctx) => {
    const { id, name } = requireOwnProfile(ctx);
    await setAvatar(ctx, id, await readPicture(c));
    return c.json({ avatarUrl: avatarUrl(c, { name }) });
  },
});

export const readPicture = (c: HonoContext<HubEnv>): Promise<Uint8Array> => wholeBody(c, 1024 * 1024);

/** Handles alone, no addresses: pages make the links. */
const handle = z.string().regex(/^[A-Za-z0-9_.-]{0,64}$/, "letters, digits, _, . and - alone");
export const profileSchema = z.strictObject({
  fullname: z.string().max(100).optional(),
  email: z.union([z.email().max(200), z.literal("")]).optional(),
  details: z.string().max(500).optional(),
  website: z.union([z.url({ protocol: /^https?$/ }).max(300), z.literal("")]).optional(),
  socials: z.strictObject(Object.fromEntries(SOCIALS.map((name) => [name, handle.optional()]))).optional(),
});

const profile = defineRoute({
  operation: "updateProfile",
  method: "PATCH",
  path: "/api/settings/profile",
  access: "user",
  summary: "Change what is shown of oneself",
  body: profileSchema,
  handle: async (c, ctx) => {
    const { fullname, ...input } = await jsonBody(c, profileSchema);
    await updateProfile(ctx, requireOwnProfile(ctx).id, { ...input, fullName: fullname });
    return c.json({ success: true });
  },
});

export const socialsResponse = async (c: HonoContext<HubEnv>, account: Account): Promise<Response> =>
  c.json({ socialHandles: await socialsOf(c.get("ctx"), account.id) });

const socials = defineRoute({
  operation: "getUserSocials",
  answers: ["GET /api/users/{username}/socials"],
  method: "GET",
  path: "/api/users/:username/socials",
  access: "public",
  summary: "Names of a user at other places",
  handle: async (c, ctx) => socialsResponse(c, await getUser(ctx, nameIn(c))),
});

export const userRoutes = [
  overview,
  likes,
  people("listFollowers", "/api/users/:username/followers", "Who follows a user", followersOf, getUser),
  people("listFollowing", "/api/users/:username/following", "Whom a user follows", followingOf, getUser),
  follow("POST"),
  follow("DELETE"),
  avatar,
  anyAvatar,
  picture,
  putPicture,
  profile,
  socials,
];
