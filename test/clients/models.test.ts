// Models between transformers, PEFT and here: what one wrote, the other loads without a name too many or too few, and computes the same.
// Every class that has a golden case is written by us and read by transformers; the goldens are the other way.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { pipeline } from "../../pipelines/index.ts";
import type { ModelOutput } from "../../src/models/architecture.ts";
import { loadClass, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { addAdapter, loadAdapter, saveAdapter } from "../../src/models/lora.ts";
import { functional as F } from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import { Generator, noGrad, tensor } from "../../src/tensor/index.ts";
import { Tokenizer } from "../../src/text/tokenizer.ts";
import { MODEL_CASES, type ModelCase, writeCheckpoint } from "../support/model-goldens.ts";
import { tinyAdapter, tinyClassifier, tinyLanguageModel } from "../support/tiny-models.ts";
import { ClientHome, describeClients, type Python } from "./python.ts";

const RUN = `
  import torch, transformers, peft
  def values(out):
      return {key: value.flatten().tolist() for key, value in out.items() if isinstance(value, torch.Tensor)}
  def load(folder, name):
      model, info = getattr(transformers, name).from_pretrained(folder, output_loading_info=True)
      return model.eval(), [sorted(info["missing_keys"]), sorted(info["unexpected_keys"])]
`;

/** Names of inputs as Python has them. */
const WIRE: Readonly<Record<string, string>> = {
  inputIds: "input_ids",
  attentionMask: "attention_mask",
  tokenTypeIds: "token_type_ids",
  positionIds: "position_ids",
  pixelValues: "pixel_values",
  decoderInputIds: "decoder_input_ids",
  decoderAttentionMask: "decoder_attention_mask",
};
const OUTPUT: Readonly<Record<string, string>> = {
  logits: "logits",
  startLogits: "start_logits",
  endLogits: "end_logits",
  lastHiddenState: "last_hidden_state",
  imageEmbeds: "image_embeds",
  textEmbeds: "text_embeds",
  logitsPerImage: "logits_per_image",
};

/** One case a class, the plain one. */
const CASES = [
  ...new Map(MODEL_CASES.filter(({ note }) => note === "").map((row) => [row.config.architectures[0], row])).values(),
];

const classOf = ({ config }: ModelCase): string => config.architectures[0] ?? "";

function expectNear(found: readonly number[], wanted: readonly number[], name = ""): void {
  expect(found.length, name).toBe(wanted.length);
  expect(Math.max(0, ...wanted.map((value, at) => Math.abs(value - (found[at] ?? Number.NaN)))), name).toBeLessThan(
    1e-4,
  );
}

describeClients("transformers and PEFT", () => {
  let home: ClientHome;
  let python: Python;
  const scratch = mkdtempSync(join(tmpdir(), "abrazo-clients-"));
  let made = 0;
  const fresh = (): string => join(scratch, String(made++));

  beforeAll(async () => {
    home = await ClientHome.make("http://127.0.0.1:9");
    python = home.python();
    await python.run(RUN);
  });
  afterAll(async () => {
    await home?.remove();
    rmSync(scratch, { recursive: true });
  });

  it.each(CASES.map((row) => [classOf(row), row] as const))(
    "%s, written by us, is whole and gives the same",
    async (name, row) => {
      const out = fresh();
      await savePretrained(await loadClass(await writeCheckpoint(row, fresh())), out);
      const inputs = Object.fromEntries(Object.entries(row.inputs).map(([key, value]) => [WIRE[key] ?? key, value]));
      const [loaded, found] = await python.run<[unknown, Record<string, number[]>]>(
        `
      model, loaded = load(folder, name)
      with torch.no_grad():
          result = [loaded, values(model(**{key: torch.tensor(value) for key, value in inputs.items()}))]
      `,
        { folder: out, name, inputs },
      );
      expect(loaded).toEqual([[], []]);
      for (const [key, { data }] of Object.entries(row.outputs)) {
        const wire = OUTPUT[key];
        if (wire !== undefined) expectNear(found[wire] ?? [], data, key);
      }
    },
  );

  const bert = CASES.find((row) => classOf(row) === "BertForSequenceClassification");
  const ids = [
    [2, 7, 11, 5, 9, 3],
    [2, 8, 4, 3, 6, 1],
  ];
  const inputs = {
    inputIds: tensor(ids, { dtype: "int64" }),
    attentionMask: tensor(ids, { dtype: "int64" }).ge(0).to("int64"),
  };
  const numbers = ({ logits }: ModelOutput): number[] => [...(logits?.dataSync() ?? [])].map(Number);

  it.each([false, true])(
    "an adapter that we trained gives the same in PEFT, also merged; DoRA: %s",
    async (useDora) => {
      if (bert === undefined) throw new Error("no case");
      const [base, adapter] = [await writeCheckpoint(bert, fresh()), fresh()];
      const model = await loadPretrained(base);
      addAdapter(
        model,
        { r: 4, loraAlpha: 8, targetModules: ["query", "dense"], useDora, taskType: "SEQ_CLS" },
        { generator: new Generator(1) },
      );
      const optimizer = new AdamW(
        model.parameters().filter(({ requiresGrad }) => requiresGrad),
        { lr: 0.02 },
      );
      for (let step = 0; step < 5; step++) {
        optimizer.zeroGrad();
        F.crossEntropy(model(inputs).logits, tensor([0, 1], { dtype: "int64" })).backward();
        optimizer.step();
      }
      await saveAdapter(model, adapter, { baseModel: base });
      const logits = numbers(noGrad(() => model(inputs)));
      const found = await python.run<number[][]>(
        `
      model, _ = load(base, "BertForSequenceClassification")
      adapted = peft.PeftModel.from_pretrained(model, adapter).eval()
      with torch.no_grad():
          result = [adapted(input_ids=torch.tensor(ids)).logits.flatten().tolist()]
          result.append(adapted.merge_and_unload()(input_ids=torch.tensor(ids)).logits.flatten().tolist())
      `,
        { base, adapter, ids },
      );
      for (const each of found) expectNear(each, logits);
    },
  );

  it.each([
    ["BertForSequenceClassification", { target_modules: ["query", "value"], task_type: "SEQ_CLS" }],
    ["GPT2LMHeadModel", { target_modules: ["c_attn"], task_type: "CAUSAL_LM", fan_in_fan_out: true }],
    ["LlamaForCausalLM", { target_modules: "all-linear", task_type: "CAUSAL_LM", use_rslora: true }],
    ["BertForSequenceClassification", { target_modules: "all-linear", task_type: "SEQ_CLS", use_dora: true }],
    ["GPT2LMHeadModel", { target_modules: ["c_attn", "c_fc"], task_type: "CAUSAL_LM", use_dora: true, bias: "all" }],
    ["LlamaForCausalLM", { target_modules: ["o_proj"], task_type: "CAUSAL_LM", use_dora: true, use_rslora: true }],
  ])("an adapter of %s that PEFT trained gives the same here, of a model and of a call: %j", async (name, options) => {
    const row = CASES.find((each) => classOf(each) === name);
    if (row === undefined) throw new Error("no case");
    const [base, adapter] = [await writeCheckpoint(row, fresh()), fresh()];
    const { logits, alone, written } = await python.run<{ logits: number[]; alone: number[]; written: number[] }>(
      `
      model, _ = load(base, name)
      adapted = peft.get_peft_model(model, peft.LoraConfig(r=3, lora_alpha=6, **options))
      optimizer = torch.optim.AdamW([p for p in adapted.parameters() if p.requires_grad], lr=0.02)
      batch = torch.tensor(ids)
      labels = torch.tensor([0, 1]) if options["task_type"] == "SEQ_CLS" else batch
      for _ in range(5):
          optimizer.zero_grad()
          adapted(input_ids=batch, labels=labels).loss.backward()
          optimizer.step()
      adapted.eval().save_pretrained(adapter)
      with torch.no_grad():
          result = dict(logits=adapted(input_ids=batch).logits.flatten().tolist(), alone=[], written=[])
          if options["task_type"] == "SEQ_CLS":
              result["alone"] = adapted(input_ids=torch.tensor([prompt])).logits.flatten().tolist()
          else:
              chosen = dict(do_sample=False, max_new_tokens=5, eos_token_id=None, pad_token_id=0)
              result["written"] = adapted.generate(input_ids=torch.tensor([prompt[1:-1]]), **chosen)[0, 4:].tolist()
      `,
      { base, adapter, name, options, ids, prompt: [2, 7, 11, 5, 9, 3] },
    );
    const model = await loadPretrained(base);
    const before = numbers(noGrad(() => model(inputs)));
    await loadAdapter(model, adapter);
    const after = numbers(noGrad(() => model(inputs)));
    expectNear(after, logits);
    expect(after).not.toEqual(before);
    const text = "this the love film";
    if (options.task_type === "SEQ_CLS") {
      const tokenizer = await Tokenizer.fromFolder(await tinyClassifier(fresh()));
      const classify = await pipeline("text-classification", base, { tokenizer, adapters: { theirs: adapter } });
      const found = await classify(text, { adapter: "theirs", functionToApply: "none", topK: null });
      expectNear(found.map(({ score }) => score).sort(), alone.toSorted());
      return classify.dispose();
    }
    const tokenizer = await Tokenizer.fromFolder(await tinyLanguageModel(fresh()));
    const generate = await pipeline("text-generation", base, { tokenizer, adapters: { theirs: adapter } });
    const chosen = { adapter: "theirs", doSample: false, maxNewTokens: 5, eosTokenIds: [] };
    const tokens: number[] = [];
    for await (const { id } of generate.tokens(text, chosen)) tokens.push(id);
    expect(tokens).toEqual(written);
    return generate.dispose();
  });

  it("a folder that is only an adapter is its base with it, as in transformers", async () => {
    const language = await tinyLanguageModel(fresh(), 1, 64);
    const classifier = await tinyClassifier(fresh());
    const write = { r: 4, loraAlpha: 16, targetModules: ["c_attn"], taskType: "CAUSAL_LM" } as const;
    const read = { r: 4, targetModules: ["q_lin"], taskType: "SEQ_CLS" } as const;
    const folders = [await tinyAdapter(language, fresh(), write), await tinyAdapter(classifier, fresh(), read)];
    const text = "i love the film and";
    const [written, scores] = await python.run<[string, { label: string; score: number }[]]>(
      `
      write = transformers.pipeline("text-generation", model=folders[0])
      read = transformers.pipeline("text-classification", model=folders[1])
      chosen = dict(do_sample=False, max_new_tokens=8, suppress_tokens=[3])
      result = [write(text, **chosen)[0]["generated_text"], read(text, top_k=None)]
      `,
      { folders, text },
    );
    const generate = await pipeline("text-generation", folders[0] ?? "");
    const classify = await pipeline("text-classification", folders[1] ?? "");
    const chosen = { doSample: false, maxNewTokens: 8, suppressTokens: [3] };
    // Transformers cuts the prompt off the decoded text, and with it the space behind it.
    const joined = (words: string | undefined) => words?.replaceAll(" ", "");
    expect(joined((await generate(text, chosen))[0]?.generatedText)).toBe(joined(written));
    const found = await classify(text, { topK: null });
    expect(found.map(({ label }) => label)).toEqual(scores.map(({ label }) => label));
    expectNear(
      found.map(({ score }) => score),
      scores.map(({ score }) => score),
    );
    await Promise.all([generate.dispose(), classify.dispose()]);
  });
});
