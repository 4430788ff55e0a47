"""Goldens of LoRA adapters: PEFT's own on tiny models, weights by the formula of ../models/common.py, also those of the adapters.

Run with peft installed: python test/goldens/lora/lora.py
"""
import json
import sys
import tempfile
from pathlib import Path

import peft
import torch
import transformers as T
from safetensors import safe_open

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from common import DROP, element, fill

IDS = [[2, 7, 11, 5, 9, 3], [2, 8, 4, 3, 6, 1]]
MASK = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]]
cases = []


def run(model):
    with torch.no_grad():
        return [float(f"{x:.6g}") for x in model(input_ids=torch.tensor(IDS), attention_mask=torch.tensor(MASK)).logits.flatten().tolist()]


def stored_name(name):
    return name.replace(".default", "").replace(".modules_to_save", "").replace("lora_magnitude_vector.weight", "lora_magnitude_vector")


def gradients(model):
    """One number for the gradient of each trained parameter, of the mean of the squared logits: its product with known numbers."""
    model.zero_grad()
    model(input_ids=torch.tensor(IDS), attention_mask=torch.tensor(MASK)).logits.square().mean().backward()
    trained = {stored_name(name): p.grad for name, p in model.named_parameters() if p.requires_grad}
    return {name: float(f"{float((grad * element('probe', grad.shape)).sum()):.6g}") for name, grad in trained.items() if grad is not None}


def case(model, note, **options):
    model = model.eval()
    tensors = fill(model)
    config = {key: value for key, value in model.config.to_dict().items() if key not in DROP and value is not None}
    config["architectures"] = [type(model).__name__]
    base = run(model)
    adapted = peft.get_peft_model(model, peft.LoraConfig(**options)).eval()
    with tempfile.TemporaryDirectory() as folder:
        with torch.no_grad():
            for name, tensor in adapted.named_parameters():
                if tensor.requires_grad:
                    tensor.copy_(element(stored_name(name), tensor.shape))
        adapted.save_pretrained(folder)
        with safe_open(Path(folder) / "adapter_model.safetensors", "pt") as file:
            stored = {key: list(file.get_slice(key).get_shape()) for key in file.keys()}
            for key in file.keys():
                assert torch.equal(file.get_tensor(key), element(key, stored[key])), key
        adapter_config = json.loads((Path(folder) / "adapter_config.json").read_text())
    trained = sum(p.numel() for p in adapted.parameters() if p.requires_grad)
    logits = run(adapted)
    probes = gradients(adapted)
    merged = run(adapted.merge_and_unload())
    assert max(abs(a - b) for a, b in zip(logits, merged)) < 1e-3
    adapter_config = {key: value for key, value in adapter_config.items() if value is not None and key not in ("auto_mapping", "peft_version", "runtime_config")}
    cases.append({"note": note, "config": config, "tensors": tensors, "adapterConfig": adapter_config, "adapter": stored, "base": base, "logits": logits, "trained": trained, "gradients": probes})


BERT = dict(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, max_position_embeddings=12)
bert = lambda **more: T.BertForSequenceClassification(T.BertConfig(**BERT, **more))
case(bert(), "BERT with its classifier", r=4, lora_alpha=8, target_modules=["query", "value"], task_type="SEQ_CLS")
case(bert(), "every linear layer, rsLoRA", r=3, lora_alpha=5, target_modules="all-linear", use_rslora=True, task_type="SEQ_CLS")
case(bert(), "an expression, ranks and alphas of their own", r=2, lora_alpha=2, target_modules=r".*layer\.\d+\.(attention\.self\.key|output\.dense)", rank_pattern={"layer.1.output.dense": 5},
     alpha_pattern={"key": 7})
case(bert(), "one layer, with its biases", r=2, lora_alpha=4, target_modules=["query", "dense"], layers_to_transform=[1], bias="lora_only")
case(T.DistilBertForSequenceClassification(T.DistilBertConfig(vocab_size=24, dim=16, n_layers=2, n_heads=4, hidden_dim=20, max_position_embeddings=12)), "DistilBERT with both parts of its head",
     r=4, lora_alpha=16, target_modules=["q_lin", "v_lin"], modules_to_save=["pre_classifier", "classifier"], task_type="SEQ_CLS")
case(T.GPT2LMHeadModel(T.GPT2Config(vocab_size=24, n_embd=16, n_layer=2, n_head=4, n_positions=12)), "GPT-2, whose matrices are stored the other way round",
     r=4, lora_alpha=8, target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, task_type="CAUSAL_LM")
case(T.LlamaForCausalLM(T.LlamaConfig(vocab_size=24, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16)), "Llama",
     r=4, lora_alpha=8, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM")

case(bert(), "DoRA on every linear layer", r=3, lora_alpha=6, target_modules="all-linear", use_dora=True, task_type="SEQ_CLS")
case(T.GPT2LMHeadModel(T.GPT2Config(vocab_size=24, n_embd=16, n_layer=2, n_head=4, n_positions=12)), "DoRA of GPT-2, with rsLoRA and biases",
     r=4, lora_alpha=4, target_modules=["c_attn", "c_fc"], fan_in_fan_out=True, use_dora=True, use_rslora=True, bias="lora_only", task_type="CAUSAL_LM")
case(T.LlamaForCausalLM(T.LlamaConfig(vocab_size=24, hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16)), "DoRA of Llama, ranks of their own",
     r=2, lora_alpha=8, target_modules=["q_proj", "up_proj"], rank_pattern={"q_proj": 3}, use_dora=True, task_type="CAUSAL_LM")

path = Path(__file__).with_suffix(".json")
path.write_text('{"cases": [\n' + ",\n".join(json.dumps(row) for row in cases) + "\n]}\n")
print(path.stat().st_size, [row["note"] for row in cases])
