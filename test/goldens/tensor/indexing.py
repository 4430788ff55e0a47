"""Goldens of indexing, gather and scatter, masks. Run: python test/goldens/tensor/indexing.py"""
from cases import *

ALL = INTS + ["bool"] + HALVES
NUMBERS = INTS + HALVES


def at(py, js, shape=(3, 4), extra=(), note="", others=(), view=True):
    case("index", [leaf(list(shape)), *extra], f"a[{py}]", f"a.index({js})", note=note, others=others, view=view)


at("0", "0", others=ALL)
at("-1, 2", "-1, 2")
at(":, 0", '":", 0')
at("..., -1", '"...", -1')
at("..., -1", '"..., -1"', shape=(2, 3, 2), note="one string")
at("1:3, ::2", '"1:3", "::2"', others=ALL)
at("1:, :-1", "T.slice(1), T.slice(null, -1)")
at("None, 1, None, ...", 'null, 1, null, "..."')
at("...", '"..."', shape=(), note="0-d", view=False)
at("None", "null", shape=(), note="0-d")
at("1:1", '"1:1"', note="nothing")
at(":", '":"', shape=(0, 3), note="empty")
at("[0, 2]", "[0, 2]", others=ALL)
at("[0, -1, 0]", "[0, -1, 0]", note="twice, and from the end")
at(":, [3, 1]", '":", [3, 1]')
at("[0, 2], [1, 3]", "[0, 2], [1, 3]", others=NUMBERS)
at("[[0], [2]], [1, 3]", "[[0], [2]], [1, 3]", note="broadcast")
at("b, c", "b, c", extra=(index([[0, 1], [2, 0]]), index([[3], [0]], "int32")), note="tensors of two dtypes")
at("[0, 1], :, [2, 3]", '[0, 1], ":", [2, 3]', shape=(2, 3, 4), note="parted: in front")
at(":, [0, 2], [1, 3]", '":", [0, 2], [1, 3]', shape=(2, 3, 4), note="neighbours: in place")
at(":, [[0, 2]], 1:, [1]", '":", [[0, 2]], "1:", [1]', shape=(2, 3, 4, 2), note="parted by a range")
at("[0, 1], None, [2, 0]", "[0, 1], null, [2, 0]", note="parted by a new axis")
at("1, [0, 2]", "1, [0, 2]", note="number and array")
at("[0, 2], 1:3", '[0, 2], "1:3"')
at("[]", "[]", note="no index", view=False)
at("a > 0", "a.gt(0)", others=NUMBERS)
at("b", "b", extra=(truth([True, False, True]),), note="mask of rows")
at(":, b", '":", b', extra=(truth([True, False, True, True]),), note="mask of columns")
at("b, 1", "b, 1", extra=(truth([True, False, True]),), note="mask and number")
at("b, [0, 3]", "b, [0, 3]", extra=(truth([True, False, True]),), note="mask and array")
at("[True, False, True]", "[true, false, true]", note="mask as a list")
at("b", "b", extra=(truth([False, False, False]),), note="nothing holds")
at("True", "true", shape=(2,), note="a truth value")
at("False", "false", shape=(2,), note="a truth value")
at("torch.tensor(1)", "T.tensor(1)", note="0-d index")


def put(py, js, value, shape=(3, 4), extra=(), note="", accumulate=False):
    """The copy of a after an assignment; both the base and the value take gradients."""
    if accumulate:
        ours = f"a.indexPut([{js}], b, {{ accumulate: true }})"
        case("index_put", [leaf(list(shape)), value, *extra], f"a.index_put(({py},), b, accumulate=True)", ours, note=note, others=NUMBERS, view=True)
        return
    case("index_put", [leaf(list(shape)), value, *extra], f"(lambda x: (x.__setitem__(({py},), b), x)[1])(a.clone())",
         f"a.clone().set([{js}], b)", note=note, view=True)


put("0", "0", leaf([4]))
put("slice(None), slice(1, None, 2)", '":", "1::2"', leaf([3, 2]))
put("..., -1", '"...", -1', leaf([]), note="broadcast")
put("slice(None)", '":"', leaf([1, 1, 3, 4]), note="leading axes of size 1")
put("[0, 2]", "[0, 2]", leaf([2, 4]))
put("[0, 2], [1, 3]", "[0, 2], [1, 3]", leaf([2]))
put("slice(None), [3, 1]", '":", [3, 1]', leaf([3, 1]), note="broadcast")
put("[0, 1], slice(None), [2, 3]", '[0, 1], ":", [2, 3]', leaf([2, 3]), shape=(2, 3, 4), note="parted")
put("a > 0", "a.gt(0)", leaf([]), note="mask")
put("torch.tensor([0, 0, 2])", "[0, 0, 2]", leaf([3, 4]), accumulate=True, note="one row twice")
put("torch.tensor([0, 0, 2]), torch.tensor([1, 1, 3])", "[0, 0, 2], [1, 1, 3]", leaf([3]), accumulate=True, note="one place twice")

G = index([[0, 2, 1, 0], [2, 0, 0, 1]])
case("gather", [leaf([3, 4]), G], "a.gather(0, b)", "a.gather(0, b)", others=ALL, view=True)
case("gather", [leaf([3, 4]), index([[0], [3], [3]])], "a.gather(1, b)", "a.gather(1, b)", note="fewer columns")
case("gather", [leaf([]), index(0)], "a.gather(0, b)", "a.gather(0, b)", note="0-d")
case("gather", [leaf([3, 4]), index(torch.zeros(0, 4).tolist() or [[]])], "a.gather(0, b.reshape(0, 0))", "a.gather(0, b.reshape([0, 0]))", note="empty")
case("take", [leaf([2, 3]), index([[0, 5], [-1, 3]])], "a.take(b)", "a.take(b)", others=ALL, view=True)
case("take", [leaf([]), index([0, 0])], "a.take(b)", "a.take(b)", note="0-d")
case("take_along_dim", [leaf([3, 4]), index([[2, 0, 1, 0]])], "a.take_along_dim(b, 0)", "a.takeAlongDim(b, 0)", view=True)
case("take_along_dim", [leaf([1, 4]), index([[2], [0]])], "a.take_along_dim(b, 1)", "a.takeAlongDim(b, 1)", note="broadcast")
case("take_along_dim", [leaf([2, 3]), index([4, 0])], "a.take_along_dim(b)", "a.takeAlongDim(b)", note="flattened")
case("index_select", [leaf([3, 4]), index([2, 0, 2])], "a.index_select(0, b)", "a.indexSelect(0, b)", others=ALL, view=True)
case("index_select", [leaf([2, 4]), index([3], "int32")], "a.index_select(-1, b)", "a.indexSelect(-1, b)", note="int32")
case("index_select", [leaf([]), index([0])], "a.index_select(0, b)", "a.indexSelect(0, b)", note="0-d")
case("index_select", [leaf([0, 2]), index([1])], "a.index_select(1, b)", "a.indexSelect(1, b)", note="empty")

S = index([[0, 2, 1], [2, 0, 0]])
case("scatter", [leaf([3, 4]), S, leaf([2, 3])], "a.scatter(0, b[:1], c[:1])", "a.scatter(0, b.slice(0, 0, 1), c.slice(0, 0, 1))", others=ALL, view=True)
case("scatter", [leaf([3, 4]), index([[0, 2], [1, 3], [3, 0]]), leaf([3, 3])], "a.scatter(1, b, c)", "a.scatter(1, b, c)", note="the source is larger", view=True, grad=False)  # PyTorch's gradient of the source has the wrong shape
case("scatter", [leaf([3, 4]), S], "a.scatter(1, b, 1.5)", "a.scatter(1, b, 1.5)", note="a number", view=True)
case("scatter", [leaf([]), index(0), leaf([])], "a.scatter(0, b, c)", "a.scatter(0, b, c)", note="0-d")
case("scatter_add", [leaf([3, 4]), S, leaf([2, 3])], "a.scatter_add(0, b, c)", "a.scatterAdd(0, b, c)", others=NUMBERS, view=True)
case("scatter_add", [leaf([4]), index([1, 1, 1]), leaf([3])], "a.scatter_add(0, b, c)", "a.scatterAdd(0, b, c)", note="one place often")
case("scatter_add", [leaf([]), index(0), leaf([])], "a.scatter_add(0, b, c)", "a.scatterAdd(0, b, c)", note="0-d")
for reduce in ("sum", "prod", "mean", "amax", "amin"):
    for include in (True, False):
        py = f"a.scatter_reduce(0, b, c, '{reduce}', include_self={include})"
        js = f"a.scatterReduce(0, b, c, '{reduce}', {{ includeSelf: {str(include).lower()} }})"
        case("scatter_reduce", [leaf([3, 3]), S, leaf([2, 3])], py, js, others=NUMBERS, view=True)
    py, js = f"a.scatter_reduce(0, b, c, '{reduce}')", f"a.scatterReduce(0, b, c, '{reduce}')"
    case("scatter_reduce", [leaf([3]), index([1, 1, 1, 0]), leaf([4])], py, js, note="several on one place")
case("scatter_reduce", [given([2.0, 3.0, 0.5]), index([1, 1, 0, 2]), given([0.0, 1.5, 2.0, 0.25])], "a.scatter_reduce(0, b, c, 'prod')",
     "a.scatterReduce(0, b, c, 'prod')", note="one factor is zero")
case("scatter_reduce", [given([2.0, 2.0, 0.5]), index([0, 0, 1, 2]), given([2.0, 1.5, 3.0, 0.5])], "a.scatter_reduce(0, b, c, 'amax')",
     "a.scatterReduce(0, b, c, 'amax')", note="ties share the gradient")
case("index_add", [leaf([3, 4]), index([2, 0, 2]), leaf([3, 4])], "a.index_add(0, b, c)", "a.indexAdd(0, b, c)", others=NUMBERS, view=True)
case("index_add", [leaf([2, 4]), index([1, 1]), leaf([2, 2])], "a.index_add(1, b, c, alpha=2.5)", "a.indexAdd(1, b, c, { alpha: 2.5 })", note="alpha")
case("index_add", [leaf([3, 4]), index(2), leaf([1, 4])], "a.index_add(0, b, c)", "a.indexAdd(0, b, c)", note="0-d index")
case("index_copy", [leaf([3, 4]), index([2, 0]), leaf([2, 4])], "a.index_copy(0, b, c)", "a.indexCopy(0, b, c)", others=ALL, view=True)
case("index_fill", [leaf([3, 4]), index([2, 0])], "a.index_fill(1, b, 1.5)", "a.indexFill(1, b, 1.5)", view=True)
case("index_fill", [leaf([3, 4]), index([-1]), leaf([])], "a.index_fill(0, b, c)", "a.indexFill(0, b, c)", note="a tensor, from the end", grad=False)  # PyTorch's gradient does not take negative indices
case("index_fill", [leaf([3, 4]), index([2, 0])], "a.index_fill(0, b, 2)", "a.indexFill(0, b, 2)", others=NUMBERS)

K = truth([[True, False, True], [False, False, True]])
case("masked_fill", [leaf([2, 3]), K], "a.masked_fill(b, -1.5)", "a.maskedFill(b, -1.5)", view=True)
case("masked_fill", [leaf([2, 3]), truth([True, False, True])], "a.masked_fill(b, float('-inf'))", "a.maskedFill(b, -Infinity)", note="the mask broadcasts")
case("masked_fill", [leaf([2, 3]), K, leaf([])], "a.masked_fill(b, c)", "a.maskedFill(b, c)", note="a tensor")
case("masked_fill", [leaf([2, 3]), K], "a.masked_fill(b, 2)", "a.maskedFill(b, 2)", others=NUMBERS)
case("masked_fill", [leaf([]), truth(True)], "a.masked_fill(b, 2)", "a.maskedFill(b, 2)", note="0-d")
case("masked_fill", [leaf([0, 3]), truth([True, False, True])], "a.masked_fill(b, 2)", "a.maskedFill(b, 2)", note="empty")
case("masked_select", [leaf([2, 3]), K], "a.masked_select(b)", "a.maskedSelect(b)", others=ALL, view=True)
case("masked_select", [leaf([2, 3]), truth([[True], [False]])], "a.masked_select(b)", "a.maskedSelect(b)", note="the mask broadcasts")
case("masked_select", [leaf([3]), truth([[True], [True]])], "a.masked_select(b)", "a.maskedSelect(b)", note="the tensor broadcasts")
case("masked_select", [leaf([2, 3]), truth([False, False, False])], "a.masked_select(b)", "a.maskedSelect(b)", note="nothing holds")
case("masked_scatter", [leaf([2, 3]), K, leaf([2, 3])], "a.masked_scatter(b, c)", "a.maskedScatter(b, c)", others=NUMBERS, view=True)
case("masked_scatter", [leaf([2, 3]), truth([True, False, True]), leaf([5])], "a.masked_scatter(b, c)", "a.maskedScatter(b, c)", note="the mask broadcasts")
case("masked_scatter", [leaf([2]), truth([False, False]), leaf([1])], "a.masked_scatter(b, c)", "a.maskedScatter(b, c)", note="nothing holds")

case("where", [leaf([2, 3]), K, leaf([2, 3])], "torch.where(b, a, c)", "T.where(b, a, c)", others=ALL, view=True)
case("where", [leaf([3]), truth([[True], [False]]), leaf([])], "torch.where(b, a, c)", "T.where(b, a, c)", note="broadcast, 0-d")
case("where", [leaf([2, 3])], "torch.where(a > 0, a, 0)", "T.where(a.gt(0), a, 0)", note="a number", others=NUMBERS)
case("where", [leaf([2, 3])], "torch.where(a > 0, 0.5, a)", "T.where(a.gt(0), 0.5, a)", note="a number")
case("where", [K], "torch.where(a, 1, 0)", "T.where(a, 1, 0)", note="two numbers")
case("where", [leaf([2, 3])], "a.where(a > 0, 7)", "a.where(a.gt(0), 7)", note="a method")
case("where", [leaf([0, 3])], "torch.where(a > 0, a, 1)", "T.where(a.gt(0), a, 1)", note="empty")
case("where", [K], "torch.where(a)", "T.where(a)", note="places")
case("nonzero", [given([[0.5, 0, 2], [0, 0, -1]])], "a.nonzero()", "a.nonzero()", others=ALL, grad=False)  # places have no gradient
case("nonzero", [given([[0.5, 0], [0, -1]])], "a.nonzero(as_tuple=True)", "a.nonzero({ asTuple: true })", grad=False)  # places
case("nonzero", [given(2.0)], "a.nonzero()", "a.nonzero()", note="0-d", grad=False)  # places
case("nonzero", [given([0.0, 0.0])], "a.nonzero()", "a.nonzero()", note="none", grad=False)  # places
case("argwhere", [given([[0.5, 0], [0, -1]])], "a.argwhere()", "a.argwhere()", grad=False)  # places

# In place, on a copy that carries the gradient.
for name, py, js, leaves in [
    ("scatter_", "x.scatter_(0, b, c)", "x.scatter_(0, b, c)", [index([[0, 1, 0]]), leaf([1, 3])]),
    ("scatter_add_", "x.scatter_add_(0, b, c)", "x.scatterAdd_(0, b, c)", [index([[0, 1, 0]]), leaf([1, 3])]),
    ("scatter_reduce_", "x.scatter_reduce_(0, b, c, 'amax')", "x.scatterReduce_(0, b, c, 'amax')", [index([[0, 1, 0]]), leaf([1, 3])]),
    ("index_add_", "x.index_add_(0, b, c)", "x.indexAdd_(0, b, c)", [index([1]), leaf([1, 3])]),
    ("index_copy_", "x.index_copy_(0, b, c)", "x.indexCopy_(0, b, c)", [index([1]), leaf([1, 3])]),
    ("index_fill_", "x.index_fill_(0, b, c)", "x.indexFill_(0, b, c)", [index([1]), leaf([])]),
    ("masked_fill_", "x.masked_fill_(b, c)", "x.maskedFill_(b, c)", [truth([True, False, True]), leaf([])]),
    ("masked_scatter_", "x.masked_scatter_(b, c)", "x.maskedScatter_(b, c)", [truth([True, False, True]), leaf([4])]),
    ("index_put_", "x.index_put_((b,), c)", "x.indexPut_([b], c)", [index([1]), leaf([3])]),
]:
    case(name, [leaf([2, 3]), *leaves], f"(lambda x: {py})(a.clone())", f"((x) => {js})(a.clone())", view=True)

# 0-d and empty.
NONE = {"shape": [0], "dtype": "int64", "data": []}
NO_ROWS = {"shape": [0, 3], "dtype": "int64", "data": []}
put("...", '"..."', leaf([]), shape=(), note="0-d")
put("slice(None)", '":"', leaf([3]), shape=(0, 3), note="empty")
edges("gather", "a.gather(0, b)", "a.gather(0, b)", [leaf([0, 3]), NO_ROWS])
edges("take", "a.take(b)", "a.take(b)", [leaf([0, 3]), NONE])
edges("take_along_dim", "a.take_along_dim(b)", "a.takeAlongDim(b)", [leaf([]), index(0)])
edges("take_along_dim", "a.take_along_dim(b, 0)", "a.takeAlongDim(b, 0)", [leaf([0, 3]), NO_ROWS])
for name, js in [("scatter", "scatter"), ("scatter_add", "scatterAdd")]:
    edges(name, f"a.{name}(0, b, c)", f"a.{js}(0, b, c)", [leaf([0, 3]), NO_ROWS, leaf([0, 3])], [leaf([2, 3]), NO_ROWS, leaf([0, 3])])
for reduce in ("sum", "prod", "mean", "amax"):
    edges("scatter_reduce", f"a.scatter_reduce(0, b, c, '{reduce}')", f"a.scatterReduce(0, b, c, '{reduce}')",
          [leaf([]), index(0), leaf([])], [leaf([0, 3]), NO_ROWS, leaf([0, 3])], [leaf([2, 3]), NO_ROWS, leaf([0, 3])], note=reduce, twice=reduce != "amax")
edges("index_add", "a.index_add(0, b, c)", "a.indexAdd(0, b, c)", [leaf([]), index(0), leaf([])], [leaf([0, 3]), NONE, leaf([0, 3])], [leaf([2, 3]), NONE, leaf([0, 3])])
edges("index_copy", "a.index_copy(0, b, c)", "a.indexCopy(0, b, c)", [leaf([]), index(0), leaf([])], [leaf([0, 3]), NONE, leaf([0, 3])], [leaf([2, 3]), NONE, leaf([0, 3])])
edges("index_fill", "a.index_fill(0, b, 1.5)", "a.indexFill(0, b, 1.5)", [leaf([]), index([0])], [leaf([0, 3]), NONE], [leaf([2, 3]), NONE])
edges("masked_select", "a.masked_select(b)", "a.maskedSelect(b)", [leaf([]), truth(True)], [leaf([0, 3]), truth([True, False, True])])
edges("masked_scatter", "a.masked_scatter(b, c)", "a.maskedScatter(b, c)", [leaf([]), truth(True), leaf([2])], [leaf([0, 3]), truth([True, False, True]), leaf([2])])
edges("where", "torch.where(b, a, c)", "T.where(b, a, c)", [leaf([]), truth(True), leaf([])], [leaf([0, 3]), truth([True, False, True]), leaf([])])
for name in ("nonzero", "argwhere"):
    edges(name, f"a.{name}()", f"a.{name}()", [given(2.0)], [given(0.0)], [leaf([0, 3])], grad=False)  # places
    turned(name, [given([[0.5, 0, 2], [0, 0, -1]])], f"a.{name}()", f"a.{name}()", grad=False)  # places
edges("take_along_dim", "a.take_along_dim(b, 1)", "a.takeAlongDim(b, 1)", [leaf([1, 3]), index([[0, 2, 1], [1, 1, 0]])])
for holds in (True, False):
    at("b", "b", shape=(), extra=(truth(holds),), note="a mask of no axes", view=False)
    at("b", "b", shape=(2, 3), extra=(truth(holds),), note="a mask of no axes")
    put("torch.tensor(%s)" % holds, "T.tensor(%s)" % str(holds).lower(), leaf([]), shape=(), note="a mask of no axes")
refused("take_along_dim", "a.take_along_dim(b, 0)", "a.takeAlongDim(b, 0)", [leaf([]), index(0)])

write("indexing")
