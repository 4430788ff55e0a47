// abrazo token: the caller's access tokens. Routes of an Abrazo hub.

import { AbrazoError, suggestion } from "../../errors.ts";
import { createToken, listTokens, revokeToken, type TokenOptions } from "../../hub/accounts.ts";
import { REPO_TYPES } from "../../hub/repo-id.ts";
import { readAccess, writeAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { oneOf, usage } from "../repository.ts";
import { shortDate, table } from "../table.ts";

const ROLES = ["read", "write", "fineGrained"] as const;

export const tokenList = defineCommand({
  name: "token list",
  summary: "List your tokens, without their values.",
  flags: HUB_FLAGS,
  examples: ["abrazo token list"],
  run: async ({ flags, ui }) => {
    const tokens = await listTokens(readAccess(flags));
    const rows = tokens.map(({ id, name, role, lastUsedAt, expiresAt }) => [
      ...[id, name, role, shortDate(lastUsedAt) || "never", shortDate(expiresAt) || "never"],
    ]);
    ui.result(tokens, table(["ID", "NAME", "ROLE", "USED", "ENDS"], rows));
  },
});

export const tokenCreate = defineCommand({
  name: "token create",
  summary: "Make a token. Its value is printed once.",
  args: [{ name: "LABEL", summary: "What it is for" }],
  flags: {
    ...HUB_FLAGS,
    role: { type: "string", value: ROLES.join("|"), summary: "What it may do; read, or fineGrained with --scope" },
    scope: {
      type: "string",
      many: true,
      value: "[TYPE:NAME=]PERMISSION",
      summary: "A permission everywhere, or with one user, org, model, dataset or space; may be given again",
    },
    days: {
      type: "number",
      whole: true,
      least: 1,
      most: 3650,
      summary: "Ends after this many days; never when left out",
    },
  },
  examples: [
    "abrazo token create laptop --role write",
    "abrazo token create ci --scope model:ana/mood=repo.write --scope user.webhooks.read --days 90",
  ],
  run: async ({ args: [label = ""], flags, ui }) => {
    const scopes = flags.scope ?? [];
    const role = oneOf("--role", flags.role ?? (scopes.length > 0 ? "fineGrained" : "read"), ROLES);
    if (scopes.length > 0 !== (role === "fineGrained"))
      throw usage("--scope goes with --role fineGrained, and the other way round.", "Pass both or neither.");
    const options: TokenOptions = {
      role,
      ...(scopes.length > 0 && { fineGrained: scopesOf(scopes) }),
      ...(flags.days !== undefined && { expiresAt: new Date(Date.now() + flags.days * 86_400_000) }),
    };
    const made = await createToken(writeAccess(flags), label, options);
    ui.result(made, made.token);
    ui.note("It is shown this once: keep it where only you can read it.");
  },
});

const ENTITIES = ["user", "org", ...REPO_TYPES] as const;

/** "model:ana/mood=repo.write" → with one repository; "repo.write" → everywhere. */
function scopesOf(words: readonly string[]): NonNullable<TokenOptions["fineGrained"]> {
  const global: string[] = [];
  const scoped = new Map<string, { entity: { type: string; name: string }; permissions: string[] }>();
  for (const word of words) {
    const [, place, permission] = /^(?:([^=]+)=)?([\w.-]+)$/.exec(word) ?? [];
    if (permission === undefined)
      throw usage(`--scope is no "${word}".`, "Give it as repo.write or model:ana/mood=repo.write.");
    if (place === undefined) {
      global.push(permission);
      continue;
    }
    const [, type = "", name = ""] = /^([^:]*):?(.*)$/.exec(place) ?? [];
    if (name === "") throw usage(`--scope is no "${word}".`, suggestion(type, ENTITIES));
    const entity = { type: oneOf("The kind in --scope", type, ENTITIES), name };
    const known = scoped.get(place) ?? { entity, permissions: [] };
    known.permissions.push(permission);
    scoped.set(place, known);
  }
  return { global, scoped: [...scoped.values()] };
}

export const tokenRevoke = defineCommand({
  name: "token revoke",
  summary: "Revoke a token, by its id or its name.",
  args: [{ name: "TOKEN", summary: "Its id or name, as token list shows them" }],
  flags: HUB_FLAGS,
  examples: ["abrazo token revoke laptop"],
  run: async ({ args: [wanted = ""], flags, ui }) => {
    const access = writeAccess(flags);
    const tokens = await listTokens(access);
    const found = tokens.filter(({ id, name }) => id === wanted || name === wanted);
    const [token] = found;
    if (token === undefined || found.length > 1) {
      throw new AbrazoError({
        code: found.length > 1 ? "TOKEN_AMBIGUOUS" : "TOKEN_NOT_FOUND",
        message: `${found.length > 1 ? `${found.length} tokens are` : "No token is"} called "${wanted}".`,
        hint:
          found.length > 1
            ? "Give its id: abrazo token list."
            : suggestion(
                wanted,
                tokens.map(({ name }) => name),
              ),
      });
    }
    await revokeToken(access, token.id);
    ui.result({ revoked: token.id, name: token.name }, `Revoked ${token.name}`);
  },
});
