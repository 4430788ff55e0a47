// What this hub says of its own API: the OpenAPI document and the scoreboard, for programs. And two calls that clients make
// of their own accord, answered without a look at anything.

import { scoreboard } from "./compat.ts";
import { openApi } from "./openapi.ts";
import type { Route } from "./route.ts";
import { defineRoute, originOf } from "./route.ts";

/** The routes themselves are told by a function: these are among them. */
export const docRoutes = (routes: () => readonly Route[]): readonly Route[] => [
  defineRoute({
    operation: "getOpenApi",
    method: "GET",
    path: "/api/openapi.json",
    access: "public",
    summary: "This document",
    handle: (c) => c.json(openApi(routes(), originOf(c))),
  }),
  defineRoute({
    operation: "getCompat",
    method: "GET",
    path: "/compat.json",
    access: "public",
    summary: "Which operations of Hugging Face's list this hub answers, and by which route",
    handle: (c) => c.json(scoreboard(routes())),
  }),
  defineRoute({
    operation: "telemetry",
    method: "GET",
    path: "/api/telemetry/*",
    access: "public",
    summary: "What libraries report of themselves; nothing is kept of it",
    handle: (c) => c.body(null, 204),
  }),
];
