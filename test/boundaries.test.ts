// Holds the code to the table of layers: every import points down, heavy packages have one owner, one runtime is installed.
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { packageFile } from "../src/package-root.ts";
import { layerOverrides } from "./support/layer-rules.ts";
import { FLOOR, LAYERS, OWNED_PACKAGES } from "./support/layers.ts";

const root = packageFile();
const IMPORT = /(?:^|\n)\s*(?:import|export)\s[^;]*?from\s+"([^"]+)"|import\("([^"]+)"\)|(?:^|\n)import\s+"([^"]+)"/g;

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.includes("defaults/"))
    .map((name) => join(folder, name));
}

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(IMPORT)].map((match) => match[1] ?? match[2] ?? match[3] ?? "");
}

function inside(file: string, place: string): boolean {
  return file === place || file.startsWith(`${place}/`);
}

describe("boundaries", () => {
  it.each(LAYERS)("$folder imports only what it may", (layer) => {
    const allowed = [layer.folder, ...layer.may, ...FLOOR];
    // The try-it box and the inference API are the one part of the server that runs models.
    const exceptions = layer.folder === "hub-server" ? [{ from: "hub-server/inference", to: "pipelines" }] : [];
    const wrong = sources(layer.folder).flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith("."))
        .map((target) => relative(root, resolve(root, dirname(file), target)))
        .filter((target) => !allowed.some((place) => inside(target, place)))
        .filter((target) => !exceptions.some(({ from, to }) => inside(file, from) && inside(target, to)))
        .map((target) => `${file} imports ${target}: ${layer.instead}`),
    );
    expect(wrong).toEqual([]);
  });

  it.each(LAYERS)("$folder: what it may import lies lower", (layer) => {
    const levels = layer.may.map((place) => LAYERS.find((other) => inside(place, other.folder))?.level ?? 0);
    expect(levels.every((level) => level < layer.level)).toBe(true);
  });

  it.each(Object.entries(OWNED_PACKAGES))("%s is imported only by its owners", (name, owners) => {
    const files = ["src", "hub-server", "pipelines", "model-cards"].flatMap(sources);
    const wrong = files.filter(
      (file) =>
        importsOf(file).some((target) => target === name || target.startsWith(`${name}/`)) &&
        !owners.some((owner) => inside(file, owner)),
    );
    expect(wrong).toEqual([]);
  });

  it("biome.json carries the same rules (npm run layers writes them)", () => {
    const config: { overrides: unknown[] } = JSON.parse(readFileSync(join(root, "biome.json"), "utf8"));
    for (const override of layerOverrides()) expect(config.overrides).toContainEqual(override);
  });

  it("one copy of onnxruntime-node is installed", () => {
    const lock: { packages: Record<string, unknown> } = JSON.parse(
      readFileSync(join(root, "package-lock.json"), "utf8"),
    );
    const copies = Object.keys(lock.packages).filter((name) => name.endsWith("node_modules/onnxruntime-node"));
    expect(copies).toEqual(["node_modules/onnxruntime-node"]);
  });
});
