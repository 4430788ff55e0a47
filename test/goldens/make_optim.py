"""Writes optim.json: parameters after each step of PyTorch's optimizers, rates of its schedulers and of transformers' schedules, norms.

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
    "SGD maximize": (torch.optim.SGD, dict(lr=0.05, momentum=0.5, weight_decay=0.1, maximize=True)),
    "Adam amsgrad": (torch.optim.Adam, dict(lr=0.05, amsgrad=True, betas=(0.5, 0.6))),
    "AdamW amsgrad maximize": (torch.optim.AdamW, dict(lr=0.05, amsgrad=True, betas=(0.5, 0.6), maximize=True)),
    "RMSprop": (torch.optim.RMSprop, dict(lr=0.02)),
    "RMSprop momentum": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.9, momentum=0.8, weight_decay=0.1)),
    "RMSprop centered": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.8, centered=True, eps=1e-3)),
    "RMSprop all": (torch.optim.RMSprop, dict(lr=0.02, alpha=0.8, centered=True, momentum=0.5, eps=1e-2, maximize=True)),
    "Adagrad": (torch.optim.Adagrad, dict(lr=0.1)),
    "Adagrad decay": (
        torch.optim.Adagrad,
        dict(lr=0.1, lr_decay=0.1, weight_decay=0.1, initial_accumulator_value=0.5, eps=1e-3),
    ),
    "Adadelta": (torch.optim.Adadelta, dict()),
    "Adadelta decay": (torch.optim.Adadelta, dict(lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.1, maximize=True)),
    "Adamax": (torch.optim.Adamax, dict(lr=0.05)),
    "Adamax decay": (torch.optim.Adamax, dict(lr=0.05, betas=(0.7, 0.8), weight_decay=0.1, maximize=True)),
    "NAdam": (torch.optim.NAdam, dict(lr=0.05)),
    "NAdam decay": (torch.optim.NAdam, dict(lr=0.05, weight_decay=0.1, momentum_decay=0.1)),
    "NAdam decoupled": (torch.optim.NAdam, dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)),
    "RAdam": (torch.optim.RAdam, dict(lr=0.05)),
    "RAdam decay": (torch.optim.RAdam, dict(lr=0.05, weight_decay=0.1, betas=(0.8, 0.9))),
    "RAdam decoupled": (torch.optim.RAdam, dict(lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)),
}


def run(make, options, clip=None, groups=None, idle=False):
    """With idle: the bias has a gradient at every third step alone."""
    w, b = (start[name].clone().requires_grad_() for name in ("weight", "bias"))
    params = [{"params": [w], **groups[0]}, {"params": [b], **groups[1]}] if groups else [w, b]
    optimizer = make(params, **options)
    steps = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(torch.nn.functional.linear(x[step], w, b), y[step])
        loss.backward()
        if idle and step % 3 != 1:
            b.grad = None
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


lrs = torch.optim.lr_scheduler
SCHEDULER_STEPS = 75


def rates(make, optimizer=None, metric=None):
    """Rates of two groups after 0, 1, … steps, and the momentum of the first."""
    params = [{"params": [torch.zeros(1, requires_grad=True)], "lr": 0.5}, {"params": [torch.zeros(1, requires_grad=True)]}]
    optimizer = (optimizer or (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9)))(params)
    scheduler = make(optimizer)
    rows = []
    for step in range(SCHEDULER_STEPS + 1):
        group = optimizer.param_groups[0]
        momentum = group["betas"][0] if "betas" in group else group["momentum"]
        assert scheduler.get_last_lr() == [g["lr"] for g in optimizer.param_groups]
        rows.append([*scheduler.get_last_lr(), momentum])
        optimizer.step()
        scheduler.step(*([metric(step)] if metric else []))
    return rows


def loss_of(step):
    """Falls, stays, falls a little: what a plateau is looked for in."""
    return [1.0, 0.8, 0.6, 0.6, 0.6, 0.6, 0.59999, 0.7, 0.5, 0.5][min(step // 3, 9)]


adam = lambda p: torch.optim.Adam(p, lr=0.1)
SCHEDULERS = {
    "LambdaLR": rates(lambda o: lrs.LambdaLR(o, [lambda e: 0.95**e, lambda e: 1 / (1 + e)])),
    "MultiplicativeLR": rates(lambda o: lrs.MultiplicativeLR(o, lambda e: 0.9 + 0.001 * e)),
    "StepLR": rates(lambda o: lrs.StepLR(o, step_size=30, gamma=0.1)),
    "MultiStepLR": rates(lambda o: lrs.MultiStepLR(o, milestones=[10, 30, 30, 60], gamma=0.5)),
    "ConstantLR": rates(lambda o: lrs.ConstantLR(o, factor=0.5, total_iters=20)),
    "LinearLR": rates(lambda o: lrs.LinearLR(o, start_factor=0.1, end_factor=0.8, total_iters=40)),
    "ExponentialLR": rates(lambda o: lrs.ExponentialLR(o, gamma=0.93)),
    "PolynomialLR": rates(lambda o: lrs.PolynomialLR(o, total_iters=60, power=2.0)),
    "CosineAnnealingLR": rates(lambda o: lrs.CosineAnnealingLR(o, T_max=20, eta_min=0.01)),
    "CosineAnnealingWarmRestarts": rates(lambda o: lrs.CosineAnnealingWarmRestarts(o, T_0=7, T_mult=2, eta_min=0.001)),
    "CyclicLR triangular": rates(lambda o: lrs.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=5, step_size_down=8)),
    "CyclicLR triangular2": rates(
        lambda o: lrs.CyclicLR(o, base_lr=[0.01, 0.02], max_lr=[0.1, 0.3], step_size_up=6, mode="triangular2"), adam
    ),
    "CyclicLR exp_range": rates(
        lambda o: lrs.CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=9, mode="exp_range", gamma=0.98, cycle_momentum=False)
    ),
    "OneCycleLR": rates(lambda o: lrs.OneCycleLR(o, max_lr=0.3, total_steps=80)),
    "OneCycleLR linear": rates(
        lambda o: lrs.OneCycleLR(
            o, max_lr=[0.3, 0.6], epochs=8, steps_per_epoch=10, pct_start=0.4, anneal_strategy="linear", div_factor=10,
            final_div_factor=100, base_momentum=0.7, max_momentum=0.8,
        ),
        adam,
    ),
    "OneCycleLR three phases": rates(
        lambda o: lrs.OneCycleLR(o, max_lr=0.3, total_steps=80, three_phase=True, cycle_momentum=False)
    ),
    "ReduceLROnPlateau": rates(lambda o: lrs.ReduceLROnPlateau(o, patience=3, factor=0.5, min_lr=[0.06, 0.001]), metric=loss_of),
    "ReduceLROnPlateau max": rates(
        lambda o: lrs.ReduceLROnPlateau(o, mode="max", patience=2, cooldown=3, threshold=0.05, threshold_mode="abs"),
        metric=lambda step: -loss_of(step),
    ),
    "SequentialLR": rates(
        lambda o: lrs.SequentialLR(
            o,
            [lrs.LinearLR(o, start_factor=0.1, total_iters=10), lrs.CosineAnnealingLR(o, T_max=30), lrs.StepLR(o, step_size=7)],
            milestones=[10, 40],
        )
    ),
    "ChainedScheduler": rates(
        lambda o: lrs.ChainedScheduler([lrs.ConstantLR(o, factor=0.1, total_iters=12), lrs.ExponentialLR(o, gamma=0.95)])
    ),
    "two on one optimizer": rates(lambda o: [lrs.StepLR(o, step_size=20, gamma=0.5), lrs.ExponentialLR(o, gamma=0.97)][1]),
}

grads = [torch.tensor([[3.0, -4.0], [0.0, 12.0]]), torch.tensor([-1.5, 0.25, 0.0]), torch.tensor(2.0)]


def clipped_by_norm(p):
    params = [torch.zeros_like(g, requires_grad=True) for g in grads]
    for param, g in zip(params, grads):
        param.grad = g.clone()
    norm = torch.nn.utils.clip_grad_norm_(params, 2.0, norm_type=p)
    return {"norm": norm.item(), "grads": [param.grad.flatten().tolist() for param in params]}


golden = {
    "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
    "start": {name: value.flatten().tolist() for name, value in start.items()},
    "x": x.flatten().tolist(),
    "y": y.flatten().tolist(),
    "cases": {name: run(make, options) for name, (make, options) in CASES.items()},
    "clipped": run(torch.optim.AdamW, dict(lr=0.05), clip=0.5),
    "groups": run(torch.optim.AdamW, dict(lr=0.05), groups=[dict(weight_decay=0.3), dict(weight_decay=0.0)]),
    "group options": run(
        torch.optim.SGD, dict(lr=0.05), groups=[dict(lr=0.2, momentum=0.9), dict(weight_decay=0.2, maximize=True)]
    ),
    "idle": {
        "Adam": run(torch.optim.Adam, dict(lr=0.05), idle=True),
        "SGD": run(torch.optim.SGD, dict(lr=0.05, momentum=0.9), idle=True),
        "NAdam": run(torch.optim.NAdam, dict(lr=0.05), idle=True),
    },
    "schedulers": SCHEDULERS,
    "norms": {str(p): clipped_by_norm(p) for p in (0, 0.5, 1, 2, 3, float("inf"))},
    "schedules": {
        "linear": schedule(transformers.get_linear_schedule_with_warmup, num_warmup_steps=4, num_training_steps=20),
        "cosine": schedule(transformers.get_cosine_schedule_with_warmup, num_warmup_steps=4, num_training_steps=20),
        "constant": schedule(transformers.get_constant_schedule_with_warmup, num_warmup_steps=4),
    },
}
Path(__file__).with_name("optim.json").write_text(json.dumps(golden) + "\n")
