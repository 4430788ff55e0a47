"""Goldens of gradients through in-place writes, views, detach and no_grad. Run: python test/goldens/tensor/in_place.py

An expression writes inside a function of a fresh copy of `a` and gives what it is asked for: the copy, a view, or both.
"""
from cases import *


def written(op, py, js, *, note="", leaves=None, grad=True, view=False):
    """`y` is a result that may be written to (leaves may not); `b` has its shape, `c` that of a row."""
    given = leaves or [leaf([2, 3]), leaf([2, 3]), leaf([3])]
    names = "abc"[: len(given)]
    lead = f"(lambda y: {py})(a * 2)"
    case(op, given, lead, f"((y) => ({js}))(a.mul(2))", note=note, grad=grad, view=view)


for name in ["mul", "add", "sub", "div"]:
    written(f"{name}_", f"(y.{name}_(b), y * c)[1]", f"y.{name}_(b), y.mul(c)", view=True)
    written(f"{name}_", f"(y.{name}_(c), y)[1]", f"y.{name}_(c), y", note="broadcast")
    written(f"{name}_", f"(y.{name}_(1.5), y * b)[1]", f"y.{name}_(1.5), y.mul(b)", note="a number")
    written(f"{name}_", f"(y[0].{name}_(c), y * b)[1]", f"y.select(0, 0).{name}_(c), y.mul(b)", note="through a row")
    written(f"{name}_", f"(y[:, 1].{name}_(b[:, 0]), y * b)[1]", f"y.select(1, 1).{name}_(b.select(1, 0)), y.mul(b)", note="through a column")
written("add_", "(y.add_(y), y * b)[1]", "y.add_(y), y.mul(b)", note="of itself")
written("mul_", "[v := y * b, y.mul_(0.5), v + y][2]" if False else "(lambda v: (y.add_(1), v * y)[1])(y + b)", "((v) => (y.add_(1), v.mul(y)))(y.add(b))", note="what was made before stays as it was")
written("mul_", "(lambda v: (v.mul_(b[:, :2]), y * b)[1])(y[:, ::2])", "((v) => (v.mul_(b.slice(1, 0, 2)), y.mul(b)))(y.slice(1, 0, 3, 2))", note="every second column")
written("mul_", "(lambda v: (v.mul_(b.t()), y * b)[1])(y.t())", "((v) => (v.mul_(b.t()), y.mul(b)))(y.t())", note="transposed")
written("mul_", "(lambda v: (v[0:2].mul_(c[1:]), v * y.sum())[1])(y[1])", "((v) => (v.slice(0, 0, 2).mul_(c.slice(0, 1, 3)), v.mul(y.sum())))(y.select(0, 1))", note="a view of a view")
written("mul_", "(lambda v: (y.mul_(b), v * c[0])[1])(y.view(6))", "((v) => (y.mul_(b), v.mul(c.select(0, 0))))(y.view([6]))", note="a view made before sees it")
written("mul_", "(lambda v, w: (v.mul_(c), w * w)[1])(y[0], y[:, 0])", "((v, w) => (v.mul_(c), w.mul(w)))(y.select(0, 0), y.select(1, 0))", note="two views of one")
written("mul_", "(y.view(3, 2).mul_(b.view(3, 2)), y)[1]", "y.view([3, 2]).mul_(b.view([3, 2])), y", note="reshaped")
written("mul_", "(y.unsqueeze(0).mul_(b), y * y)[1]", "y.unsqueeze(0).mul_(b), y.mul(y)", note="unsqueezed")
written("mul_", "(lambda v: (v.mul_(b), a * v)[1])(y.clone())", "((v) => (v.mul_(b), a.mul(v)))(y.clone())", note="a clone")
written("copy_", "(y.copy_(b), y * a)[1]", "y.copy_(b), y.mul(a)")
written("copy_", "(y.copy_(c), y * a)[1]", "y.copy_(c), y.mul(a)", note="broadcast")
written("copy_", "(y[1].copy_(c * c), y * a)[1]", "y.select(0, 1).copy_(c.mul(c)), y.mul(a)", note="a row")
written("copy_", "(lambda z: (z[0].copy_(a[1]), z[1].copy_(c), z * b)[2])(torch.zeros(2, 3, dtype=a.dtype))",
        "((z) => (z.select(0, 0).copy_(a.select(0, 1)), z.select(0, 1).copy_(c), z.mul(b)))(T.zeros([2, 3], { dtype: a.dtype, device: a.device }))",
        note="into what required no grad")
written("fill_", "(y[0].fill_(2), y * b)[1]", "y.select(0, 0).fill_(2), y.mul(b)")
written("zero_", "(y[:, 1].zero_(), y * y)[1]", "y.select(1, 1).zero_(), y.mul(y)")
written("zero_", "(y.zero_(), y * b)[1]", "y.zero_(), y.mul(b)", note="all of it")
written("fill_", "(y.fill_(3), y * b)[1]", "y.fill_(3), y.mul(b)", note="all of it")
written("copy_", "(y.copy_(b), y * y)[1]", "y.copy_(b), y.mul(y)", note="all of it")
# The rest has gradients on purpose that are no derivatives: never the first of an operation, which differences check.
case("detach", [leaf([2, 3])], "a * a", "a.mul(a)", note="without")
case("detach", [leaf([2, 3])], "a.detach() * a", "a.detach().mul(a)", view=True)
case("detach", [leaf([2, 3])], "(lambda y: y.detach() * y)(a * a)", "((y) => y.detach().mul(y))(a.mul(a))", note="of what was computed")
case("detach", [leaf([2, 3])], "(lambda y: (y.detach_(), y * a)[1])(a * 2)", "((y) => (y.detach_(), y.mul(a)))(a.mul(2))", note="in place")
case("no_grad", [leaf([2, 3])], "a * a", "a.mul(a)", note="without")
case("no_grad", [leaf([2, 3])], "torch.no_grad()(lambda: a * 3)() * a", "T.noGrad(() => a.mul(3)).mul(a)")
case("no_grad", [leaf([2, 3])], "torch.no_grad()(lambda: a.t())().t() * a", "T.noGrad(() => a.t()).t().mul(a)", note="a view")
case("no_grad", [leaf([2, 3]), leaf([2, 3])], "(lambda y: (torch.no_grad()(lambda: y.mul_(5))(), y + b)[1])(a * 2)",
     "((y) => (T.noGrad(() => y.mul_(5)), y.add(b)))(a.mul(2))", note="a write keeps the history")
case("no_grad", [leaf([2, 3]), leaf([2, 3])], "(lambda y: (torch.no_grad()(lambda: y[0].mul_(5))(), y + b)[1])(a * 2)",
     "((y) => (T.noGrad(() => y.select(0, 0).mul_(5)), y.add(b)))(a.mul(2))", note="a write through a view keeps the history")
case("no_grad", [leaf([2, 3]), leaf([2, 3])], "(lambda z: (torch.no_grad()(lambda: z.copy_(a * 2))(), z * b)[1])(torch.zeros(2, 3, dtype=a.dtype))",
     "((z) => (T.noGrad(() => z.copy_(a.mul(2))), z.mul(b)))(T.zeros([2, 3], { dtype: a.dtype, device: a.device }))", note="a write brings no history")

CUSTOM = "T.customFunction({ forward: (ctx, x, y) => (ctx.saveForBackward(x, y), x.mul(y)), backward: ({ savedTensors: [x, y] }, g) => [g.mul(y), g.mul(x)] })"
case("custom", [leaf([2, 3]), leaf([2, 3])], "a * b", f"{CUSTOM}(a, b)", view=True)
case("custom", [leaf([]), leaf([])], "a * b * a", f"{CUSTOM}(a, b).mul(a)", note="0-d")
case("custom", [leaf([0, 3]), leaf([0, 3])], "a * b", f"{CUSTOM}(a, b)", note="empty")

edges("detach", "a.detach() * a", "a.detach().mul(a)", [leaf([])], [leaf([0, 3])])
edges("no_grad", "torch.no_grad()(lambda: a * 3)() * a", "T.noGrad(() => a.mul(3)).mul(a)", [leaf([])], [leaf([0, 3])])
turned("no_grad", [leaf([2, 3])], "torch.no_grad()(lambda: a * 3)() * a", "T.noGrad(() => a.mul(3)).mul(a)")
for name in ("t", "mT"):
    call = "t()" if name == "t" else name
    case("no_grad", [leaf([])], f"torch.no_grad()(lambda: a.{call})() * a", f"T.noGrad(() => a.{call}).mul(a)", note="a view of a scalar")

write("in_place")
