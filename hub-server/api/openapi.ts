// The OpenAPI document, made from the routes' declarations. Knows no handlers and keeps no list of its own.
import { z } from "zod";
import { plural, REPO_TYPES } from "../../src/hub/repo-id.ts";
import { version } from "../../src/package-root.ts";
import type { Route } from "./route.ts";

type Json = Readonly<Record<string, unknown>>;

/** Areas by what an address begins with or holds; the first that fits is a route's. */
const AREAS: readonly (readonly [area: string, fits: RegExp])[] = [
  ["administration", /^\/api\/admin/],
  ["documentation", /^\/(api\/openapi|api\/docs|compat|api\/telemetry)/],
  ["xet", /xet|^\/cas\//],
  ["git", /git-(upload|receive)-pack|info\/refs/],
  ["large files", /lfs/],
  ["discussions", /\/discussions/],
  ["collections", /^\/api\/collections/],
  ["webhooks", /\/webhooks/],
  ["notifications", /notifications|\/watch/],
  ["access", /access|auth-check/],
  ["accounts", /^\/(oauth|\.well-known)|whoami/],
  ["organizations", /^\/api\/organizations/],
  ["people", /^\/api\/(users|avatars|settings)|\/likers?$|\/like$/],
  ["search", /search|trending|tags-by-type/],
  ["files", /\/(resolve|raw|resolve-cache)\//],
  ["versions", /\/(tree|treesize|paths-info|refs|commits?|preupload|branch|tag|compare|super-squash|notebook)(\/|$)/],
  ["cards", /validate-yaml/],
];

export const areaOf = ({ path }: Pick<Route, "path">): string =>
  AREAS.find(([, fits]) => fits.test(path))?.[0] ?? "repositories";

/** Who may call a route, in words. */
export const ACCESS: Readonly<Record<Route["access"], string>> = {
  public: "Anybody.",
  read: "Whoever may see the repository.",
  content: "Whoever may have the repository's files.",
  contribute: "Whoever may discuss the repository and propose changes, with a token that may write.",
  write: "Whoever may write to the repository, with a token that may write.",
  manage: "The repository's owner, with a token that may write.",
  user: "Any signed-in caller.",
  link: "Whoever has the signed link.",
};

/** What a star stands for, by what comes before it. */
const STARS: readonly (readonly [before: RegExp, parts: string])[] = [
  [/(\/(tree|treesize|resolve|raw)|resolve-cache\/.*)\/$/, "{rev}/{path}"],
  [/\/compare\/$/, "{compare}"],
  [/\/telemetry\/$/, "{topic}"],
  [/./, "{rev}"],
];

/** The router's path as OpenAPI writes it. */
export function templateOf(path: string): string {
  const named = path.replace(/:(\w+)(\{(?:[^{}]|\{[^}]*\})*\})?\??/g, "{$1}");
  if (!named.endsWith("*")) return named;
  const before = named.slice(0, -1);
  return `${before}${STARS.find(([fits]) => fits.test(before))?.[1]}`;
}

/** Names of the parameters in a path. */
export const parametersOf = (path: string): string[] =>
  [...templateOf(path).matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => name);

const PARAMETERS: Readonly<Record<string, Json>> = {
  type: { description: "The kind of repository.", schema: { type: "string", enum: REPO_TYPES.map(plural) } },
  namespace: { description: "The user or organization that the repository belongs to.", schema: { type: "string" } },
  name: { description: "The name, upper and lower case alike.", schema: { type: "string" } },
  rev: {
    description: "A branch, a tag, a commit or refs/pr/1; slashes may be encoded or not.",
    schema: { type: "string" },
  },
  path: { description: "A path in the repository; slashes may be encoded or not.", schema: { type: "string" } },
  compare: {
    description: "Two revisions, with .. or ... between them.",
    schema: { type: "string" },
  },
};

/** The JSON schema of a route's body; undefined where it takes none, or none that is JSON. */
export function bodySchema({ body }: Route): Json | undefined {
  if (body === undefined) return undefined;
  const { $schema: _, ...schema } = z.toJSONSchema(body, { io: "input", unrepresentable: "any" });
  return schema;
}

/** The whole document for a hub at this address. */
export function openApi(routes: readonly Route[], origin: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const route of routes) {
    const path = templateOf(route.path);
    paths[path] ??= {};
    paths[path][route.method.toLowerCase()] = operationOf(route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "Abrazo",
      version,
      description:
        "The API of this hub. It is Hugging Face's where an operation says so: their clients work unchanged.",
    },
    servers: [{ url: origin }],
    tags: [...new Set(routes.map(areaOf))].sort().map((name) => ({ name })),
    paths,
    components: COMPONENTS,
  };
}

function operationOf(route: Route): Json {
  const { operation, access, summary, answers = [], query = {} } = route;
  const schema = bodySchema(route);
  return {
    operationId: operation,
    summary,
    description: ACCESS[access],
    tags: [areaOf(route)],
    security: SECURITY[access] ?? [{ token: [] }, { git: [] }],
    parameters: [
      ...parametersOf(route.path).map((name) => ({
        name,
        in: "path",
        required: true,
        ...(PARAMETERS[name] ?? { schema: { type: "string" } }),
      })),
      ...Object.entries(query).map(([name, description]) => ({
        name,
        in: "query",
        description,
        schema: { type: "string" },
      })),
    ],
    ...(schema !== undefined && { requestBody: { required: true, content: { "application/json": { schema } } } }),
    responses: { "2XX": { description: "Done." }, default: { $ref: "#/components/responses/Error" } },
    ...(answers.length > 0 && { "x-answers": answers }),
    "x-access": access,
  };
}

/** Routes that need no token; a private repository is hidden from those who send none. */
const SECURITY: Readonly<Partial<Record<Route["access"], readonly Json[]>>> = {
  public: [],
  link: [],
  read: [{}, { token: [] }, { git: [] }],
  content: [{}, { token: [] }, { git: [] }],
};

const header = (description: string): Json => ({ description, schema: { type: "string" } });

const COMPONENTS: Json = {
  securitySchemes: {
    token: { type: "http", scheme: "bearer", description: "An access token: hf_ and 34 letters and digits." },
    git: {
      type: "http",
      scheme: "basic",
      description: "As git sends it: any name, with an access token as the password.",
    },
  },
  schemas: {
    Error: {
      type: "object",
      properties: { error: { type: "string", description: "What is wrong, with its values, and what to do." } },
      required: ["error"],
    },
  },
  responses: {
    Error: {
      description: "What went wrong. A repository that the caller may not see is a 404, as one that is not there.",
      headers: {
        "X-Error-Code": header("A word for the case that stays the same, such as RepoNotFound or NOT_IMPLEMENTED."),
        "X-Error-Message": header("The same sentence as in the body, in plain ASCII."),
        "X-Request-Id": header("The request's id, also in the server's log."),
      },
      content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
    },
  },
};
