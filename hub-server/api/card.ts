// Model and dataset cards before they are committed.
import { z } from "zod";
import { REPO_TYPES } from "../../src/hub/repo-id.ts";
import { cardCheckOf } from "../texts/read.ts";
import { defineRoute, jsonBody, LONG_TEXTS } from "./route.ts";

const cardSchema = z.object({ content: z.string().max(1024 * 1024), repoType: z.enum(REPO_TYPES).default("model") });

const validate = defineRoute({
  operation: "validateYaml",
  method: "POST",
  path: "/api/validate-yaml",
  access: "public",
  summary: "Whether the metadata of a card are sound",
  body: cardSchema,
  handle: async (c) => {
    const { content, repoType } = await jsonBody(c, cardSchema, LONG_TEXTS);
    const { errors, warnings } = await cardCheckOf(content, repoType);
    const sentences = (list: readonly string[]) => list.map((message) => ({ message }));
    return c.json({ errors: sentences(errors), warnings: sentences(warnings) }, errors.length > 0 ? 400 : 200);
  },
});

export const cardRoutes = [validate];
