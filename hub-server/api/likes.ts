// Likes of repositories.
import { likersOf, setLike } from "../services/likes.ts";
import { pageOf, pageResponse } from "./paging.ts";
import { wireUser } from "./people.ts";
import { defineRoute, type Route, repoOf } from "./route.ts";

function like(method: "POST" | "DELETE"): Route {
  return defineRoute({
    operation: method === "POST" ? "like" : "unlike",
    method,
    path: "/api/:type/:namespace/:name/like",
    access: "contribute",
    summary: method === "POST" ? "Like a repository" : "Take a like back",
    handle: async (c, ctx) => {
      await setLike(ctx, repoOf(c), method === "POST");
      return c.json({ success: true });
    },
  });
}

const likers = defineRoute({
  operation: "listLikers",
  method: "GET",
  path: "/api/:type/:namespace/:name/likers",
  access: "read",
  summary: "Who likes a repository",
  query: { limit: "rows of a page", cursor: "where the page begins" },
  handle: async (c, ctx) => {
    const page = pageOf(c);
    return pageResponse(c, page, await likersOf(ctx, repoOf(c), page), (user) => wireUser(c, user));
  },
});

export const likeRoutes = [like("POST"), like("DELETE"), likers];
