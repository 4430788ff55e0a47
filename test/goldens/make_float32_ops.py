"""Writes float32-ops.json: values and gradients of operations without float64 kernels, from PyTorch.

Run with PyTorch installed: python test/goldens/make_float32_ops.py
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(3)
x = torch.randn(2, 3, 8, requires_grad=True)
w = torch.randn(8, requires_grad=True)
b = torch.randn(8, requires_grad=True)
g = torch.randn(2, 3, 8)


def record(y, inputs):
    (y * g).sum().backward()
    result = {"y": y.detach().flatten().tolist(), "grads": [i.grad.flatten().tolist() for i in inputs]}
    for i in inputs:
        i.grad = None
    return result


golden = {
    "torch": torch.__version__,
    "x": x.detach().flatten().tolist(),
    "w": w.detach().tolist(),
    "b": b.detach().tolist(),
    "g": g.flatten().tolist(),
    "layerNorm": record(F.layer_norm(x, (8,), w, b, 1e-5), [x, w, b]),
    "gelu": record(F.gelu(x), [x]),
    "geluTanh": record(F.gelu(x, approximate="tanh"), [x]),
    "erf": record(torch.erf(x), [x]),
}
Path(__file__).with_name("float32-ops.json").write_text(json.dumps(golden))
