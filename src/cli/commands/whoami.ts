// abrazo whoami: who the hub takes us for.
import { whoAmI } from "../../hub/client.ts";
import { readAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";

export const whoami = defineCommand({
  name: "whoami",
  summary: "The user behind the token.",
  flags: HUB_FLAGS,
  examples: ["abrazo whoami --endpoint http://127.0.0.1:7860"],
  run: async ({ flags, ui }) => {
    const access = readAccess(flags);
    const me = await whoAmI(access);
    ui.result({ endpoint: access.endpoint, ...me }, `${me.name} at ${access.endpoint} (${me.role ?? "no"} token)`);
  },
});
