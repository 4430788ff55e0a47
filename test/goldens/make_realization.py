"""Writes realization.json: PyTorch's random streams, 16-bit conversions, and what views, writes and steps give.

Run with PyTorch installed: python test/goldens/make_realization.py
"""
import json
from pathlib import Path

import torch


def bits(tensor):
    """float32 elements as their 32 bits: nothing is lost in decimal."""
    return tensor.flatten().view(torch.int32).tolist()


def after_seed(make):
    torch.manual_seed(7)
    return make()


random = {
    "rand": bits(after_seed(lambda: torch.rand(1000))),
    "randnFew": bits(after_seed(lambda: torch.randn(15))),
    "randnMany": bits(after_seed(lambda: torch.randn(1003))),
    "randperm": after_seed(lambda: torch.randperm(500)).tolist(),
    "randint": after_seed(lambda: torch.randint(-5, 1000, (500,))).tolist(),
    "linear": after_seed(lambda: [bits(t.detach()) for t in torch.nn.Linear(37, 11).parameters()]),
    "embedding": after_seed(lambda: bits(torch.nn.Embedding(9, 5).weight.detach())),
    "mixed": bits(after_seed(lambda: torch.cat([torch.rand(3), torch.randn(4), torch.rand(2), torch.randn(20)]))),
}

numbers = torch.cat([
    torch.tensor([0.0, -0.0, 1.0, -1.5, 65504.0, 65519.9, 65520.0, 1e-8, 6e-8, 5.97e-8, 6.1e-5, 2049.0, 2051.0, 1e30, -1e39,
                  3.3895e38, 1.00390625, 1.01171875, float("inf"), float("-inf"), float("nan")]),
    after_seed(lambda: torch.randn(64) * torch.exp(torch.randn(64) * 6)),
])
conversions = {
    "from": bits(numbers),
    "float16": (numbers.to(torch.float16).view(torch.int16).to(torch.int64) & 0xFFFF).tolist(),
    "bfloat16": (numbers.to(torch.bfloat16).view(torch.int16).to(torch.int64) & 0xFFFF).tolist(),
}


def views():
    """Writes through views of views, turned and stepped, and the gradient that goes back through them."""
    x = torch.arange(12, dtype=torch.float32).reshape(3, 4).requires_grad_()
    base = x * 1
    turned = base.t()
    turned[1].mul_(10)
    stepped = base[:, ::2]
    stepped[1:].add_(x[:2, :2])
    flat = base.view(12)
    flat[11] = 5
    corner = base[1:, 1:].t()[0]
    corner.copy_(x[0, :2] * 2)
    (base * base).sum().backward()
    return {"base": base.flatten().tolist(), "turned": turned.flatten().tolist(), "stepped": stepped.flatten().tolist(),
            "corner": corner.flatten().tolist(), "grad": x.grad.flatten().tolist()}


def steps():
    """Six steps of SGD; the predictions of each are kept as PyTorch gave them at that step."""
    w = torch.tensor([[0.5, -1.0, 0.25]], requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.1, momentum=0.9)
    x = torch.tensor([[1.0, 2.0, 3.0], [0.5, -1.0, 2.0]])
    y = torch.tensor([[1.0], [-1.0]])
    kept, losses = [], []
    for _ in range(6):
        optimizer.zero_grad()
        predicted = x @ w.t()
        loss = ((predicted - y) ** 2).mean()
        loss.backward()
        optimizer.step()
        kept.append(predicted.detach().flatten().tolist())
        losses.append(loss.item())
    return {"predictions": kept, "losses": losses, "weight": w.detach().flatten().tolist()}


golden = {"torch": torch.__version__, "random": random, "conversions": conversions, "views": views(), "steps": steps()}
Path(__file__).with_name("realization.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
