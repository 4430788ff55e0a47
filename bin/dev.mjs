// `npm run dev`: installs, then runs `abrazo serve` from the sources with the arguments given.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.mjs";

ensureInstalled();
const main = join(root, "src", "cli", "main.ts");
const child = spawn(process.execPath, ["--import", "tsx", main, "serve", ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
