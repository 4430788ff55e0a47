"""Goldens of printed tensors: each is an expression of ours beside one of PyTorch, and what PyTorch prints.

Run: python test/goldens/make_print.py
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

CASES = []
DTYPES = {"float32": torch.float32, "float64": torch.float64, "float16": torch.float16, "bfloat16": torch.bfloat16,
          "int64": torch.int64, "int32": torch.int32, "int16": torch.int16, "int8": torch.int8, "uint8": torch.uint8, "bool": torch.bool}


def show(py, js, **options):
    names = {"precision": "precision", "threshold": "threshold", "edgeitems": "edgeItems", "linewidth": "lineWidth", "sci_mode": "sciMode"}
    torch.set_printoptions(profile="default")
    torch.set_printoptions(**options)
    text = str(eval(py, {"torch": torch, "F": F, "math": math}))
    torch.set_printoptions(profile="default")
    CASES.append({"py": py, "js": js, "options": {names[key]: value for key, value in options.items()}, "text": text})


def js_list(data):
    if isinstance(data, list):
        return "[" + ", ".join(js_list(item) for item in data) + "]"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, float) and not math.isfinite(data):
        return "NaN" if math.isnan(data) else "Infinity" if data > 0 else "-Infinity"
    if isinstance(data, int) and abs(data) > 2**53:
        return f"{data}n"
    return "-0" if isinstance(data, float) and data == 0 and math.copysign(1, data) < 0 else repr(data)


def py_list(data):
    if isinstance(data, list):
        return "[" + ", ".join(py_list(item) for item in data) + "]"
    if isinstance(data, float) and not math.isfinite(data):
        return f"math.{'nan' if math.isnan(data) else 'inf'}" if not data < 0 else "-math.inf"
    return repr(data)


def given(data, dtype="float32", **options):
    show(f"torch.tensor({py_list(data)}, dtype=torch.{dtype})", f'T.tensor({js_list(data)}, {{ dtype: "{dtype}" }})', **options)


nan, inf = math.nan, math.inf
for data in [[1.0, 2.0, 3.0], [0.1, 0.25, 3.0], [[1.0, -2.0], [30.0, 4.0]], [0.0, 0.0], [-0.0, 1.0], [1e-5, 1.0], [1e-5], [0.0001, 0.1], [0.00009, 0.0],
             [1000.0, 1.0], [1001.0, 1.0], [1001.5, 1.0], [1e8, 1e8], [1.1e8], [123456789.0], [99999.5, 100.25], [0.5, 600.0], [0.5, 400.25],
             [nan, 1.0], [nan, 1.5], [inf, -inf, nan], [inf, 2.25, -3.0], [nan], [-inf, 100.0], [0.03125, 1.0], [0.09375, 2.5], [2.5, 0.00005],
             [1e-10, 2e-10], [1.5e10, 2.5], [-1e-8, 5.0], [1e20, 1.0], [3.4e38], [1.17e-38],
             [0.14867, 0.16088, 0.030011, 0.00011054, 0.22], 3.0, 3.5, -0.25, 1e-7, 1e9, nan, inf, 0.0, [[[0.5]]], [[0.1] * 12] * 2, [1234.5678] * 30]:
    given(data)
for data in [[0.1, 1 / 3], [1e-12, 1.0], 2.0, [2.00005, 3.0]]:
    given(data, "float64")
given([0.1, 2.5, 65504.0], "float16")
given([0.1, 2.5], "bfloat16")
given([1, -20, 300], "int64")
given([[1, 2], [300, -4]], "int32")
given([2**62, -1, 9007199254740993], "int64")
given(7, "int64")
given([1, 2], "int8")
given([255], "uint8")
given([True, False], "bool")
given([[True], [True]], "bool")
given(True, "bool")
given(list(range(40)), "int64")
given([[[1, 2], [3, 4]], [[5, 6], [7, 8]]], "int64")
given([[[[1.5, 2.0]], [[3.0, 4.0]]], [[[5.0, 6.0]], [[7.0, 8.0]]]])
show("torch.zeros(0)", "T.zeros([0])")
show("torch.zeros(0, 3)", "T.zeros([0, 3])")
show("torch.zeros(2, 0, dtype=torch.int64)", 'T.zeros([2, 0], { dtype: "int64" })')
show("torch.zeros(0, dtype=torch.float64)", 'T.zeros([0], { dtype: "float64" })')
show("torch.arange(1001)", "T.arange(1001)")
show("torch.arange(1000)", "T.arange(1000)")
show("torch.arange(2000.0)", 'T.arange(0, 2000, 1, { dtype: "float32" })')
show("torch.arange(10000).reshape(100, 100)", "T.arange(10000).reshape([100, 100])")
show("torch.arange(12000.0).reshape(100, 5, 24) / 7", 'T.arange(0, 12000, 1, { dtype: "float32" }).reshape([100, 5, 24]).div(7)')
show("torch.arange(3000).reshape(2, 3, 500)", "T.arange(3000).reshape([2, 3, 500])")
show("torch.arange(12).view(3, 4).t()", "T.arange(12).view([3, 4]).t()")
for options in [{"precision": 2}, {"precision": 0}, {"precision": 8}, {"sci_mode": True}, {"sci_mode": False}, {"linewidth": 30}, {"linewidth": 5}]:
    given([0.123456789, 12.5, 1000.0], **options)
    given([1.0, 2e6, 3.0], **options)
show("torch.arange(100).reshape(10, 10)", "T.arange(100).reshape([10, 10])", threshold=50)
show("torch.arange(100).reshape(10, 10)", "T.arange(100).reshape([10, 10])", threshold=50, edgeitems=1)
show("torch.arange(100)", "T.arange(100)", threshold=50, edgeitems=5)
G = 'torch.tensor([1.0, 2.0], requires_grad=True)'
J = 'T.tensor([1, 2], { dtype: "float32", requiresGrad: true })'
show(G, J)
for py, js in [("{} * 2", ".mul(2)"), ("{} + 1", ".add(1)"), ("{} - 1", ".sub(1)"), ("{} / 2", ".div(2)"), ("{} ** 2", ".pow(2)"), ("{} ** {}", ".pow({})"),
               ("{}.sum()", ".sum()"), ("{}.mean()", ".mean()"), ("{}.sum(0, keepdim=True)", ".sum(0, true)"), ("{}.exp()", ".exp()"), ("{}.softmax(0)", ".softmax(0)"), ("{}.log_softmax(0)", ".logSoftmax(0)"),
               ("{}[0]", ".select(0, 0)"), ("{}[:1]", ".slice(0, 0, 1)"), ("{}.view(2, 1)", ".view([2, 1])"), ("{}.clone()", ".clone()"), ("{}.double()", '.to("float64")'), ("{}.relu()", ".relu()"),
               ("{}.unsqueeze(0)", ".unsqueeze(0)"), ("{}.unsqueeze(0).squeeze()", ".unsqueeze(0).squeeze()"), ("{}.unsqueeze(0).squeeze(0)", ".unsqueeze(0).squeeze(0)"), ("{}.sum(0)", ".sum(0)"), ("{}.max(0)[0]", ".max(0).values"), ("{}.unsqueeze(0).t()", ".unsqueeze(0).t()"), ("{}.unsqueeze(0).T", ".unsqueeze(0).T"), ("{}.expand(2, 2)", ".expand([2, 2])"), ("-{}", ".neg()"),
               ("{}.unsqueeze(0) @ {}.unsqueeze(1)", ".unsqueeze(0).matmul({}.unsqueeze(1))"), ("{} @ {}", ".matmul({})"), ("torch.ones(1, 2) @ {}", None), ("{}.detach()", ".detach()"),
               ("{}.max()", ".max()"), ("{}.masked_fill(torch.tensor([True, False]), 0)", ".maskedFill(T.tensor([true, false]), 0)"), ("({} * 2).add_(1)", ".mul(2).add_(1)")]:
    ours = f"T.ones([1, 2]).matmul({J})" if js is None else J + js.replace("{}", J)
    show(py.replace("{}", G), ours)
show(f"torch.cat([{G}, {G}])", f"T.cat([{J}, {J}])")
show(f"F.linear({G}.unsqueeze(0), torch.ones(2, 2), torch.ones(2))", f"F.linear({J}.unsqueeze(0), T.ones([2, 2]), T.ones([2]))")
show(f"torch.stack([{G}, {G}])", f"T.stack([{J}, {J}])")
show(f"F.mse_loss({G}, torch.zeros(2))", f"F.mseLoss({J}, T.zeros([2]))")
show(f"F.cross_entropy({G}, torch.tensor(1))", f"F.crossEntropy({J}, T.tensor(1))")
show(f"F.binary_cross_entropy_with_logits({G}, torch.zeros(2))", f"F.binaryCrossEntropyWithLogits({J}, T.zeros([2]))")
show(f"F.conv1d({G}.view(1, 1, 2), torch.ones(1, 1, 2))", f"F.conv1d({J}.view([1, 1, 2]), T.ones([1, 1, 2]))")
show(f"F.max_pool2d({G}.view(1, 1, 1, 2), (1, 2))", f"F.maxPool2d({J}.view([1, 1, 1, 2]), [1, 2])")
show(f"F.layer_norm({G}, (2,)) * 0", f"F.layerNorm({J}, [2]).mul(0)")
show(f"F.layer_norm({G}, (2,)).round()", f"F.layerNorm({J}, [2]).round()")
show("torch.tensor([[0.1] * 8] * 2, dtype=torch.float64, requires_grad=True)",
     f'T.tensor({js_list([[0.1] * 8] * 2)}, {{ dtype: "float64", requiresGrad: true }})')
show("torch.tensor([[0.1] * 5] * 2, dtype=torch.float64, requires_grad=True).exp().softmax(1)",
     f'T.tensor({js_list([[0.1] * 5] * 2)}, {{ dtype: "float64", requiresGrad: true }}).exp().softmax(1)')

Path(__file__).with_name("print.json").write_text(json.dumps({"torch": torch.__version__, "cases": CASES}, indent=1) + "\n")
print(len(CASES), "cases")
