"""What the makers of tensor goldens share. A case is one expression of PyTorch beside the same one of ours.

    from cases import *
    case("std", [leaf([2, 3])], "a.std(1, keepdim=True)", "a.std(1, { keepDim: true })")
    write("reduce")

Leaves are named a, b, c, … in both expressions; `torch`, `F` and `math` are known to PyTorch's, `T` (everything that
abrazo/tensor exports) and `F` (nn.functional) to ours. An expression gives a tensor, or several (tuple, list, object of
tensors in the same order). Values come from float64, gradients of every leaf marked "float" and second derivatives too:
the loss is the sum over float results of sum(result * w), the second loss the sum over leaves of sum(grad * v).
`others` lists dtypes in which the value alone is computed as well, with integers in place of sixteenths for whole-number dtypes.
`view` makes a second case of the same expression in which every leaf of two or more axes is a turned copy, and every vector
each second element of a longer one: not contiguous. What PyTorch refuses is recorded with `"raises": true` and no values.
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

INTS = ["int64", "int32", "int16", "int8", "uint8"]
HALVES = ["float16", "bfloat16"]
TORCH = {name: getattr(torch, name) for name in INTS + HALVES + ["float32", "float64", "bool"]}
CASES = []
torch.manual_seed(11)


def values(shape, low=-40, high=40, ties=False):
    """Sixteenths between low / 16 and high / 16; all different and never 0 unless ties are asked for."""
    span = [k for k in range(low, high + 1) if k != 0]
    count = math.prod(shape)
    if ties or count > len(span):
        return (torch.randint(low, high + 1, (count,)).double() / 16).tolist()
    return [span[k] / 16 for k in torch.randperm(len(span))[:count].tolist()]


def leaf(shape, low=-40, high=40, ties=False):
    """A float leaf, differentiated."""
    return {"shape": list(shape), "dtype": "float", "data": values(shape, low, high, ties)}


def given(data, dtype="float"):
    """A leaf of these elements (nested list); dtype "float" is differentiated, any other is as it is."""
    t = torch.tensor(data, dtype=torch.float64)
    return {"shape": list(t.shape), "dtype": dtype, "data": t.flatten().tolist()}


def index(data, dtype="int64"):
    return given(data, dtype)


def truth(data):
    return given(data, "bool")


def case(op, leaves, py, js, *, note="", others=(), grad=True, twice=True, view=False, tolerance=None):
    """`grad=False`: the result has no gradient, or it is undefined here; `twice=False`: a second derivative, as at a kink.
    `tolerance`: relative, where float32 is worse than 1e-4."""
    row = {"op": op, "note": note, "leaves": leaves, "py": py, "js": js, "others": list(others), "grad": grad, "twice": twice}
    if tolerance is not None:
        row["tolerance"] = tolerance
    CASES.append(row)
    if view:
        CASES.append({**row, "note": f"{note} turned".strip(), "turned": True, "others": []})


def edges(op, py, js, *lists, note="", **options):
    """The same expression of each list of leaves, named by its shapes."""
    for leaves in lists:
        first, sizes = leaves[0]["shape"], [spec["shape"] for spec in leaves]
        name = "0-d" if first == [] else "empty" if any(0 in shape for shape in sizes) else "broadcast" if len(leaves) > 1 else ""
        case(op, leaves, py, js, note=f"{note} {name}".strip(), **options)


def turned(op, leaves, py, js, **options):
    """Of leaves that are not contiguous alone."""
    case(op, leaves, py, js, view=True, **options)
    del CASES[-2]


def refused(op, py, js, *lists, view=False):
    """PyTorch refuses each of these lists of leaves, and so must ours. `view`: it is because they are not contiguous."""
    for leaves in lists:
        row = {"op": op, "note": "refused", "leaves": leaves, "py": py, "js": js, "others": [], "grad": False, "raises": True}
        CASES.append({**row, "turned": True} if view else row)


def unary(op, py, js, low=-40, high=40, *, others=(), grad=True, **options):
    """The usual shapes of a function of one operand: matrix, 0-d, empty, not contiguous."""
    case(op, [leaf([2, 3], low, high)], py, js, others=others, grad=grad, view=True, **options)
    case(op, [leaf([], low, high)], py, js, note="0-d", grad=grad, **options)
    case(op, [leaf([0, 3], low, high)], py, js, note="empty", grad=grad, **options)


def binary(op, py, js, first=(-40, 40), second=(-40, 40), *, others=(), grad=True, **options):
    """The usual shapes of a function of two operands: equal, broadcast both ways, 0-d, empty, not contiguous."""
    def two(one, other):
        return [leaf(one, *first), leaf(other, *second)]
    case(op, two([2, 3], [2, 3]), py, js, others=others, grad=grad, view=True, **options)
    case(op, two([2, 1, 3], [4, 1]), py, js, note="broadcast both ways", grad=grad, **options)
    case(op, two([], [2, 3]), py, js, note="0-d with matrix", grad=grad, **options)
    case(op, two([], []), py, js, note="0-d", grad=grad, **options)
    case(op, two([0, 3], [1, 3]), py, js, note="empty", grad=grad, **options)


def weights(count, which):
    if which == 0:
        return [0.25 + ((7 * i) % 11) / 16 for i in range(count)]
    return [0.5 - ((5 * i) % 13) / 16 for i in range(count)]


def weighted(t, which):
    w = torch.tensor(weights(t.numel(), which), dtype=t.dtype).reshape(t.shape)
    return (t * w).sum()


def number(value):
    value = value.item() if isinstance(value, torch.Tensor) else value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0:
        return value  # -0.0 stays what it is
    return int(value) if float(value).is_integer() else value


def flat(tensor):
    return [number(v) for v in tensor.detach().flatten()]


def integers(data, dtype):
    """Sixteenths as whole numbers: for uint8 without sign, small enough that products of two fit an int8."""
    whole = torch.tensor([round(float(v) * 4) for v in data], dtype=torch.float64)
    return (whole != 0).double() if dtype == "bool" else whole.abs() if dtype == "uint8" else whole


def elements(spec):
    special = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}
    return [special.get(v, v) if isinstance(v, str) else v for v in spec["data"]]


def run(row, dtype):
    names, leaves = {}, []
    for at, spec in enumerate(row["leaves"]):
        kind = dtype if spec["dtype"] == "float" else spec["dtype"]
        data = torch.tensor(elements(spec), dtype=torch.float64)
        if dtype in INTS + ["bool"] and spec["dtype"] == "float":
            data = integers(spec["data"], dtype)
        tensor = data.reshape(spec["shape"]).to(TORCH[kind])
        if dtype == "float64" and spec["dtype"] == "float" and row["grad"]:
            tensor.requires_grad_()
        leaves.append(tensor)
        seen = tensor
        if row.get("turned") and tensor.dim() > 0:
            turned = tensor.dim() > 1
            seen = tensor.transpose(0, -1).contiguous().transpose(0, -1) if turned else torch.stack((tensor, tensor), 1)[:, 0]
        names["abcdefghij"[at]] = seen
    result = eval(row["py"], {"torch": torch, "F": F, "math": math, **names})
    many = list(result) if isinstance(result, (tuple, list)) else [result]
    return leaves, [t if isinstance(t, torch.Tensor) else torch.tensor(t) for t in many]


def differentiate(row, leaves, outs, result):
    wrt = [t for t in leaves if t.requires_grad]
    floats = [t for t in outs if t.is_floating_point() and t.requires_grad]
    if not wrt or not floats:
        return
    first = torch.autograd.grad(sum(weighted(t, 0) for t in floats), wrt, create_graph=True, allow_unused=True)
    result["grads"] = [None if g is None else flat(g) for g in first]
    losses = [weighted(g, 1) for g in first if g is not None and g.requires_grad]
    if not losses or not row["twice"]:
        return
    try:
        second = torch.autograd.grad(sum(losses), wrt, allow_unused=True)
    except RuntimeError:
        return
    result["seconds"] = [None if g is None else flat(g) for g in second]


def refuses(row):
    try:
        run(row, "float64")
    except (RuntimeError, IndexError, ValueError, NotImplementedError, TypeError):
        return True
    return False


def write(family):
    rows = []
    for row in CASES:
        kept = {k: row[k] for k in ("op", "note", "py", "js", "turned", "tolerance", "raises") if k in row}
        kept["leaves"] = [{**spec, "data": [number(v) for v in elements(spec)]} for spec in row["leaves"]]
        if "raises" in row:
            assert refuses(row), f"PyTorch takes {row['py']} of {[spec['shape'] for spec in row['leaves']]}"
            rows.append(kept)
            continue
        leaves, outs = run(row, "float64")
        kept["outs"] = [{"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "value": flat(t)} for t in outs]
        if row["grad"]:
            differentiate(row, leaves, outs, kept)
        others = {}
        for dtype in row["others"]:
            inputs, results = run(row, dtype)
            others[dtype] = {"inputs": [flat(t) for t in inputs],
                             "outs": [{"dtype": str(t.dtype).removeprefix("torch."), "value": flat(t)} for t in results]}
        if others:
            kept["others"] = others
        rows.append(kept)
    lines = ",\n".join(json.dumps(row, separators=(",", ":"), allow_nan=False) for row in rows)
    Path(__file__).with_name(f"{family}.json").write_text(f'{{"torch":"{torch.__version__}","cases":[\n{lines}\n]}}\n')
    print(family, len(rows), "cases")
