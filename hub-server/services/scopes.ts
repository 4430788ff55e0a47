// What tokens with limits may do: permissions by name, the scopes of OAuth in words, and the one place that compares them.
// Knows no repository's visibility: access.ts asks here in addition.
import type { Limits } from "../context.ts";
import type { TokenScopes } from "../db/schema.ts";

/** Permissions of fine-grained tokens, with words for the form that makes one. */
export const PERMISSIONS = {
  "repo.content.read": "See private repositories and read their files",
  "repo.write": "Change files, branches and tags, decide who reads gated contents",
  "repo.create": "Make repositories",
  "repo.manage": "Make and delete repositories, change their settings",
  "discussion.write": "Take part in discussions and propose changes",
  "collection.read": "See private collections",
  "collection.write": "Make and change collections",
  "org.read": "See members and settings of the organization",
  "org.write": "Manage the organization",
  "user.webhooks.read": "See webhooks",
  "user.webhooks.write": "Make and change webhooks",
} as const;
export type Permission = keyof typeof PERMISSIONS;

export const isPermission = (name: string): name is Permission => Object.hasOwn(PERMISSIONS, name);

/** What a permission includes besides itself. */
const INCLUDED: Partial<Record<Permission, readonly Permission[]>> = {
  "repo.manage": ["repo.write", "repo.create", "repo.content.read", "discussion.write"],
  "repo.write": ["repo.content.read", "discussion.write"],
  "collection.write": ["collection.read"],
  "org.write": ["org.read"],
  "user.webhooks.write": ["user.webhooks.read"],
};

const includes = (granted: readonly string[], wanted: Permission): boolean =>
  granted.some((name) => name === wanted || (isPermission(name) && INCLUDED[name]?.includes(wanted)));

/** Whether limits leave room for something, at an owner or a repository; without a place, anywhere at all. */
export function permits(
  limits: Limits | undefined,
  wanted: Permission,
  place?: { ownerId?: string | undefined; repoId?: string | undefined },
): boolean {
  if (limits === undefined || includes(limits.global, wanted)) return true;
  return limits.scoped.some(
    ({ kind, id, permissions }) =>
      includes(permissions, wanted) &&
      (place === undefined || id === (kind === "owner" ? place.ownerId : place.repoId)),
  );
}

/** The owners, or the repositories, at which limits allow something. */
export function placesOf(limits: Limits, kind: "owner" | "repo", wanted: Permission): string[] {
  return limits.scoped
    .filter((scope) => scope.kind === kind && includes(scope.permissions, wanted))
    .map(({ id }) => id);
}

interface OAuthScope {
  /** What the page of consent says. */
  words: string;
  permissions?: readonly Permission[];
}

/** What apps ask for. Those without words of a permission are about the user, or about what this hub does not have. */
export const OAUTH_SCOPES: Readonly<Record<string, OAuthScope>> = {
  openid: { words: "Know that it is you" },
  profile: { words: "See your name and picture" },
  email: { words: "See your email address" },
  "read-memberships": { words: "See which organizations you belong to", permissions: ["org.read"] },
  "read-repos": { words: "Read your private repositories", permissions: ["repo.content.read"] },
  "gated-repos": { words: "Read gated repositories that you have access to" },
  "contribute-repos": { words: "Make repositories, and change those it made", permissions: ["repo.create"] },
  "write-repos": { words: "Change the files of your repositories", permissions: ["repo.write"] },
  "manage-repos": { words: "Make, change and delete your repositories", permissions: ["repo.manage"] },
  "write-discussions": { words: "Take part in discussions in your name", permissions: ["discussion.write"] },
  "read-collections": { words: "See your private collections", permissions: ["collection.read"] },
  "write-collections": { words: "Make and change your collections", permissions: ["collection.write"] },
  webhooks: {
    words: "Manage your webhooks, which tell of private repositories too",
    permissions: ["user.webhooks.write"],
  },
  "read-billing": { words: "Nothing here: this hub has no billing" },
  "inference-api": { words: "Run models in your name" },
  "read-endpoints": { words: "Nothing here: this hub has no inference endpoints" },
  "write-endpoints": { words: "Nothing here: this hub has no inference endpoints" },
  jobs: { words: "Nothing here: this hub runs no jobs" },
};

/** A token's limits from what a user granted an app: its scopes hold for the user and for the chosen organizations. */
export function scopesOfOAuth(
  scopes: readonly string[],
  { userId, orgIds }: { userId: string; orgIds: readonly string[] },
): TokenScopes {
  const permissions = scopes.flatMap((name) => OAUTH_SCOPES[name]?.permissions ?? []);
  const own = permissions.filter((name) => !name.startsWith("org."));
  return {
    canReadGatedRepos: scopes.includes("gated-repos"),
    // Discussions are held at other people's repositories, too.
    global: permissions.filter((name) => name === "discussion.write"),
    scoped: [
      { kind: "owner", id: userId, permissions: own },
      ...orgIds.map((id) => ({
        kind: "owner" as const,
        id,
        permissions: permissions.filter((name) => !name.startsWith("user.")),
      })),
    ],
  };
}
