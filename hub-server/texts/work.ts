// What is done with texts of strangers away from the thread that serves, and what each of it takes and gives.
// Stores nothing.
import type { RepoType } from "../../src/hub/repo-id.ts";
import { parseHeader, type SafetensorsHeader } from "../../src/io/safetensors.ts";
import { type CardCheck, checkCard } from "../services/card-metadata.ts";
import { readYaml, type Yaml } from "../services/front-matter.ts";
import { notebookProblem } from "../services/notebook-format.ts";
import { type MarkdownPlace, renderText } from "../web/markdown.ts";

export interface Inputs {
  markdown: { body: string; place: MarkdownPlace };
  card: { readme: string; type: RepoType };
  yaml: { source: string };
  notebook: { bytes: Uint8Array };
  /** The header of a safetensors file of that size. */
  tensors: { header: Uint8Array; size: number };
}

export interface Results {
  markdown: string | undefined;
  card: CardCheck;
  yaml: Yaml;
  notebook: { problem: string | undefined };
  tensors: SafetensorsHeader | { refused: string };
}

export type Work = keyof Inputs;

export const WORK: { readonly [Kind in Work]: (input: Inputs[Kind]) => Results[Kind] | Promise<Results[Kind]> } = {
  markdown: ({ body, place }) => renderText(body, place),
  card: ({ readme, type }) => checkCard(readme, type),
  yaml: ({ source }) => readYaml(source),
  notebook: ({ bytes }) => ({ problem: notebookProblem(bytes) }),
  tensors: ({ header, size }) => {
    try {
      return parseHeader(header, size);
    } catch (error) {
      return { refused: error instanceof Error ? error.message : String(error) };
    }
  },
};
