// Writes the layer rules of test/support/layers.ts into biome.json, so that the editor shows them as they are broken.
import { readFileSync, writeFileSync } from "node:fs";
import { packageFile } from "../src/package-root.ts";
import { layerOverrides } from "../test/support/layer-rules.ts";

interface BiomeConfig {
  overrides: { includes: string[] }[];
}

const path = packageFile("biome.json");
// safe because biome itself refuses a file of another shape
const config = JSON.parse(readFileSync(path, "utf8")) as BiomeConfig;
const generated = layerOverrides();
const ours = new Set(generated.map((override) => override.includes[0]));
config.overrides = [...config.overrides.filter((override) => !ours.has(override.includes[0] ?? "")), ...generated];
writeFileSync(path, `${JSON.stringify(config, null, 2)}\n`);
