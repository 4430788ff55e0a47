// Installs the locked dependencies when they are missing or older than the lockfile. Plain Node: nothing is installed yet.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

export function ensureInstalled() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major < 20 || (major === 20 && minor < 19)) {
    console.error(`Abrazo needs Node 20.19 or newer; this is ${process.versions.node}.`);
    process.exit(1);
  }
  const stamp = join(root, "node_modules", ".abrazo-lock");
  const wanted = createHash("sha256")
    .update(readFileSync(join(root, "package-lock.json")))
    .digest("hex");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  console.error("Installing dependencies (about 860 MB on disk, most of it the ONNX runtime) …");
  // The CPU and WebGPU runtimes are inside the package; only CUDA would be downloaded.
  const env = { ...process.env, ONNXRUNTIME_NODE_INSTALL: "skip" };
  const result = spawnSync("npm", ["ci", "--no-fund", "--no-audit", "--loglevel=error"], {
    cwd: root,
    env,
    stdio: ["ignore", 2, 2],
    shell: process.platform === "win32",
  });
  if (result.status !== 0) {
    console.error("npm ci failed; the lines above say why.");
    process.exit(1);
  }
  // Not needed, only quicker: a hub makes its own data folder where the template is missing.
  const make = ["--import", "tsx", join(root, "bin", "make-template.ts")];
  spawnSync(process.execPath, make, { cwd: root, stdio: ["ignore", 2, 2] });
  writeFileSync(stamp, wanted);
}
