// Options of pipeline() that change nothing where they are given: refused, with what makes them so; and the errors of those that lack.
// Loads nothing.
import { AbrazoError } from "../src/errors.ts";
import { localFolder } from "../src/hub/resolve-model.ts";
import { HUB_OPTIONS, idleBeside } from "../src/models/files.ts";
import { isOnlyAdapter } from "./adapters.ts";
import type { PipelineOptions } from "./options.ts";
import type { EngineKind } from "./task.ts";

/** What options are given beside. */
interface Situation {
  /** Where the model comes from: a hub, a folder, the copy shipped with the package, or the caller's program. */
  source: "hub" | "folder" | "shipped" | "program";
  /** What the task works with; undefined where it is handed on to transformers.js. */
  kind: EngineKind | undefined;
  /** Whether a hub may be asked for something else: adapters, or the base of one. */
  asksHub: boolean;
}

type Reason = (situation: Situation) => string | undefined;

const ofHub: Reason = ({ source, asksHub }) => (source === "hub" || asksHub ? undefined : BESIDE[source]);

const BESIDE = {
  folder: "a folder is read as it is",
  shipped: "the copy shipped with the package is read as it is",
  program: "a model of your own is taken as it is",
} as const;

const reading = (kinds: readonly (EngineKind | undefined)[], what: string): Reason => {
  return ({ kind }) =>
    kinds.includes(kind) ? undefined : kind === undefined ? HANDED_ON : `the task reads no ${what}`;
};
const HANDED_ON = "transformers.js takes that of the folder";

const always: Reason = () => undefined;

/** Why an option changes nothing in a situation; each option is decided about here. */
const REASONS: Readonly<Record<keyof PipelineOptions, Reason>> = {
  // The version is that of the model alone: adapters have their own.
  revision: (situation) => ofHub({ ...situation, asksHub: false }),
  token: ofHub,
  endpoint: ofHub,
  cacheDir: ofHub,
  // A folder and the shipped copy are what it asks for.
  localFilesOnly: (situation) => (situation.source === "program" ? ofHub(situation) : undefined),
  device: always,
  dtype: always,
  tokenizer: reading(["encoder", "decoder", "text2text", "imageText"], "texts"),
  imageProcessor: reading(["vision", "imageText"], "images"),
  adapters: always,
  adapter: always,
  batchSize: always,
  threads: always,
  worker: always,
};

/**
 * @param model what pipeline() was called with
 * @param kind what the task works with; undefined where it is handed on
 * @throws INVALID_OPTION for the first option that changes nothing
 */
export function refuseIdle(options: PipelineOptions, model: unknown, kind: EngineKind | undefined): void {
  const situation = situationOf(options, model, kind);
  for (const [name, reason] of Object.entries(REASONS)) {
    const given = options[name as keyof PipelineOptions]; // safe because these are its keys
    const idle = given === undefined ? undefined : reason(situation);
    if (idle === undefined) continue;
    if ((HUB_OPTIONS as readonly string[]).includes(name)) throw idleBeside(name, idle); // safe because widening a list of literals to look a string up
    throw new AbrazoError({
      code: "INVALID_OPTION",
      message: `${name} changes nothing here: ${idle}.`,
      hint: "Leave it out.",
      data: { option: name },
    });
  }
}

function situationOf({ revision, adapters }: PipelineOptions, model: unknown, kind: EngineKind | undefined): Situation {
  const asksHub = adapters !== undefined;
  if (model === undefined || model === null)
    return { kind, asksHub, source: revision === undefined ? "shipped" : "hub" };
  if (typeof model !== "string") return { kind, asksHub, source: "program" };
  const folder = localFolder(model);
  if (folder === undefined) return { kind, asksHub, source: "hub" };
  return { kind, asksHub: asksHub || isOnlyAdapter(folder), source: "folder" };
}

/** Of a model of one's own, which comes without files. */
export function missingPart(option: "tokenizer" | "imageProcessor"): AbrazoError {
  return new AbrazoError({
    code: "MISSING_OPTION",
    message: `A model of your own comes without its ${option}.`,
    hint: `Pass it: pipeline(task, model, { ${option} }).`,
    data: { option },
  });
}

export function notInWorkers(): AbrazoError {
  return new AbrazoError({
    code: "INVALID_OPTION",
    message: "A model, tokenizer or image processor of your own cannot go to another thread.",
    hint: "Write it to a folder with savePretrained() and name that, or leave worker out.",
  });
}
