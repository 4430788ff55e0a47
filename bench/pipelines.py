"""The models of pipelines.ts with random weights: safetensors for us, ONNX files by torch.onnx.export for transformers.js.

python pipelines.py KIND FOLDER, KIND one of distilbert, small (90 MB), gpt2, qwen2 (0.5 billion), or quantize, which adds onnx/model_quantized.onnx and
onnx/model_q4.onnx to a folder. Needs what requirements.txt lists. ONNX files have the names of inputs and outputs that transformers.js expects; a
decoder takes its past and joins it, as optimum's exports do.
"""
import json
import sys
from pathlib import Path

kind, folder = sys.argv[1], Path(sys.argv[2])
(folder / "onnx").mkdir(parents=True, exist_ok=True)


def quantize():
    """By onnxruntime's quantizers, as the script of transformers.js calls them, but for two things that make its files faster: products with a bias are
    taken apart, which MatMulNBitsQuantizer leaves in float32 otherwise, and activations of 4 bits may be rounded to 8 (accuracy_level 4)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer
    from onnxruntime.quantization.onnx_model import ONNXModel

    whole = folder / "onnx" / "model.onnx"
    quantize_dynamic(whole, folder / "onnx" / "model_quantized.onnx", weight_type=QuantType.QInt8)
    model = ONNXModel(onnx.load(whole))
    model.replace_gemm_with_matmul()
    quantizer = MatMulNBitsQuantizer(model.model, bits=4, block_size=32, is_symmetric=True, accuracy_level=4)
    quantizer.process()
    onnx.save(quantizer.model.model, folder / "onnx" / "model_q4.onnx")


if kind == "quantize":
    quantize()
    sys.exit()

import torch
import transformers as T

torch.manual_seed(0)
WORDS = 4096
PAST, NOW = "past_sequence_length", "sequence_length"


def tokenizer():
    """One word, one token: texts of known length."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocab = {token: at for at, token in enumerate(special + [f"w{at}" for at in range(WORDS - 4)])}
    added = [dict(id=at, content=token, special=True, single_word=False, lstrip=False, rstrip=False, normalized=False) for at, token in enumerate(special)]
    piece = lambda name: {"SpecialToken": {"id": name, "type_id": 0}}
    wrap = {"type": "TemplateProcessing", "single": [piece("[CLS]"), {"Sequence": {"id": "A", "type_id": 0}}, piece("[SEP]")],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {name: {"id": name, "ids": [at + 2], "tokens": [name]} for at, name in enumerate(["[CLS]", "[SEP]"])}}
    body = dict(version="1.0", truncation=None, padding=None, added_tokens=added, decoder=None, normalizer=None, pre_tokenizer={"type": "WhitespaceSplit"},
                post_processor=wrap if kind in ("distilbert", "small") else None, model=dict(type="WordLevel", vocab=vocab, unk_token="[UNK]"))
    (folder / "tokenizer.json").write_text(json.dumps(body))
    config = dict(tokenizer_class="PreTrainedTokenizerFast", model_max_length=512 if kind in ("distilbert", "small") else 2048, pad_token="[PAD]", unk_token="[UNK]", eos_token="[SEP]", bos_token="[CLS]")
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


class Classifier(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask):
        return self.model(input_ids=input_ids, attention_mask=attention_mask).logits


class Decoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, position_ids, *past):
        pairs = [(past[at], past[at + 1]) for at in range(0, len(past), 2)]
        cache = T.DynamicCache(pairs)
        out = self.model(input_ids=input_ids, attention_mask=attention_mask, position_ids=position_ids, past_key_values=cache, use_cache=True)
        present = [part for layer in out.past_key_values.layers for part in (layer.keys, layer.values)]
        return (out.logits, *present)


def save(model, config):
    model.save_pretrained(folder)
    tokenizer()
    (folder / "generation_config.json").write_text(json.dumps(dict(eos_token_id=3, bos_token_id=2, pad_token_id=0)))


def decoder(model, layers, heads, width):
    save(model, model.config)
    past = [torch.zeros(2, heads, 3, width) for _ in range(2 * layers)]
    names = [f"{layer}.{part}" for layer in range(layers) for part in ("key", "value")]
    ids = torch.ones(2, 2, dtype=torch.long)
    axes = {"input_ids": {0: "batch_size", 1: NOW}, "attention_mask": {0: "batch_size", 1: f"{PAST} + {NOW}"}, "position_ids": {0: "batch_size", 1: NOW}, "logits": {0: "batch_size", 1: NOW}}
    axes |= {f"past_key_values.{name}": {0: "batch_size", 2: PAST} for name in names} | {f"present.{name}": {0: "batch_size", 2: f"{PAST} + {NOW}"} for name in names}
    export(Decoder(model), (ids, torch.ones(2, 5, dtype=torch.long), ids, *past), ["input_ids", "attention_mask", "position_ids"] + [f"past_key_values.{name}" for name in names],
           ["logits"] + [f"present.{name}" for name in names], axes)


def export(module, args, inputs, outputs, axes):
    torch.onnx.export(module, args, str(folder / "onnx" / "model.onnx"), input_names=inputs, output_names=outputs, dynamic_axes=axes, dynamo=False, opset_version=17)


with torch.no_grad():
    if kind in ("distilbert", "small"):
        sizes = dict(dim=384, n_layers=6, n_heads=6, hidden_dim=1536) if kind == "small" else {}
        model = T.DistilBertForSequenceClassification(T.DistilBertConfig(vocab_size=30522, attn_implementation="eager", **sizes)).eval()
        save(model, model.config)
        ids = torch.ones(2, 8, dtype=torch.long)
        axes = {name: {0: "batch_size", 1: NOW} for name in ("input_ids", "attention_mask")} | {"logits": {0: "batch_size"}}
        export(Classifier(model), (ids, torch.ones_like(ids)), ["input_ids", "attention_mask"], ["logits"], axes)
    elif kind == "gpt2":
        config = T.GPT2Config(vocab_size=WORDS, n_positions=2048, bos_token_id=2, eos_token_id=3, attn_implementation="eager")
        decoder(T.GPT2LMHeadModel(config).eval(), 12, 12, 64)
    else:
        config = T.Qwen2Config(vocab_size=WORDS, hidden_size=896, intermediate_size=4864, num_hidden_layers=24, num_attention_heads=14, num_key_value_heads=2, max_position_embeddings=2048,
                               tie_word_embeddings=True, bos_token_id=2, eos_token_id=3, attn_implementation="eager")
        decoder(T.Qwen2ForCausalLM(config).eval(), 24, 2, 64)
