// `npm run quickstart`: installs, then runs examples/quickstart.ts from the sources.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureInstalled, root } from "./install.mjs";

ensureInstalled();
const child = spawn(
  process.execPath,
  ["--import", "tsx", join(root, "examples", "quickstart.ts"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit", env: { ...process.env, ORT_DISABLE_TELEMETRY: "1" } },
);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.on("exit", (code, signal) => process.exit(signal === null ? (code ?? 1) : 1));
