// What a training starts from: the base model's folder, the data, the device.
import { existsSync } from "node:fs";
import { basename } from "node:path";
import { suggestion } from "../../../errors.ts";
import { localFolder, resolveModel } from "../../../hub/resolve-model.ts";
import { packageFile } from "../../../package-root.ts";
import { DEVICES, resolveDevice } from "../../../tensor/index.ts";
import { UsageError } from "../../command.ts";
import { packageVersion } from "./environment.ts";

interface Base {
  folder: string;
  baseModel: { id: string; revision?: string };
}

/** A folder, a repository, or the shipped classifier. */
export async function baseFolder(
  model: string | undefined,
  flags: { endpoint?: string; token?: string },
): Promise<Base> {
  if (model === undefined) {
    const folder = packageFile("pipelines", "defaults", "text-classification");
    return { folder, baseModel: { id: "abrazo/sentiment", revision: `v${packageVersion()}` } };
  }
  const own = localFolder(model);
  if (own !== undefined) return { folder: own, baseModel: { id: basename(own) } };
  const { folder, commit } = await resolveModel(model, flags);
  return { folder, baseModel: { id: model, revision: commit } };
}

export function requireDataset(path: string | undefined, flag = "--dataset"): string {
  if (path === undefined)
    throw new UsageError({ code: "USAGE", message: `${flag} is missing.`, hint: "See abrazo train --help." });
  if (existsSync(path)) return path;
  throw new UsageError({ code: "USAGE", message: `${flag}: there is no ${path}.`, hint: "Check the path." });
}

/** The device to train on: the named one, which has to work here, or the best one for "auto". */
export function chooseDevice(name = "cpu"): string {
  const found = DEVICES.find((device) => device === name);
  if (found === undefined)
    throw new UsageError({ code: "USAGE", message: `--device is no "${name}".`, hint: suggestion(name, DEVICES) });
  return resolveDevice(found);
}
