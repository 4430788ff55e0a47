// Turns the table of layers into Biome overrides: one per folder, each with the sentence that says what to do.
import { LAYERS, type Layer, OWNED_PACKAGES } from "./layers.ts";

interface Override {
  includes: string[];
  linter: { rules: { style: { noRestrictedImports: { level: "error"; options: Options } } } };
}

interface Options {
  paths: Record<string, string>;
  patterns: { group: string[]; message: string }[];
}

export function layerOverrides(): Override[] {
  return LAYERS.map((layer) => ({
    includes: [`${layer.folder}/**`],
    linter: { rules: { style: { noRestrictedImports: { level: "error", options: optionsOf(layer) } } } },
  }));
}

function optionsOf(layer: Layer): Options {
  const banned = LAYERS.filter((other) => other.folder !== layer.folder && !mayImport(layer, other.folder));
  const group = banned.map((other) => `**/${other.folder.replace("src/", "")}/**`);
  group.push("**/cli/**", ...partial(layer));
  return {
    paths: Object.fromEntries(foreignPackages(layer)),
    patterns: [{ group, message: layer.instead }],
  };
}

function mayImport(layer: Layer, folder: string): boolean {
  return layer.may.some((allowed) => allowed === folder || allowed.startsWith(`${folder}/`));
}

/** A folder of which only a file or subfolder is allowed: the rest is banned, the allowed parts excepted at the end. */
function partial(layer: Layer): string[] {
  const parts = layer.may.flatMap((allowed) => {
    const parent = LAYERS.find((other) => allowed.startsWith(`${other.folder}/`));
    if (parent === undefined) return [];
    const tail = allowed.replace("src/", "");
    return [
      {
        ban: `**/${parent.folder.replace("src/", "")}/**`,
        except: `!**/${tail.endsWith(".ts") ? tail : `${tail}/**`}`,
      },
    ];
  });
  return [...new Set(parts.map(({ ban }) => ban)), ...parts.map(({ except }) => except)];
}

function foreignPackages(layer: Layer): [string, string][] {
  return Object.entries(OWNED_PACKAGES)
    .filter(([, owners]) => !owners.some((owner) => owner === layer.folder || owner.startsWith(`${layer.folder}/`)))
    .map(([name, owners]) => [name, `Only ${owners.join(" and ")} may import ${name}; call what it exports.`]);
}
