// The models of test/goldens/pipelines as repositories on disk, each in a folder with the name of its task; and a few more to serve.
// Asserts nothing.
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { packageFile } from "../../src/package-root.ts";
import { type ModelCase, writeCheckpoint } from "./model-goldens.ts";
import { tinyClassifier, tinyLanguageModel } from "./tiny-models.ts";

type Golden = Pick<ModelCase, "config" | "tensors">;

interface Words {
  tokenizer: object;
  tokenizerConfig: object;
}

const read = <Content>(name: string): Content =>
  JSON.parse(readFileSync(packageFile("test", "goldens", "pipelines", name), "utf8"));

export const encoders = read<Words & { models: Record<string, Golden> }>("encoders.json");
const seq2seq = read<Words & Golden>("text2text.json");
export const pictures = read<
  Words & {
    pictures: Record<string, string>;
    processors: Record<string, object>;
    models: Record<string, Golden & { task: string; processor: string }>;
  }
>("images.json");

async function write(golden: Golden, at: string, words?: Words): Promise<string> {
  const { config, tensors } = golden;
  await writeCheckpoint({ config, tensors, note: "", inputs: {}, outputs: {} }, at);
  if (words === undefined) return at;
  await writeFile(join(at, "tokenizer.json"), JSON.stringify(words.tokenizer));
  await writeFile(join(at, "tokenizer_config.json"), JSON.stringify(words.tokenizerConfig));
  return at;
}

/** Every encoder of texts. */
export async function writeEncoders(root: string): Promise<void> {
  for (const [name, golden] of Object.entries(encoders.models)) await write(golden, join(root, name), encoders);
}

/** A T5, as "t5". */
export const writeSeq2Seq = (root: string): Promise<string> => write(seq2seq, join(root, "t5"), seq2seq);

const VISION = {
  "image-classification": "several",
  "zero-shot-image-classification": "clip",
  "image-feature-extraction": "vit",
} as const;

/** A model for each task of images. */
export async function writeVision(root: string): Promise<void> {
  for (const [task, name] of Object.entries(VISION)) {
    const golden = pictures.models[name];
    if (golden === undefined) throw new Error(`the goldens have no ${name}`);
    const at = await write(golden, join(root, task), name === "clip" ? pictures : undefined);
    await writeFile(join(at, "preprocessor_config.json"), JSON.stringify(pictures.processors[golden.processor]));
  }
}

/** A picture as a PNG file. */
export const png = (name: string): Buffer => Buffer.from(pictures.pictures[name] ?? "", "base64");

const TEMPLATE = "{% for m in messages %}{{ m.content }} {% endfor %}{% if add_generation_prompt %}film{% endif %}";

/** What clients are tried on: tasks that go by their name, a classifier "mood", and "talker", which chats. */
export const SERVED = [
  "zero-shot-classification",
  "feature-extraction",
  "question-answering",
  "token-classification",
  "fill-mask",
  "image-classification",
  "zero-shot-image-classification",
  "mood",
  "talker",
] as const;

/** Writes the models of SERVED; gives them as modelServer() takes them. */
export async function writeServed(root: string): Promise<{ model: string; id: string; task?: string }[]> {
  await writeEncoders(root);
  await writeVision(root);
  await tinyClassifier(join(root, "mood"));
  await tinyLanguageModel(join(root, "talker"), 1, 64);
  await writeFile(join(root, "talker", "chat_template.jinja"), TEMPLATE);
  return SERVED.map((name) => ({
    ...{ model: join(root, name), id: name },
    // A model of sequences that was saved for entailment, and one that can do more with images than compare them.
    ...(name.startsWith("zero-shot") ? { task: name } : {}),
  }));
}
