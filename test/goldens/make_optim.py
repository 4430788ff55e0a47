"""Writes optim.json: parameters after each step of PyTorch's optimizers, and learning rates of transformers' schedules.

Run with torch and transformers installed: python test/goldens/make_optim.py
"""
import json
from pathlib import Path

import torch
import transformers

STEPS = 12
torch.manual_seed(5)
start = {"weight": torch.randn(3, 4), "bias": torch.randn(3)}
x = torch.randn(STEPS, 6, 4)
y = torch.randn(STEPS, 6, 3)

CASES = {
    "SGD": (torch.optim.SGD, dict(lr=0.1)),
    "SGD decay": (torch.optim.SGD, dict(lr=0.1, weight_decay=0.1)),
    "SGD momentum": (torch.optim.SGD, dict(lr=0.1, momentum=0.9)),
    "SGD dampening": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, dampening=0.5)),
    "SGD nesterov": (torch.optim.SGD, dict(lr=0.1, momentum=0.9, weight_decay=0.05, nesterov=True)),
    "Adam": (torch.optim.Adam, dict(lr=0.05)),
    "Adam decay": (torch.optim.Adam, dict(lr=0.05, weight_decay=0.1, betas=(0.8, 0.95), eps=1e-3)),
    "AdamW": (torch.optim.AdamW, dict(lr=0.05)),
    "AdamW decay": (torch.optim.AdamW, dict(lr=0.05, weight_decay=0.3, betas=(0.8, 0.95), eps=1e-3)),
}


def run(make, options, clip=None, groups=False):
    w, b = (start[name].clone().requires_grad_() for name in ("weight", "bias"))
    params = [{"params": [w], "weight_decay": 0.3}, {"params": [b], "weight_decay": 0.0}] if groups else [w, b]
    optimizer = make(params, **options)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(torch.nn.functional.linear(x[step], w, b), y[step])
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_([w, b], clip) if clip else None
        optimizer.step()
        steps.append(
            {
                "loss": loss.item(),
                "norm": norm.item() if clip else None,
                "weight": w.detach().flatten().tolist(),
                "bias": b.detach().tolist(),
            }
        )
    return steps


def schedule(make, **options):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler = make(optimizer, **options)
    values = []
    for _ in range(21):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return values


golden = {
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "start": {name: value.flatten().tolist() for name, value in start.items()},
    "x": x.flatten().tolist(),
    "y": y.flatten().tolist(),
    "cases": {name: run(make, options) for name, (make, options) in CASES.items()},
    "clipped": run(torch.optim.AdamW, dict(lr=0.05), clip=0.5),
    "groups": run(torch.optim.AdamW, dict(lr=0.05), groups=True),
    "schedules": {
        "linear": schedule(transformers.get_linear_schedule_with_warmup, num_warmup_steps=4, num_training_steps=20),
        "cosine": schedule(transformers.get_cosine_schedule_with_warmup, num_warmup_steps=4, num_training_steps=20),
        "constant": schedule(transformers.get_constant_schedule_with_warmup, num_warmup_steps=4),
    },
}
Path(__file__).with_name("optim.json").write_text(json.dumps(golden) + "\n")
