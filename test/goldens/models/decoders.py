"""Goldens of GPT-2, Llama and its kin. Run: python test/goldens/models/decoders.py"""
import json
from pathlib import Path

import torch
import transformers as T

import common
from common import IDS, MASK, case, element, write

THREE = lambda head: {} if head == "ForQuestionAnswering" else dict(id2label={0: "A", 1: "B", 2: "C"}, label2id={"A": 0, "B": 1, "C": 2})
BOTH = dict(input_ids=IDS, attention_mask=MASK)
LEFT = [[0, 0, 7, 11, 5, 9], [2, 8, 4, 3, 6, 10]]
LEFT_MASK = [[0, 0, 1, 1, 1, 1], [1] * 6]
LEFT_PLACES = [[0, 0, 0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]
PADDED = dict(input_ids=LEFT, attention_mask=LEFT_MASK, position_ids=LEFT_PLACES)
LONG = [[2, 7, 11, 5, 9, 3, 14, 8, 1, 20, 6, 13]]
WHOLE = dict(input_ids=LONG, attention_mask=[[1] * 12])


def make(name, config, more):
    """Eager attention: rows of padding alone see every key, as an additive mask has it."""
    made = config(**more, attn_implementation="eager")
    return getattr(T, name)(made)


GPT = dict(vocab_size=24, n_positions=16, n_embd=16, n_layer=2, n_head=4, n_inner=20)
gpt = lambda head, **more: make("GPT2" + head, T.GPT2Config, {**GPT, "bos_token_id": 0, "eos_token_id": 0, **more})
for head in ["Model", "LMHeadModel"]:
    case(gpt(head), BOTH)
for head in ["ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"]:
    case(gpt(head, pad_token_id=0, **THREE(head)), BOTH)
case(gpt("LMHeadModel"), PADDED, note="padding in front")
case(gpt("LMHeadModel", tie_word_embeddings=False, activation_function="relu", scale_attn_by_inverse_layer_idx=True), BOTH, note="untied, scores by layer")
case(gpt("LMHeadModel", scale_attn_weights=False, n_inner=None), BOTH, note="scores as they are")
case(gpt("ForSequenceClassification", pad_token_id=0), dict(input_ids=LEFT, attention_mask=LEFT_MASK), note="padding in front")
case(gpt("ForSequenceClassification", pad_token_id=0), dict(input_ids=[[2, 0, 5, 0], [0, 0, 0, 0]], attention_mask=[[1, 1, 1, 1], [1, 1, 1, 1]]), note="the id of padding where there is text")
case(gpt("ForSequenceClassification"), dict(input_ids=IDS[:1], attention_mask=MASK[:1]), note="without an id of padding")

SIZES = dict(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=20, max_position_embeddings=16)
FAMILY = {
    "Llama": (T.LlamaConfig, {}),
    "Mistral": (T.MistralConfig, dict(sliding_window=4)),
    "Qwen2": (T.Qwen2Config, dict(max_window_layers=1)),
    "Qwen3": (T.Qwen3Config, dict(head_dim=6, max_window_layers=1)),
}
HEADS = ["Model", "ForCausalLM", "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"]
one = lambda name, head, **more: make(name + head, FAMILY[name][0], {**SIZES, **FAMILY[name][1], **more})
for name in FAMILY:
    for head in HEADS:
        case(one(name, head, pad_token_id=0, **THREE(head)), BOTH)
    case(one(name, "ForCausalLM", tie_word_embeddings=True), PADDED, note="tied, padding in front")
case(one("Llama", "ForCausalLM", num_key_value_heads=1), BOTH, note="one head of keys")
case(one("Llama", "ForCausalLM", num_key_value_heads=4, hidden_act="gelu"), BOTH, note="as many heads of keys as of queries")
case(one("Llama", "ForCausalLM", attention_bias=True, mlp_bias=True, head_dim=8), BOTH, note="biases, wide heads")
case(one("Llama", "ForSequenceClassification", pad_token_id=0), dict(input_ids=LEFT, attention_mask=LEFT_MASK), note="padding in front")
case(one("Llama", "ForSequenceClassification"), dict(input_ids=IDS[:1], attention_mask=MASK[:1]), note="without an id of padding")
case(one("Mistral", "Model"), WHOLE, note="beyond the window")
case(one("Mistral", "Model", sliding_window=None), WHOLE, note="no window")
case(one("Mistral", "ForCausalLM", sliding_window=3), PADDED, note="window and padding in front")
case(one("Qwen2", "Model", use_sliding_window=True, sliding_window=4), WHOLE, note="a window in the upper layer")
case(one("Qwen2", "Model", use_sliding_window=True, sliding_window=4, layer_types=["sliding_attention", "full_attention"]), WHOLE, note="a window in the layer named")
case(one("Qwen3", "Model", use_sliding_window=True, sliding_window=4, attention_bias=True), WHOLE, note="a window in the upper layer, biases")

ROPES = {
    "linear": dict(factor=2.0),
    "dynamic": dict(factor=2.0),
    "llama3": dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=12),
    "yarn": dict(factor=4.0, original_max_position_embeddings=8),
    "longrope": dict(short_factor=[1.0, 1.1, 1.3, 1.7], long_factor=[1.5, 2.0, 3.0, 4.0], original_max_position_embeddings=8, factor=2.0),
}
places = lambda start: dict(input_ids=LONG, attention_mask=[[1] * 12], position_ids=[list(range(start, start + 12))])
wide = dict(hidden_size=16, num_attention_heads=2, num_key_value_heads=1)
for kind, parameters in ROPES.items():
    for start, note in [(0, ""), (500, ", far away")]:
        case(one("Llama", "Model", **wide, rope_parameters=dict(rope_type=kind, rope_theta=500.0, **parameters)), places(start), note=kind + note)
short = dict(input_ids=IDS[:1], attention_mask=MASK[:1])
case(one("Llama", "Model", **wide, rope_parameters=dict(rope_type="longrope", rope_theta=500.0, **ROPES["longrope"])), short, note="longrope, short")
case(one("Llama", "Model", **wide, rope_parameters=dict(rope_type="longrope", rope_theta=500.0, **ROPES["longrope"])), dict(input_ids=[LONG[0][:8]], attention_mask=[[1] * 8]), note="longrope, as long as it was trained")
case(one("Llama", "Model", **wide, rope_parameters=dict(rope_type="yarn", rope_theta=500.0, factor=4.0, original_max_position_embeddings=8, mscale=1.0, mscale_all_dim=0.5, beta_fast=4, beta_slow=2, truncate=False)), short, note="yarn with all its fields")
write("decoders")


def frequencies():
    """Cosines of far places and frequencies of real models, for the numbers of rope.ts alone."""
    rows = []
    for theta, width, more in [
        (10000.0, 64, dict(rope_type="default")),
        (1e6, 128, dict(rope_type="default")),
        (500000.0, 128, dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)),
        (1e6, 128, dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32768)),
        (10000.0, 64, dict(rope_type="linear", factor=4.0)),
        (10000.0, 64, dict(rope_type="dynamic", factor=4.0)),
    ]:
        config = T.LlamaConfig(hidden_size=width, num_attention_heads=1, max_position_embeddings=dict(yarn=131072, dynamic=1024).get(more["rope_type"], 16384), rope_parameters=dict(rope_theta=theta, **more))
        rope = T.models.llama.modeling_llama.LlamaRotaryEmbedding(config)
        at = [0, 1, 100, 2047, 4000 if more["rope_type"] == "dynamic" else 32000]
        cos, sin = rope(torch.zeros(1, 1), torch.tensor([at]))
        half = width // 2
        digits = lambda x: [[float(f"{v:.7g}") for v in row] for row in x[0, :, :half:7].double().tolist()]
        rows.append({"config": {"max_position_embeddings": config.max_position_embeddings, "rope_parameters": dict(rope_theta=theta, **more)}, "width": width, "places": at, "every": 7, "cos": digits(cos), "sin": digits(sin)})
    return rows


def step():
    """Loss and norms of gradients of one step of a classifier, through windows, groups and head norms."""
    rows = []
    for name, more in [("Llama", {}), ("Mistral", dict(sliding_window=3)), ("Qwen3", {})]:
        model = one(name, "ForSequenceClassification", pad_token_id=0, **THREE("ForSequenceClassification"), **more).eval()
        names = {}
        for key, tensor in model.state_dict().items():
            tensor.copy_(element(key, tensor.shape))
            names[key] = list(tensor.shape)
        labels = torch.tensor([2, 0])
        logits = model(**{key: torch.tensor(value) for key, value in BOTH.items()}).logits
        loss = torch.nn.functional.cross_entropy(logits, labels)
        loss.backward()
        norms = {key: float(f"{p.grad.double().norm():.6g}") for key, p in model.named_parameters()}
        config = {k: v for k, v in model.config.to_dict().items() if k not in common.DROP and v is not None}
        config["architectures"] = [type(model).__name__]
        rows.append({"config": config, "tensors": names, "inputIds": IDS, "attentionMask": MASK, "labels": labels.tolist(), "loss": float(f"{loss.item():.7g}"), "norms": norms})
    return rows


path = Path(__file__).with_suffix(".json")
extra = [f'"{key}": [\n' + ",\n".join(json.dumps(row) for row in rows) + "\n]" for key, rows in [("rotations", frequencies()), ("steps", step())]]
path.write_text(path.read_text().rstrip().removesuffix("}") + ",\n" + ",\n".join(extra) + "}\n")
