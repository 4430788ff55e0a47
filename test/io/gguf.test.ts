// Heads of GGUF files, written here byte by byte as its specification has them.
import { describe, expect, it } from "vitest";
import { parseGguf } from "../../src/io/gguf.ts";
import { ggufFile } from "../support/gguf.ts";

const llama = ggufFile(
  {
    "general.architecture": "llama",
    "llama.context_length": 2048,
    "tokenizer.ggml.scores": Float32Array.of(0.5, 1),
    "tokenizer.ggml.tokens": ["<unk>", "<s>", "</s>"],
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.chat_template": "{{ messages }}",
    "general.quantized": true,
  },
  { "blk.0.weight": [32, 4], "output.bias": [7] },
);

describe("parseGguf", () => {
  it("reads what a file says of its model, and counts its elements", () => {
    expect(parseGguf(llama)).toEqual({
      architecture: "llama",
      contextLength: 2048,
      chatTemplate: "{{ messages }}",
      bosToken: "<s>",
      eosToken: "</s>",
      elements: 32 * 4 + 7,
    });
    expect(parseGguf(ggufFile({}, {}))).toEqual({ elements: 0 });
  });

  it("asks for more wherever the bytes end", () => {
    for (let length = 4; length < llama.length; length++)
      expect([length, parseGguf(llama.subarray(0, length))]).toEqual([length, undefined]);
  });

  it.each<[string, Buffer, RegExp]>([
    ["another format", Buffer.from("PK\x03\x04 and more of it"), /begins with "PK/],
    ["version 1", Buffer.concat([Buffer.from("GGUF"), Buffer.from([1, 0, 0, 0]), Buffer.alloc(16)]), /version is 1/],
    ["a size beyond all", Buffer.concat([llama.subarray(0, 16), Buffer.alloc(8, 0xff)]), /beyond all sizes/],
    ["a tensor of rank 9", ggufFile({}, { a: [1, 1, 1, 1, 1, 1, 1, 1, 1] }), /9 dimensions/],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => parseGguf(bytes)).toThrow(message);
  });
});
