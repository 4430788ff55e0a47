// Small GGUF files, as llama.cpp and its kin write them: heads alone, or a whole model of random weights.

/** Whole numbers are uint32, others float32. */
type Value = string | number | boolean | readonly string[] | Int32Array | Float32Array;

const small = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};
const wide = (value: number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};
const float = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
};
const text = (value: string): Buffer => Buffer.concat([wide(Buffer.byteLength(value)), Buffer.from(value)]);

function valueBytes(value: Value): Buffer[] {
  if (typeof value === "string") return [small(8), text(value)];
  if (typeof value === "number") return Number.isInteger(value) ? [small(4), small(value)] : [small(6), float(value)];
  if (typeof value === "boolean") return [small(7), Buffer.from([Number(value)])];
  const [type, bytes] = elementBytes(value);
  return [small(9), small(type), wide(value.length), ...bytes];
}

function elementBytes(value: readonly string[] | Int32Array | Float32Array): [type: number, bytes: Buffer[]] {
  if (value instanceof Int32Array) return [5, [Buffer.from(value.buffer)]];
  if (value instanceof Float32Array) return [6, [Buffer.from(value.buffer)]];
  return [8, value.map(text)];
}

/** Version 3: values, tensors of float32 by their shapes, and with `weights` what is in them, else nothing behind the head. */
export function ggufFile(
  values: Readonly<Record<string, Value>>,
  tensors: Readonly<Record<string, readonly number[]>>,
  weights?: (name: string, length: number) => Float32Array,
): Buffer {
  const told = Object.entries(values).flatMap(([key, value]) => [text(key), ...valueBytes(value)]);
  const blocks: Buffer[] = [];
  let offset = 0;
  const shapes = Object.entries(tensors).flatMap(([name, shape]) => {
    const head = [text(name), small(shape.length), ...shape.map(wide), small(0), wide(offset)];
    if (weights !== undefined) {
      const length = shape.reduce((product, size) => product * size, 1);
      blocks.push(padded(Buffer.from(weights(name, length).buffer)));
      offset += blocks.at(-1)?.length ?? 0;
    }
    return head;
  });
  const counts = [wide(Object.keys(tensors).length), wide(Object.keys(values).length)];
  const head = Buffer.concat([Buffer.from("GGUF"), small(3), ...counts, ...told, ...shapes]);
  return weights === undefined ? head : Buffer.concat([padded(head), ...blocks]);
}

/** Tensors begin at multiples of 32 bytes. */
const padded = (bytes: Buffer): Buffer => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 31)]);

/**
 * A language model of llama's architecture with one layer and the same random weights each time. A token is a byte, which is
 * enough for llama.cpp to load it and to write with it.
 */
export function tinyLlama(): Buffer {
  const [width, inner, vocabulary] = [32, 64, 259];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const layer = (name: string) => `blk.0.${name}.weight`;
  let state = 1;
  const random = () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return state / 2_147_483_648 - 0.5;
  };
  return ggufFile(
    {
      "general.architecture": "llama",
      "general.name": "tiny",
      "llama.context_length": 128,
      "llama.embedding_length": width,
      "llama.block_count": 1,
      "llama.feed_forward_length": inner,
      "llama.attention.head_count": 2,
      "llama.attention.layer_norm_rms_epsilon": 0.00001,
      "llama.rope.dimension_count": width / 2,
      "tokenizer.ggml.model": "llama",
      "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>", ...bytes],
      "tokenizer.ggml.scores": new Float32Array(vocabulary),
      // unknown, control, control, then bytes
      "tokenizer.ggml.token_type": Int32Array.from([2, 3, 3, ...bytes.map(() => 6)]),
      "tokenizer.ggml.bos_token_id": 1,
      "tokenizer.ggml.eos_token_id": 2,
    },
    {
      "token_embd.weight": [width, vocabulary],
      [layer("attn_norm")]: [width],
      [layer("attn_q")]: [width, width],
      [layer("attn_k")]: [width, width],
      [layer("attn_v")]: [width, width],
      [layer("attn_output")]: [width, width],
      [layer("ffn_norm")]: [width],
      [layer("ffn_gate")]: [width, inner],
      [layer("ffn_up")]: [width, inner],
      [layer("ffn_down")]: [inner, width],
      "output_norm.weight": [width],
    },
    (name, length) => Float32Array.from({ length }, () => (name.endsWith("norm.weight") ? 1 : random())),
  );
}
