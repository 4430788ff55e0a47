// The API's documentation and the scoreboard, as pages: the routes' declarations → page.
// They come before the routes themselves, whose names they share.
import type { Hono, Context as HonoContext } from "hono";
import { scoreboard } from "../api/compat.ts";
import { ROUTES } from "../api/index.ts";
import { areaOf } from "../api/openapi.ts";
import { type HubEnv, originOf } from "../api/route.ts";
import { CompatPage } from "./pages/compat.tsx";
import { DocsPage } from "./pages/docs.tsx";
import { html, shellOf } from "./respond.tsx";

const wantsJson = (c: HonoContext<HubEnv>): boolean => {
  const accept = c.req.header("accept") ?? "";
  return accept.includes("json") && !accept.includes("text/html");
};

export function docsRoutes(app: Hono<HubEnv>): void {
  // Programs that ask for JSON here ask for Hugging Face's list of its products' documentation, which is an operation not answered.
  app.get("/api/docs", (c, next) => {
    if (wantsJson(c)) return next();
    const areas = [...new Set(ROUTES.map(areaOf))].sort();
    const area = areas.find((name) => name === c.req.query("area"));
    return html(c, <DocsPage shell={shellOf(c)} routes={ROUTES} areas={areas} area={area} origin={originOf(c)} />);
  });
  app.get("/compat", (c) => {
    const board = scoreboard(ROUTES);
    if (wantsJson(c)) return c.json(board);
    const area = board.areas.find((row) => row.area === c.req.query("area"))?.area;
    return html(c, <CompatPage shell={shellOf(c)} board={board} area={area} />);
  });
}
