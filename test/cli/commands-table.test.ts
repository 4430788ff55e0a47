// The table in COMMANDS.md is what the declarations of the commands say.
import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { packageFile } from "../../src/package-root.ts";
import { unpadded } from "../support/unpadded.ts";
import { commandsTable } from "./commands-table.ts";

it("the table of commands is true (npm run commands writes it)", async () => {
  const [, table = ""] = readFileSync(packageFile("src", "cli", "COMMANDS.md"), "utf8").split(/<!-- (?:table|end) -->/);
  expect(unpadded(table.trim())).toBe(unpadded(await commandsTable()));
});
