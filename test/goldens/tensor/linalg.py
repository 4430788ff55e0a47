"""Goldens of the products and of linear algebra. Run: python test/goldens/tensor/linalg.py"""
from cases import *

MM = ("torch.mm(a, b)", "a.mm(b)")
case("mm", [leaf([2, 3]), leaf([3, 4])], *MM, others=INTS + HALVES, view=True)
case("mm", [leaf([0, 3]), leaf([3, 2])], *MM, note="empty")
case("mm", [leaf([2, 0]), leaf([0, 3])], *MM, note="empty sum")
BMM = ("torch.bmm(a, b)", "a.bmm(b)")
case("bmm", [leaf([2, 2, 3]), leaf([2, 3, 2])], *BMM, others=INTS[:2] + HALVES, view=True)
case("bmm", [leaf([0, 2, 3]), leaf([0, 3, 2])], *BMM, note="empty")
case("mv", [leaf([2, 3]), leaf([3])], "torch.mv(a, b)", "a.mv(b)", others=INTS[:2] + HALVES, view=True)
case("mv", [leaf([0, 3]), leaf([3])], "torch.mv(a, b)", "a.mv(b)", note="empty")
case("dot", [leaf([3]), leaf([3])], "torch.dot(a, b)", "a.dot(b)", others=INTS + HALVES)
case("dot", [leaf([0]), leaf([0])], "torch.dot(a, b)", "a.dot(b)", note="empty")
case("vdot", [leaf([3]), leaf([3])], "torch.vdot(a, b)", "a.vdot(b)")
INNER = ("torch.inner(a, b)", "a.inner(b)")
case("inner", [leaf([2, 3]), leaf([4, 3])], *INNER, others=INTS[:2] + HALVES, view=True)
case("inner", [leaf([3]), leaf([2, 2, 3])], *INNER, note="vector and batch")
case("inner", [leaf([]), leaf([2, 3])], *INNER, note="0-d")
case("inner", [leaf([3]), leaf([3])], *INNER, note="vectors")
case("inner", [leaf([0, 3]), leaf([2, 3])], *INNER, note="empty")
case("outer", [leaf([3]), leaf([2])], "torch.outer(a, b)", "a.outer(b)", others=INTS + HALVES)
case("outer", [leaf([0]), leaf([2])], "torch.ger(a, b)", "a.ger(b)", note="empty")

ADDMM = ("torch.addmm(a, b, c, beta=0.5, alpha=2)", "a.addmm(b, c, { beta: 0.5, alpha: 2 })")
case("addmm", [leaf([2, 4]), leaf([2, 3]), leaf([3, 4])], *ADDMM, view=True)
case("addmm", [leaf([4]), leaf([2, 3]), leaf([3, 4])], "torch.addmm(a, b, c)", "a.addmm(b, c)",
     note="broadcast", others=["int64", "int32"] + HALVES)
case("addmm", [leaf([]), leaf([2, 0]), leaf([0, 3])], *ADDMM, note="empty sum")
case("addmm", [{"shape": [2, 2], "dtype": "float", "data": ["nan"] * 4}, leaf([2, 3]), leaf([3, 2])],
     "torch.addmm(a, b, c, beta=0)", "a.addmm(b, c, { beta: 0 })", note="beta 0 leaves NaN out",
     grad=False)  # PyTorch's gradient of the first is 0, ours flows nowhere: the same for a training step
case("addmv", [leaf([2]), leaf([2, 3]), leaf([3])], "torch.addmv(a, b, c, beta=2, alpha=0.5)", "a.addmv(b, c, { beta: 2, alpha: 0.5 })")
case("addr", [leaf([3, 2]), leaf([3]), leaf([2])], "torch.addr(a, b, c, beta=2, alpha=0.5)", "a.addr(b, c, { beta: 2, alpha: 0.5 })")
case("baddbmm", [leaf([2, 2, 2]), leaf([2, 2, 3]), leaf([2, 3, 2])], "torch.baddbmm(a, b, c, beta=2, alpha=0.5)",
     "a.baddbmm(b, c, { beta: 2, alpha: 0.5 })", view=True)
case("baddbmm", [leaf([2]), leaf([2, 2, 3]), leaf([2, 3, 2])], "torch.baddbmm(a, b, c)", "a.baddbmm(b, c)", note="broadcast", others=["int64"])
case("addbmm", [leaf([2, 2]), leaf([3, 2, 3]), leaf([3, 3, 2])], "torch.addbmm(a, b, c, beta=2, alpha=0.5)",
     "a.addbmm(b, c, { beta: 2, alpha: 0.5 })")

KRON = ("torch.kron(a, b)", "a.kron(b)")
case("kron", [leaf([2, 2]), leaf([2, 3])], *KRON, others=INTS[:2] + HALVES, view=True)
case("kron", [leaf([2]), leaf([2, 3])], *KRON, note="ranks differ")
case("kron", [leaf([]), leaf([2])], *KRON, note="0-d")
case("kron", [leaf([0, 2]), leaf([2, 3])], *KRON, note="empty")
case("tensordot", [leaf([2, 3, 4]), leaf([4, 3, 5])], "torch.tensordot(a, b, dims=([1, 2], [1, 0]))",
     "T.tensordot(a, b, [[1, 2], [1, 0]])", others=["int64"], view=True)
case("tensordot", [leaf([2, 3, 4]), leaf([3, 4, 2])], "torch.tensordot(a, b, dims=2)", "T.tensordot(a, b, 2)")
case("tensordot", [leaf([2]), leaf([3])], "torch.tensordot(a, b, dims=0)", "T.tensordot(a, b, 0)", note="outer")
case("tensordot", [leaf([2, 0]), leaf([0, 3])], "torch.tensordot(a, b, dims=1)", "T.tensordot(a, b, 1)", note="empty sum")
case("multi_dot", [leaf([2, 3]), leaf([3, 4]), leaf([4, 2])], "torch.linalg.multi_dot([a, b, c])", "T.linalg.multiDot([a, b, c])", view=True)
case("multi_dot", [leaf([3]), leaf([3, 2]), leaf([2, 4]), leaf([4])], "torch.linalg.multi_dot([a, b, c, d])",
     "T.linalg.multiDot([a, b, c, d])", note="vectors at the ends")
case("multi_dot", [leaf([2, 3]), leaf([3])], "torch.linalg.multi_dot([a, b])", "T.chainMatmul([a, b])", note="two")
CROSS = ("torch.linalg.cross(a, b)", "T.linalg.cross(a, b)")
case("cross", [leaf([2, 3]), leaf([2, 3])], *CROSS, others=INTS[:2] + HALVES, view=True)
case("cross", [leaf([3, 1]), leaf([3, 2])], "torch.linalg.cross(a, b, dim=0)", "T.linalg.cross(a, b, 0)", note="broadcast")
case("cross", [leaf([3, 2]), leaf([3, 2])], "torch.cross(a, b, dim=0)", "a.cross(b)", note="first axis of three")
case("cross", [leaf([0, 3]), leaf([0, 3])], *CROSS, note="empty")
for p in (2, 1, 3, 0):
    case("cdist", [leaf([2, 3]), leaf([4, 3])], f"torch.cdist(a, b, p={float(p)})", f"T.cdist(a, b, {p})", note=f"p = {p}", view=p == 2,
         grad=p != 0)  # a count has no gradient
case("cdist", [given([[1, 5, 2], [0, -3, 1]]), given([[2, 2, 2.5], [4, 1.5, -1]])], "torch.cdist(a, b, p=math.inf)", "T.cdist(a, b, Infinity)", note="p = inf")
case("cdist", [leaf([2, 2, 3]), leaf([1, 4, 3])], "torch.cdist(a, b)", "T.cdist(a, b)", note="batches broadcast")
case("cdist", [leaf([30, 2], ties=True), leaf([2, 2])], "torch.cdist(a, b)", "T.cdist(a, b)", note="by a product", tolerance=1e-3)
case("cdist", [leaf([0, 3]), leaf([2, 3])], "torch.cdist(a, b)", "T.cdist(a, b)", note="empty")
case("cdist", [given([[1, 2], [3, 4]]), given([[1, 2]])], "torch.cdist(a, b)", "T.cdist(a, b)", note="equal points",
     grad=False)  # PyTorch's second derivative is NaN at distance 0
case("trace", [leaf([3, 3])], "torch.trace(a)", "a.trace()", others=INTS + HALVES, view=True)
case("trace", [leaf([2, 4])], "torch.trace(a)", "a.trace()", note="wide")
case("trace", [leaf([4, 2])], "torch.trace(a)", "a.trace()", note="high")
case("trace", [leaf([0, 2])], "torch.trace(a)", "a.trace()", note="empty")

# decompositions: float32 and float64 alone
SQUARE = [[2.5, -1, 0.5], [0.75, 3, -1.25], [-0.5, 1.5, 2]]
SECOND = [[1.5, 0.5, -2], [0.25, -2, 1], [1, 0.75, 3]]
SINGULAR = [[1, 2, 3], [2, 4, 6], [1, 0, 1]]


def square(op, py, js, **options):
    """A matrix, a batch, a turned one, an empty one."""
    case(op, [given(SQUARE)], py, js, view=True, **options)
    case(op, [given([SQUARE, SECOND])], py, js, note="batch", **options)
    case(op, [leaf([1, 1])], py, js, note="one by one", **options)
    case(op, [leaf([0, 0])], py, js, note="empty", **options)
    case(op, [leaf([0, 2, 2])], py, js, note="empty batch", **options)


square("det", "torch.linalg.det(a)", "T.linalg.det(a)")
case("det", [given(SINGULAR)], "torch.linalg.det(a)", "a.det()", note="singular", grad=False)  # by the cofactors below; PyTorch perturbs
square("slogdet", "torch.linalg.slogdet(a)", "T.linalg.slogdet(a)")
case("slogdet", [given(SECOND)], "torch.logdet(-a)", "a.neg().logdet()", note="logdet")
case("slogdet", [given(SINGULAR)], "torch.slogdet(a)", "a.slogdet()", note="singular", grad=False)  # no inverse
square("inv", "torch.linalg.inv(a)", "T.linalg.inv(a)")
case("inv", [given(SQUARE)], "a.inverse()", "a.inverse()", note="method")
SOLVE = ("torch.linalg.solve(a, b)", "T.linalg.solve(a, b)")
case("solve", [given(SQUARE), leaf([3, 2])], *SOLVE, view=True)
case("solve", [given(SQUARE), leaf([3])], *SOLVE, note="vector")
case("solve", [given([SQUARE, SECOND]), leaf([2, 3])], *SOLVE, note="batch of vectors")
case("solve", [given([SQUARE, SECOND]), leaf([3, 2])], *SOLVE, note="batch broadcast")
case("solve", [given(SQUARE), leaf([2, 3, 1])], *SOLVE, note="one matrix for a batch")
case("solve", [given(SQUARE), leaf([2, 3])], "torch.linalg.solve(a, b, left=False)", "T.linalg.solve(a, b, { left: false })", note="right")
case("solve", [leaf([0, 0]), leaf([0, 2])], *SOLVE, note="empty")
for upper in (True, False):
    word = "upper" if upper else "lower"
    flags = f"upper={upper}", f"upper: {str(upper).lower()}"
    part = "triu" if upper else "tril"
    case("solve_triangular", [given(SQUARE), leaf([3, 2])], f"torch.linalg.solve_triangular(a.{part}(), b, {flags[0]})",
         f"T.linalg.solveTriangular(a, b, {{ {flags[1]} }})", note=word, view=True)
    case("solve_triangular", [given([SQUARE, SECOND]), leaf([2, 3])], f"torch.linalg.solve_triangular(a.{part}(), b, {flags[0]}, left=False)",
         f"T.linalg.solveTriangular(a, b, {{ {flags[1]}, left: false }})", note=f"{word}, right, batch broadcast")
    case("solve_triangular", [given(SQUARE), leaf([3, 1])], f"torch.linalg.solve_triangular(a.{part}(), b, {flags[0]}, unitriangular=True)",
         f"T.linalg.solveTriangular(a, b, {{ {flags[1]}, unitriangular: true }})", note=f"{word}, ones on the diagonal")
CHOLESKY = ("torch.linalg.cholesky(a @ a.mT + 0.5 * torch.eye(3, dtype=a.dtype))", "T.linalg.cholesky(a.matmul(a.transpose(-1, -2)).add(T.eye(3, { dtype: a.dtype, device: a.device }).mul(0.5)))")
case("cholesky", [given(SQUARE)], *CHOLESKY, view=True)
case("cholesky", [given([SQUARE, SECOND])], *CHOLESKY, note="batch")
case("cholesky", [given([[4, 2], [2, 5]])], "torch.linalg.cholesky(a, upper=True)", "T.linalg.cholesky(a, { upper: true })", note="upper")
case("cholesky", [leaf([0, 0])], "torch.linalg.cholesky(a)", "a.cholesky()", note="empty")
QR = ("torch.linalg.qr(a)", "T.linalg.qr(a)")
case("qr", [given(SQUARE)], *QR, view=True)
case("qr", [leaf([4, 2])], *QR, note="high", view=True)
case("qr", [leaf([2, 4])], *QR, note="wide")
case("qr", [leaf([2, 3, 2])], *QR, note="batch")
case("qr", [leaf([3, 2])], "torch.linalg.qr(a, mode='complete')", 'T.linalg.qr(a, "complete")', note="complete", grad=False)  # none where Q has columns of its own
case("qr", [leaf([2, 3])], "torch.linalg.qr(a, mode='complete')", 'T.linalg.qr(a, "complete")', note="complete, wide")
case("qr", [leaf([3, 2])], "torch.linalg.qr(a, mode='r')[1]", 'T.linalg.qr(a, "r").r', note="R alone", grad=False)  # PyTorch gives none without Q
case("qr", [leaf([0, 2])], *QR, note="empty")
SYMMETRIC = [[2, 0.5, -1], [0.5, 1, 0.25], [-1, 0.25, 3]]
case("eigh", [given(SYMMETRIC)], "torch.linalg.eigvalsh(a + a.mT)", "T.linalg.eigvalsh(a.add(a.transpose(-1, -2)))", note="values", view=True)
case("eigh", [given([SYMMETRIC, SECOND])], "torch.linalg.eigh(a + a.mT)[0]", "T.linalg.eigh(a.add(a.transpose(-1, -2))).eigenvalues", note="batch")
# A vector's sign is arbitrary: its square is not.
case("eigh", [given(SYMMETRIC)], "torch.linalg.eigh(a + a.mT)[1] ** 2", "T.linalg.eigh(a.add(a.transpose(-1, -2))).eigenvectors.square()", note="vectors squared")
case("eigh", [given(SECOND)], "torch.linalg.eigvalsh(a)", "T.linalg.eigvalsh(a)", note="the lower triangle", grad=False)  # undefined off the symmetric matrices
case("eigh", [leaf([0, 0])], "torch.linalg.eigvalsh(a)", "T.linalg.eigvalsh(a)", note="empty")
case("svd", [leaf([3, 2])], "torch.linalg.svdvals(a)", "T.linalg.svdvals(a)", note="values", view=True)
case("svd", [given(SQUARE)], "torch.linalg.svd(a, full_matrices=False)[0] ** 2", "T.linalg.svd(a, { fullMatrices: false }).u.square()", note="left vectors squared")
case("svd", [leaf([4, 2])], "torch.linalg.svd(a, full_matrices=False)[0] ** 2", "T.linalg.svd(a, { fullMatrices: false }).u.square()", note="left vectors squared, high")
case("svd", [leaf([2, 4])], "torch.linalg.svd(a, full_matrices=False)[2] ** 2", "T.linalg.svd(a, { fullMatrices: false }).vh.square()", note="right vectors squared, wide")
case("svd", [leaf([2, 2, 3])], "torch.linalg.svd(a, full_matrices=False)[2] ** 2", "a.svd().v.transpose(-1, -2).square()", note="batch")
case("svd", [leaf([3, 2])], "(lambda u, s, vh: (u[:, :2] * s) @ vh)(*torch.linalg.svd(a))",
     "(({ u, s, vh }) => u.slice(1, 0, 2).mul(s).matmul(vh))(T.linalg.svd(a.detach()))", note="product of the full ones", grad=False)  # full matrices have none
case("svd", [leaf([0, 2])], "torch.linalg.svdvals(a)", "T.linalg.svdvals(a)", note="empty")
case("pinv", [leaf([3, 2])], "torch.linalg.pinv(a)", "T.linalg.pinv(a)", view=True)
case("pinv", [leaf([2, 3])], "torch.linalg.pinv(a)", "a.pinverse()", note="wide")
case("pinv", [given(SINGULAR)], "torch.linalg.pinv(a, rtol=1e-5)", "T.linalg.pinv(a, { rtol: 1e-5 })", note="singular", grad=False)  # not continuous there
LSTSQ = ("torch.linalg.lstsq(a, b).solution", "T.linalg.lstsq(a, b).solution")
case("lstsq", [leaf([4, 2]), leaf([4, 3])], *LSTSQ, view=True, tolerance=1e-3)
case("lstsq", [leaf([2, 4]), leaf([2, 1])], "torch.linalg.lstsq(a, b, driver='gelsd').solution", LSTSQ[1], note="wide", tolerance=1e-3)
case("matrix_power", [given(SQUARE)], "torch.linalg.matrix_power(a, 5)", "T.linalg.matrixPower(a, 5)", view=True, tolerance=1e-3)
case("matrix_power", [given([SQUARE, SECOND])], "torch.linalg.matrix_power(a, -2)", "a.matrixPower(-2)", note="negative, batch", tolerance=1e-3)
case("matrix_power", [leaf([2, 2, 2])], "torch.linalg.matrix_power(a, 0)", "a.matrixPower(0)", note="0", grad=False)  # constant
case("matrix_power", [leaf([2, 2])], "torch.linalg.matrix_power(a, 3)", "a.matrixPower(3)", note="whole numbers",
     others=["int64", "int32"], grad=False)  # as above

# norms
for ord, js in ((2, "2"), (1, "1"), (3, "3"), (0.5, "0.5"), (-1, "-1"), ("math.inf", "Infinity"), ("-math.inf", "-Infinity"), (0, "0")):
    case("vector_norm", [leaf([2, 3])], f"torch.linalg.vector_norm(a, {ord}, dim=1)", f"T.linalg.vectorNorm(a, {js}, 1)", note=f"order {js}",
         view=ord == 2, grad=ord != 0)  # a count has none
case("vector_norm", [leaf([2, 3])], "torch.linalg.vector_norm(a)", "T.linalg.vectorNorm(a)", note="all", others=HALVES)
case("vector_norm", [leaf([2, 3])], "torch.linalg.vector_norm(a, dim=(0, 1), keepdim=True)", "T.linalg.vectorNorm(a, 2, [0, 1], true)", note="kept")
case("vector_norm", [leaf([])], "torch.linalg.vector_norm(a)", "T.linalg.vectorNorm(a)", note="0-d", grad=False)  # |x|: PyTorch's second derivative rounds
case("vector_norm", [leaf([0])], "torch.linalg.vector_norm(a)", "T.linalg.vectorNorm(a)", note="empty")
for ord, js in (("'fro'", '"fro"'), ("'nuc'", '"nuc"'), (2, "2"), (-2, "-2"), (1, "1"), (-1, "-1"), ("math.inf", "Infinity"), ("-math.inf", "-Infinity")):
    case("matrix_norm", [leaf([3, 2])], f"torch.linalg.matrix_norm(a, {ord})", f"T.linalg.matrixNorm(a, {js})", note=f"order {js}", view=ord == 1)
case("matrix_norm", [leaf([2, 3, 2])], "torch.linalg.matrix_norm(a, 1, dim=(0, 2), keepdim=True)", "T.linalg.matrixNorm(a, 1, [0, 2], true)", note="other axes")
case("matrix_norm", [leaf([2, 3, 2])], "torch.linalg.matrix_norm(a, 'nuc', dim=(2, 0), keepdim=True)", 'T.linalg.matrixNorm(a, "nuc", [2, 0], true)', note="other axes, nuclear")
case("norm", [leaf([2, 3])], "torch.linalg.norm(a)", "T.linalg.norm(a)")
case("norm", [leaf([2, 3])], "torch.linalg.norm(a, 2)", "T.linalg.norm(a, 2)", note="a matrix's")
case("norm", [leaf([4])], "torch.linalg.norm(a, 3)", "T.linalg.norm(a, 3)", note="a vector's")
case("norm", [leaf([2, 3])], "torch.linalg.norm(a, 1, dim=0)", "T.linalg.norm(a, 1, 0)", note="along an axis")
case("cond", [given(SQUARE)], "torch.linalg.cond(a)", "T.linalg.cond(a)")
case("cond", [given(SQUARE)], "torch.linalg.norm(a) * torch.linalg.norm(torch.linalg.inv(a))", 'T.linalg.cond(a, "fro")',
     note="Frobenius")  # PyTorch's own form fails in the second derivative
case("matrix_rank", [given([SQUARE, SINGULAR])], "torch.linalg.matrix_rank(a)", "T.linalg.matrixRank(a)", grad=False)  # a count

# 0-d, empty, not contiguous; and what takes matrices or vectors alone.
L = lambda *shapes: [leaf(shape) for shape in shapes]
refused("mm", *MM, L([], [3, 4]), L([2, 3], []), L([2, 3], [3]))
refused("bmm", *BMM, L([], [2, 3, 2]), L([2, 2, 3], [1, 3, 2]))
refused("mv", "torch.mv(a, b)", "a.mv(b)", L([], [3]), L([2, 3], []))
for name in ("dot", "vdot"):
    text = (f"torch.{name}(a, b)", f"a.{name}(b)")
    refused(name, *text, L([], []), L([3], [1]), L([1, 3], [3]))
    turned(name, L([3], [3]), *text)
    edges(name, *text, L([0], [0]))
refused("outer", "torch.outer(a, b)", "a.outer(b)", L([], [2]), L([3], [1, 2]))
turned("outer", L([3], [2]), "torch.outer(a, b)", "a.outer(b)")
for name, operands, others in [
    ("addmm", ([2, 3], [3, 4]), ([0, 3], [3, 4])), ("addmv", ([2, 3], [3]), ([0, 3], [3])), ("addr", ([3], [2]), ([0], [2])),
    ("baddbmm", ([2, 2, 3], [2, 3, 2]), ([0, 2, 3], [0, 3, 2])), ("addbmm", ([3, 2, 3], [3, 3, 2]), ([0, 2, 3], [0, 3, 2])),
]:
    text = (f"torch.{name}(a, b, c)", f"a.{name}(b, c)")
    result = {"addmm": ([2, 4], [0, 4]), "addmv": ([2], [0]), "addr": ([3, 2], [0, 2]), "baddbmm": ([2, 2, 2], [0, 2, 2]), "addbmm": ([2, 2], [2, 2])}[name]
    edges(name, *text, L([], *operands), L(result[1], *others), note="added to")
    turned(name, L(result[0], *operands), *text)
refused("addbmm", "torch.addbmm(a, b, c)", "a.addbmm(b, c)", L([2, 2], [3, 2, 3], [1, 3, 2]))
edges("tensordot", "torch.tensordot(a, b, dims=0)", "T.tensordot(a, b, 0)", L([], [2, 3]), L([], []))
refused("tensordot", "torch.tensordot(a, b, dims=1)", "T.tensordot(a, b, 1)", L([], [3]), L([2, 3], [2, 3]))
refused("multi_dot", "torch.linalg.multi_dot([a, b])", "T.linalg.multiDot([a, b])", L([], [3]))
edges("multi_dot", "torch.linalg.multi_dot([a, b, c])", "T.linalg.multiDot([a, b, c])", L([0, 3], [3, 4], [4, 2]))
refused("cross", *CROSS, L([], []), L([2], [2]))
refused("cdist", "torch.cdist(a, b)", "T.cdist(a, b)", L([], []), L([3], [2, 3]))
refused("trace", "torch.trace(a)", "a.trace()", L([]), L([3]), L([2, 2, 2]))
for name, js in [("det", "det"), ("slogdet", "slogdet"), ("inv", "inv"), ("cholesky", "cholesky"), ("eigvalsh", "eigvalsh"),
                 ("qr", "qr"), ("svdvals", "svdvals"), ("pinv", "pinv"), ("matrix_norm", "matrixNorm"), ("cond", "cond"), ("matrix_rank", "matrixRank")]:
    kept = {"eigvalsh": "eigh", "svdvals": "svd"}.get(name, name)
    refused(kept, f"torch.linalg.{name}(a)", f"T.linalg.{js}(a)", L([]), *([L([3])] if name != "pinv" else []))
refused("matrix_power", "torch.linalg.matrix_power(a, 2)", "T.linalg.matrixPower(a, 2)", L([]), L([2, 3]))
refused("solve", *SOLVE, L([], [2]), L([2, 3], [2]))
TRIANGULAR = ("torch.linalg.solve_triangular(a, b, upper=True)", "T.linalg.solveTriangular(a, b, { upper: true })")
refused("solve_triangular", *TRIANGULAR, L([], [2, 2]), L([3, 3], [3]))
edges("solve_triangular", *TRIANGULAR, L([0, 0], [0, 2]))
refused("lstsq", *LSTSQ, L([], [2, 2]))
edges("lstsq", *LSTSQ, L([0, 2, 2], [0, 2, 1]))
edges("lstsq", *LSTSQ, L([2, 3, 2], [1, 3, 1]), tolerance=1e-3)
edges("pinv", "torch.linalg.pinv(a)", "T.linalg.pinv(a)", L([0, 2]))
edges("matrix_power", "torch.linalg.matrix_power(a, 2)", "T.linalg.matrixPower(a, 2)", L([0, 2, 2]), L([0, 0]))
edges("matrix_norm", "torch.linalg.matrix_norm(a)", "T.linalg.matrixNorm(a)", L([0, 3]))
edges("matrix_norm", "torch.linalg.matrix_norm(a, 1)", "T.linalg.matrixNorm(a, 1)", L([0, 3]), note="order 1")
edges("cond", "torch.linalg.cond(a)", "T.linalg.cond(a)", L([0, 3, 3]))
turned("cond", [given(SQUARE)], "torch.linalg.cond(a)", "T.linalg.cond(a)")
edges("matrix_rank", "torch.linalg.matrix_rank(a)", "T.linalg.matrixRank(a)", L([0, 3]), grad=False)  # a count
turned("matrix_rank", [given([SQUARE, SINGULAR])], "torch.linalg.matrix_rank(a)", "T.linalg.matrixRank(a)", grad=False)  # a count
edges("addbmm", "torch.addbmm(a, b, c)", "a.addbmm(b, c)", L([0, 2], [2, 0, 3], [2, 3, 2]))
edges("addmv", "torch.addmv(a, b, c)", "a.addmv(b, c)", L([1], [2, 3], [3]))
edges("addr", "torch.addr(a, b, c)", "a.addr(b, c)", L([2], [3], [2]))
for ord, js in ((2, "2"), ("math.inf", "Infinity"), ("'nuc'", '"nuc"')):
    edges("matrix_norm", f"torch.linalg.matrix_norm(a, {ord})", f"T.linalg.matrixNorm(a, {js})", L([0, 3]), L([3, 0]), note=f"order {js}")
refused("matrix_norm", "torch.linalg.matrix_norm(a, -2)", "T.linalg.matrixNorm(a, -2)", L([0, 3]))
refused("vector_norm", "torch.linalg.vector_norm(a, -1, dim=1)", "T.linalg.vectorNorm(a, -1, 1)", L([2, 0]))
edges("cdist", "torch.cdist(a, b, p=math.inf)", "T.cdist(a, b, Infinity)", L([2, 0], [3, 0]))
edges("cond", "torch.linalg.cond(a)", "T.linalg.cond(a)", L([0, 3]))

write("linalg")
