// Tiny ONNX repositories of the kinds that transformers.js runs and we have no graphs of: their names of inputs and outputs, a layer
// or two with weights from a formula, configs and tokenizers.
// Asserts nothing.
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeModel, type OnnxInitializer, type OnnxNode, type OnnxValue } from "../../src/onnx/proto.ts";

const [FLOAT, INT64] = [1, 7];

/** Records nodes under names of its own. */
class Graph {
  readonly #nodes: OnnxNode[] = [];
  readonly #initializers: OnnxInitializer[] = [];
  readonly #inputs: OnnxValue[] = [];
  readonly #outputs: OnnxValue[] = [];

  input(name: string, shape: readonly (number | string)[], dataType = FLOAT): string {
    this.#inputs.push({ name, dataType, shape });
    return name;
  }

  ids(name = "input_ids"): string {
    return this.input(name, ["batch_size", "sequence_length"], INT64);
  }

  pixels(): string {
    return this.input("pixel_values", ["batch_size", 3, "height", "width"]);
  }

  op(opType: string, inputs: readonly string[], attrs: OnnxNode["attrs"] = {}): string {
    const name = `n${this.#nodes.length}`;
    this.#nodes.push({ opType, inputs, outputs: [name], attrs });
    return name;
  }

  /** What the op gives, under the name that transformers.js reads. */
  output(name: string, value: string, rank: number): this {
    this.#nodes.push({ opType: "Identity", inputs: [value], outputs: [name] });
    const shape = Array.from({ length: rank }, (_, axis) => `${name}_${axis}`);
    this.#outputs.push({ name, dataType: FLOAT, shape });
    return this;
  }

  weights(dims: readonly number[], scale = 1): string {
    const seed = this.#initializers.length;
    const size = dims.reduce((product, dim) => product * dim, 1);
    return this.values(
      dims,
      Array.from({ length: size }, (_, at) => scale * Math.sin(at * 12.9898 + seed * 7.77)),
    );
  }

  values(dims: readonly number[], values: readonly number[]): string {
    return this.#constant(dims, FLOAT, new Uint8Array(Float32Array.from(values).buffer));
  }

  ints(...values: number[]): string {
    return this.#constant([values.length], INT64, new Uint8Array(BigInt64Array.from(values, BigInt).buffer));
  }

  #constant(dims: readonly number[], dataType: number, bytes: Uint8Array): string {
    const name = `w${this.#initializers.length}`;
    this.#initializers.push({ name, dims, dataType, content: { bytes } });
    return name;
  }

  encode(): Uint8Array {
    const [nodes, initializers, inputs, outputs] = [this.#nodes, this.#initializers, this.#inputs, this.#outputs];
    return encodeModel({ nodes, initializers, inputs, outputs });
  }
}

/** Sounds [B, T] as [B, channels, T / 4]. */
function hearing(graph: Graph, channels: number): string {
  const samples = graph.op("Unsqueeze", [graph.input("input_values", ["batch_size", "length"]), graph.ints(1)]);
  return graph.op("Conv", [samples, graph.weights([channels, 1, 8])], { strides: [4], kernel_shape: [8] });
}

/** Pictures [B, 3, H, W] as [B, channels, H / 2, W / 2]. */
const seeing = (graph: Graph, channels: number, scale = 2): string =>
  graph.op("Conv", [graph.pixels(), graph.weights([channels, 3, 2, 2], scale)], {
    strides: [2, 2],
    kernel_shape: [2, 2],
  });

/** [B, C, H, W] as [B, H * W, C] */
function patches(graph: Graph, value: string, channels: number): string {
  const rows = graph.op("Reshape", [value, graph.ints(0, channels, -1)]);
  return graph.op("Transpose", [rows], { perm: [0, 2, 1] });
}

const columns = (graph: Graph, value: string, from: number, to: number): string =>
  graph.op("Slice", [value, graph.ints(from), graph.ints(to), graph.ints(2)]);

const meanOf = (graph: Graph, value: string, axes: readonly number[], keep = 0): string =>
  graph.op("ReduceMean", [value, graph.ints(...axes)], { keepdims: keep });

/** Logits and boxes of each patch. */
function detecting(graph: Graph, classes: number): Graph {
  const all = patches(graph, seeing(graph, classes + 4, 6), classes + 4);
  const boxes = graph.op("Sigmoid", [columns(graph, all, classes, classes + 4)]);
  return graph.output("logits", columns(graph, all, 0, classes), 3).output("pred_boxes", boxes, 3);
}

/** States of an encoder of pictures. */
function pictureEncoder(): Uint8Array {
  const graph = new Graph();
  return graph.output("last_hidden_state", patches(graph, seeing(graph, 4), 4), 3).encode();
}

/** A decoder that sees the token before and the mean of the encoder's states. */
function pictureDecoder(transitions: readonly (readonly number[])[]): Uint8Array {
  const graph = new Graph();
  const size = transitions.length;
  const states = graph.input("encoder_hidden_states", ["batch_size", "encoder_length", 4]);
  const next = graph.op("Gather", [graph.values([size, size], transitions.flat()), graph.ids()]);
  const seen = graph.op("MatMul", [meanOf(graph, states, [1], 1), graph.weights([4, size], 2)]);
  return graph.output("logits", graph.op("Add", [next, seen]), 3).encode();
}

const WORDS = [
  "<pad>",
  "<s>",
  "</s>",
  "<unk>",
  "a",
  "dog",
  "cat",
  "book",
  "film",
  "red",
  "of",
  "sound",
  "this",
  "is",
  ".",
];
const DOCUMENT = ["<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>"];
const LETTERS = ["<pad>", "<s>", "</s>", "<unk>", "|", "a", "b", "c", "d", "e"];

/** A tokenizer of whole words, or of letters that one hears. */
function tokenizerFiles(vocabulary: readonly string[], decoder: object | null = null): Record<string, unknown> {
  const special = vocabulary.filter((token) => /^<.*>$/.test(token));
  const added = special.map((content) => ({
    ...{ id: vocabulary.indexOf(content), content, special: !DOCUMENT.includes(content) },
    ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
  }));
  return {
    "tokenizer.json": {
      ...{ version: "1.0", truncation: null, padding: null, added_tokens: added, decoder },
      ...{ normalizer: { type: "Lowercase" }, pre_tokenizer: { type: "Whitespace" }, post_processor: null },
      model: {
        type: "WordLevel",
        vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
        unk_token: "<unk>",
      },
    },
    "tokenizer_config.json": {
      ...{ tokenizer_class: "PreTrainedTokenizerFast", model_max_length: 64, pad_token: "<pad>" },
      ...{ bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" },
    },
  };
}

const id2label = { 0: "dog", 1: "cat", 2: "rain" };
const SOUND = { feature_extractor_type: "Wav2Vec2FeatureExtractor", sampling_rate: 8000, do_normalize: true };

const picture = (image_processor_type: string, more: object = {}) => ({
  ...{ image_processor_type, do_resize: true, size: { height: 8, width: 8 }, resample: 2 },
  ...{ do_rescale: true, rescale_factor: 1 / 255, do_normalize: true },
  ...{ image_mean: [0.5, 0.5, 0.5], image_std: [0.5, 0.5, 0.5], ...more },
});

/** Transitions of words: those named go before the others. */
function transitions(vocabulary: readonly string[], chain: Readonly<Record<string, readonly string[]>>): number[][] {
  return vocabulary.map((from, row) =>
    vocabulary.map((to, column) => {
      if (chain[from] !== undefined) return chain[from].includes(to) ? 40 : -40;
      return to.startsWith("<") && to !== "</s>" ? -40 : 3 * Math.sin(row * 5.3 + column * 2.1);
    }),
  );
}

interface Repository {
  config: Record<string, unknown>;
  files?: Record<string, unknown>;
  onnx: Readonly<Record<string, () => Uint8Array>>;
}

const captioning = (vocabulary: readonly string[], chain: Readonly<Record<string, readonly string[]>>) => ({
  encoder_model: pictureEncoder,
  decoder_model_merged: () => pictureDecoder(transitions(vocabulary, chain)),
});

const encoderDecoder = (vocabulary: readonly string[], decoder: Record<string, unknown>) => ({
  ...{ model_type: "vision-encoder-decoder", is_encoder_decoder: true, decoder_start_token_id: 1, eos_token_id: 2 },
  ...{ pad_token_id: 0, encoder: { model_type: "vit", hidden_size: 4 } },
  decoder: { vocab_size: vocabulary.length, eos_token_id: 2, pad_token_id: 0, ...decoder },
});

const GENERATION = { decoder_start_token_id: 1, eos_token_id: 2, pad_token_id: 0, bos_token_id: 1 };
const PAPER = [...WORDS, ...DOCUMENT];

/** One repository for each task that is handed on. */
export const TINY_ONNX = {
  "audio-classification": {
    config: { model_type: "wav2vec2", architectures: ["Wav2Vec2ForSequenceClassification"], id2label },
    files: { "preprocessor_config.json": SOUND },
    onnx: {
      model: () => {
        const graph = new Graph();
        const heard = graph.op("Relu", [hearing(graph, 3)]);
        return graph.output("logits", meanOf(graph, heard, [2]), 2).encode();
      },
    },
  },
  "automatic-speech-recognition": {
    config: { model_type: "wav2vec2", architectures: ["Wav2Vec2ForCTC"] },
    files: {
      "preprocessor_config.json": SOUND,
      ...tokenizerFiles(LETTERS, { type: "CTC", pad_token: "<pad>", word_delimiter_token: "|", cleanup: true }),
    },
    onnx: {
      model: () => {
        const graph = new Graph();
        const letters = graph.op("Transpose", [hearing(graph, LETTERS.length)], { perm: [0, 2, 1] });
        return graph.output("logits", letters, 3).encode();
      },
    },
  },
  "background-removal": {
    config: { model_type: "modnet", architectures: ["MODNet"] },
    files: { "preprocessor_config.json": picture("ImageFeatureExtractor", { do_pad: false }) },
    onnx: {
      model: () => {
        const graph = new Graph();
        return graph.output("output", graph.op("Sigmoid", [seeing(graph, 1)]), 4).encode();
      },
    },
  },
  "depth-estimation": {
    config: { model_type: "dpt", architectures: ["DPTForDepthEstimation"] },
    files: { "preprocessor_config.json": picture("DPTImageProcessor") },
    onnx: {
      model: () => {
        const graph = new Graph();
        return graph.output("predicted_depth", graph.op("Squeeze", [seeing(graph, 1), graph.ints(1)]), 3).encode();
      },
    },
  },
  "document-question-answering": {
    config: encoderDecoder(PAPER, {
      model_type: "mbart",
      max_position_embeddings: 40,
      decoder_layers: 1,
      decoder_attention_heads: 1,
      d_model: 4,
    }),
    files: {
      "preprocessor_config.json": picture("DonutImageProcessor"),
      "generation_config.json": GENERATION,
      ...tokenizerFiles(PAPER),
    },
    onnx: captioning(PAPER, {
      "<s_answer>": ["book", "film"],
      book: ["</s_answer>"],
      film: ["</s_answer>"],
      "</s_answer>": ["</s>"],
    }),
  },
  "image-segmentation": {
    config: { model_type: "segformer", architectures: ["SegformerForSemanticSegmentation"], id2label },
    files: { "preprocessor_config.json": picture("SegformerImageProcessor") },
    onnx: {
      model: () => {
        const graph = new Graph();
        return graph.output("logits", seeing(graph, 3), 4).encode();
      },
    },
  },
  "image-to-image": {
    config: { model_type: "swin2sr", architectures: ["Swin2SRForImageSuperResolution"] },
    files: {
      "preprocessor_config.json": {
        ...{ image_processor_type: "Swin2SRImageProcessor", do_rescale: true, rescale_factor: 1 / 255 },
        ...{ do_pad: true, pad_size: 2 },
      },
    },
    onnx: {
      model: () => {
        const graph = new Graph();
        const larger = graph.op("DepthToSpace", [seeing(graph, 48, 0.3)], { blocksize: 4 });
        return graph.output("reconstruction", larger, 4).encode();
      },
    },
  },
  "image-to-text": {
    config: encoderDecoder(WORDS, { model_type: "gpt2", n_layer: 1, n_head: 1, n_embd: 4 }),
    files: {
      "preprocessor_config.json": picture("ViTImageProcessor"),
      "generation_config.json": GENERATION,
      ...tokenizerFiles(WORDS),
    },
    onnx: captioning(WORDS, { "<s>": ["a", "this"] }),
  },
  "object-detection": {
    config: { model_type: "yolos", architectures: ["YolosForObjectDetection"], id2label },
    files: { "preprocessor_config.json": picture("YolosImageProcessor") },
    onnx: { model: () => detecting(new Graph(), 4).encode() },
  },
  "text-to-audio": {
    config: { model_type: "vits", architectures: ["VitsModel"], sampling_rate: 8000 },
    files: tokenizerFiles(WORDS),
    onnx: {
      model: () => {
        const graph = new Graph();
        const spoken = graph.op("Gather", [graph.weights([WORDS.length, 16], 0.5), graph.ids()]);
        return graph.output("waveform", graph.op("Reshape", [spoken, graph.ints(0, -1)]), 2).encode();
      },
    },
  },
  "zero-shot-audio-classification": {
    config: { model_type: "clap", architectures: ["ClapModel"] },
    files: {
      "preprocessor_config.json": {
        ...{ feature_extractor_type: "ClapFeatureExtractor", sampling_rate: 8000, feature_size: 8, hop_length: 64 },
        ...{ fft_window_size: 128, nb_frequency_bins: 65, frequency_min: 50, frequency_max: 3900 },
        ...{ nb_max_samples: 2000, truncation: "rand_trunc", padding: "repeatpad" },
      },
      ...tokenizerFiles(WORDS),
    },
    onnx: {
      model: () => {
        const graph = new Graph();
        const features = graph.input("input_features", ["audio_batch_size", 1, "frames", 8]);
        const audio = graph.op("MatMul", [meanOf(graph, features, [1, 2]), graph.weights([8, 4], 0.05)]);
        const words = graph.op("Gather", [graph.weights([WORDS.length, 4]), graph.ids()]);
        const texts = graph.op("Transpose", [meanOf(graph, words, [1])], { perm: [1, 0] });
        return graph.output("logits_per_audio", graph.op("MatMul", [audio, texts]), 2).encode();
      },
    },
  },
  "zero-shot-object-detection": {
    config: { model_type: "owlvit", architectures: ["OwlViTForObjectDetection"] },
    files: {
      "preprocessor_config.json": picture("OwlViTImageProcessor", { processor_class: "OwlViTProcessor" }),
      ...tokenizerFiles(WORDS),
    },
    onnx: {
      model: () => {
        const graph = new Graph();
        const all = patches(graph, seeing(graph, 8), 8);
        const words = graph.op("Gather", [graph.weights([WORDS.length, 4]), graph.ids()]);
        const texts = graph.op("Transpose", [meanOf(graph, words, [1])], { perm: [1, 0] });
        const logits = graph.op("MatMul", [columns(graph, all, 0, 4), texts]);
        const boxes = graph.op("Sigmoid", [columns(graph, all, 4, 8)]);
        return graph.output("logits", logits, 3).output("pred_boxes", boxes, 3).encode();
      },
    },
  },
} as const satisfies Record<string, Repository>;

/** Writes the repository of a task into a folder. */
export async function tinyOnnx(folder: string, task: keyof typeof TINY_ONNX): Promise<string> {
  const { config, files = {}, onnx }: Repository = TINY_ONNX[task];
  await mkdir(join(folder, "onnx"), { recursive: true });
  for (const [name, content] of Object.entries({ "config.json": config, ...files }))
    await writeFile(join(folder, name), JSON.stringify(content));
  for (const [name, encode] of Object.entries(onnx)) await writeFile(join(folder, "onnx", `${name}.onnx`), encode());
  return folder;
}
