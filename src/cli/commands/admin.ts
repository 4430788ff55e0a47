// abrazo admin user create: a user of the hub on this machine, through the running server or directly.
import { defineCommand, UsageError } from "../command.ts";
import { withDatabase } from "../database.ts";
import { readStdin, type Ui } from "../ui.ts";

/** Judged here as well as by the hub: that makes the user first. */
const TOKEN = /^hf_[A-Za-z0-9]{34,}$/;

/** A password typed twice; none without a terminal, or when nothing is typed: such a user has a token alone. */
async function ask(ui: Ui): Promise<string | undefined> {
  if (!process.stdin.isTTY) return undefined;
  const password = await ui.askSecret("Password for the web pages (empty for none): ");
  if (password === "") return undefined;
  if ((await ui.askSecret("Once more: ")) === password) return password;
  throw new UsageError({ code: "USAGE", message: "The two passwords differ.", hint: "Run the command again." });
}

export const adminUserCreate = defineCommand({
  name: "admin user create",
  summary: "Make a user of the hub on this machine and print a token.",
  args: [{ name: "NAME", summary: "The user's name" }],
  flags: {
    password: { type: "string", value: "TEXT", summary: "Password for the web pages" },
    "password-stdin": { type: "boolean", summary: "Read the password from stdin; on a terminal it is asked for" },
    token: { type: "string", value: "hf_…", summary: "Use this token instead of a new one" },
    admin: { type: "boolean", summary: "May do everything" },
    data: { type: "string", value: "DIR", summary: "The hub's data folder" },
  },
  examples: ["abrazo admin user create ana", "echo $PASSWORD | abrazo admin user create ana --password-stdin --admin"],
  run: async ({ args: [name = ""], flags, ui }) => {
    if (flags.password !== undefined && flags["password-stdin"] === true) {
      throw new UsageError({ code: "USAGE", message: "Give --password or --password-stdin, not both." });
    }
    if (flags.token !== undefined && !TOKEN.test(flags.token)) {
      throw new UsageError({
        code: "USAGE",
        message: "--token has not the form of a token.",
        hint: 'It is "hf_" and at least 34 letters and digits; leave it out for a new one.',
      });
    }
    const password = flags["password-stdin"] === true ? await readStdin() : (flags.password ?? (await ask(ui)));
    const { createUserOnHost } = await import("../../../hub-server/main.ts");
    const { data: dataDir, token } = flags;
    const made = await withDatabase(() =>
      createUserOnHost({ dataDir, name, password, token, admin: flags.admin === true }),
    );
    ui.result(made, `Created ${made.name}. Token (shown once): ${made.token}`);
  },
});
