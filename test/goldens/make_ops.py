"""Writes ops.json: values, gradients and second derivatives of every graph operation, from PyTorch in float64.

A case is a small program: leaves, then steps (operation, numbers of its inputs, attributes); the last step is what is
tested. Every float leaf is differentiated. The loss is sum(out * w), the second loss sum over leaves of sum(grad * v),
with w and v by formula (see weights), so that a gradient in the wrong place shows.
Elements are multiples of 1/16: every dtype holds them exactly.

Run with PyTorch installed: python test/goldens/make_ops.py
"""
import itertools
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

INTS = ["int64", "int32", "int16", "int8", "uint8"]
FLOATS = ["float32", "float64", "float16", "bfloat16"]
torch.manual_seed(11)


def size(shape):
    return math.prod(shape)


def values(shape, low=-40, high=40, ties=False):
    """Sixteenths between low / 16 and high / 16, all different unless ties are asked for; never 0 when different."""
    span = [k for k in range(low, high + 1) if k != 0]
    count = size(shape)
    if ties or count > len(span):
        return (torch.randint(low, high + 1, (count,)).double() / 16).tolist()
    order = torch.randperm(len(span))[:count].tolist()
    return [span[k] / 16 for k in order]


def leaf(shape, low=-40, high=40, **options):
    return {"shape": list(shape), "dtype": "float", "data": values(shape, low, high, **options)}


def index(data, shape=None, dtype="int64"):
    return {"shape": shape if shape is not None else list(torch.tensor(data).shape), "dtype": dtype,
            "data": torch.tensor(data).flatten().tolist()}


def truth(data):
    t = torch.tensor(data)
    return {"shape": list(t.shape), "dtype": "bool", "data": [int(v) for v in t.flatten().tolist()]}


def weights(count, which):
    if which == 0:
        return [0.25 + ((7 * i) % 11) / 16 for i in range(count)]
    return [0.5 - ((5 * i) % 13) / 16 for i in range(count)]


def trilu(x, upper, diagonal):
    return torch.triu(x, diagonal) if upper else torch.tril(x, diagonal)


def slice_of(x, axis, start, end, step=1):
    at = [slice(None)] * x.dim()
    at[axis] = slice(start, end, step)
    return x[tuple(at)]


def slice_scatter(base, value, axis, start, step=1):
    out = base.clone()
    slice_of(out, axis, start, start + (value.shape[axis] - 1) * step + 1, step).copy_(value)
    return out


def layer_norm_stat(source, x, index):
    mean = x.mean(-1, keepdim=True)
    return mean if index == 1 else 1 / torch.sqrt(((x - mean) ** 2).mean(-1, keepdim=True) + 1e-5)


def rotary_embedding(x, cos, sin):
    pairs = cos.shape[-1]
    heads = x.unflatten(-1, (-1, 2 * pairs))
    a, b = heads[..., :pairs], heads[..., pairs:]
    c, s = cos.unsqueeze(-2), sin.unsqueeze(-2)
    return torch.cat([a * c - b * s, b * c + a * s], -1).flatten(-2)


def hash_uniform(seed, shape):
    columns = shape[-1] if shape else 1
    rows = math.prod(shape[:-1])
    def fract(v):
        return v - torch.floor(v)
    def f(v):
        return torch.tensor(v, dtype=torch.float32)
    s = seed.float()
    x = fract((torch.arange(rows, dtype=torch.float32) + s[0]).reshape(rows, 1) * f(0.1031))
    y = fract((torch.arange(columns, dtype=torch.float32) + s[1]).reshape(1, columns) * f(0.1031))
    bias = f(33.33)
    xy = x * y
    dot = ((xy + xy) + x * ((x + bias) + bias)) + y * bias
    px, py = x + dot, y + dot
    return fract((px + py) * px).reshape(shape)


TORCH = {name: getattr(torch, name) for name in INTS + FLOATS + ["bool"]}
OPS = {
    "constant": lambda value, dtype: torch.tensor(value, dtype=TORCH[dtype]),
    "add": torch.add, "sub": torch.sub, "mul": torch.mul, "div": torch.div, "pow": torch.pow,
    "maximum": torch.maximum, "minimum": torch.minimum, "neg": torch.neg,
    "stopGradient": lambda x: x.detach(),
    "cast": lambda x, dtype: x.to(TORCH[dtype]),
    "exp": torch.exp, "log": torch.log, "sqrt": torch.sqrt, "reciprocal": torch.reciprocal,
    "sin": torch.sin, "cos": torch.cos, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "relu": torch.relu,
    "abs": torch.abs, "erf": torch.erf, "sign": torch.sign, "floor": torch.floor, "round": torch.round,
    "isnan": torch.isnan, "gelu": lambda x, approximate: F.gelu(x, approximate=approximate),
    "eq": torch.eq, "lt": torch.lt, "gt": torch.gt, "le": torch.le, "ge": torch.ge,
    "logicalAnd": torch.logical_and, "logicalOr": torch.logical_or, "logicalXor": torch.logical_xor,
    "logicalNot": torch.logical_not, "where": torch.where,
    "sum": lambda x, axes, keepDim: torch.sum(x, axes, keepdim=keepDim, dtype=x.dtype),
    "mean": lambda x, axes, keepDim: torch.mean(x, axes, keepdim=keepDim),
    "amax": lambda x, axes, keepDim: torch.amax(x, axes, keepdim=keepDim),
    "amin": lambda x, axes, keepDim: torch.amin(x, axes, keepdim=keepDim),
    "argmax": lambda x, axis, keepDim: torch.argmax(x, axis, keepdim=keepDim),
    "cumsum": lambda x, axis: torch.cumsum(x, axis, dtype=x.dtype),
    "softmax": lambda x, axis: torch.softmax(x, axis),
    "logSoftmax": lambda x, axis: torch.log_softmax(x, axis),
    "matmul": lambda a, b, transposeB: torch.matmul(a, b.transpose(-1, -2) if transposeB else b),
    "reshape": lambda x, shape: torch.reshape(x, shape),
    "permute": lambda x, order: torch.permute(x, order),
    "expand": lambda x, shape: x.expand(shape),
    "slice": slice_of,
    "narrow": lambda x, axis, start, length: torch.narrow(x, axis, start, length),
    "sliceScatter": slice_scatter,
    "concat": lambda *parts, axis: torch.cat(parts, axis),
    "trilu": trilu,
    "gather": lambda table, at, axis: torch.index_select(table, axis, at.flatten().long()).reshape(
        list(table.shape[:axis]) + list(at.shape) + list(table.shape[axis + 1:])),
    "scatterAddRows": lambda at, updates, rows: torch.zeros(
        [rows, *updates.shape[1:]], dtype=updates.dtype).index_add(0, at.flatten(), updates),
    "gatherElements": lambda x, at, axis: torch.gather(x, axis, at),
    "scatterAddElements": lambda x, at, updates, axis: torch.scatter_add(x, axis, at, updates),
    "arangeLike": lambda x, axis: torch.arange(x.shape[axis]),
    "layerNorm": lambda x, w, b, eps: F.layer_norm(x, (x.shape[-1],), w, b, eps),
    "layerNormStat": layer_norm_stat,
    "rmsNorm": lambda x, w, eps: F.rms_norm(x, (x.shape[-1],), w, eps),
    "rotaryEmbedding": rotary_embedding,
    "hashUniform": hash_uniform,
}

CASES = []


def case(op, leaves, attrs=None, *, note="", steps=None, ints=False, dtypes=None):
    """`ints`: the operation takes whole numbers too. `dtypes` overrides the list of dtypes for values alone."""
    steps = steps or [{"op": op, "from": list(range(len(leaves))), "attrs": attrs or {}}]
    others = dtypes if dtypes is not None else ["float16", "bfloat16"] + (INTS if ints else [])
    CASES.append({"op": op, "note": note, "leaves": leaves, "steps": steps, "others": others})


def viewed(op, leaves, views, attrs=None, **options):
    """The operation on other looks at the leaves: turned, every second, repeated. `views`: (leaf, operation, attributes)."""
    steps, inputs = [], list(range(len(leaves)))
    for which, name, view in views:
        steps.append({"op": name, "from": [inputs[which]], "attrs": view})
        inputs[which] = len(leaves) + len(steps) - 1
    steps.append({"op": op, "from": inputs, "attrs": attrs or {}})
    case(op, leaves, steps=steps, note="view", **options)


TURN = ("permute", {"order": [1, 0]})
SECOND = ("slice", {"axis": 1, "start": 0, "end": 5, "step": 2})
REPEAT = ("expand", {"shape": [2, 3]})


def unary(op, attrs=None, low=-40, high=40, ints=False, **options):
    case(op, [leaf([2, 3], low, high)], attrs, ints=ints, **options)
    case(op, [leaf([], low, high)], attrs, note="0-d", dtypes=[], **options)
    case(op, [leaf([0, 3], low, high)], attrs, note="empty", dtypes=[], **options)
    viewed(op, [leaf([3, 2], low, high)], [(0, *TURN)], attrs, dtypes=[], **options)
    viewed(op, [leaf([2, 5], low, high)], [(0, *SECOND)], attrs, dtypes=[], **options)


def binary(op, first=(-40, 40), second=(-40, 40), ints=False):
    def two(one, other):
        return [leaf(one, *first), leaf(other, *second)]
    case(op, two([2, 3], [2, 3]), ints=ints)
    case(op, two([2, 1, 3], [4, 1]), note="broadcast both ways", dtypes=[])
    case(op, two([], [2, 3]), note="0-d with matrix", dtypes=[])
    case(op, two([], []), note="0-d", dtypes=[])
    case(op, two([0, 3], [1, 3]), note="empty", dtypes=[])
    viewed(op, two([3, 2], [1, 3]), [(0, *TURN), (1, *REPEAT)], dtypes=[])


for op in ["add", "sub", "mul", "maximum", "minimum"]:
    binary(op, ints=True)
binary("div", second=(4, 40))
binary("pow", first=(2, 40), second=(-40, 40))
case("pow", [leaf([5]), index([2, 3, 0, 1, 2], dtype="float")], note="negative base, whole exponent", dtypes=[])
case("pow", [leaf([4], 0, 5, ties=True), index([2, 3, 0, 1], dtype="float")], note="whole numbers", dtypes=["int64", "int32"])
for op in ["maximum", "minimum"]:
    case(op, [{"shape": [4], "dtype": "float", "data": [1, -2, 0.5, 3]}, {"shape": [4], "dtype": "float", "data": [1, 2, 0.5, -3]}],
         note="equal operands share the gradient", dtypes=[])
for op in ["eq", "lt", "gt", "le", "ge"]:
    for shapes in [([2, 3], [2, 3]), ([2, 1], [3]), ([], []), ([0], [1])]:
        case(op, [leaf(shape, -3, 3, ties=True) for shape in shapes], ints=True, dtypes=None if shapes[0] == [2, 3] else [])
case("eq", [truth([True, False, True]), truth([True, True, False])], note="truth values", dtypes=[])
for op in ["logicalAnd", "logicalOr", "logicalXor"]:
    case(op, [truth([[True, True], [False, False]]), truth([True, False])], note="broadcast", dtypes=[])
    case(op, [truth(True), truth(False)], note="0-d", dtypes=[])
case("logicalNot", [truth([True, False])], dtypes=[])
case("logicalNot", [truth(True)], note="0-d", dtypes=[])
case("where", [truth([[True, False, True], [False, False, True]]), leaf([2, 3]), leaf([2, 3])], ints=True)
case("where", [truth([True, False, True, False]), truth([True, True, False, False]), truth([False, False, True, True])], note="truth values", dtypes=[])
case("where", [truth([[True], [False]]), leaf([3]), leaf([])], note="broadcast", dtypes=[])
case("where", [truth(True), leaf([]), leaf([])], note="0-d", dtypes=[])

for op in ["neg", "abs", "sign"]:
    unary(op, ints=True)
for op in ["exp", "sin", "cos", "tanh", "sigmoid", "floor", "round"]:
    unary(op)
unary("relu", ints=True)
unary("erf")
for op in ["log", "sqrt"]:
    unary(op, low=4)
unary("reciprocal", low=8)
case("round", [{"shape": [6], "dtype": "float", "data": [0.5, 1.5, 2.5, -0.5, -1.5, 0.25]}], note="halves to even", dtypes=[])
case("abs", [{"shape": [3], "dtype": "float", "data": [0, -1, 2]}], note="at zero", dtypes=[])
case("relu", [{"shape": [3], "dtype": "float", "data": [0, -1, 2]}], note="at zero", dtypes=[])
case("sign", [{"shape": [3], "dtype": "float", "data": [0, -1, 2]}], note="at zero", dtypes=[])
case("isnan", [{"shape": [3], "dtype": "float", "data": [1, None, -2]}], note="", dtypes=["float16"])
for approximate in ["none", "tanh"]:
    unary("gelu", {"approximate": approximate})
unary("stopGradient", ints=True)
case("cast", [leaf([2, 3])], {"dtype": "float64"}, dtypes=[])
for source, target in itertools.product(FLOATS + INTS + ["bool"], repeat=2):
    data = [0, 1, 1, 0] if source == "bool" else [0, 3, 7, 100] if source == "uint8" else [0, -3, 7, 100]
    if target == "uint8":
        data = [abs(v) for v in data]
    if source in FLOATS:
        data = [v + 0.5 for v in data]
    case("cast", [{"shape": [4], "dtype": source, "data": data}], {"dtype": target}, note=f"{source} to {target}", dtypes=[])

for op in ["sum", "amax", "amin", "mean"]:
    whole = op != "mean"
    case(op, [leaf([2, 3])], {"axes": [0], "keepDim": False}, ints=whole)
    case(op, [leaf([2, 3])], {"axes": [1], "keepDim": True}, dtypes=[])
    case(op, [leaf([2, 3, 4])], {"axes": [0, 2], "keepDim": False}, note="two axes", dtypes=[])
    case(op, [leaf([2, 3])], {"axes": [0, 1], "keepDim": False}, note="all", dtypes=[])
    viewed(op, [leaf([3, 2])], [(0, *TURN)], {"axes": [1], "keepDim": False}, dtypes=[])
    if op in ["amax", "amin"]:
        case(op, [leaf([3, 4], -2, 2, ties=True)], {"axes": [1], "keepDim": False}, note="ties share", dtypes=[])
case("sum", [leaf([0, 3])], {"axes": [0], "keepDim": False}, note="empty", dtypes=[])
case("argmax", [leaf([2, 3])], {"axis": 1, "keepDim": False}, ints=True)
case("argmax", [leaf([2, 3])], {"axis": 0, "keepDim": True}, dtypes=[])
viewed("argmax", [leaf([3, 2])], [(0, *TURN)], {"axis": 1, "keepDim": False}, dtypes=[])
for axis in [0, 1]:
    case("cumsum", [leaf([2, 3])], {"axis": axis}, ints=axis == 0)
case("cumsum", [leaf([0, 3])], {"axis": 0}, note="empty", dtypes=[])
for op in ["softmax", "logSoftmax"]:
    case(op, [leaf([2, 3])], {"axis": 1})
    case(op, [leaf([2, 3, 2])], {"axis": 1}, note="middle axis", dtypes=[])
    case(op, [leaf([0, 3])], {"axis": 1}, note="empty", dtypes=[])
    viewed(op, [leaf([3, 2])], [(0, *TURN)], {"axis": 1}, dtypes=[])
    case(op, [{"shape": [2, 3], "dtype": "float", "data": [1000, 999, 0, -1000, 0, -999]}], {"axis": 1}, note="large", dtypes=[])

case("matmul", [leaf([2, 3]), leaf([3, 4])], {"transposeB": False}, ints=True)
case("matmul", [leaf([2, 3]), leaf([4, 3])], {"transposeB": True}, ints=True)
case("matmul", [leaf([2, 4, 3]), leaf([2, 3, 2])], {"transposeB": False}, note="batch", dtypes=[])
case("matmul", [leaf([2, 4, 3]), leaf([3, 2])], {"transposeB": False}, note="shared right", dtypes=[])
case("matmul", [leaf([2, 4, 3]), leaf([2, 3])], {"transposeB": True}, note="shared right, turned", dtypes=[])
case("matmul", [leaf([2, 3]), leaf([5, 3, 2])], {"transposeB": False}, note="shared left", dtypes=[])
case("matmul", [leaf([2, 1, 2, 3]), leaf([3, 4, 3])], {"transposeB": True}, note="batch broadcast both ways", dtypes=[])
case("matmul", [leaf([0, 3]), leaf([3, 2])], {"transposeB": False}, note="empty rows", dtypes=[])
case("matmul", [leaf([2, 0]), leaf([0, 2])], {"transposeB": False}, note="empty inner", dtypes=[])
viewed("matmul", [leaf([3, 2]), leaf([4, 3])], [(0, *TURN), (1, "permute", {"order": [1, 0]})], {"transposeB": False}, dtypes=[])
viewed("matmul", [leaf([3, 2, 4]), leaf([2, 5, 4])], [(0, "permute", {"order": [1, 0, 2]})], {"transposeB": True}, dtypes=[])

ANY = FLOATS[2:] + INTS + ["bool"]
case("reshape", [leaf([2, 3])], {"shape": [3, -1]}, dtypes=ANY)
case("reshape", [leaf([1, 1])], {"shape": []}, note="to 0-d", dtypes=[])
case("reshape", [leaf([0, 3])], {"shape": [3, 0]}, note="empty", dtypes=[])
viewed("reshape", [leaf([3, 2])], [(0, *TURN)], {"shape": [6]}, dtypes=[])
case("permute", [leaf([2, 3, 4])], {"order": [2, 0, 1]}, dtypes=ANY)
case("permute", [leaf([0, 3])], {"order": [1, 0]}, note="empty", dtypes=[])
case("expand", [leaf([1, 3])], {"shape": [2, 4, 3]}, dtypes=ANY)
case("expand", [leaf([])], {"shape": [2, 2]}, note="0-d", dtypes=[])
case("expand", [leaf([1, 3])], {"shape": [0, 3]}, note="to empty", dtypes=[])
case("slice", [leaf([3, 5])], {"axis": 1, "start": 1, "end": 4, "step": 1}, dtypes=ANY)
case("slice", [leaf([3, 5])], {"axis": 1, "start": 0, "end": 5, "step": 2}, note="steps", dtypes=[])
case("slice", [leaf([3, 5])], {"axis": 0, "start": 1, "end": 3, "step": 2}, note="steps past the end", dtypes=[])
case("slice", [leaf([3, 5])], {"axis": 0, "start": 2, "end": 2, "step": 1}, note="to empty", dtypes=[])
viewed("slice", [leaf([3, 2])], [(0, *TURN)], {"axis": 1, "start": 1, "end": 3, "step": 1}, dtypes=[])
case("narrow", [leaf([3, 5])], {"axis": 1, "start": 1, "length": 3}, dtypes=ANY)
case("narrow", [leaf([3, 5])], {"axis": 0, "start": 1, "length": 0}, note="to empty", dtypes=[])
case("sliceScatter", [leaf([3, 5]), leaf([3, 2])], {"axis": 1, "start": 1, "step": 1}, dtypes=ANY)
case("sliceScatter", [leaf([3, 5]), leaf([3, 2])], {"axis": 1, "start": 0, "step": 3}, note="steps", ints=True)
case("sliceScatter", [leaf([3]), leaf([3])], {"axis": 0, "start": 0, "step": 1}, note="whole", dtypes=[])
case("concat", [leaf([2, 3]), leaf([1, 3])], {"axis": 0}, dtypes=ANY)
case("concat", [leaf([2, 1]), leaf([2, 3]), leaf([2, 2])], {"axis": 1}, note="three parts", dtypes=[])
case("concat", [leaf([0, 3]), leaf([1, 3])], {"axis": 0}, note="one empty", dtypes=[])
for upper in [True, False]:
    case("trilu", [leaf([3, 4])], {"upper": upper, "diagonal": 0}, ints=upper)
    case("trilu", [leaf([2, 3, 3])], {"upper": upper, "diagonal": 1}, note="batch, above", dtypes=[])
    case("trilu", [leaf([3, 3])], {"upper": upper, "diagonal": -1}, note="below", dtypes=[])

for axis in [0, 1]:
    case("gather", [leaf([4, 3]), index([[0, 2], [2, 1]])], {"axis": axis}, dtypes=ANY if axis == 0 else [])
case("gather", [leaf([4, 3]), index(2)], {"axis": 0}, note="one index", dtypes=[])
case("gather", [leaf([4, 3]), index([], [0])], {"axis": 0}, note="no index", dtypes=[])
case("gather", [leaf([4, 3]), index([1, 1, 3], dtype="int32")], {"axis": 0}, note="int32 indices", dtypes=[])
case("gather", [leaf([2, 4, 3]), index([3, 0, 3])], {"axis": 1}, note="middle axis", dtypes=[])
case("scatterAddRows", [index([[3], [1], [3]]), leaf([3, 2])], {"rows": 5}, dtypes=["int64", "int32"])
case("scatterAddRows", [index([], [0, 1]), leaf([0, 2])], {"rows": 3}, note="nothing added", dtypes=[])
case("gatherElements", [leaf([2, 3]), index([[2, 2], [0, 1]])], {"axis": 1}, dtypes=ANY)
case("gatherElements", [leaf([3, 2]), index([[2, 0]])], {"axis": 0}, dtypes=[])
case("scatterAddElements", [leaf([2, 3]), index([[2, 2], [0, 1]]), leaf([2, 2])], {"axis": 1}, ints=True)
case("scatterAddElements", [leaf([3, 2]), index([[2, 0]]), leaf([1, 2])], {"axis": 0}, dtypes=[])
for axis in [0, 1]:
    case("arangeLike", [leaf([2, 3])], {"axis": axis}, dtypes=[])
case("arangeLike", [leaf([0, 3])], {"axis": 0}, note="empty", dtypes=[])
for dtype, value in [("float32", 1.5), ("float64", -0.1), ("int64", 7), ("int32", -7), ("bool", 1), ("float16", 0.5), ("bfloat16", 0.5),
                     ("int8", -3), ("int16", 300), ("uint8", 200)]:
    case("constant", [], {"value": value, "dtype": dtype}, note=dtype, dtypes=[])
case("layerNorm", [leaf([2, 3, 8]), leaf([8]), leaf([8])], {"eps": 1e-5})
case("layerNorm", [leaf([5]), leaf([5]), leaf([5])], {"eps": 1e-5}, note="one row", dtypes=[])
case("layerNorm", [leaf([0, 4]), leaf([4]), leaf([4])], {"eps": 1e-5}, note="empty", dtypes=[])
viewed("layerNorm", [leaf([8, 2]), leaf([8]), leaf([8])], [(0, *TURN)], {"eps": 0.1}, dtypes=[])
for which in [1, 2]:
    case("layerNormStat", [leaf([2, 8]), leaf([8]), leaf([8])], dtypes=[], steps=[
        {"op": "layerNorm", "from": [0, 1, 2], "attrs": {"eps": 1e-5}},
        {"op": "layerNormStat", "from": [3, 0], "attrs": {"index": which}}])
for shape in [[4, 6], [2, 3, 5], [7], []]:
    case("hashUniform", [{"shape": [2], "dtype": "float32", "data": [17.25, 901.5]}], {"shape": shape}, dtypes=[])
case("leaf", [leaf([2, 3])], dtypes=ANY, steps=[{"op": "reshape", "from": [0], "attrs": {"shape": [2, 3]}}], note="given back")
case("rmsNorm", [leaf([2, 3, 8]), leaf([8])], {"eps": 1e-5})
case("rmsNorm", [leaf([5]), leaf([5])], {"eps": 1e-5}, note="one row", dtypes=[])
case("rmsNorm", [leaf([0, 4]), leaf([4])], {"eps": 1e-5}, note="empty", dtypes=[])
viewed("rmsNorm", [leaf([8, 2]), leaf([8])], [(0, *TURN)], {"eps": 0.1}, dtypes=[])
case("rotaryEmbedding", [leaf([2, 3, 8]), leaf([2, 3, 2]), leaf([2, 3, 2])])
case("rotaryEmbedding", [leaf([2, 3, 4]), leaf([3, 2]), leaf([3, 2])], note="all texts alike", dtypes=[])
case("rotaryEmbedding", [leaf([3, 4]), leaf([3, 1]), leaf([3, 1])], note="one text", dtypes=[])
case("rotaryEmbedding", [leaf([0, 3, 4]), leaf([0, 3, 2]), leaf([0, 3, 2])], note="empty", dtypes=[])
viewed("rotaryEmbedding", [leaf([2, 4, 3]), leaf([2, 3, 2]), leaf([2, 3, 2])], [(0, "permute", {"order": [0, 2, 1]})], dtypes=[])


def number(value):
    value = value.item() if isinstance(value, torch.Tensor) else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    return int(value) if float(value).is_integer() else value


def flat(tensor):
    return [number(v) for v in tensor.detach().flatten()]


def run(one, dtype):
    nodes = []
    for spec in one["leaves"]:
        kind = dtype if spec["dtype"] == "float" else spec["dtype"]
        data = torch.tensor([float("nan") if v is None else v for v in spec["data"]], dtype=torch.float64)
        if dtype in INTS + ["bool"] and spec["dtype"] == "float":
            data = integers(spec["data"], dtype)
        node = data.reshape(spec["shape"]).to(TORCH[kind])
        if dtype == "float64" and spec["dtype"] == "float":
            node.requires_grad_()
        nodes.append(node)
    leaves = list(nodes)
    for step in one["steps"]:
        nodes.append(OPS[step["op"]](*[nodes[i] for i in step["from"]], **step["attrs"]))
    return leaves, nodes[-1]


def integers(data, dtype):
    """Sixteenths as whole numbers: for uint8 without sign, small enough that products of two fit an int8."""
    whole = torch.tensor([round(float(v) * 4) for v in data], dtype=torch.float64)
    return (whole != 0).double() if dtype == "bool" else whole.abs() if dtype == "uint8" else whole


def differentiate(one, result):
    leaves, out = run(one, "float64")
    wrt = [t for t in leaves if t.requires_grad]
    if not out.is_floating_point() or not out.requires_grad:
        return
    w = torch.tensor(weights(out.numel(), 0), dtype=out.dtype).reshape(out.shape)
    first = torch.autograd.grad((out * w).sum(), wrt, create_graph=True, allow_unused=True)
    result["grads"] = [None if g is None else flat(g) for g in first]
    loss = sum((g * torch.tensor(weights(g.numel(), 1), dtype=g.dtype).reshape(g.shape)).sum() for g in first if g is not None)
    if not isinstance(loss, torch.Tensor) or not loss.requires_grad:
        return
    second = torch.autograd.grad(loss, wrt, allow_unused=True)
    result["seconds"] = [None if g is None else flat(g) for g in second]


rows = []
for one in CASES:
    _, out = run(one, "float64")
    row = {"op": one["op"], "note": one["note"], "leaves": [
        {**spec, "data": ["nan" if v is None else number(v) for v in spec["data"]]} for spec in one["leaves"]],
        "steps": one["steps"], "shape": list(out.shape), "value": flat(out)}
    if all(spec["dtype"] in ("float", "int64", "int32", "bool") for spec in one["leaves"]):
        differentiate(one, row)
    others = {}
    for dtype in one["others"]:
        leaves, out = run(one, dtype)
        others[dtype] = {"inputs": [flat(t) for t in leaves], "value": flat(out)}
    if others:
        row["others"] = others
    rows.append(row)

lines = ",\n".join(json.dumps(row, separators=(",", ":"), allow_nan=False) for row in rows)
Path(__file__).with_name("ops.json").write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n')
print(len(rows), "cases")
