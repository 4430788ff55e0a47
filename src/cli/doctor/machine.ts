// Checks of this machine: room and rights of the cache, and the programs that some journeys need.
import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { rm, statfs, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { formatBytes } from "../ui.ts";
import { type Finding, findingsOf, type Patient } from "./finding.ts";

const LITTLE = 5e9;

export async function checkCache({ cacheDir }: Patient): Promise<Finding[]> {
  const { ok, warning, wrong } = findingsOf("cache");
  const existing = nearest(cacheDir);
  const probe = join(existing, `.doctor-${randomUUID()}`);
  try {
    await writeFile(probe, "");
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return [
      wrong("Nothing can be downloaded: the cache cannot be written to.", {
        seen: `${existing}: ${code}`,
        change: code === "ENOSPC" ? "abrazo cache prune" : "export HF_HUB_CACHE=<a folder of yours>",
      }),
    ];
  }
  const links = await symlink(probe, `${probe}.link`).then(
    () => true,
    () => false,
  );
  for (const path of [probe, `${probe}.link`]) await rm(path, { force: true });
  const { bavail, bsize } = await statfs(existing);
  const free = bavail * bsize;
  const findings: Finding[] = [];
  if (free < LITTLE) {
    findings.push(
      warning(`Only ${formatBytes(free)} are free for the cache.`, {
        seen: cacheDir,
        change: "abrazo cache prune, or export HF_HUB_CACHE=<a folder on a larger disk>",
      }),
    );
  }
  if (!links) {
    findings.push(
      warning("There can be no links in the cache: every commit takes its full size on disk.", {
        seen: existing,
        change: "Windows: switch on developer mode",
      }),
    );
  }
  return findings.length > 0 ? findings : [ok(`${cacheDir}, ${formatBytes(free)} free`)];
}

function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

const run = promisify(execFile);
const versionOf = (program: string, args: readonly string[]): Promise<string | undefined> =>
  run(program, [...args]).then(
    ({ stdout }) => /\d+\.\d+(\.\d+)?/.exec(stdout)?.[0],
    () => undefined,
  );

export async function checkPrograms(): Promise<Finding[]> {
  const { ok, warning } = findingsOf("git");
  const [git, lfs] = await Promise.all([versionOf("git", ["--version"]), versionOf("git", ["lfs", "version"])]);
  if (git === undefined) {
    const words = { seen: "git --version", change: "sudo apt install git git-lfs, or brew install git git-lfs" };
    return [warning("git is not installed: repositories cannot be cloned.", words)];
  }
  if (lfs !== undefined) return [ok(`git ${git}, git-lfs ${lfs}`)];
  return [
    warning("git-lfs is not installed: clones hold pointers in place of large files.", {
      seen: "git lfs version",
      change: "sudo apt install git-lfs && git lfs install",
    }),
  ];
}
