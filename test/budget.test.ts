// Size is a budget: 400 lines a file, 500 for an architecture. An exception names its reason here.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { packageFile } from "../src/package-root.ts";

const EXCEPTIONS: Readonly<Record<string, { lines: number; reason: string }>> = {};

const FOLDERS = ["src", "hub-server", "pipelines", "model-cards"] as const;

function files(folder: string): { name: string; lines: number }[] {
  return readdirSync(packageFile(folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name))
    .map((name) => join(folder, name))
    .map((name) => ({ name, lines: readFileSync(packageFile(name), "utf8").split("\n").length - 1 }));
}

it.each(FOLDERS)("no file of %s is over its budget", (folder) => {
  const over = files(folder).filter(({ name, lines }) => {
    const budget = EXCEPTIONS[name]?.lines ?? (name.startsWith("src/models/") ? 500 : 400);
    return lines > budget;
  });
  expect(over).toEqual([]);
});
