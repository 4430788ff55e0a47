"""Goldens of reductions, cumulative operations and statistics. Run: python test/goldens/tensor/reduce.py"""
from cases import *

inf, nan = math.inf, math.nan
H = HALVES
SIGNED = INTS[:4]


def reduction(op, py, js, *, others=(), grad=True, empty=True, multiple=True, **options):
    """py and js are names; the usual forms: all, one axis, several, kept, 0-d, empty."""
    case(op, [leaf([2, 3, 4])], f"a.{py}()", f"a.{js}()", note="all", grad=grad, others=others, view=True, **options)
    case(op, [leaf([2, 3, 4])], f"a.{py}(1)", f"a.{js}(1)", note="axis", grad=grad, others=others, view=True, **options)
    case(op, [leaf([2, 3, 4])], f"a.{py}(-1, True)", f"a.{js}(-1, true)", note="kept", grad=grad, **options)
    if multiple:
        case(op, [leaf([2, 3, 4])], f"a.{py}((0, -1))", f"a.{js}([0, -1])", note="axes", grad=grad, **options)
    case(op, [leaf([])], f"a.{py}()", f"a.{js}()", note="0-d", grad=grad, **options)
    case(op, [leaf([])], f"a.{py}(0)", f"a.{js}(0)", note="0-d axis", grad=grad, **options)
    case(op, [leaf([3, 0])], f"a.{py}(0)", f"a.{js}(0)", note="none left", grad=grad, **options)
    if empty:
        case(op, [leaf([0, 3])], f"a.{py}()", f"a.{js}()", note="empty", grad=grad, **options)
        case(op, [leaf([0, 3])], f"a.{py}(0)", f"a.{js}(0)", note="empty axis", grad=grad, **options)


reduction("sum", "sum", "sum", others=SIGNED + H + ["bool"])
reduction("mean", "mean", "mean", others=H)
reduction("nansum", "nansum", "nansum", others=SIGNED + H)
reduction("nanmean", "nanmean", "nanmean", others=H)
for name in ["sum", "mean"]:
    case(name, [given([1, 2, 4], "int32")], f"a.{name}(0, dtype=torch.float32)", f'a.{name}(0, false, {{ dtype: "float32" }})', note="dtype", grad=False)
case("sum", [given([100, 100, 100], "int8")], "a.sum()", "a.sum()", note="widened", grad=False)
case("sum", [given([100, 100, 100], "int8")], "a.sum(dtype=torch.int8)", 'a.sum(undefined, false, { dtype: "int8" })', note="wraps", grad=False)
case("sum", [leaf([2, 3])], "a.sum([])", "a.sum([])", note="no axes named")
for name in ["nansum", "nanmean"]:
    case(name, [given([[nan, 1, 2], [nan, 3, nan]])], f"a.{name}(1)", f"a.{name}(1)", note="NaN")
    case(name, [given([nan, nan])], f"a.{name}()", f"a.{name}()", note="NaN alone", grad=False)
reduction("prod", "prod", "prod", others=H, multiple=False)
case("prod", [given([[1, 2, -3], [2, 2, 5]], "int32")], "a.prod(1)", "a.prod(1)", note="whole numbers", grad=False)
case("prod", [truth([1, 1, 0])], "a.prod()", "a.prod()", note="truth values", grad=False)
case("prod", [given([[2.0, 0, 3], [0, 5, 0], [1, 2, 4]])], "a.prod(1)", "a.prod(1)", note="zeros")
case("prod", [given([2.0, 0, 3, 4])], "a.prod()", "a.prod()", note="one zero")
case("prod", [given([1, 2, 4], "int32")], "a.prod(dtype=torch.float32)", 'a.prod(null, false, { dtype: "float32" })', note="dtype", grad=False)
for name in ["amax", "amin"]:
    reduction(name, name, name, others=INTS + H + ["bool"], empty=False)
    case(name, [given([[1.0, 3, 3], [2, 2, 2]])], f"a.{name}(1)", f"a.{name}(1)", note="ties")
    case(name, [given([[1.0, nan, 3], [inf, -inf, 2]])], f"a.{name}(1)", f"a.{name}(1)", note="special", grad=False)
    case(name, [given([nan, 1, 3])], f"a.{name}(0)", f"a.{name}(0)", note="NaN first", grad=False)
for name in ["max", "min"]:
    case(name, [leaf([2, 3, 4])], f"a.{name}()", f"a.{name}()", note="all", others=INTS + H + ["bool"], view=True)
    case(name, [given([1.0, 3, 1, 3])], f"a.{name}()", f"a.{name}()", note="ties of all")
    case(name, [leaf([2, 3, 4])], f"a.{name}(1)", f"a.{name}(1)", note="axis", others=INTS + H, view=True)
    case(name, [leaf([2, 3, 4])], f"a.{name}(-1, True)", f"a.{name}(-1, true)", note="kept")
    case(name, [given([[1.0, 3, 3], [2, 2, 2]])], f"a.{name}(1)", f"a.{name}(1)", note="ties")
    case(name, [given([[1.0, nan, 3], [nan, 2, nan]])], f"a.{name}(1)", f"a.{name}(1)", note="NaN", grad=False)
    case(name, [leaf([])], f"a.{name}(0)", f"a.{name}(0)", note="0-d")
    case(name, [leaf([3, 0])], f"a.{name}(0)", f"a.{name}(0)", note="none left")
    case(name, [truth([[1, 0], [0, 0]])], f"a.{name}(1)", f"a.{name}(1)", note="truth values", grad=False)
    case(name, [leaf([2, 3]), leaf([3])], f"a.{name}(b)", f"a.{name}(b)", note="of two")
    arg = f"arg{name}"
    for text in ["()", "(1)", "(-1, True)"]:
        js = text.replace("True", "true")
        case(arg, [leaf([2, 3, 4])], f"a.{arg}{text}", f"a.{arg}{js}", note=text, others=INTS + H, view=True, grad=False)
    case(arg, [leaf([2, 3])], f"a.{arg}(None, True)", f"a.{arg}(null, true)", note="all kept", grad=False)
    case(arg, [leaf([])], f"a.{arg}(0)", f"a.{arg}(0)", note="0-d", grad=False)
    case(arg, [leaf([0, 3])], f"a.{arg}(1)", f"a.{arg}(1)", note="none left", grad=False)
    case(arg, [given([[1.0, nan, 3], [2, 2, 2], [inf, -inf, 0]])], f"a.{arg}(1)", f"a.{arg}(1)", note="special", grad=False)
case("aminmax", [leaf([2, 3])], "a.aminmax()", "a.aminmax()", others=H)
case("aminmax", [leaf([2, 3])], "a.aminmax(dim=1, keepdim=True)", "a.aminmax({ dim: 1, keepDim: true })", note="axis", view=True)
for name in ["all", "any"]:
    text = (f"a.{name}(1)", f"a.{name}(1)")
    case(name, [truth([[1, 0, 1], [1, 1, 1], [0, 0, 0]])], f"a.{name}()", f"a.{name}()", note="all", grad=False)
    case(name, [truth([[1, 0, 1], [1, 1, 1], [0, 0, 0]])], *text, note="axis", grad=False, view=True)
    case(name, [truth([[1, 0, 1], [1, 1, 1]])], f"a.{name}((0, 1), True)", f"a.{name}([0, 1], true)", note="kept", grad=False)
    case(name, [given([[0.0, nan], [0, 0], [0.5, -1]])], *text, note="numbers", others=INTS[:0], grad=False)
    case(name, [given([[0, 2], [0, 0], [3, 1]], "uint8")], *text, note="uint8", grad=False)
    case(name, [given([[0, 2], [0, 0], [3, 1]], "int64")], *text, note="int64", grad=False)
    case(name, [leaf([0, 3])], f"a.{name}()", f"a.{name}()", note="empty", grad=False)
    case(name, [leaf([0, 3])], f"a.{name}(0)", f"a.{name}(0)", note="empty axis", grad=False)
    case(name, [leaf([])], f"a.{name}()", f"a.{name}()", note="0-d", grad=False)
case("count_nonzero", [leaf([2, 3], -1, 1, True)], "a.count_nonzero()", "a.countNonzero()", others=INTS + H + ["bool"], grad=False)
case("count_nonzero", [leaf([2, 3], -1, 1, True)], "a.count_nonzero(1)", "a.countNonzero(1)", note="axis", grad=False, view=True)
case("count_nonzero", [leaf([2, 3, 2], -1, 1, True)], "a.count_nonzero((0, 2))", "a.countNonzero([0, 2])", note="axes", grad=False)
case("count_nonzero", [leaf([0])], "a.count_nonzero()", "a.countNonzero()", note="empty", grad=False)

# Statistics.
for name, js in [("std", "std"), ("var", "var"), ("std_mean", "stdMean"), ("var_mean", "varMean")]:
    def stat(leaves, args, jsargs, js=js, name=name, **options):
        case(name, leaves, f"torch.{name}(a{', ' + args if args else ''})", f"a.{js}({jsargs})", **options)
    stat([leaf([2, 3, 4])], "", "", note="all", others=H)
    stat([leaf([2, 3, 4])], "1", "1", note="axis", view=True)
    stat([leaf([2, 3, 4])], "dim=(0, 2), correction=0, keepdim=True", "[0, 2], { correction: 0, keepDim: true }", note="axes")
    stat([leaf([2, 3, 4])], "dim=None, correction=0", "undefined, { correction: 0 }", note="population")
    stat([given([[1.0, 1], [2, 3]])], "1", "1", note="no spread")
    # of one element, or none: NaN without a gradient
    stat([leaf([])], "", "", note="0-d", grad=False)
    stat([leaf([0, 3])], "0", "0", note="empty", grad=False)
for p, js in [("2", "2"), ("1", "1"), ("3", "3"), ("1.5", "1.5"), ("0.5", "0.5"), ("math.inf", "Infinity"), ("-math.inf", "-Infinity"), ("0", "0")]:
    grad = p != "0"  # a count has no slope
    case("norm", [leaf([2, 3, 4])], f"a.norm({p})", f"a.norm({js})", note="all", grad=grad, others=H if p in "21" else [])
    case("norm", [leaf([2, 3, 4])], f"a.norm({p}, (0, 2), True)", f"a.norm({js}, [0, 2], true)", note="axes", grad=grad, view=p == "2")
    case("norm", [leaf([])], f"a.norm({p})", f"a.norm({js})", note="0-d", grad=grad)
    if "inf" not in p:
        case("norm", [leaf([0, 3])], f"a.norm({p}, 0)", f"a.norm({js}, 0)", note="empty", grad=grad)
case("norm", [leaf([2, 3])], "a.norm()", "a.norm()")
for p in ["2", "1", "3"]:
    case("dist", [leaf([2, 3]), leaf([3])], f"a.dist(b, {p})", f"a.dist(b, {p})", note=p, view=p == "2")
case("dist", [leaf([])], "a.dist(a * 2)", "a.dist(a.mul(2))", note="0-d")
case("dist", [leaf([0]), leaf([0])], "a.dist(b)", "a.dist(b)", note="empty")
case("logsumexp", [leaf([2, 3, 4])], "a.logsumexp(1)", "a.logsumexp(1)", others=H, view=True)
case("logsumexp", [leaf([2, 3, 4])], "a.logsumexp((0, 2), True)", "a.logsumexp([0, 2], true)", note="axes")
case("logsumexp", [given([[1000.0, 1001], [-1000, -1001]])], "a.logsumexp(1)", "a.logsumexp(1)", note="large")
case("logsumexp", [given([[inf, 1], [-inf, -inf], [-inf, 2], [nan, 1]])], "a.logsumexp(1)", "a.logsumexp(1)", note="special", grad=False)
case("logsumexp", [given([[1, 2], [3, 4]], "int64")], "a.logsumexp(1)", "a.logsumexp(1)", note="whole numbers", grad=False)
case("logsumexp", [leaf([])], "a.logsumexp(0)", "a.logsumexp(0)", note="0-d")
case("logsumexp", [leaf([0, 3])], "a.logsumexp(0)", "a.logsumexp(0)", note="empty")
case("diff", [leaf([2, 4])], "a.diff()", "a.diff()", others=SIGNED + H, view=True)
case("diff", [leaf([3, 4])], "a.diff(n=2, dim=0)", "a.diff(2, 0)", note="twice")
case("diff", [truth([1, 0, 0])], "a.diff()", "a.diff()", note="truth values", grad=False)
case("diff", [leaf([2, 0])], "a.diff()", "a.diff()", note="empty")

# Cumulative.
for name, js in [("cumsum", "cumsum"), ("cumprod", "cumprod"), ("logcumsumexp", "logcumsumexp")]:
    others = H if name == "logcumsumexp" else SIGNED[:2] + H
    case(name, [leaf([2, 5])], f"a.{name}(1)", f"a.{js}(1)", others=others, view=True)
    case(name, [leaf([3, 2])], f"a.{name}(0)", f"a.{js}(0)", note="first axis")
    case(name, [leaf([])], f"a.{name}(0)", f"a.{js}(0)", note="0-d")
    case(name, [leaf([0, 3])], f"a.{name}(0)", f"a.{js}(0)", note="empty")
    case(name, [leaf([1])], f"a.{name}(0)", f"a.{js}(0)", note="one")
case("cumprod", [given([2.0, 0, 3, 0, 4])], "a.cumprod(0)", "a.cumprod(0)", note="zeros")
case("logcumsumexp", [given([-inf, 1000, 1001, -inf, inf])], "a.logcumsumexp(0)", "a.logcumsumexp(0)", note="special", grad=False)
for name in ["cumsum", "cumprod"]:
    case(name, [truth([1, 1, 0, 1])], f"a.{name}(0)", f"a.{name}(0)", note="truth values", grad=False)
    case(name, [given([1, 2, 3], "int32")], f"a.{name}(0, dtype=torch.float32)", f'a.{name}(0, {{ dtype: "float32" }})', note="dtype", grad=False)
for name in ["cummax", "cummin"]:
    case(name, [leaf([2, 6])], f"a.{name}(1)", f"a.{name}(1)", others=INTS + H, view=True)
    case(name, [given([1.0, 3, 3, 2, 1, 1, 4])], f"a.{name}(0)", f"a.{name}(0)", note="ties")
    case(name, [given([1.0, nan, 3, nan, 0])], f"a.{name}(0)", f"a.{name}(0)", note="NaN", grad=False)
    case(name, [leaf([])], f"a.{name}(0)", f"a.{name}(0)", note="0-d")
    case(name, [leaf([0, 2])], f"a.{name}(0)", f"a.{name}(0)", note="empty")
    case(name, [truth([0, 1, 0])], f"a.{name}(0)", f"a.{name}(0)", note="truth values", grad=False)

# 0-d and empty, where the usual forms above do not hold them.
edges("aminmax", "a.aminmax()", "a.aminmax()", [leaf([])])
edges("aminmax", "a.aminmax(dim=1)", "a.aminmax({ dim: 1 })", [leaf([0, 3])])
edges("count_nonzero", "a.count_nonzero()", "a.countNonzero()", [leaf([])], grad=False)  # a count
refused("diff", "a.diff()", "a.diff()", [leaf([])])
for text in ["aminmax()", "amax()", "amin()", "max()", "min()", "argmax()", "argmin()"]:
    refused(text[:-2], f"a.{text}", f"a.{text}", [leaf([0, 3])])
for text in ["amax(1)", "amin(0)", "max(1)", "min(0)", "argmax(1)", "argmin(0)"]:
    refused(text[:-3], f"a.{text}", f"a.{text}", [leaf([3, 0]) if text.endswith("(1)") else leaf([0, 3])])
for name in ["cummax", "cummin"]:
    edges(name, f"a.{name}(1)", f"a.{name}(1)", [leaf([2, 0])])
refused("prod", "a.prod(1)", "a.prod(1)", [leaf([])])

write("reduce")
