// Every API route, gathered from the resources: what the app mounts and tests walk over.
import { adminRoutes } from "./admin.ts";
import { authRoutes } from "./auth.ts";
import { cardRoutes } from "./card.ts";
import { casRoutes } from "./cas.ts";
import { collectionRoutes } from "./collections.ts";
import { commitRoutes } from "./commit.ts";
import { discussionRoutes } from "./discussions.ts";
import { docRoutes } from "./docs.ts";
import { gateRoutes } from "./gates.ts";
import { gitRoutes } from "./git.ts";
import { lfsRoutes } from "./lfs.ts";
import { lfsFileRoutes } from "./lfs-files.ts";
import { likeRoutes } from "./likes.ts";
import { lockRoutes } from "./locks.ts";
import { notebookRoutes } from "./notebook.ts";
import { notificationRoutes } from "./notifications.ts";
import { oauthRoutes } from "./oauth.ts";
import { organizationRoutes } from "./organizations.ts";
import { repoRoutes } from "./repos.ts";
import { resolveRoutes } from "./resolve.ts";
import { resourceGroupRoutes } from "./resource-groups.ts";
import type { Route } from "./route.ts";
import { serviceAccountRoutes } from "./service-accounts.ts";
import { sshKeyRoutes } from "./ssh-keys.ts";
import { userRoutes } from "./users.ts";
import { versionRoutes } from "./versions.ts";
import { webhookRoutes } from "./webhooks.ts";
import { xetRoutes } from "./xet.ts";

export const ROUTES: readonly Route[] = [
  ...adminRoutes,
  ...authRoutes,
  ...sshKeyRoutes,
  ...userRoutes,
  ...organizationRoutes,
  ...likeRoutes,
  ...oauthRoutes,
  ...collectionRoutes,
  ...gateRoutes,
  ...resourceGroupRoutes,
  ...serviceAccountRoutes,
  ...cardRoutes,
  ...casRoutes,
  ...xetRoutes,
  ...commitRoutes,
  ...discussionRoutes,
  ...webhookRoutes,
  ...notificationRoutes,
  ...docRoutes(() => ROUTES),
  ...gitRoutes,
  ...lfsRoutes,
  ...lfsFileRoutes,
  ...lockRoutes,
  ...versionRoutes,
  ...notebookRoutes,
  ...repoRoutes,
  ...resolveRoutes,
];
