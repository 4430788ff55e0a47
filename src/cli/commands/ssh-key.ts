// abrazo ssh-key: the keys by which git over SSH knows the caller. Routes of an Abrazo hub. Reads public keys alone.
import { readFile } from "node:fs/promises";
import { AbrazoError, suggestion } from "../../errors.ts";
import { addSshKey, listSshKeys, removeSshKey } from "../../hub/ssh-keys.ts";
import { readAccess, writeAccess } from "../access.ts";
import { defineCommand, HUB_FLAGS } from "../command.ts";
import { shortDate, table } from "../table.ts";

export const sshKeyList = defineCommand({
  name: "ssh-key list",
  summary: "List your SSH keys.",
  flags: HUB_FLAGS,
  examples: ["abrazo ssh-key list"],
  run: async ({ flags, ui }) => {
    const keys = await listSshKeys(readAccess(flags));
    const rows = keys.map(({ id, title, fingerprint, lastUsedAt }) => [
      ...[id, title, fingerprint, shortDate(lastUsedAt) || "never"],
    ]);
    ui.result(keys, table(["ID", "TITLE", "FINGERPRINT", "USED"], rows));
  },
});

export const sshKeyAdd = defineCommand({
  name: "ssh-key add",
  summary: "Add a public key, so that git over SSH knows you.",
  args: [{ name: "FILE", summary: "The file that ends in .pub" }],
  flags: {
    ...HUB_FLAGS,
    title: { type: "string", value: "TEXT", summary: "What to call it; its own comment when left out" },
  },
  examples: ["abrazo ssh-key add ~/.ssh/id_ed25519.pub", "abrazo ssh-key add ./ci.pub --title ci"],
  run: async ({ args: [file = ""], flags, ui }) => {
    const access = writeAccess(flags);
    const line = await readFile(file, "utf8");
    // It is not to leave this machine, also where it was meant.
    if (line.includes("PRIVATE KEY"))
      throw new AbrazoError({
        code: "PRIVATE_KEY",
        message: `${file} is a private key, and was not sent.`,
        hint: `Give the public one: ${file}.pub.`,
      });
    // And neither is anything else that was named by mistake.
    if (!/^\s*[a-z0-9@.-]+ +AAAA\S+[^\n]*\s*$/.test(line))
      throw new AbrazoError({
        code: "INVALID_SSH_KEY",
        message: `${file} is no public key, and was not sent.`,
        hint: "A public key is one line, like ssh-ed25519 AAAA… you@laptop. ssh-keygen -t ed25519 makes one.",
      });
    const key = await addSshKey(access, line, flags.title);
    ui.result(key, `Added ${key.title}, ${key.fingerprint}`);
  },
});

export const sshKeyRemove = defineCommand({
  name: "ssh-key remove",
  summary: "Remove a key, by its id, title or fingerprint.",
  args: [{ name: "KEY", summary: "As ssh-key list shows it" }],
  flags: HUB_FLAGS,
  examples: ["abrazo ssh-key remove ana@laptop"],
  run: async ({ args: [wanted = ""], flags, ui }) => {
    const access = writeAccess(flags);
    const keys = await listSshKeys(access);
    const found = keys.filter(({ id, title, fingerprint }) => [id, title, fingerprint].includes(wanted));
    const [key] = found;
    if (key === undefined || found.length > 1) {
      const titles = keys.map(({ title }) => title);
      throw new AbrazoError({
        code: found.length > 1 ? "SSH_KEY_AMBIGUOUS" : "SSH_KEY_NOT_FOUND",
        message: `${found.length > 1 ? `${found.length} keys are` : "No key is"} called "${wanted}".`,
        hint: found.length > 1 ? "Give its id: abrazo ssh-key list." : suggestion(wanted, titles),
      });
    }
    await removeSshKey(access, key.id);
    ui.result({ removed: key.id, title: key.title }, `Removed ${key.title}`);
  },
});
