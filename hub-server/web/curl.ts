// A route as a line for the shell, and the fields of its body in words. Pure.
import { bodySchema, parametersOf, templateOf } from "../api/openapi.ts";
import type { Route } from "../api/route.ts";

type Schema = Readonly<Record<string, unknown>>;

export interface Field {
  name: string;
  type: string;
  required: boolean;
}

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const schemas = (value: unknown): Schema[] => (Array.isArray(value) ? value.filter(isSchema) : []);
const strings = (value: unknown): string[] =>
  Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];

/** The fields of a body; those of a union are all that its members have. */
export function bodyFields(schema: Schema | undefined): Field[] {
  if (schema === undefined) return [];
  const members = [...schemas(schema["anyOf"]), ...schemas(schema["oneOf"])];
  if (members.length > 0) {
    const fields = members.flatMap(bodyFields);
    return fields.filter(({ name }, index) => fields.findIndex((other) => other.name === name) === index);
  }
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const required = new Set(strings(schema["required"]));
  return Object.entries(properties).map(([name, value]) => ({
    name,
    type: isSchema(value) ? typeWords(value) : "anything",
    required: required.has(name),
  }));
}

/** A type in words: "list of strings", "user, org or model". */
function typeWords(schema: Schema): string {
  const any = [...schemas(schema["anyOf"]), ...schemas(schema["oneOf"])];
  if (any.length > 0) return joined([...new Set(any.map(typeWords))].filter((words) => words !== "null"));
  if (Array.isArray(schema["enum"])) return joined(schema["enum"].map(String));
  if ("const" in schema) return String(schema["const"]);
  if (schema["type"] === "array")
    return `list of ${isSchema(schema["items"]) ? plural(typeWords(schema["items"])) : "anything"}`;
  if (isSchema(schema["properties"])) return `{${Object.keys(schema["properties"]).join(", ")}}`;
  return typeof schema["type"] === "string" ? schema["type"] : "anything";
}

const plural = (words: string): string =>
  /^(string|number|integer|boolean|object)$/.test(words) ? `${words}s` : words;
const joined = (words: readonly string[]): string =>
  words.length < 2 ? (words[0] ?? "anything") : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;

/** A value that a field of this type may have: enough to see the form of a call. */
function example(schema: unknown): unknown {
  if (!isSchema(schema)) return null;
  if ("default" in schema) return schema["default"];
  if ("const" in schema) return schema["const"];
  if (Array.isArray(schema["enum"])) return schema["enum"][0];
  const [first] = [...schemas(schema["anyOf"]), ...schemas(schema["oneOf"])];
  if (first !== undefined) return example(first);
  switch (schema["type"]) {
    case "string":
      return "…";
    case "number":
    case "integer":
      return 1;
    case "boolean":
      return true;
    case "array":
      return [example(schema["items"])];
    case "object":
      return exampleOf(schema);
    default:
      return null;
  }
}

/** The required fields, or the first one where none is. */
function exampleOf(schema: Schema): Record<string, unknown> {
  const properties = isSchema(schema["properties"]) ? schema["properties"] : {};
  const required = strings(schema["required"]);
  const names = required.length > 0 ? required : Object.keys(properties).slice(0, 1);
  return Object.fromEntries(names.map((name) => [name, example(properties[name])]));
}

const VALUES: Readonly<Record<string, string>> = {
  type: "models",
  namespace: "ana",
  name: "mood",
  rev: "main",
  path: "config.json",
};

/** The call as curl makes it, with names where values are to be filled in. */
export function curlOf(route: Route, origin: string): string {
  const { method, path, access } = route;
  const filled = parametersOf(path).reduce(
    (text, name) => text.replace(`{${name}}`, VALUES[name] ?? `{${name}}`),
    templateOf(path),
  );
  const schema = bodySchema(route);
  const parts = [
    `curl${method === "GET" ? "" : ` -X ${method}`}${filled.includes("{") ? " --globoff" : ""} "${origin}${filled}"`,
    access === "public" || access === "link" ? undefined : `-H "Authorization: Bearer $HF_TOKEN"`,
    schema === undefined ? undefined : `-H "Content-Type: application/json" -d '${JSON.stringify(example(schema))}'`,
  ];
  return parts.filter((part) => part !== undefined).join(" \\\n  ");
}
