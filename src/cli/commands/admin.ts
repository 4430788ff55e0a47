// abrazo admin user create: a user of the hub on this machine, through the running server or directly.
import { defineCommand, UsageError } from "../command.ts";
import { readStdin } from "../ui.ts";

export const adminUserCreate = defineCommand({
  name: "admin user create",
  summary: "Make a user of the hub on this machine and print a token.",
  args: [{ name: "NAME", summary: "The user's name" }],
  flags: {
    password: { type: "string", value: "TEXT", summary: "Password for the web pages" },
    "password-stdin": { type: "boolean", summary: "Read the password from stdin" },
    token: { type: "string", value: "hf_…", summary: "Use this token instead of a new one" },
    admin: { type: "boolean", summary: "May do everything" },
    data: { type: "string", value: "DIR", summary: "The hub's data folder" },
  },
  examples: ["abrazo admin user create ana", "echo $PASSWORD | abrazo admin user create ana --password-stdin --admin"],
  run: async ({ args: [name = ""], flags, ui }) => {
    if (flags.password !== undefined && flags["password-stdin"] === true) {
      throw new UsageError({ code: "USAGE", message: "Give --password or --password-stdin, not both." });
    }
    const password = flags["password-stdin"] === true ? await readStdin() : flags.password;
    const { createUserOnHost } = await import("../../../hub-server/main.ts");
    const made = await createUserOnHost({
      dataDir: flags.data,
      name,
      password,
      token: flags.token,
      admin: flags.admin === true,
    });
    ui.result(made, `Created ${made.name}. Token (shown once): ${made.token}`);
  },
});
