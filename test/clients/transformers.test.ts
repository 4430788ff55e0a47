// Python's transformers through a listening hub: the same tokens, logits and answers as ours, in both directions.
import { readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import { resolveModel } from "../../src/hub/resolve-model.ts";
import { fromConfig, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { trainByteBpe } from "../../src/text/train-bpe.ts";
import { type TestHub, testHub } from "../support/hub.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const TEXTS = [
  "I love it!",
  "What a waste of time, really; I can't recommend it.",
  "Ünïcödé — naïve café, 日本語 and 👍🏽 in one line",
  "It isn't GOOD,\tit's   GREAT\nand <b>bold</b>.",
  "A long sentence that goes on and on about nothing in particular. ".repeat(12).trim(),
  "",
];
const PROMPTS = ["The film was", "I think that", "When we"];

/** What both sides say about texts: the ids of each, and the logits of each at its own places. */
interface Answers {
  ids: number[][];
  logits: unknown[];
}

const CLASSIFY = `
  tokenizer = AutoTokenizer.from_pretrained(name)
  model = AutoModelForSequenceClassification.from_pretrained(name).eval()
  batch = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
  with torch.no_grad():
      logits = model(**batch).logits
  rows = zip(batch["input_ids"].tolist(), batch["attention_mask"].sum(1).tolist())
  result = {"ids": [ids[:length] for ids, length in rows], "logits": logits.tolist(), "labels": model.config.id2label}
`;
const CONTINUE = `
  tokenizer = AutoTokenizer.from_pretrained(name)
  model = AutoModelForCausalLM.from_pretrained(name).eval()
  result = {"ids": [], "logits": [], "texts": []}
  for text in texts:
      batch = tokenizer(text, return_tensors="pt")
      with torch.no_grad():
          result["logits"].append(model(**batch).logits[0].tolist())
          ids = model.generate(**batch, do_sample=False, max_new_tokens=12, pad_token_id=0)
      result["ids"].append(batch["input_ids"][0].tolist())
      result["texts"].append(tokenizer.decode(ids[0], skip_special_tokens=True))
`;

/** Our tokens and logits, one text at a time or as one padded batch. */
async function ours(folder: string, texts: readonly string[], together: boolean): Promise<Answers> {
  const [tokenizer, model] = [await Tokenizer.fromFolder(folder), await loadPretrained(folder)];
  const ids = texts.map((text) => tokenizer.encode(text));
  const logits = async (rows: readonly (readonly number[])[]) => {
    const longest = Math.max(...rows.map((row) => row.length));
    const fill = (value: (id: number) => number, rest: number) =>
      rows.map((row) => [...row.map(value), ...new Array<number>(longest - row.length).fill(rest)]);
    const inputs = { inputIds: tensor(fill((id) => id, tokenizer.padId)), attentionMask: tensor(fill(() => 1, 0)) };
    return (await noGrad(() => model(inputs)).logits.tolist()) as unknown[]; // safe because logits have a batch dimension
  };
  if (together) return { ids, logits: await logits(ids) };
  const each = [];
  for (const row of ids) each.push((await logits([row]))[0]);
  return { ids, logits: each };
}

/** The largest difference between nested lists of numbers of the same form. */
function difference(left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return Math.abs(left - right);
  if (!Array.isArray(left) || !Array.isArray(right) || left.length !== right.length) return Number.POSITIVE_INFINITY;
  return left.reduce((most: number, item, at) => Math.max(most, difference(item, right[at])), 0);
}

/** The shipped language model, or a small one with random weights and a vocabulary of its own where none is shipped. */
async function languageModel(scratch: string): Promise<string> {
  if (readdirSync(packageFile("pipelines", "defaults")).includes("text-generation")) {
    return packageFile("pipelines", "defaults", "text-generation");
  }
  const folder = join(scratch, "language-model");
  await mkdir(folder);
  const { tokenizerJson, tokenizerConfig } = trainByteBpe([...TEXTS, ...PROMPTS], { vocabSize: 320, maxLength: 128 });
  await writeFile(join(folder, "tokenizer.json"), JSON.stringify(tokenizerJson));
  await writeFile(join(folder, "tokenizer_config.json"), JSON.stringify(tokenizerConfig));
  const sizes = { vocab_size: 320, n_positions: 128, n_embd: 32, n_layer: 2, n_head: 4 };
  const head = { model_type: "gpt2", architectures: ["GPT2LMHeadModel"], initializer_range: 0.3 };
  const config = { ...head, ...sizes, bos_token_id: 0, eos_token_id: 0 };
  await savePretrained(fromConfig(config, new Generator(5)), folder);
  return folder;
}

describeClients("transformers", () => {
  let hub: TestHub;
  let home: ClientHome;
  let python: Python;
  let token: string;
  let generator: string;
  const classifier = packageFile("pipelines", "defaults", "text-classification");
  const access = () => ({ endpoint: hub.url, token, cacheDir: join(home.folder, "ours") });

  beforeAll(async () => {
    hub = await testHub();
    token = await hub.user("ana");
    home = await ClientHome.make(hub.url, token);
    python = home.python();
    generator = await languageModel(home.folder);
    const push = `
      import torch
      import transformers
      from huggingface_hub import HfApi
      from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer
      for name, folder in {"ana/mood": classifier, "ana/author": generator}.items():
          HfApi().create_repo(name, private=True)
          HfApi().upload_folder(repo_id=name, folder_path=folder)
    `;
    await python.run(push, { classifier, generator });
  });
  afterAll(async () => {
    await home?.remove();
    await hub?.stop();
  });

  describe("with what we made", () => {
    it("classifies with the same tokens, logits and labels", async () => {
      const theirs = await python.run<Answers & { labels: unknown }>(CLASSIFY, { name: "ana/mood", texts: TEXTS });
      const { ids, logits } = await ours(classifier, TEXTS, true);
      expect(theirs.ids).toEqual(ids);
      expect(difference(theirs.logits, logits)).toBeLessThan(1e-4);
      expect(theirs.labels).toEqual({ 0: "NEGATIVE", 1: "POSITIVE" });
    });

    it("answers as our pipeline does", async () => {
      const theirs = await python.run<{ label: string; score: number }[]>(
        `result = transformers.pipeline("sentiment-analysis", model="ana/mood")(texts, truncation=True)`,
        { texts: TEXTS },
      );
      const classify = await pipeline("sentiment-analysis", "ana/mood", access());
      const expected = await classify(TEXTS);
      await classify.dispose();
      expect(theirs.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
      const scores = [theirs, expected].map((list) => list.map(({ score }) => score));
      expect(difference(scores[0], scores[1])).toBeLessThan(1e-4);
    });

    it("continues texts with the same tokens and logits, and to the same end", async () => {
      const texts = [...PROMPTS, ...TEXTS.slice(0, 4)];
      const theirs = await python.run<Answers & { texts: string[] }>(CONTINUE, { name: "ana/author", texts });
      const { ids, logits } = await ours(generator, texts, false);
      expect(theirs.ids).toEqual(ids);
      expect(difference(theirs.logits, logits)).toBeLessThan(1e-4);
      const generate = await pipeline("text-generation", "ana/author", access());
      const expected = await generate(texts, { doSample: false, maxNewTokens: 12 });
      await generate.dispose();
      expect(theirs.texts).toEqual(expected.map(([first]) => first?.generatedText));
    });

    it("needs a token for a private repository", async () => {
      const stranger = home.python({ HF_TOKEN: await hub.user("bob"), HF_HOME: join(home.folder, "of-bob") });
      const load = `
        from transformers import AutoTokenizer
        AutoTokenizer.from_pretrained("ana/mood")
      `;
      await expect(stranger.run(load)).rejects.toThrow(/ana\/mood is not a local folder.*private repository/s);
    });
  });

  describe("made and pushed there", () => {
    const SIZES = {
      bert: {
        config: "BertConfig",
        model: "BertForSequenceClassification",
        sizes: "hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64, num_labels=3",
      },
      distilbert: {
        config: "DistilBertConfig",
        model: "DistilBertForSequenceClassification",
        sizes: "dim=32, n_layers=2, n_heads=4, hidden_dim=64, num_labels=3",
      },
      gpt2: { config: "GPT2Config", model: "GPT2LMHeadModel", sizes: "n_embd=32, n_layer=2, n_head=4" },
    };

    it.each(Object.entries(SIZES))("%s runs here with the same logits", async (modelType, { config, model, sizes }) => {
      const decoder = modelType === "gpt2";
      const source = decoder ? "ana/author" : "ana/mood";
      const push = `
        torch.manual_seed(7)
        tokenizer = AutoTokenizer.from_pretrained(source)
        config = transformers.${config}(vocab_size=len(tokenizer), initializer_range=0.3, ${sizes})
        model = transformers.${model}(config).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 1:
                    parameter.add_(torch.randn_like(parameter) * 0.1)
        model.push_to_hub(name, private=True)
        tokenizer.push_to_hub(name)
      `;
      const name = `ana/their-${modelType}`;
      const texts = decoder ? PROMPTS : TEXTS;
      await python.run(push, { name, source });
      const theirs = await python.run<Answers>(decoder ? CONTINUE : CLASSIFY, { name, texts });
      const { folder } = await resolveModel(name, access());
      const { ids, logits } = await ours(folder, texts, !decoder);
      expect(theirs.ids).toEqual(ids);
      expect(difference(theirs.logits, logits)).toBeLessThan(1e-4);
    });
  });
});
