// Every API route, gathered from the resources: what the app mounts and tests walk over.
import { adminRoutes } from "./admin.ts";
import { authRoutes } from "./auth.ts";
import { cardRoutes } from "./card.ts";
import { casRoutes } from "./cas.ts";
import { commitRoutes } from "./commit.ts";
import { docRoutes } from "./docs.ts";
import { gitRoutes } from "./git.ts";
import { lfsRoutes } from "./lfs.ts";
import { likeRoutes } from "./likes.ts";
import { organizationRoutes } from "./organizations.ts";
import { repoRoutes } from "./repos.ts";
import { resolveRoutes } from "./resolve.ts";
import type { Route } from "./route.ts";
import { userRoutes } from "./users.ts";
import { versionRoutes } from "./versions.ts";
import { xetRoutes } from "./xet.ts";

export const ROUTES: readonly Route[] = [
  ...adminRoutes,
  ...authRoutes,
  ...userRoutes,
  ...organizationRoutes,
  ...likeRoutes,
  ...cardRoutes,
  ...casRoutes,
  ...xetRoutes,
  ...commitRoutes,
  ...docRoutes(() => ROUTES),
  ...gitRoutes,
  ...lfsRoutes,
  ...versionRoutes,
  ...repoRoutes,
  ...resolveRoutes,
];
