// abrazo login, logout: a token kept for one hub, after the hub has accepted it.

import { writeCredential } from "../../hub/credentials.ts";
import { configFolder, pushEndpoint } from "../../hub/settings.ts";
import { defineCommand, HUB_FLAGS, UsageError } from "../command.ts";

export const login = defineCommand({
  name: "login",
  summary: "Keep a token for a hub. It is asked for when not given.",
  flags: HUB_FLAGS,
  examples: [
    "abrazo login --endpoint http://127.0.0.1:7860",
    "echo $TOKEN | abrazo login --endpoint https://hub.example.org",
  ],
  run: async ({ flags, ui }) => {
    const { whoAmI } = await import("../../hub/client.ts");
    const endpoint = pushEndpoint(flags.endpoint);
    const token = (flags.token ?? (await ui.askSecret(`Token for ${endpoint}: `))).trim();
    if (token === "") {
      throw new UsageError({
        code: "USAGE",
        message: "There is no token.",
        hint: `Make one on ${endpoint}/settings/tokens, or ask who runs the hub: abrazo admin user create.`,
      });
    }
    const { name } = await whoAmI({ endpoint, token });
    const path = writeCredential(configFolder(), endpoint, { token, user: name });
    ui.result({ endpoint, user: name, path }, `Logged in to ${endpoint} as ${name}. The token is in ${path}.`);
  },
});

export const logout = defineCommand({
  name: "logout",
  summary: "Forget the token for a hub.",
  flags: { endpoint: HUB_FLAGS.endpoint },
  examples: ["abrazo logout --endpoint http://127.0.0.1:7860"],
  run: async ({ flags, ui }) => {
    const endpoint = pushEndpoint(flags.endpoint);
    writeCredential(configFolder(), endpoint, undefined);
    ui.result({ endpoint }, `Logged out of ${endpoint}.`);
  },
});
