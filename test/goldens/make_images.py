"""Goldens of layers for images: what they start from and print, small networks from a seed, running statistics.

Run: python test/goldens/make_images.py
"""
import json
from pathlib import Path

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.set_num_threads(1)


def flat(t):
    return [round(float(v), 9) for v in t.detach().double().flatten()]


def start(make):
    torch.manual_seed(7)
    layer = make()
    return {"text": repr(layer), "state": {k: flat(v)[:6] for k, v in layer.state_dict().items()},
            "shapes": {k: list(v.shape) for k, v in layer.state_dict().items()}}


# JavaScript's expression beside PyTorch's.
LAYERS = [
    ("new N.Conv2d(1, 6, 5, { padding: 2 })", lambda: nn.Conv2d(1, 6, 5, padding=2)),
    ("new N.Conv1d(4, 8, 3, { stride: 2, padding: 1, dilation: 2, groups: 2, bias: false, paddingMode: \"circular\" })",
     lambda: nn.Conv1d(4, 8, 3, stride=2, padding=1, dilation=2, groups=2, bias=False, padding_mode="circular")),
    ("new N.Conv2d(1, 2, 3, { padding: \"same\" })", lambda: nn.Conv2d(1, 2, 3, padding="same")),
    ("new N.Conv3d(1, 2, 3)", lambda: nn.Conv3d(1, 2, 3)),
    ("new N.ConvTranspose2d(2, 3, 4, { stride: 2, padding: 1, outputPadding: 1 })",
     lambda: nn.ConvTranspose2d(2, 3, 4, stride=2, padding=1, output_padding=1)),
    ("new N.ConvTranspose1d(4, 2, 3, { groups: 2, bias: false, dilation: 2 })",
     lambda: nn.ConvTranspose1d(4, 2, 3, groups=2, bias=False, dilation=2)),
    ("new N.MaxPool2d(2)", lambda: nn.MaxPool2d(2)),
    ("new N.MaxPool2d([2, 3], { stride: 1, padding: 1, ceilMode: true })", lambda: nn.MaxPool2d((2, 3), stride=1, padding=1, ceil_mode=True)),
    ("new N.MaxPool1d(3)", lambda: nn.MaxPool1d(3)),
    ("new N.MaxPool3d([2, 1, 3])", lambda: nn.MaxPool3d((2, 1, 3))),
    ("new N.MaxPool2d(2, { returnIndices: true })", lambda: nn.MaxPool2d(2, return_indices=True)),
    ("new N.MaxUnpool1d(2)", lambda: nn.MaxUnpool1d(2)),
    ("new N.MaxUnpool2d([3, 2], { stride: 2, padding: 1 })", lambda: nn.MaxUnpool2d((3, 2), stride=2, padding=1)),
    ("new N.MaxUnpool3d(2)", lambda: nn.MaxUnpool3d(2)),
    ("new N.AvgPool3d(2, { stride: [1, 2, 1] })", lambda: nn.AvgPool3d(2, stride=(1, 2, 1))),
    ("new N.AdaptiveAvgPool3d(2)", lambda: nn.AdaptiveAvgPool3d(2)),
    ("new N.AdaptiveMaxPool1d(3)", lambda: nn.AdaptiveMaxPool1d(3)),
    ("new N.AdaptiveMaxPool3d([1, null, 2])", lambda: nn.AdaptiveMaxPool3d((1, None, 2))),
    ("new N.AvgPool1d(2)", lambda: nn.AvgPool1d(2)),
    ("new N.AvgPool2d(2)", lambda: nn.AvgPool2d(2)),
    ("new N.AdaptiveAvgPool2d([7, null])", lambda: nn.AdaptiveAvgPool2d((7, None))),
    ("new N.AdaptiveAvgPool1d(3)", lambda: nn.AdaptiveAvgPool1d(3)),
    ("new N.AdaptiveMaxPool2d(1)", lambda: nn.AdaptiveMaxPool2d(1)),
    ("new N.BatchNorm1d(4)", lambda: nn.BatchNorm1d(4)),
    ("new N.BatchNorm2d(3, { momentum: null, affine: false })", lambda: nn.BatchNorm2d(3, momentum=None, affine=False)),
    ("new N.BatchNorm3d(3, { trackRunningStats: false, bias: false })", lambda: nn.BatchNorm3d(3, track_running_stats=False, bias=False)),
    ("new N.LayerNorm(4)", lambda: nn.LayerNorm(4)),
    ("new N.LayerNorm([3, 4], { elementwiseAffine: false })", lambda: nn.LayerNorm((3, 4), elementwise_affine=False)),
    ("new N.LayerNorm(4, { bias: false, eps: 1e-3 })", lambda: nn.LayerNorm(4, bias=False, eps=1e-3)),
    ("new N.GroupNorm(3, 6)", lambda: nn.GroupNorm(3, 6)),
    ("new N.InstanceNorm1d(3)", lambda: nn.InstanceNorm1d(3)),
    ("new N.InstanceNorm2d(3, { affine: true, trackRunningStats: true })", lambda: nn.InstanceNorm2d(3, affine=True, track_running_stats=True)),
    ("new N.RMSNorm(4)", lambda: nn.RMSNorm(4)),
    ("new N.RMSNorm([3, 4], { eps: 1e-6 })", lambda: nn.RMSNorm([3, 4], eps=1e-6)),
    ("new N.LocalResponseNorm(2)", lambda: nn.LocalResponseNorm(2)),
    ("new N.Upsample({ scaleFactor: 2 })", lambda: nn.Upsample(scale_factor=2)),
    ("new N.Upsample({ size: [3, 4], mode: \"bilinear\", alignCorners: true })", lambda: nn.Upsample(size=(3, 4), mode="bilinear", align_corners=True)),
    ("new N.Upsample({ scaleFactor: [1.5, 2] })", lambda: nn.Upsample(scale_factor=(1.5, 2.0))),
    ("new N.PixelShuffle(2)", lambda: nn.PixelShuffle(2)),
    ("new N.PixelUnshuffle(2)", lambda: nn.PixelUnshuffle(2)),
    ("new N.ZeroPad2d(1)", lambda: nn.ZeroPad2d(1)),
    ("new N.ZeroPad2d([1, 2, 0, 1])", lambda: nn.ZeroPad2d((1, 2, 0, 1))),
    ("new N.ZeroPad1d(2)", lambda: nn.ZeroPad1d(2)),
    ("new N.ConstantPad1d(2, 3.5)", lambda: nn.ConstantPad1d(2, 3.5)),
    ("new N.ConstantPad2d(1, 0)", lambda: nn.ConstantPad2d(1, 0)),
    ("new N.ReflectionPad1d(1)", lambda: nn.ReflectionPad1d(1)),
    ("new N.ReflectionPad2d(1)", lambda: nn.ReflectionPad2d(1)),
    ("new N.ReplicationPad1d([1, 2])", lambda: nn.ReplicationPad1d((1, 2))),
    ("new N.ReplicationPad2d(1)", lambda: nn.ReplicationPad2d(1)),
    ("new N.CircularPad1d(1)", lambda: nn.CircularPad1d(1)),
    ("new N.CircularPad2d(1)", lambda: nn.CircularPad2d(1)),
    ("new N.Unfold(2, { stride: 2 })", lambda: nn.Unfold(2, stride=2)),
    ("new N.Fold([4, 5], [2, 2])", lambda: nn.Fold((4, 5), kernel_size=(2, 2))),
]

# A layer after seed 7 on rand(shape): what it gives.
FORWARDS = [
    ("new N.Conv2d(2, 3, 3, { padding: 1, paddingMode: \"reflect\" })", [2, 2, 4, 5], lambda: nn.Conv2d(2, 3, 3, padding=1, padding_mode="reflect")),
    ("new N.Conv2d(2, 3, [3, 2], { padding: [2, 1], paddingMode: \"replicate\", stride: 2 })", [1, 2, 4, 5],
     lambda: nn.Conv2d(2, 3, (3, 2), padding=(2, 1), padding_mode="replicate", stride=2)),
    ("new N.Conv1d(2, 3, 4, { padding: \"same\", paddingMode: \"circular\" })", [2, 2, 6], lambda: nn.Conv1d(2, 3, 4, padding="same", padding_mode="circular")),
    ("new N.Conv3d(1, 2, 2, { padding: 1, paddingMode: \"circular\" })", [1, 1, 2, 3, 2], lambda: nn.Conv3d(1, 2, 2, padding=1, padding_mode="circular")),
    ("new N.ConvTranspose2d(2, 3, 3, { stride: 2, outputPadding: 1 })", [1, 2, 3, 3], lambda: nn.ConvTranspose2d(2, 3, 3, stride=2, output_padding=1)),
    ("new N.ConvTranspose1d(2, 4, 3, { groups: 2 })", [2, 5], lambda: nn.ConvTranspose1d(2, 4, 3, groups=2)),
    ("new N.MaxPool2d(3, { stride: 2, padding: 1 })", [1, 2, 5, 5], lambda: nn.MaxPool2d(3, stride=2, padding=1)),
    ("new N.AvgPool2d(3, { stride: 2, padding: 1, countIncludePad: false })", [1, 2, 5, 5], lambda: nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False)),
    ("new N.AvgPool1d(2, { stride: 1 })", [2, 5], lambda: nn.AvgPool1d(2, stride=1)),
    ("new N.MaxPool1d(2, { ceilMode: true })", [1, 2, 5], lambda: nn.MaxPool1d(2, ceil_mode=True)),
    ("new N.AdaptiveAvgPool2d([2, null])", [1, 2, 5, 3], lambda: nn.AdaptiveAvgPool2d((2, None))),
    ("new N.AdaptiveAvgPool1d(2)", [1, 2, 5], lambda: nn.AdaptiveAvgPool1d(2)),
    ("new N.AdaptiveMaxPool2d(2)", [1, 2, 5, 3], lambda: nn.AdaptiveMaxPool2d(2)),
    ("new N.MaxPool3d(2, { stride: 1 })", [1, 2, 3, 2, 3], lambda: nn.MaxPool3d(2, stride=1)),
    ("new N.AvgPool3d(2, { ceilMode: true })", [1, 2, 3, 2, 3], lambda: nn.AvgPool3d(2, ceil_mode=True)),
    ("new N.AdaptiveMaxPool1d(2)", [1, 2, 5], lambda: nn.AdaptiveMaxPool1d(2)),
    ("new N.AdaptiveMaxPool3d(2)", [1, 2, 5, 3, 2], lambda: nn.AdaptiveMaxPool3d(2)),
    ("new N.AdaptiveAvgPool3d([2, 1, null])", [2, 5, 3, 2], lambda: nn.AdaptiveAvgPool3d((2, 1, None))),
    ("new N.LayerNorm([3, 4])", [2, 3, 4], lambda: nn.LayerNorm((3, 4))),
    ("new N.RMSNorm(4)", [2, 3, 4], lambda: nn.RMSNorm(4)),
    ("new N.GroupNorm(2, 4)", [2, 4, 3], lambda: nn.GroupNorm(2, 4)),
    ("new N.InstanceNorm1d(3)", [3, 4], lambda: nn.InstanceNorm1d(3)),
    ("new N.LocalResponseNorm(2)", [1, 4, 3], lambda: nn.LocalResponseNorm(2)),
    ("new N.Upsample({ scaleFactor: 2, mode: \"bilinear\" })", [1, 1, 2, 3], lambda: nn.Upsample(scale_factor=2, mode="bilinear")),
    ("new N.PixelShuffle(2)", [1, 4, 2, 2], lambda: nn.PixelShuffle(2)),
    ("new N.PixelUnshuffle(2)", [1, 1, 4, 2], lambda: nn.PixelUnshuffle(2)),
    ("new N.ZeroPad1d([1, 0])", [2, 3], lambda: nn.ZeroPad1d((1, 0))),
    ("new N.ZeroPad2d([1, 2, 0, 1])", [1, 2, 3], lambda: nn.ZeroPad2d((1, 2, 0, 1))),
    ("new N.ConstantPad1d(1, 3.5)", [2, 3], lambda: nn.ConstantPad1d(1, 3.5)),
    ("new N.ConstantPad2d(1, -1)", [1, 2, 2], lambda: nn.ConstantPad2d(1, -1)),
    ("new N.ReflectionPad1d(2)", [2, 3], lambda: nn.ReflectionPad1d(2)),
    ("new N.ReflectionPad2d(1)", [1, 2, 3], lambda: nn.ReflectionPad2d(1)),
    ("new N.ReplicationPad1d([1, 2])", [2, 3], lambda: nn.ReplicationPad1d((1, 2))),
    ("new N.ReplicationPad2d(1)", [1, 2, 3], lambda: nn.ReplicationPad2d(1)),
    ("new N.CircularPad1d(1)", [2, 3], lambda: nn.CircularPad1d(1)),
    ("new N.CircularPad2d([1, 0, 0, 1])", [1, 2, 3], lambda: nn.CircularPad2d((1, 0, 0, 1))),
    ("new N.Unfold(2)", [1, 2, 3, 3], lambda: nn.Unfold(2)),
    ("new N.Fold(3, 2)", [1, 8, 4], lambda: nn.Fold(3, 2)),
]


# A pooling layer that gives indices after seed 7 on rand(shape), and what its counterpart makes of both.
INDEXED = [
    (1, 2, {}, [2, 3, 5], nn.MaxPool1d, nn.MaxUnpool1d),
    (2, 3, {"stride": 2, "padding": 1}, [1, 2, 6, 5], nn.MaxPool2d, nn.MaxUnpool2d),
    (3, 2, {}, [2, 2, 4, 3], nn.MaxPool3d, nn.MaxUnpool3d),
]


def indexed(pool, unpool, axes, kernel, options, shape):
    torch.manual_seed(7)
    x = torch.rand(shape)
    values, indices = pool(kernel, return_indices=True, **options)(x)
    again = unpool(kernel, **options)(values, indices, output_size=shape[-axes:])
    return {"values": flat(values), "indices": flat(indices), "again": flat(again)}


def forward(make, shape):
    torch.manual_seed(7)
    layer = make()
    y = layer(torch.rand(shape))
    return {"shape": list(y.shape), "y": flat(y)}


class LeNet5(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.pool = nn.AvgPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = x.view(x.size(0), -1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def convnet():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 8, 3), nn.ReLU(), nn.MaxPool2d(2),
                         nn.Flatten(), nn.Linear(72, 16), nn.ReLU(), nn.Linear(16, 5))


def network(make, shape, classes, steps):
    """Every step: the loss, and after the last one every parameter's gradient and the state, in part."""
    torch.manual_seed(7)
    model = make()
    x = torch.rand(shape)
    target = torch.arange(shape[0]) % classes
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    losses, logits = [], flat(model.eval()(x))
    model.train()
    for _ in range(steps):
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(float(loss))
    return {"parameters": sum(p.numel() for p in model.parameters()), "logits": logits, "losses": losses,
            "grads": {k: flat(p.grad)[:40] for k, p in model.named_parameters()},
            "state": {k: flat(v)[:40] for k, v in model.state_dict().items()}}


def running(make, shape, batches):
    """Training batches, the statistics after each, then eval() on another."""
    torch.manual_seed(7)
    layer = make()
    after = []
    for _ in range(batches):
        y = layer(torch.rand(shape) * 3 - 1)
        after.append({"y": flat(y), **{k: flat(v) for k, v in layer.state_dict().items() if "running" in k or "num" in k}})
    layer.eval()
    return {"after": after, "eval": flat(layer(torch.rand(shape)))}


RUNNING = [
    ("new N.BatchNorm1d(3)", [5, 3], lambda: nn.BatchNorm1d(3)),
    ("new N.BatchNorm1d(3, { momentum: null })", [2, 3, 4], lambda: nn.BatchNorm1d(3, momentum=None)),
    ("new N.BatchNorm2d(2, { momentum: 0.3, affine: false, eps: 1e-3 })", [2, 2, 3, 2], lambda: nn.BatchNorm2d(2, momentum=0.3, affine=False, eps=1e-3)),
    ("new N.BatchNorm3d(2)", [1, 2, 2, 3, 2], lambda: nn.BatchNorm3d(2)),
    ("new N.BatchNorm1d(3, { trackRunningStats: false })", [5, 3], lambda: nn.BatchNorm1d(3, track_running_stats=False)),
    ("new N.InstanceNorm2d(2, { trackRunningStats: true, affine: true })", [3, 2, 3, 2], lambda: nn.InstanceNorm2d(2, track_running_stats=True, affine=True)),
    ("new N.InstanceNorm1d(2)", [3, 2, 4], lambda: nn.InstanceNorm1d(2)),
]

out = {
    "torch": torch.__version__,
    "layers": [{"js": js, **start(make)} for js, make in LAYERS],
    "forwards": [{"js": js, "input": shape, **forward(make, shape)} for js, shape, make in FORWARDS],
    "indexed": [{"axes": axes, "kernel": kernel, "options": options, "input": shape, **indexed(pool, unpool, axes, kernel, options, shape)}
                for axes, kernel, options, shape, pool, unpool in INDEXED],
    "running": [{"js": js, "input": shape, **running(make, shape, 3)} for js, shape, make in RUNNING],
    "lenet5": network(LeNet5, [4, 1, 28, 28], 10, 3),
    "convnet": network(convnet, [6, 1, 10, 10], 5, 3),
}
lines = []
for key, value in out.items():
    body = "[\n" + ",\n".join(json.dumps(v, separators=(",", ":")) for v in value) + "\n]" if isinstance(value, list) else json.dumps(value, separators=(",", ":"))
    lines.append(f'"{key}":{body}')
Path(__file__).with_name("images.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")
print({k: len(v) for k, v in out.items()})
