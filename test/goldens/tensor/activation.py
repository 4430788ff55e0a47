"""Activations of torch.nn.functional. Run: python test/goldens/tensor/activation.py"""
from cases import *

H = ["float16", "bfloat16"]


def activation(op, py, js, kinks=(), *, others=H, tolerance=None):
    """The usual shapes, and the kinks: there the slopes are a matter of choice, and PyTorch's are taken."""
    unary(op, py, js, others=others, tolerance=tolerance)
    if kinks:
        case(op, [given(list(kinks))], py, js, note="at kinks", twice=False, tolerance=tolerance)


activation("relu", "F.relu(a)", "F.relu(a)", [0, -1, 1])
activation("relu6", "F.relu6(a * 4)", "F.relu6(a.mul(4))", [0, 1.5, -1, 2])
activation("leaky_relu", "F.leaky_relu(a)", "F.leakyRelu(a)", [0, -1, 1])
activation("leaky_relu", "F.leaky_relu(a, 0.3)", "F.leakyRelu(a, 0.3)")
activation("elu", "F.elu(a)", "F.elu(a)", [0, -1, 1, 800, -800])
activation("elu", "F.elu(a, 1.7)", "F.elu(a, 1.7)")
activation("selu", "F.selu(a)", "F.selu(a)", [0, -1, 1, 800, -800])
activation("celu", "F.celu(a)", "F.celu(a)", [0, -1, 1, 800, -800])
activation("celu", "F.celu(a, 2.5)", "F.celu(a, 2.5)")
activation("gelu", "F.gelu(a)", "F.gelu(a)")
activation("gelu", "F.gelu(a, approximate='tanh')", 'F.gelu(a, { approximate: "tanh" })')
activation("silu", "F.silu(a)", "F.silu(a)")
case("silu", [given([-60, 60, 0])], "F.silu(a)", "F.silu(a)", note="far")
activation("mish", "F.mish(a)", "F.mish(a)")
case("mish", [given([-60, 60, 0])], "F.mish(a)", "F.mish(a)", note="far")
activation("softplus", "F.softplus(a)", "F.softplus(a)")
case("softplus", [given([0, 1000, -1000, 30, -30])], "F.softplus(a)", "F.softplus(a)", note="far")
activation("softplus", "F.softplus(a, 2, 3)", "F.softplus(a, 2, 3)", [1.5, 1.75, 1])
activation("softsign", "F.softsign(a)", "F.softsign(a)", [1, -1, 1000])
activation("hardtanh", "F.hardtanh(a)", "F.hardtanh(a)", [-1, 1, 0, 2, -2])
activation("hardtanh", "F.hardtanh(a, -0.5, 2)", "F.hardtanh(a, -0.5, 2)", [-0.5, 2])
# Of PyTorch's own hardsigmoid the slope is 1/6 in single precision, also in float64.
activation("hardsigmoid", "F.relu6(a * 2 + 3) / 6", "F.hardsigmoid(a.mul(2))", [-1.5, 1.5, 0, 2, -2])
activation("hardswish", "F.hardswish(a * 2)", "F.hardswish(a.mul(2))", [-1.5, 1.5, 0, 2, -2])
activation("logsigmoid", "F.logsigmoid(a)", "F.logsigmoid(a)")
case("logsigmoid", [given([0, 100, -100])], "F.logsigmoid(a)", "F.logsigmoid(a)", note="far")
activation("tanh", "F.tanh(a)", "F.tanh(a)")
activation("sigmoid", "F.sigmoid(a)", "F.sigmoid(a)", [100, -80, 0])
activation("threshold", "F.threshold(a, 0.5, -2)", "F.threshold(a, 0.5, -2)", [0.5, 0.25, 0.75])
activation("tanhshrink", "F.tanhshrink(a)", "F.tanhshrink(a)", [0])
activation("softshrink", "F.softshrink(a)", "F.softshrink(a)", [0.5, -0.5, 0, 1])
activation("softshrink", "F.softshrink(a, 1.25)", "F.softshrink(a, 1.25)")
activation("hardshrink", "F.hardshrink(a)", "F.hardshrink(a)", [0.5, -0.5, 0, 1])
activation("hardshrink", "F.hardshrink(a, 1.25)", "F.hardshrink(a, 1.25)")

for dim in (0, 1, -1):
    case("softmax", [leaf([2, 3, 4])], f"F.softmax(a, {dim})", f"F.softmax(a, {dim})", others=H, view=True)
    case("log_softmax", [leaf([2, 3, 4])], f"F.log_softmax(a, {dim})", f"F.logSoftmax(a, {dim})", others=H, view=True)
    case("softmin", [leaf([2, 3, 4])], f"F.softmin(a, {dim})", f"F.softmin(a, {dim})", others=H, view=True)
for name, js in (("softmax", "softmax"), ("log_softmax", "logSoftmax"), ("softmin", "softmin")):
    case(name, [leaf([])], f"F.{name}(a, 0)", f"F.{js}(a, 0)", note="0-d")
    case(name, [leaf([0, 3])], f"F.{name}(a, 1)", f"F.{js}(a, 1)", note="empty")
case("log_softmax", [given([[1e4, -1e4, 0], [3, 3, 3]])], "F.log_softmax(a, 1)", "F.logSoftmax(a, 1)", note="far apart")

case("glu", [leaf([2, 4])], "F.glu(a)", "F.glu(a)", others=H, view=True)
case("glu", [leaf([2, 4, 3])], "F.glu(a, 1)", "F.glu(a, 1)")
case("glu", [leaf([0, 4])], "F.glu(a)", "F.glu(a)", note="empty")

case("prelu", [leaf([2, 3]), leaf([1])], "F.prelu(a, b)", "F.prelu(a, b)", others=H, view=True)
case("prelu", [leaf([2, 3, 4]), leaf([3])], "F.prelu(a, b)", "F.prelu(a, b)", note="by channel", view=True)
case("prelu", [leaf([]), leaf([1])], "F.prelu(a, b)", "F.prelu(a, b)", note="0-d")
case("prelu", [leaf([0, 3]), leaf([3])], "F.prelu(a, b)", "F.prelu(a, b)", note="empty")
case("prelu", [given([0, -1, 1]), leaf([1])], "F.prelu(a, b)", "F.prelu(a, b)", note="at kinks", twice=False)
refused("glu", "F.glu(a)", "F.glu(a)", [leaf([])])

write("activation")
