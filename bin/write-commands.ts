// Writes the table of commands into src/cli/COMMANDS.md.
// npm run commands
import { readFileSync, writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { commandsTable } from "../test/cli/commands-table.ts";

const path = packageFile("src", "cli", "COMMANDS.md");
const [before = "", , after = ""] = readFileSync(path, "utf8").split(/<!-- (?:table|end) -->\n/);
writeFileSync(path, `${before}<!-- table -->\n${await commandsTable()}\n<!-- end -->\n${after}`);
