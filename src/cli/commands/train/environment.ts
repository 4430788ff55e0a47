// What a training ran on, for its record.
import { readFileSync } from "node:fs";
import { availableParallelism, platform } from "node:os";
import { packageFile } from "../../../package-root.ts";

export function packageVersion(): string {
  const { version }: { version: string } = JSON.parse(readFileSync(packageFile("package.json"), "utf8"));
  return version;
}

export function environment(): Record<string, string> {
  return { node: process.versions.node, platform: `${platform()} ${process.arch}`, cores: `${availableParallelism()}` };
}
