// Decoders beyond the goldens of every class: rotations, steps with a cache, gradients, dtypes and shards on disk, exported graphs,
// configs of old versions, and what is refused. The numbers come from test/goldens/models/decoders.py.
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { makeDecoder } from "../../src/generate/kv-cache.ts";
import { fromBfloat16, fromHalf, toBfloat16, toHalf } from "../../src/graph/half.ts";
import { readHeader, writeSafetensors } from "../../src/io/safetensors.ts";
import type { BaseConfig, ModelInputs, PreTrainedModel } from "../../src/models/architecture.ts";
import { buildModel, fromConfig, loadClass, loadPretrained, savePretrained } from "../../src/models/auto.ts";
import { RotaryEmbedding } from "../../src/models/rope.ts";
import { traceModel } from "../../src/models/trace.ts";
import { functional as F } from "../../src/nn/index.ts";
import { encodeModel } from "../../src/onnx/proto.ts";
import { nativeTensor, Session } from "../../src/onnx/runtime.ts";
import { packageFile } from "../../src/package-root.ts";
import { Generator, noGrad, portableModel, type Tensor, tensor } from "../../src/tensor/index.ts";
import { dataPath } from "../support/data.ts";
import { elements, MODEL_CASES, type ModelCase, titleOf, writeCheckpoint } from "../support/model-goldens.ts";

type RopeConfig = ConstructorParameters<typeof RotaryEmbedding>[0];

interface Golden {
  /** Each seventh pair of every place. */
  rotations: { config: RopeConfig; width: number; places: number[]; every: number; cos: number[][]; sin: number[][] }[];
  steps: (Pick<ModelCase, "config" | "tensors"> & {
    inputIds: number[][];
    attentionMask: number[][];
    labels: number[];
    loss: number;
    norms: Record<string, number>;
  })[];
}

const golden: Golden = JSON.parse(readFileSync(packageFile("test", "goldens", "models", "decoders.json"), "utf8"));

const made: string[] = [];
async function scratch(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "abrazo-decoders-"));
  made.push(folder);
  return folder;
}
afterAll(async () => {
  for (const folder of made) await rm(folder, { recursive: true });
});

function caseOf(title: string): ModelCase {
  const found = MODEL_CASES.find((row) => titleOf(row) === title);
  if (found === undefined) throw new RangeError(`no case "${title}"`);
  return found;
}

const int64 = (values: number[][]): Tensor => tensor(values, { dtype: "int64" });
const numbers = (x: Tensor | undefined): number[] => [...(x?.dataSync() ?? [])].map(Number);
const logitsOf = (model: PreTrainedModel, inputs: ModelInputs): Tensor => noGrad(() => model(inputs).logits);

function expectClose(actual: ArrayLike<number>, wanted: readonly number[], tolerance: number, name = ""): void {
  expect(actual.length, name).toBe(wanted.length);
  const worst = Math.max(...wanted.map((value, at) => Math.abs((actual[at] ?? Number.NaN) - value)));
  expect(worst, name).toBeLessThan(tolerance);
}

describe("rotations", () => {
  it.each(golden.rotations.map((row) => [`${row.config.rope_parameters?.rope_type}, ${row.width} wide`, row] as const))(
    "turn as in transformers: %s",
    (_, { config, width, places, every, cos, sin }) => {
      const rotation = new RotaryEmbedding(config, width)(int64([places]));
      const wanted = (rows: number[][]) => rows.flat();
      const kept = (values: number[]) => values.filter((_, at) => (at % (width / 2)) % every === 0);
      expectClose(kept(numbers(rotation.cos)), wanted(cos), 1e-5, "cos");
      expectClose(kept(numbers(rotation.sin)), wanted(sin), 1e-5, "sin");
    },
  );
});

/** Rows of one length, the first padded in front. */
const IDS = [
  [0, 0, 0, 7, 11, 5, 9, 3, 14, 8, 1, 20],
  [2, 8, 4, 3, 6, 10, 12, 5, 17, 9, 22, 13],
];
const PADDING = [3, 0];
const maskOf = (columns: number): number[][] =>
  PADDING.map((padding) => Array.from({ length: columns }, (_, at) => Number(at >= padding)));
const placesOf = (columns: number): number[][] =>
  PADDING.map((padding) => Array.from({ length: columns }, (_, at) => Math.max(0, at - padding)));
const big = (rows: number[][]): BigInt64Array => BigInt64Array.from(rows.flat(), BigInt);

const CACHED = [
  "gpt2 GPT2LMHeadModel",
  "llama LlamaForCausalLM",
  "llama LlamaForCausalLM (one head of keys)",
  "llama LlamaForCausalLM (biases, wide heads)",
  "mistral MistralForCausalLM",
  "mistral MistralForCausalLM (window and padding in front)",
  "qwen2 Qwen2ForCausalLM",
  "qwen3 Qwen3ForCausalLM",
];
const WINDOWS: Readonly<Record<string, Partial<BaseConfig>>> = {
  qwen2: { use_sliding_window: true, sliding_window: 4 },
  qwen3: { use_sliding_window: true, sliding_window: 3 },
};

describe("steps with a cache", () => {
  it.each(CACHED.flatMap((title) => [1, 2, 5].map((chunk) => [title, chunk] as const)))(
    "%s, %i at a time, gives the logits of the whole at once",
    async (title, chunk) => {
      const row = caseOf(title);
      const config = WINDOWS[row.config.model_type] ?? {};
      const model = await loadPretrained(await writeCheckpoint(row, await scratch(), { config }));
      const columns = IDS[0]?.length ?? 0;
      const inputs = {
        inputIds: int64(IDS),
        attentionMask: int64(maskOf(columns)),
        positionIds: int64(placesOf(columns)),
      };
      const whole = logitsOf(model, inputs); // [B, T, V]
      const decoder = makeDecoder(model);
      const decoding = decoder.start();
      // The longest padding and one token come first, so that no step is padding alone.
      for (let from = 0, to = 4; from < columns; from = to, to = Math.min(columns, to + chunk)) {
        const part = (rows: number[][]) => big(rows.map((values) => values.slice(from, to)));
        const logits = await decoding.step({
          inputIds: part(IDS),
          attentionMask: big(maskOf(to)),
          positionIds: part(placesOf(to)),
          rows: IDS.length,
        });
        for (const [at, values] of logits.entries()) {
          expectClose(values, numbers(whole.select(0, at).select(0, to - 1)), 1e-4, `${to} tokens, row ${at}`);
        }
      }
      decoder.dispose();
    },
  );

  it("goes on with a row that is kept, and holds one head of keys for a group", async () => {
    const row = caseOf("mistral MistralForCausalLM (window and padding in front)");
    const model = await loadPretrained(await writeCheckpoint(row, await scratch()));
    const decoder = makeDecoder(model);
    const decoding = decoder.start();
    await decoding.step({
      inputIds: big(IDS.map((ids) => ids.slice(0, 8))),
      attentionMask: big(maskOf(8)),
      positionIds: big(placesOf(8)),
      rows: 2,
    });
    decoding.keep([0]);
    const next = await decoding.step({
      inputIds: big([[20]]),
      attentionMask: big(maskOf(9).slice(0, 1)),
      positionIds: big([[5]]),
      rows: 1,
    });
    const ids = [[7, 11, 5, 9, 3, 20]];
    const whole = logitsOf(model, { inputIds: int64(ids), attentionMask: int64([[1, 1, 1, 1, 1, 1]]) });
    expectClose(next[0] ?? [], numbers(whole.select(0, 0).select(0, 5)), 1e-4);
    decoder.dispose();
  });
});

/** Token by token, the most likely each time. */
async function greedily(model: PreTrainedModel, prompt: readonly number[], total: number): Promise<number[]> {
  const decoder = makeDecoder(model);
  const decoding = decoder.start();
  const ids = [...prompt];
  for (let from = 0; ids.length < total; ) {
    const fresh = ids.slice(from);
    const [logits = new Float32Array(0)] = await decoding.step({
      inputIds: BigInt64Array.from(fresh, BigInt),
      attentionMask: new BigInt64Array(ids.length).fill(1n),
      positionIds: BigInt64Array.from(fresh, (_, at) => BigInt(from + at)),
      rows: 1,
    });
    from = ids.length;
    ids.push(logits.indexOf(Math.max(...logits)));
  }
  decoder.dispose();
  return ids;
}

describe("checkpoints of others", () => {
  const stories = dataPath("models", "stories260K");
  const random = dataPath("models", "tiny-random-llama");
  const why = (folder: string | undefined) =>
    folder === undefined ? " (skipped: ABRAZO_DATA holds no such model)" : "";

  it.skipIf(stories === undefined)(`stories260K tells its story of 200 tokens${why(stories)}`, async () => {
    const folder = stories ?? "";
    const { greedy_200: story, logits_prefix: prefix } = JSON.parse(
      readFileSync(join(folder, "expected.json"), "utf8"),
    );
    const model = await loadPretrained(folder);
    const attentionMask = int64([prefix.ids.map(() => 1)]);
    const logits = logitsOf(model, { inputIds: int64([prefix.ids]), attentionMask });
    expectClose(numbers(logits.select(1, -1)), prefix.last_position_logits, 1e-4);
    expect(numbers(logits.argmax(-1))).toEqual(prefix.argmax_each_position);
    expect(await greedily(model, story.ids.slice(0, 1), story.ids.length)).toEqual(story.ids);
  });

  it.skipIf(random === undefined)(`tiny-random-llama gives its logits and greedy tokens${why(random)}`, async () => {
    const folder = random ?? "";
    const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8"));
    const model = await loadPretrained(folder);
    const [ids] = expected.input_ids;
    const logits = logitsOf(model, { inputIds: int64([ids]), attentionMask: int64([ids.map(() => 1)]) });
    expectClose(numbers(logits), expected.logits.data, 1e-4);
    expect(await greedily(model, ids, expected.greedy_24[0].length)).toEqual(expected.greedy_24[0]);
    const out = await scratch();
    await savePretrained(model, out);
    const names = await Promise.all([folder, out].map((at) => readHeader(join(at, "model.safetensors"))));
    const [before, after] = names.map(({ tensors }) => [...tensors.keys()].sort());
    expect(after).toEqual(before);
  });
});

describe("a step of fine-tuning", () => {
  it.each(golden.steps.map((row) => [row.config.model_type, row] as const))(
    "of %s has PyTorch's loss and gradients",
    async (_, row) => {
      const checkpoint = { note: "", inputs: {}, outputs: {}, ...row };
      const model = await loadPretrained(await writeCheckpoint(checkpoint, await scratch()));
      model.requiresGrad_(true);
      const inputs = { inputIds: int64(row.inputIds), attentionMask: int64(row.attentionMask) };
      const loss = F.crossEntropy(model(inputs).logits, tensor(row.labels, { dtype: "int64" }));
      loss.backward();
      expect(Math.abs(loss.itemSync() - row.loss)).toBeLessThan(1e-5);
      const norms = Object.fromEntries(
        [...model.namedParameters()].map(([name, { grad }]) => [name, Math.hypot(...numbers(grad ?? undefined))]),
      );
      expect(Object.keys(norms).sort()).toEqual(Object.keys(row.norms).sort());
      for (const [name, norm] of Object.entries(row.norms)) {
        expect(Math.abs((norms[name] ?? Number.NaN) - norm) / Math.max(norm, 1e-3), name).toBeLessThan(1e-3);
      }
    },
  );
});

describe("checkpoints on disk", () => {
  const row = caseOf("llama LlamaForCausalLM");
  const wanted = row.outputs.logits?.data ?? [];
  const inputs = (): ModelInputs => ({
    inputIds: int64(row.inputs.inputIds as number[][]), // safe because every case has ids of rows
    attentionMask: int64(row.inputs.attentionMask as number[][]), // safe for the same reason
  });
  const rows = (of: Record<string, number[]>, dtype: "F32" | "F16" | "BF16", round = (value: number) => value) =>
    Object.entries(of).map(([name, shape]) => {
      const values = elements(name, shape).map(round);
      const bits = (convert: (value: number) => number) => Uint16Array.from(values, convert);
      const data = dtype === "F32" ? values : bits(dtype === "F16" ? toHalf : toBfloat16);
      return { name, dtype, shape, data };
    });

  it.each([
    ["F16", 0.02, (value: number) => fromHalf(toHalf(value))],
    ["BF16", 0.15, (value: number) => fromBfloat16(toBfloat16(value))],
  ] as const)("%s is computed in float32: the logits of the rounded weights", async (dtype, tolerance, round) => {
    const [half, whole] = await Promise.all([scratch(), scratch()]);
    for (const folder of [half, whole]) await writeCheckpoint(row, folder);
    await writeSafetensors(join(half, "model.safetensors"), rows(row.tensors, dtype));
    await writeSafetensors(join(whole, "model.safetensors"), rows(row.tensors, "F32", round));
    const logits = logitsOf(await loadPretrained(half), inputs());
    expect(logits.dtype).toBe("float32");
    expectClose(numbers(logits), numbers(logitsOf(await loadPretrained(whole), inputs())), 1e-5);
    expectClose(numbers(logits), wanted, tolerance);
  });

  it("shards are read by their index", async () => {
    const folder = await scratch();
    await writeFile(join(folder, "config.json"), JSON.stringify(row.config));
    const names = Object.keys(row.tensors);
    const file = (at: number) => `model-0000${at + 1}-of-00002.safetensors`;
    for (const part of [0, 1]) {
      const own = Object.fromEntries(Object.entries(row.tensors).filter((_, at) => at % 2 === part));
      await writeSafetensors(join(folder, file(part)), rows(own, "F32"));
    }
    const places = Object.fromEntries(names.map((name, at) => [name, file(at % 2)]));
    await writeFile(
      join(folder, "model.safetensors.index.json"),
      JSON.stringify({ metadata: { total_size: 0 }, weight_map: places }),
    );
    expectClose(numbers(logitsOf(await loadPretrained(folder), inputs())), wanted, 1e-4);
  });

  it("names of a model without its head, frequencies of places and a tied head written out are understood", async () => {
    const bare = await writeCheckpoint(row, await scratch(), {
      rename: (name) => (name === "lm_head.weight" ? undefined : name.replace(/^model\./, "")),
      config: { tie_word_embeddings: true },
    });
    const tied = await loadPretrained(bare);
    const folder = await scratch();
    await writeFile(join(folder, "config.json"), JSON.stringify({ ...row.config, tie_word_embeddings: true }));
    const table = elements("embed_tokens.weight", row.tensors["lm_head.weight"] ?? []);
    const more = [
      { name: "lm_head.weight", dtype: "F32" as const, shape: [24, 16], data: table },
      {
        name: "model.layers.0.self_attn.rotary_emb.inv_freq",
        dtype: "F32" as const,
        shape: [2],
        data: new Float32Array(2),
      },
    ];
    const body = Object.entries(row.tensors).filter(([name]) => name !== "lm_head.weight");
    await writeSafetensors(join(folder, "model.safetensors"), [...rows(Object.fromEntries(body), "F32"), ...more]);
    const written = await loadPretrained(folder);
    expect([...written.namedParameters()].map(([name]) => name)).not.toContain("lm_head.weight");
    expect(numbers(logitsOf(tied, inputs()))).toEqual(numbers(logitsOf(written, inputs())));
  });

  it("a config that is written again says no more than it did of the sizes of heads", async () => {
    const { head_dim: _, ...sizes } = caseOf("qwen2 Qwen2ForCausalLM").config;
    const out = await scratch();
    await savePretrained(fromConfig(sizes, new Generator(0)), out);
    const written = JSON.parse(readFileSync(join(out, "config.json"), "utf8"));
    expect("head_dim" in written).toBe(false);
    expect(Object.values(written)).not.toContain(null);
  });

  it("a body serves another head, which starts fresh", async () => {
    const folder = await writeCheckpoint(row, await scratch());
    const model = await loadClass(folder, () => "LlamaForSequenceClassification");
    expect([...model.namedParameters()].map(([name]) => name)).toContain("score.weight");
    expectClose(numbers(model.stateDict().get("model.norm.weight")), [...elements("model.norm.weight", [16])], 1e-6);
  });
});

describe("configs of old versions", () => {
  const { config } = caseOf("llama LlamaModel (yarn)");
  const { rope_parameters: parameters, ...rest } = config;
  const { rope_type: type, rope_theta: theta, ...scaling } = parameters as Record<string, unknown>; // safe because the script wrote it so

  it.each([
    ["rope_theta and rope_scaling.type", { rope_theta: theta, rope_scaling: { type, ...scaling } }],
    ["rope_theta and rope_scaling.rope_type", { rope_theta: theta, rope_scaling: { rope_type: type, ...scaling } }],
    ["rope_scaling null", { rope_parameters: parameters, rope_scaling: null }],
  ])("%s gives what rope_parameters gives", async (_, fields) => {
    await expectStates({ ...caseOf("llama LlamaModel (yarn)"), config: { ...rest, ...fields } });
  });

  it("windows of Qwen's upper layers need no layer_types, and Mistral's are switched off by null", async () => {
    const upper = caseOf("qwen2 Qwen2Model (a window in the upper layer)");
    await expectStates({ ...upper, config: { ...upper.config, layer_types: null } });
    const whole = caseOf("mistral MistralModel (no window)");
    await expectStates({ ...whole, config: { ...whole.config, sliding_window: null } });
  });
});

/** The model of a case's config gives the case's states. */
async function expectStates(row: ModelCase): Promise<void> {
  const model = await loadClass(await writeCheckpoint(row, await scratch()));
  const call = model as unknown as (inputs: ModelInputs) => { lastHiddenState: Tensor }; // safe because the case's class is a body
  const inputIds = int64(row.inputs.inputIds as number[][]); // safe because every case has ids of rows
  const attentionMask = int64(row.inputs.attentionMask as number[][]); // safe for the same reason
  const states = noGrad(() => call({ inputIds, attentionMask }).lastHiddenState);
  expectClose(numbers(states), row.outputs.lastHiddenState?.data ?? [], 1e-4);
}

describe("an exported graph", () => {
  it("has the names of Hugging Face's exporters, joins the past, and runs without operations of one runtime", async () => {
    const row = caseOf("llama LlamaForCausalLM");
    const model = await loadPretrained(await writeCheckpoint(row, await scratch()));
    const names = new Map([...model.namedParameters()].map(([name, weight]) => [weight, name]));
    const graph = portableModel(traceModel(model, { present: "all" }), names);
    const kept = [0, 1].flatMap((layer) => ["key", "value"].map((part) => `${layer}.${part}`));
    expect(graph.inputs.map(({ name }) => name)).toEqual([
      "input_ids",
      "attention_mask",
      "position_ids",
      ...kept.map((name) => `past_key_values.${name}`),
    ]);
    expect(graph.outputs.map(({ name }) => name)).toEqual(["logits", ...kept.map((name) => `present.${name}`)]);
    expect(graph.nodes.filter(({ domain }) => (domain ?? "") !== "")).toEqual([]);
    expect(graph.initializers.map(({ name }) => name)).toEqual(
      expect.arrayContaining(["model.embed_tokens.weight", "model.layers.1.self_attn.k_proj.weight", "lm_head.weight"]),
    );
    const outputs = graph.outputs.map(({ name }) => name);
    const session = new Session(encodeModel(graph), outputs, {});
    const ids = IDS[1] ?? [];
    const run = (from: number, to: number, past: Record<string, ReturnType<typeof nativeTensor>>) =>
      session.run({
        input_ids: nativeTensor("int64", big([ids.slice(from, to)]), [1, to - from]),
        attention_mask: nativeTensor("int64", new BigInt64Array(to).fill(1n), [1, to]),
        position_ids: nativeTensor(
          "int64",
          BigInt64Array.from({ length: to - from }, (_, at) => BigInt(from + at)),
          [1, to - from],
        ),
        ...past,
      });
    const empty = () => nativeTensor("float32", new Float32Array(0), [1, 2, 0, 4]);
    const first = run(0, 7, Object.fromEntries(kept.map((name) => [`past_key_values.${name}`, empty()])));
    expect(first["present.1.key"]?.dims).toEqual([1, 2, 7, 4]);
    const held = kept.flatMap((name) => {
      const present = first[`present.${name}`];
      return present === undefined ? [] : [[`past_key_values.${name}`, present] as const];
    });
    const second = run(7, 12, Object.fromEntries(held));
    const whole = logitsOf(model, { inputIds: int64([ids]), attentionMask: int64([ids.map(() => 1)]) });
    expectClose([...((second["logits"]?.data ?? []) as Float32Array)], numbers(whole.narrow(1, 7, 5)), 1e-4); // safe because logits are float32
    session.release();
  });
});

describe("fresh weights", () => {
  const { config } = caseOf("qwen3 Qwen3ForSequenceClassification");

  it("are normal, norms are ones, and the row of padding is zeros", () => {
    const model = fromConfig({ ...config, hidden_size: 64, pad_token_id: 3, initializer_range: 0.1 }, new Generator(1));
    for (const [name, weight] of model.namedParameters()) {
      const values = numbers(weight);
      if (/norm\.weight$/.test(name))
        expect(
          values.every((value) => value === 1),
          name,
        ).toBe(true);
      else {
        const deviation = Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
        expect(Math.abs(deviation / 0.1 - 1), name).toBeLessThan(0.2);
      }
    }
    const table = model.stateDict().get("model.embed_tokens.weight");
    expect(numbers(table?.select(0, 3)).every((value) => value === 0)).toBe(true);
  });

  it("of GPT-2 are smaller where they write to the residual stream, under every head", () => {
    const gpt = { ...caseOf("gpt2 GPT2ForSequenceClassification").config, n_embd: 64 };
    const model = fromConfig(gpt, new Generator(1));
    const deviation = (name: string): number => {
      const values = numbers(model.stateDict().get(name));
      return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    };
    expect(Math.abs(deviation("transformer.h.1.attn.c_attn.weight") / 0.02 - 1)).toBeLessThan(0.1);
    expect(Math.abs(deviation("transformer.h.1.attn.c_proj.weight") / 0.01 - 1)).toBeLessThan(0.1);
  });
});

describe("refusals", () => {
  const { config } = caseOf("llama LlamaForCausalLM");
  const build = (changes: Partial<BaseConfig>) => () => buildModel({ ...config, ...changes }, "LlamaForCausalLM");

  it.each([
    [
      "UNKNOWN_ROPE_TYPE",
      { rope_parameters: { rope_type: "yarm" } },
      'Rotary positions of the type "yarm" are not supported.',
    ],
    ["UNKNOWN_ROPE_TYPE", { rope_parameters: null, rope_scaling: { type: "su" } }, '"su"'],
    [
      "INVALID_JSON",
      { rope_parameters: { rope_type: "linear" } },
      '"linear" of the config\'s rotary positions is not as expected: factor',
    ],
    ["INVALID_JSON", { rope_parameters: { rope_type: "llama3", factor: 8 } }, "low_freq_factor"],
    [
      "ROPE_PARAMETERS",
      { rope_parameters: { rope_type: "longrope", short_factor: [1], long_factor: [1, 2] } },
      "short_factor has 1 numbers; heads of 4 have 2 pairs.",
    ],
    ["INVALID_JSON", { rope_parameters: { full_attention: { rope_theta: 1 } } }, "one set for all layers"],
    [
      "INVALID_JSON",
      { rope_parameters: { rope_type: "default", partial_rotary_factor: 0.5 } },
      "partial_rotary_factor",
    ],
    ["INVALID_JSON", { num_key_value_heads: 3 }, "num_key_value_heads: does not divide num_attention_heads"],
    ["INVALID_JSON", { head_dim: 5 }, "head_dim: is no even number"],
    ["INVALID_JSON", { layer_types: ["full_attention"] }, "layer_types: does not name one type a layer"],
    ["UNKNOWN_ACTIVATION", { hidden_act: "sulu" }, '"sulu"'],
  ])("%s: %j", (code, changes, message) => {
    expect(build(changes)).toThrow(expect.objectContaining({ code, message: expect.stringContaining(message) }));
  });

  it("rows of several texts without an id of padding", async () => {
    const row = caseOf("llama LlamaForSequenceClassification (without an id of padding)");
    const model = await loadPretrained(await writeCheckpoint(row, await scratch()));
    const inputs = { inputIds: int64(IDS), attentionMask: int64(maskOf(12)) };
    expect(() => model(inputs)).toThrow(
      expect.objectContaining({ code: "NO_PADDING_TOKEN", hint: expect.stringContaining("pad_token_id") }),
    );
  });
});
