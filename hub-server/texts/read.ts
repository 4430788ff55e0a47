// Texts of strangers, read without keeping others waiting: short YAML at once, the rest in a thread (thread.ts), within a limit.
// Keeps no result.
import type { RepoType } from "../../src/hub/repo-id.ts";
import { parseHeader, type SafetensorsHeader } from "../../src/io/safetensors.ts";
import { badRequest } from "../errors.ts";
import { type CardCheck, checkCard } from "../services/card-metadata.ts";
import { FRONT_MATTER, readYaml, type Yaml } from "../services/front-matter.ts";
import { notebookProblem } from "../services/notebook-format.ts";
import { readApart } from "./thread.ts";

/** A header up to this is read at once; one beyond the second not at all: it names some 50,000 tensors. */
const HEADER = { short: 128 * 1024, most: 4 * 1024 * 1024 };

/** The header of a safetensors file of some length, which is read once that is known to be sound. */
export async function tensorsOf(
  length: number,
  size: number,
  read: () => Promise<Uint8Array>,
): Promise<SafetensorsHeader> {
  if (length > HEADER.most)
    throw badRequest(`Its header has ${length} bytes; the hub reads headers up to ${HEADER.most} bytes.`);
  const header = await read();
  if (length <= HEADER.short) return parseHeader(header, size);
  const found = await readApart("tensors", { header, size });
  if (found === undefined || "refused" in found) throw badRequest(found?.refused ?? GIVEN_UP);
  return found;
}

/** YAML up to this takes less time than a thread needs to start. */
const SHORT = 2048;
const GIVEN_UP = "It takes too long to read. Shorten it.";

export async function yamlOf(source: string): Promise<Yaml> {
  if (source.length <= SHORT) return readYaml(source);
  return (await readApart("yaml", { source })) ?? { errors: [GIVEN_UP] };
}

/** What is wrong with the front matter of a README.md. */
export async function cardCheckOf(readme: string, type: RepoType): Promise<CardCheck> {
  // Only its beginning is looked at, and sent.
  const head = FRONT_MATTER.exec(readme)?.[0] ?? "";
  if (head.length <= SHORT) return checkCard(head, type);
  return (await readApart("card", { readme: head, type })) ?? { errors: [GIVEN_UP], warnings: [] };
}

/** Why a file is no notebook; undefined where it is one. */
export async function notebookProblemOf(bytes: Uint8Array): Promise<string | undefined> {
  if (bytes.length <= HEADER.short) return notebookProblem(bytes);
  return ((await readApart("notebook", { bytes })) ?? { problem: "it takes too long to read" }).problem;
}
