// Small disks for tests that fill them.
import { execFileSync } from "node:child_process";

/** Whether this account may mount file systems. */
export function canMount(): boolean {
  try {
    const probe = execFileSync("mktemp", ["-d"], { encoding: "utf8" }).trim();
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", probe], { stdio: "ignore" });
    execFileSync("umount", [probe], { stdio: "ignore" });
    execFileSync("rmdir", [probe]);
    return true;
  } catch {
    return false;
  }
}
