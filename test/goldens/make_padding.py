"""Goldens of fresh tables: which of their rows are zero in transformers, for every architecture and kind of pad_token_id.

Run: python test/goldens/make_padding.py
"""
import json
from pathlib import Path

import torch
import torch.nn as nn
import transformers as T

BERT = dict(vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=20, max_position_embeddings=12)
LLAMA = dict(vocab_size=24, hidden_size=16, num_hidden_layers=1, num_attention_heads=4, num_key_value_heads=2, intermediate_size=20, max_position_embeddings=12)
T5 = dict(vocab_size=24, d_model=16, d_kv=4, d_ff=20, num_layers=1, num_heads=4)
TOWER = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=20, projection_dim=8)
TEXT = dict(**TOWER, vocab_size=24, max_position_embeddings=12)
VISION = dict(**TOWER, image_size=4, patch_size=2)
ARCHITECTURES = [
    (T.AlbertForMaskedLM, T.AlbertConfig, dict(**BERT, embedding_size=8)),
    (T.BertForMaskedLM, T.BertConfig, BERT),
    (T.CamembertForMaskedLM, T.CamembertConfig, dict(**BERT, type_vocab_size=1)),
    (T.CLIPModel, T.CLIPConfig, dict(text_config=TEXT, vision_config=VISION, projection_dim=8)),
    (T.CLIPTextModelWithProjection, T.CLIPTextConfig, TEXT),
    (T.CLIPVisionModelWithProjection, T.CLIPVisionConfig, VISION),
    (T.DistilBertForMaskedLM, T.DistilBertConfig, dict(vocab_size=24, dim=16, n_layers=1, n_heads=4, hidden_dim=20, max_position_embeddings=12)),
    (T.GPT2LMHeadModel, T.GPT2Config, dict(vocab_size=24, n_embd=16, n_layer=1, n_head=4, n_positions=12)),
    (T.MT5ForConditionalGeneration, T.MT5Config, T5),
    (T.LlamaForCausalLM, T.LlamaConfig, LLAMA),
    (T.MistralForCausalLM, T.MistralConfig, LLAMA),
    (T.Qwen2ForCausalLM, T.Qwen2Config, LLAMA),
    (T.Qwen3ForCausalLM, T.Qwen3Config, dict(**LLAMA, head_dim=4)),
    (T.RobertaForMaskedLM, T.RobertaConfig, dict(**BERT, type_vocab_size=1)),
    (T.T5ForConditionalGeneration, T.T5Config, T5),
    (T.ViTForImageClassification, T.ViTConfig, dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=4, intermediate_size=20, image_size=4, patch_size=2)),
    (T.XLMRobertaForMaskedLM, T.XLMRobertaConfig, dict(**BERT, type_vocab_size=1)),
]
# What roberta's kin makes of no padding is an error of its positions.
PADS = [{}, {"pad_token_id": 3}, {"pad_token_id": None}]


def zeros(model):
    tables = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Embedding):
            rows = (module.weight == 0).all(1).nonzero().flatten().tolist()
            if rows:
                tables[f"{name}.weight"] = rows
    return tables


cases = []
for make, config, sizes in ARCHITECTURES:
    for pad in PADS:
        text = "text_config" in sizes
        given = {**sizes, "text_config": {**sizes["text_config"], **pad}} if text else {**sizes, **pad}
        if pad.get("pad_token_id", 0) is None and ("Roberta" in make.__name__ or "Camembert" in make.__name__):
            continue
        torch.manual_seed(0)
        model = make(config(**given))
        cases.append({"config": {"model_type": config.model_type, "architectures": [make.__name__], **given}, "zeros": zeros(model)})
path = Path(__file__).parent / "padding.json"
path.write_text('{"transformers": "%s", "cases": [\n%s\n]}\n' % (T.__version__, ",\n".join(json.dumps(row) for row in cases)))
