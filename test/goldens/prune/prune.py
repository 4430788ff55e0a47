"""Goldens of pruning: gradients of masks on heads and neurons and losses without layers, by PyTorch, on tiny models with weights by the
formula of ../models/common.py.

A mask multiplies what a unit gives to the matrix that reads it; its gradient is taken row by row, and the mean of |dL/dmask| over rows is the
importance. `masked` holds logits with the units named in `off` at zero: what a model without them gives. Computed in float64: the waves of the
formula make gradients that float32 tells to four digits alone.

Run: python test/goldens/prune/prune.py
"""
import json
import sys
from pathlib import Path

import torch
import transformers as T

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from common import DROP, INPUTS, fill

torch.set_default_dtype(torch.float64)
IDS = [[2, 7, 11, 5, 9, 3], [2, 8, 4, 3, 0, 0], [2, 6, 1, 9, 3, 0]]
MASK = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0], [1, 1, 1, 1, 1, 0]]
cases = []


def digits(values):
    return [float(f"{x:.7g}") for x in values]


def masked(module, mask):
    """Hook before a module: its input [B, T, units · width] times the mask [B, units]."""
    def hook(_, args):
        x = args[0]
        return (x.unflatten(-1, (mask.shape[1], -1)) * mask[:, None, :, None]).flatten(-2),
    return module.register_forward_pre_hook(hook)


def row_loss(model, inputs, labels, row):
    """Of one row, as transformers takes it: the mean over its labels, shifted where the model is causal."""
    one = {key: value[row:row + 1] for key, value in inputs.items()}
    return model(**one, labels=labels[row:row + 1]).loss


def case(model, inputs, labels, heads, neurons, layers, off):
    """`heads` and `neurons`: paths of the modules that read them, with how many there are; `layers`: paths of whole layers."""
    model = model.eval()
    tensors = fill(model)
    given = {key: torch.tensor(value) for key, value in inputs.items()}
    wanted = torch.tensor(labels)
    modules = dict(model.named_modules())
    rows = len(labels)
    importance = {}
    for path, count in {**heads, **neurons}.items():
        total = torch.zeros(count)
        for row in range(rows):
            mask = torch.ones(1, count, requires_grad=True)
            handle = masked(modules[path], mask)
            row_loss(model, given, wanted, row).backward()
            handle.remove()
            total += mask.grad[0].abs()
        importance[path] = digits((total / rows).tolist())
    losses = {}
    with torch.no_grad():
        whole = sum(row_loss(model, given, wanted, row).item() for row in range(rows)) / rows
        for path in layers:
            skip = modules[path].register_forward_hook(lambda _, args, out: (args[0], *out[1:]) if isinstance(out, tuple) else args[0])
            losses[path] = sum(row_loss(model, given, wanted, row).item() for row in range(rows)) / rows
            skip.remove()
        handles = []
        for path, units in off.items():
            mask = torch.ones(1, {**heads, **neurons}[path])
            mask[0, units] = 0
            handles.append(masked(modules[path], mask))
        logits = model(**given).logits.flatten().tolist()
        for handle in handles:
            handle.remove()
    config = {key: value for key, value in model.config.to_dict().items() if key not in DROP and value is not None}
    config["architectures"] = [type(model).__name__]
    cases.append({"config": config, "tensors": tensors, "inputs": {INPUTS[key]: value for key, value in inputs.items()}, "labels": labels,
                  "loss": float(f"{whole:.7g}"), "heads": {path: importance[path] for path in heads}, "neurons": {path: importance[path] for path in neurons},
                  "layers": {path: float(f"{value:.7g}") for path, value in losses.items()}, "off": off, "masked": digits(logits)})


EAGER = dict(attn_implementation="eager")
SIZES = dict(vocab_size=24, hidden_size=16, num_hidden_layers=3, num_attention_heads=4, intermediate_size=20, max_position_embeddings=12)
TEXT = dict(input_ids=IDS, attention_mask=MASK)
IGNORED = [[token if mask == 1 else -100 for token, mask in zip(*row)] for row in zip(IDS, MASK)]
each = lambda text, count: [text.format(at) for at in range(count)]
of = lambda paths, count: {path: count for path in paths}

layers = each("bert.encoder.layer.{}", 3)
case(T.BertForSequenceClassification(T.BertConfig(**SIZES, **EAGER)), TEXT, [0, 1, 1], of([f"{path}.attention.output.dense" for path in layers], 4),
     of([f"{path}.output.dense" for path in layers], 20), layers, {"bert.encoder.layer.1.attention.output.dense": [0, 2], "bert.encoder.layer.2.attention.output.dense": [3]})
layers = each("bert.encoder.layer.{}", 3)
case(T.BertForTokenClassification(T.BertConfig(**SIZES, **EAGER)), TEXT, [[1, 0, -100, 1, 1, 0], [0, 0, 1, -100, -100, -100], [1, 0, 0, 1, 1, -100]],
     of([f"{path}.attention.output.dense" for path in layers], 4), of([f"{path}.output.dense" for path in layers], 20), layers,
     {f"{path}.output.dense": [0, 5, 19] for path in layers})
layers = each("distilbert.transformer.layer.{}", 2)
case(T.DistilBertForSequenceClassification(T.DistilBertConfig(vocab_size=24, dim=16, n_layers=2, n_heads=4, hidden_dim=20, max_position_embeddings=12, **EAGER)), TEXT, [1, 0, 1],
     of([f"{path}.attention.out_lin" for path in layers], 4), of([f"{path}.ffn.lin2" for path in layers], 20), layers, {f"{path}.attention.out_lin": [1] for path in layers})
layers = each("transformer.h.{}", 2)
case(T.GPT2LMHeadModel(T.GPT2Config(vocab_size=24, n_positions=16, n_embd=16, n_layer=2, n_head=4, n_inner=20, bos_token_id=0, eos_token_id=0, **EAGER)), TEXT, IGNORED,
     of([f"{path}.attn.c_proj" for path in layers], 4), of([f"{path}.mlp.c_proj" for path in layers], 20), layers,
     {**{f"{path}.attn.c_proj": [at + 1] for at, path in enumerate(layers)}, **{f"{path}.mlp.c_proj": [2, 3] for path in layers}})
layers = each("model.layers.{}", 3)
case(T.LlamaForCausalLM(T.LlamaConfig(**{**SIZES, "num_attention_heads": 8, "num_key_value_heads": 4, "max_position_embeddings": 16}, **EAGER)), TEXT, IGNORED,
     of([f"{path}.self_attn.o_proj" for path in layers], 4), of([f"{path}.mlp.down_proj" for path in layers], 20), layers,
     {**{f"{path}.self_attn.o_proj": [at, 3] for at, path in enumerate(layers)}, **{f"{path}.mlp.down_proj": [at, 9, 17] for at, path in enumerate(layers)}})
blocks = {"encoder": each("encoder.block.{}", 2), "decoder": each("decoder.block.{}", 2)}
both = [*blocks["encoder"], *blocks["decoder"]]
inner = [f"{path}.layer.1.DenseReluDense.wo" for path in blocks["encoder"]] + [f"{path}.layer.2.DenseReluDense.wo" for path in blocks["decoder"]]
own = [f"{path}.layer.0.SelfAttention.o" for path in both]
cross = [f"{path}.layer.1.EncDecAttention.o" for path in blocks["decoder"]]
case(T.T5ForConditionalGeneration(T.T5Config(vocab_size=24, d_model=16, d_kv=5, d_ff=20, num_layers=2, num_heads=3, decoder_start_token_id=0, relative_attention_num_buckets=8,
                                             relative_attention_max_distance=10, **EAGER)),
     dict(TEXT, decoder_input_ids=[[0, 5, 9, 3], [0, 12, 1, 0], [0, 4, 4, 2]]), [[5, 9, 3, 1], [12, 1, -100, -100], [4, 4, 2, 1]], of([*own, *cross], 3), of(inner, 20), both,
     {**{path: [1] for path in own if path.startswith("encoder")}, **{path: [0] for path in own if path.startswith("decoder")}, **{path: [at] for at, path in enumerate(cross)}})

path = Path(__file__).with_suffix(".json")
path.write_text('{"cases": [\n' + ",\n".join(json.dumps(row) for row in cases) + "\n]}\n")
print(path.stat().st_size, [row["config"]["architectures"][0] for row in cases])
