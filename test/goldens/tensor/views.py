"""Goldens of views, splits, joins and rearranged copies. Run: python test/goldens/tensor/views.py"""
from cases import *

M = [2, 3]
NARROW = ["int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16"]


def shapes(op, py, js, big, *, small=(), others=NARROW, **options):
    """One expression on an ordinary tensor (and turned), and on the `small` shapes that it also takes."""
    case(op, [leaf(big)], py, js, others=others, view=True, **options)
    for shape in small:
        case(op, [leaf(shape)], py, js, note="0-d" if shape == [] else "empty" if 0 in shape else "", **options)


case("view", [leaf([2, 6])], "a.view(3, 4)", "a.view([3, 4])", others=NARROW)
case("view", [leaf([2, 6])], "a.view(-1, 2, 2)", "a.view([-1, 2, 2])")
case("view", [leaf([])], "a.view(1, 1)", "a.view([1, 1])", note="0-d")
case("view", [leaf([0, 3])], "a.view(3, 0, 2)", "a.view([3, 0, 2])", note="empty")
case("view_as", [leaf([2, 6]), leaf([4, 3])], "a.view_as(b) * b", "a.viewAs(b).mul(b)")
shapes("reshape", "a.reshape(6)", "a.reshape([6])", M)
case("reshape", [leaf([2, 3, 4])], "a.transpose(0, 2).reshape(4, -1)", "a.transpose(0, 2).reshape([4, -1])", note="a copy")
case("reshape", [leaf([])], "a.reshape(-1)", "a.reshape([-1])", note="0-d")
case("reshape", [leaf([0, 3])], "a.reshape(3, 0)", "a.reshape([3, 0])", note="empty")
case("reshape_as", [leaf([2, 3]), leaf([3, 2])], "a.reshape_as(b) * b", "a.reshapeAs(b).mul(b)", view=True)
shapes("flatten", "a.flatten()", "a.flatten()", [2, 3, 2], small=[[], [0, 3]])
shapes("flatten", "a.flatten(1, 2)", "a.flatten(1, 2)", [2, 3, 2])
shapes("ravel", "a.ravel()", "a.ravel()", [2, 3, 2], small=[[], [0, 3]])
shapes("unflatten", "a.unflatten(1, (2, -1))", "a.unflatten(1, [2, -1])", [3, 4], small=[[0, 4]])
shapes("squeeze", "a.squeeze()", "a.squeeze()", [1, 3, 1, 2], small=[[], [1, 1], [1, 0]])
shapes("squeeze", "a.squeeze(0)", "a.squeeze(0)", [1, 3, 1], small=[[], [3, 1]])
case("squeeze", [leaf([1, 3, 1, 1])], "a.squeeze((0, -1))", "a.squeeze([0, -1])", note="several axes")
shapes("unsqueeze", "a.unsqueeze(-1)", "a.unsqueeze(-1)", M, small=[[], [0, 3]])
case("unsqueeze", [leaf([2, 3])], "a.unsqueeze(1)", "a.unsqueeze(1)")
shapes("transpose", "a.transpose(0, -1)", "a.transpose(0, -1)", [2, 3, 4], small=[[], [0, 3]])
shapes("swapaxes", "a.swapaxes(1, 2)", "a.swapaxes(1, 2)", [2, 3, 4])
shapes("permute", "a.permute(2, 0, 1)", "a.permute([2, 0, 1])", [2, 3, 4], small=[[0, 3, 2]])
case("permute", [leaf([])], "a.permute(())", "a.permute([])", note="0-d")
shapes("movedim", "a.movedim(0, -1)", "a.movedim(0, -1)", [2, 3, 4], small=[[0, 3]])
case("movedim", [leaf([2, 3, 4])], "a.movedim((0, 1), (2, 0))", "a.movedim([0, 1], [2, 0])", note="several axes")
shapes("t", "a.t()", "a.t()", M, small=[[], [3], [0, 3]])
shapes("T", "a.T", "a.T", M, small=[[3, 0]])
shapes("mT", "a.mT", "a.mT", [2, 3, 4], small=[[3, 0]])
shapes("expand", "a.expand(2, 4, 3)", "a.expand([2, 4, 3])", [4, 1], small=[[1], []])
case("expand", [leaf([1, 3])], "a.expand(4, -1)", "a.expand([4, -1])", note="one size kept")
case("expand", [leaf([1, 3])], "a.expand(0, 3)", "a.expand([0, 3])", note="to nothing")
case("expand_as", [leaf([3]), leaf([2, 3])], "a.expand_as(b) * b", "a.expandAs(b).mul(b)")
case("broadcast_to", [leaf([2, 1])], "a.broadcast_to((3, 2, 2))", "a.broadcastTo([3, 2, 2])")
shapes("narrow", "a.narrow(1, 1, 2)", "a.narrow(1, 1, 2)", [2, 4], small=[[0, 3]])
case("narrow", [leaf([2, 4])], "a.narrow(1, -3, 2)", "a.narrow(1, -3, 2)", note="from the end")
case("narrow", [leaf([2, 4])], "a.narrow(0, 1, 0)", "a.narrow(0, 1, 0)", note="of nothing")
shapes("select", "a.select(1, -1)", "a.select(1, -1)", [2, 3, 2], small=[[0, 3]])
shapes("slice", "a[:, 1:-1:2]", "a.slice(1, 1, -1, 2)", [2, 6], small=[[0, 4]])
case("slice", [leaf([5])], "a[3:1]", "a.slice(0, 3, 1)", note="backwards: nothing")
case("slice", [leaf([5])], "a[-9:9]", "a.slice(0, -9, 9)", note="bounds beyond the axis")
shapes("unfold", "a.unfold(1, 3, 2)", "a.unfold(1, 3, 2)", [2, 7], small=[[0, 3]])
case("unfold", [leaf([2, 3, 5])], "a.unfold(1, 2, 1)", "a.unfold(1, 2, 1)", note="windows overlap", view=True)
case("unfold", [leaf([])], "a.unfold(0, 1, 1)", "a.unfold(0, 1, 1)", note="0-d")
shapes("diagonal", "a.diagonal()", "a.diagonal()", [3, 4], small=[[0, 3]])
shapes("diagonal", "a.diagonal(1)", "a.diagonal(1)", [4, 3])
shapes("diagonal", "a.diagonal(-2)", "a.diagonal(-2)", [4, 3])
case("diagonal", [leaf([3, 2, 4])], "a.diagonal(1, 2, 0)", "a.diagonal(1, 2, 0)", note="other axes", view=True)
case("diagonal", [leaf([2, 3])], "a.diagonal(7)", "a.diagonal(7)", note="beyond the matrix")
case("as_strided", [leaf([3, 4])], "a.as_strided((2, 3), (5, 2), 1)", "a.asStrided([2, 3], [5, 2], 1)", others=NARROW)
case("as_strided", [leaf([6])], "a.as_strided((4, 3), (1, 1))", "a.asStrided([4, 3], [1, 1])", note="elements come twice")
case("contiguous", [leaf([2, 3])], "a.t().contiguous()", "a.t().contiguous()", view=True)

case("unbind", [leaf([2, 3])], "a.unbind(1)", "a.unbind(1)", view=True)
case("unbind", [leaf([2, 0])], "a.unbind()", "a.unbind()", note="empty")
case("split", [leaf([5, 2])], "a.split(2)", "a.split(2)", view=True, others=NARROW)
case("split", [leaf([2, 5])], "a.split((1, 0, 4), 1)", "a.split([1, 0, 4], 1)", note="sizes listed")
case("split", [leaf([0, 3])], "a.split(2)", "a.split(2)", note="empty")
case("split_with_sizes", [leaf([5])], "a.split_with_sizes((2, 3))", "a.splitWithSizes([2, 3])")
case("chunk", [leaf([7, 2])], "a.chunk(3)", "a.chunk(3)", view=True)
case("chunk", [leaf([2, 4])], "a.chunk(3, 1)", "a.chunk(3, 1)", note="fewer parts than asked")
case("tensor_split", [leaf([7])], "a.tensor_split(3)", "a.tensorSplit(3)")
case("tensor_split", [leaf([2, 7])], "a.tensor_split((1, 4, 9), 1)", "a.tensorSplit([1, 4, 9], 1)", note="places listed")
case("hsplit", [leaf([2, 4])], "a.hsplit(2)", "a.hsplit(2)")
case("hsplit", [leaf([4])], "a.hsplit([1, 3])", "a.hsplit([1, 3])", note="vector")
case("vsplit", [leaf([4, 2])], "a.vsplit(2)", "a.vsplit(2)")
case("dsplit", [leaf([2, 1, 4])], "a.dsplit(2)", "a.dsplit(2)")

case("cat", [leaf([2, 3]), leaf([1, 3])], "torch.cat((a, b))", "T.cat([a, b])", view=True, others=NARROW)
case("cat", [leaf([2, 1]), leaf([2, 3]), leaf([2, 0])], "torch.cat((a, b, c), -1)", "T.cat([a, b, c], -1)", note="one part empty")
case("cat", [leaf([2, 2]), index([[1, 2]])], "torch.cat((a, b))", "T.cat([a, b])", note="promoted")
case("cat", [leaf([0]), leaf([2, 2])], "torch.cat((a, b))", "T.cat([a, b])", note="an empty vector with a matrix")
case("stack", [leaf([2, 3]), leaf([2, 3])], "torch.stack((a, b), 1)", "T.stack([a, b], 1)", view=True, others=NARROW)
case("stack", [leaf([]), leaf([])], "torch.stack((a, b))", "T.stack([a, b])", note="0-d")
case("stack", [leaf([0, 2]), leaf([0, 2])], "torch.stack((a, b), -1)", "T.stack([a, b], -1)", note="empty")
case("hstack", [leaf([2, 1]), leaf([2, 3])], "torch.hstack((a, b))", "T.hstack([a, b])", view=True)
case("hstack", [leaf([2]), leaf([])], "torch.hstack((a, b))", "T.hstack([a, b])", note="vector and 0-d")
case("vstack", [leaf([3]), leaf([2, 3])], "torch.vstack((a, b))", "T.vstack([a, b])", view=True)
case("dstack", [leaf([3]), leaf([1, 3])], "torch.dstack((a, b))", "T.dstack([a, b])")
case("meshgrid", [leaf([2]), leaf([3])], "torch.meshgrid(a, b, indexing='ij')", "T.meshgrid([a, b])")
case("meshgrid", [leaf([2]), leaf([3]), leaf([])], "torch.meshgrid(a, b, c, indexing='xy')", "T.meshgrid([a, b, c], { indexing: 'xy' })", note="xy")
case("cartesian_prod", [leaf([2]), leaf([3])], "torch.cartesian_prod(a, b)", "T.cartesianProd(a, b)")

shapes("clone", "a.clone()", "a.clone()", M, small=[[], [0, 3]])
shapes("flip", "a.flip(0, -1)", "a.flip([0, -1])", [2, 3, 2], small=[[0, 3]])
case("flip", [leaf([5])], "a.flip(0)", "a.flip(0)", note="vector")
case("flip", [leaf([])], "a.flip(())", "a.flip([])", note="0-d")
shapes("fliplr", "a.fliplr()", "a.fliplr()", M)
shapes("flipud", "a.flipud()", "a.flipud()", M)
shapes("roll", "a.roll(1, 0)", "a.roll(1, 0)", [3, 2], small=[[0, 3]])
shapes("roll", "a.roll(4)", "a.roll(4)", [2, 3], small=[[], [0, 3]])
case("roll", [leaf([2, 3])], "a.roll((-1, 5), (0, 1))", "a.roll([-1, 5], [0, 1])", note="several axes")
for k in (1, 2, -1, 4):
    shapes("rot90", f"a.rot90({k})", f"a.rot90({k})", M)
case("rot90", [leaf([2, 3, 2])], "a.rot90(1, (2, 0))", "a.rot90(1, [2, 0])", note="other axes")
shapes("repeat", "a.repeat(2, 1, 2)", "a.repeat([2, 1, 2])", M, small=[[], [0, 3]])
case("repeat", [leaf([2])], "a.repeat(0, 2)", "a.repeat([0, 2])", note="no times")
shapes("tile", "a.tile((2,))", "a.tile([2])", M, small=[[]])
shapes("repeat_interleave", "a.repeat_interleave(2)", "a.repeatInterleave(2)", M, small=[[], [0, 3]])
shapes("repeat_interleave", "a.repeat_interleave(3, 1)", "a.repeatInterleave(3, 1)", M)
case("repeat_interleave", [leaf([3, 2]), index([2, 0, 1])], "a.repeat_interleave(b, 0)", "a.repeatInterleave(b, 0)", note="counts")
for name in ("tril", "triu"):
    shapes(name, f"a.{name}()", f"a.{name}()", [3, 4], small=[[0, 3]])
    shapes(name, f"a.{name}(-1)", f"a.{name}(-1)", [4, 3])
    case(name, [leaf([2, 3, 3])], f"a.{name}(1)", f"a.{name}(1)", note="batch", view=True)
shapes("diag", "a.diag()", "a.diag()", [3], small=[[0]])
case("diag", [leaf([2])], "a.diag(-1)", "a.diag(-1)", note="below the diagonal")
case("diag", [leaf([3, 4])], "a.diag(1)", "a.diag(1)", note="of a matrix", view=True)
shapes("diag_embed", "a.diag_embed()", "a.diagEmbed()", M, small=[[0], [2, 0]])
case("diag_embed", [leaf([2, 3])], "a.diag_embed(1, 0, 2)", "a.diagEmbed(1, 0, 2)", note="other axes", view=True)
case("diag_embed", [leaf([2])], "a.diag_embed(-2)", "a.diagEmbed(-2)", note="below the diagonal")
case("select_scatter", [leaf([2, 3]), leaf([2])], "a.select_scatter(b, 1, -1)", "a.selectScatter(b, 1, -1)", view=True)
case("slice_scatter", [leaf([2, 5]), leaf([2, 2])], "a.slice_scatter(b, 1, 1, 5, 2)", "a.sliceScatter(b, 1, 1, 5, 2)", view=True)
case("diagonal_scatter", [leaf([3, 3]), leaf([2])], "a.diagonal_scatter(b, 1)", "a.diagonalScatter(b, 1)", view=True)
case("broadcast_tensors", [leaf([2, 1]), leaf([3])], "torch.broadcast_tensors(a, b)", "T.broadcastTensors(a, b)")
for rank in (1, 2, 3):
    case(f"atleast_{rank}d", [leaf([]), leaf([2]), leaf([2, 3])], f"torch.atleast_{rank}d(a, b, c)", f"[a, b, c].map(T.atleast{rank}d)")
case("column_stack", [leaf([2]), leaf([2, 2])], "torch.column_stack((a, b))", "T.columnStack([a, b])")
case("tril_indices", [], "torch.tril_indices(3, 4, -1)", "T.trilIndices(3, 4, -1)", grad=False)  # places have no gradient
case("triu_indices", [], "torch.triu_indices(3, 4, 1)", "T.triuIndices(3, 4, 1)", grad=False)  # places have no gradient

# Writes through views: the base, after a write to a part of it that carries a gradient.
WRITE = "(lambda x: ({}, x)[1])(a.clone())"
for py, js in [
    ("x.view(6)[1:4].copy_(b)", "x.view([6]).slice(0, 1, 4)"),
    ("x.t()[0, 0:1].copy_(b[:1])", "x.t().select(0, 0).slice(0, 0, 1)"),
    ("x.diagonal().copy_(b[:2])", "x.diagonal()"),
    ("x.unsqueeze(1).squeeze(1).permute(1, 0)[:, 1].copy_(b)", "x.unsqueeze(1).squeeze(1).permute([1, 0]).select(1, 1)"),
    ("x.as_strided((3,), (2,), 0).copy_(b)", "x.asStrided([3], [2], 0)"),
    ("x.unfold(1, 1, 2)[0, :, 0].copy_(b[:2])", "x.unfold(1, 1, 2).select(0, 0).select(1, 0)"),
    ("x[:, ::2].mul_(b[:1])", None),
]:
    count = 2 if "b[:2]" in py else 1 if "b[:1]" in py else 3
    given = "b" if count == 3 else f"b.slice(0, 0, {count})"
    ours = "x.slice(1, 0, 3, 2).mul_(b.slice(0, 0, 1))" if js is None else f"{js}.copy_({given})"
    case("copy_", [leaf([2, 3]), leaf([3])], WRITE.format(py), f"((x) => ({ours}, x))(a.clone())", note="through a view")

# 0-d, empty and not contiguous, where the forms above do not hold them; what has too few axes is refused.
L = lambda *shapes: [leaf(shape) for shape in shapes]
refused("view", "a.view(6)", "a.view([6])", L([2, 3]), view=True)
turned("view", L([2, 3]), "a.view(2, 3, 1)", "a.view([2, 3, 1])")
refused("view_as", "a.view_as(b)", "a.viewAs(b)", L([2, 3], [3, 2]), view=True)
for name, js in [("view_as", "viewAs"), ("reshape_as", "reshapeAs")]:
    edges(name, f"a.{name}(b) * b", f"a.{js}(b).mul(b)", L([], [1, 1]), L([0, 3], [3, 0]))
refused("unflatten", "a.unflatten(0, (1, 1))", "a.unflatten(0, [1, 1])", L([]))
for name, arguments, refuses in [("swapaxes", "(0, 1)", False), ("movedim", "(0, -1)", False), ("T", "", False), ("mT", "", False), ("fliplr", "()", True), ("flipud", "()", True),
                                 ("rot90", "(1)", True), ("narrow", "(0, 0, 1)", True), ("select", "(0, 0)", True), ("slice", None, True), ("diagonal", "()", True),
                                 ("tril", "()", True), ("triu", "()", True), ("diag", "()", True), ("diag_embed", "()", True)]:
    camel = {"diag_embed": "diagEmbed"}.get(name, name)
    text = ("a[0:1]", "a.slice(0, 0, 1)") if arguments is None else (f"a.{name}{arguments}", f"a.{camel}{arguments}")
    if name == "swapaxes":
        text = ("a.swapaxes(0, -1)", "a.swapaxes(0, -1)")
    (refused if refuses else edges)(name, *text, L([]))
for name in ("swapaxes", "fliplr", "flipud", "rot90"):
    arguments = {"swapaxes": "(0, 1)", "rot90": "(1)"}.get(name, "()")
    edges(name, f"a.{name}{arguments}", f"a.{name}{arguments}", L([0, 3]))
for name, args, js in [("unbind", "()", "()"), ("split", "(2)", "(2)"), ("split_with_sizes", "((1,))", "([1])"), ("chunk", "(2)", "(2)"), ("tensor_split", "(2)", "(2)"),
                       ("hsplit", "(2)", "(2)"), ("vsplit", "(2)", "(2)"), ("dsplit", "(2)", "(2)")]:
    ours = {"split_with_sizes": "splitWithSizes", "tensor_split": "tensorSplit"}.get(name, name)
    refused(name, f"a.{name}{args}", f"a.{ours}{js}", L([]))
for name, args, js, shape in [("split_with_sizes", "((0, 2), 1)", "([0, 2], 1)", [0, 2]), ("chunk", "(2)", "(2)", [0, 3]), ("tensor_split", "(2)", "(2)", [0, 3]),
                              ("hsplit", "(2)", "(2)", [0, 4]), ("vsplit", "(2)", "(2)", [0, 3]), ("dsplit", "(2)", "(2)", [0, 1, 4])]:
    ours = {"split_with_sizes": "splitWithSizes", "tensor_split": "tensorSplit"}.get(name, name)
    edges(name, f"a.{name}{args}", f"a.{ours}{js}", L(shape))
    if name != "chunk":
        turned(name, L([4, *shape[1:]]), f"a.{name}{args}", f"a.{ours}{js}")
edges("expand", "a.expand(2, 0, 3)", "a.expand([2, 0, 3])", L([0, 1]))
edges("expand_as", "a.expand_as(b) * b", "a.expandAs(b).mul(b)", L([], [2, 3]), L([0, 1], [0, 3]))
turned("expand_as", L([3, 1], [3, 2]), "a.expand_as(b) * b", "a.expandAs(b).mul(b)")
edges("broadcast_to", "a.broadcast_to((2, 0, 3))", "a.broadcastTo([2, 0, 3])", L([]), L([0, 1]))
turned("broadcast_to", L([2, 3]), "a.broadcast_to((2, 2, 3))", "a.broadcastTo([2, 2, 3])")
edges("as_strided", "a.as_strided((), ())", "a.asStrided([], [])", L([]))
edges("as_strided", "a.as_strided((0, 2), (2, 1))", "a.asStrided([0, 2], [2, 1])", L([0, 2]))
turned("as_strided", L([3, 4]), "a.as_strided((2, 3), (5, 2), 1)", "a.asStrided([2, 3], [5, 2], 1)")
edges("contiguous", "a.contiguous()", "a.contiguous()", L([]), L([0, 3]))
refused("cat", "torch.cat((a, b))", "T.cat([a, b])", L([], []), L([2, 3], [1, 4]), L([2, 3], [3]))
refused("stack", "torch.stack((a, b))", "T.stack([a, b])", L([2, 3], [1, 3]))
for name, shapes in [("hstack", ([], []), ), ("vstack", ([], [])), ("dstack", ([], [])), ("column_stack", ([], []))]:
    js = {"column_stack": "columnStack"}.get(name, name)
    text = (f"torch.{name}((a, b))", f"T.{js}([a, b])")
    edges(name, *text, L(*shapes), L([0, 3], [0, 3]))
    if name in ("dstack", "column_stack"):
        turned(name, L([2, 3], [2, 3]), *text)
    refused(name, *text, L([2, 3], [3, 2, 1]))
MESH = ("torch.meshgrid(a, b, indexing='ij')", "T.meshgrid([a, b])")
edges("meshgrid", *MESH, L([], [2]), L([0], [2]))
turned("meshgrid", L([2], [3]), *MESH)
PROD = ("torch.cartesian_prod(a, b)", "T.cartesianProd(a, b)")
edges("cartesian_prod", *PROD, L([0], [2]))
refused("cartesian_prod", *PROD, L([], [2]), L([1, 2], [2]))
turned("cartesian_prod", L([2], [3]), *PROD)
edges("broadcast_tensors", "torch.broadcast_tensors(a, b)", "T.broadcastTensors(a, b)", L([], [2, 3]), L([0, 1], [3]))
turned("broadcast_tensors", L([2, 3], [3]), "torch.broadcast_tensors(a, b)", "T.broadcastTensors(a, b)")
for rank in (1, 2, 3):
    edges(f"atleast_{rank}d", f"torch.atleast_{rank}d(a)", f"T.atleast{rank}d(a)", L([0]))
    turned(f"atleast_{rank}d", L([2, 3]), f"torch.atleast_{rank}d(a)", f"T.atleast{rank}d(a)")
edges("tile", "a.tile((2, 1))", "a.tile([2, 1])", L([0, 3]))
refused("select_scatter", "a.select_scatter(b, 0, 0)", "a.selectScatter(b, 0, 0)", L([], []), L([2, 3], [1]))
edges("select_scatter", "a.select_scatter(b, 1, 0)", "a.selectScatter(b, 1, 0)", L([0, 3], [0]))
refused("slice_scatter", "a.slice_scatter(b, 0, 0, 1)", "a.sliceScatter(b, 0, 0, 1)", L([], []), L([2, 3], [1, 2]))
edges("slice_scatter", "a.slice_scatter(b, 1, 0, 2)", "a.sliceScatter(b, 1, 0, 2)", L([0, 3], [0, 2]))
refused("diagonal_scatter", "a.diagonal_scatter(b)", "a.diagonalScatter(b)", L([], []), L([3, 3], [1]))
edges("diagonal_scatter", "a.diagonal_scatter(b)", "a.diagonalScatter(b)", L([0, 3], [0]))
for name, js in [("tril_indices", "trilIndices"), ("triu_indices", "triuIndices")]:
    case(name, [], f"torch.{name}(0, 3)", f"T.{js}(0, 3)", note="empty", grad=False)  # places have no gradient
refused("flatten", "a.flatten(1, 2)", "a.flatten(1, 2)", L([]))
refused("squeeze", "a.squeeze((0, -1))", "a.squeeze([0, -1])", L([]), L([1]))
refused("expand", "a.expand(-1, 4)", "a.expand([-1, 4])", L([]), L([4]))
refused("roll", "a.roll(1, 0)", "a.roll(1, 0)", L([]))
refused("repeat_interleave", "a.repeat_interleave(b, 0)", "a.repeatInterleave(b, 0)", [leaf([]), index(2)])

write("views")
