// "datasets/ns/name" ⇄ { type, namespace, name }, and which names may be created.
// Does not know what exists.
import { AbrazoError } from "../errors.ts";

export const REPO_TYPES = ["model", "dataset", "space"] as const;
/** What a repository holds. */
export type RepoType = (typeof REPO_TYPES)[number];

/** Which repository: its type, whose it is, and its name. */
export interface RepoId {
  type: RepoType;
  namespace: string;
  name: string;
}

/** Plural used in API paths: "models", "datasets", "spaces". */
export const plural = (type: RepoType): string => `${type}s`;

/**
 * Path of a repository's page: "/ns/name" for models, "/datasets/ns/name" for datasets, "/spaces/ns/name" for spaces.
 *
 * @example
 * ```ts
 * repoPath(parseRepoId("datasets/ana/reviews")); // "/datasets/ana/reviews"
 * ```
 */
export function repoPath({ type, namespace, name }: RepoId): string {
  return `/${type === "model" ? "" : `${plural(type)}/`}${namespace}/${name}`;
}

/**
 * "namespace/name", without the type.
 *
 * @example
 * ```ts
 * fullName(parseRepoId("datasets/ana/reviews")); // "ana/reviews"
 * ```
 */
export const fullName = ({ namespace, name }: Pick<RepoId, "namespace" | "name">): string => `${namespace}/${name}`;

/** Names that every client accepts: letters, digits, single "-", "_" and "." inside; 96 characters. */
const SEGMENT = /^[A-Za-z0-9_](?:[A-Za-z0-9_]|[-.](?=[A-Za-z0-9_]))*$/;

/** Why a segment may not be a name, or undefined when it may. */
export function invalidName(segment: string): string | undefined {
  if (segment.length === 0 || segment.length > 96) return "it must have 1 to 96 characters";
  if (/\.(git|ipynb)$/i.test(segment)) return 'it must not end in ".git" or ".ipynb"';
  return SEGMENT.test(segment) ? undefined : 'it may hold letters, digits, "_", and single "-" or "." between them';
}

/**
 * Parses "ns/name", with "models/", "datasets/" or "spaces/" in front if need be.
 *
 * @example
 * ```ts
 * parseRepoId("ana/mood"); // { type: "model", namespace: "ana", name: "mood" }
 * parseRepoId("mood"); // throws "mood" is no repository name: it needs the form namespace/name.
 * ```
 */
export function parseRepoId(text: string, type: RepoType = "model"): RepoId {
  const parts = text.replace(/^\/+|\/+$/g, "").split("/");
  const prefix = parts.length === 3 ? REPO_TYPES.find((candidate) => plural(candidate) === parts[0]) : undefined;
  if (prefix !== undefined) parts.shift();
  const [namespace, name, ...more] = parts;
  const wrong = namespace === undefined || name === undefined || more.length > 0;
  const reason = wrong ? "it needs the form namespace/name" : (invalidName(namespace) ?? invalidName(name));
  if (wrong || reason !== undefined) {
    throw new AbrazoError({
      code: "INVALID_REPO_ID",
      message: `"${text}" is no repository name: ${reason}.`,
      hint: "For example: ana/sentiment-small.",
      data: { text },
    });
  }
  return { type: prefix ?? type, namespace, name };
}
