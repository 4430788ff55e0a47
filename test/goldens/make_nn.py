"""Writes nn.json: layers, losses and attention with their gradients, from PyTorch.

Run with torch installed: python test/goldens/make_nn.py
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(2)


def record(y, **inputs):
    g = torch.randn_like(y)
    (y * g).sum().backward()
    result = {"y": y.detach().flatten().tolist(), "g": g.flatten().tolist()}
    for name, value in inputs.items():
        result[name] = value.detach().flatten().tolist()
        result[f"d_{name}"] = value.grad.flatten().tolist()
    return result


def leaf(*shape):
    return torch.randn(*shape, requires_grad=True)


x, w, b = leaf(2, 3, 4), leaf(5, 4), leaf(5)
linear = record(F.linear(x, w, b), x=x, w=w, b=b)

table = leaf(7, 3)
embedding = record(F.embedding(torch.tensor([[1, 6, 1], [0, 1, 3]]), table), table=table)

x, w, b = leaf(2, 3, 6), leaf(6), leaf(6)
layer_norm = record(F.layer_norm(x, (6,), w, b, 1e-12), x=x, w=w, b=b)

q, k, v = leaf(2, 2, 4, 3), leaf(2, 2, 4, 3), leaf(2, 2, 4, 3)
mask = torch.tensor([[1, 1, 1, 0], [1, 1, 1, 1]])
additive = (1.0 - mask[:, None, None, :].float()) * torch.finfo(torch.float32).min
attention = record(F.scaled_dot_product_attention(q, k, v, attn_mask=additive), q=q, k=k, v=v)

losses = {}
for name, options in {
    "plain": {},
    "smoothed": {"label_smoothing": 0.1},
    "ignored": {"ignore_index": 2},
    "both": {"label_smoothing": 0.2, "ignore_index": 2},
}.items():
    logits = leaf(4, 3)
    loss = F.cross_entropy(logits, torch.tensor([0, 2, 1, 0]), **options)
    loss.backward()
    losses[name] = {"logits": logits.detach().flatten().tolist(), "loss": loss.item(), "d": logits.grad.flatten().tolist()}
logits = leaf(2, 3, 4)
loss = F.cross_entropy(logits.flatten(0, 1), torch.tensor([1, 0, 3, -100, -100, 2]))
loss.backward()
losses["sequence"] = {"logits": logits.detach().flatten().tolist(), "loss": loss.item(), "d": logits.grad.flatten().tolist()}

torch.manual_seed(11)
for name, options in {"probabilities": {}, "smoothedProbabilities": {"label_smoothing": 0.1}}.items():
    logits, target = leaf(4, 3), torch.randn(4, 3).softmax(-1)
    each = F.cross_entropy(logits, target, reduction="none", **options)
    each.mean().backward()
    losses[name] = {
        "logits": logits.detach().flatten().tolist(),
        "target": target.flatten().tolist(),
        "each": each.detach().tolist(),
        "loss": each.mean().item(),
        "d": logits.grad.flatten().tolist(),
    }

torch.manual_seed(9)
layers = {
    "linear": torch.nn.Linear(6, 5),
    "embedding": torch.nn.Embedding(9, 4),
    "norm": torch.nn.LayerNorm(4),
}
start = {f"{n}.{p}": v.detach().flatten().tolist() for n, layer in layers.items() for p, v in layer.named_parameters()}

golden = {
    "torch": torch.__version__,
    "linear": linear,
    "embedding": embedding,
    "layerNorm": layer_norm,
    "attention": attention,
    "losses": losses,
    "start": start,
}
Path(__file__).with_name("nn.json").write_text(json.dumps(golden) + "\n")
