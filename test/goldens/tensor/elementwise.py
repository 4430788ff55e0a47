"""Goldens of arithmetic and of functions of one operand. Run: python test/goldens/tensor/elementwise.py"""
from cases import *

H = HALVES
ALL = INTS + HALVES
inf, nan = math.inf, math.nan
# No whole numbers and no halves: what rounds has slopes there that differences cannot see.
SMOOTH = [[0.3125, -1.1875, 2.4375], [0.6875, 1.5625, -0.8125]]
UP = [[0.3125, 1.1875, 2.4375], [0.6875, 1.5625, 0.8125]]
POSITIVE = (1, 40)
DIVISOR = (4, 40)  # whole numbers of these are not 0


def pair(op, name, js=None, *args, **options):
    binary(op, f"a.{name}(b)", f"a.{js or name}(b)", *args, **options)


# Arithmetic.
pair("add", "add", others=ALL + ["bool"])
pair("sub", "sub", others=ALL)
pair("mul", "mul", others=ALL + ["bool"])
pair("div", "div", second=DIVISOR, others=ALL)
case("add", [leaf([2, 3]), leaf([3])], "a.add(b, alpha=2.5)", "a.add(b, { alpha: 2.5 })", others=H)
case("add", [given([1, 2, 3], "int64"), given([4, 5, 6], "int64")], "a.add(b, alpha=-3)", "a.add(b, { alpha: -3 })", grad=False)
case("sub", [leaf([2, 3]), leaf([3])], "a.sub(b, alpha=2.5)", "a.sub(b, { alpha: 2.5 })", others=H)
case("rsub", [leaf([2, 3]), leaf([3])], "torch.rsub(a, b)", "a.rsub(b)", others=ALL)
case("rsub", [leaf([2, 3])], "torch.rsub(a, 2.5, alpha=2)", "a.rsub(2.5, { alpha: 2 })")
for name in ["add", "sub", "mul", "div", "pow", "maximum", "minimum"]:
    if name in ("maximum", "minimum"):
        continue
    case(name, [leaf([2, 3], *POSITIVE)], f"a.{name}(1.5)", f"a.{name}(1.5)", note="number", others=H)
    case(name, [leaf([2, 3], *POSITIVE)], f"a.{name}(2)", f"a.{name}(2)", note="whole number", others=ALL)
case("mul", [given([0.0, -0.0, 1, inf, nan])], "a.mul(-0.0)", "a.mul(-0)", note="-0", grad=False)
case("mul", [given([1.0, -2])], "a.mul(math.inf)", "a.mul(Infinity)", note="infinite number", grad=False)
case("add", [given([1.0, -2])], "a.add(math.nan)", "a.add(NaN)", note="NaN", grad=False)
case("add", [given([1.0, -2])], "a.add(1e30)", "a.add(1e30)", note="large number", grad=False)
case("add", [given([1, 2], "int64")], "a.add(2**53)", "a.add(2 ** 53)", note="large whole number", grad=False)
case("add", [given([1, 2], "uint8")], "a.add(300)", "a.add(300)", note="number beyond the dtype", grad=False)
case("add", [given([1, 0], "bool")], "a.add(True)", "a.add(true)", note="truth value", grad=False)
case("div", [given([1.0, -1, 0]), given([0.0, 0, 0])], "a / b", "a.div(b)", note="by zero", grad=False)
for mode in ["floor", "trunc"]:
    text = (f"a.div(b, rounding_mode='{mode}')", f'a.div(b, {{ roundingMode: "{mode}" }})')
    # no second derivatives: the first are 0
    case("div", [leaf([2, 3]), leaf([3], *DIVISOR)], *text, note=mode, others=ALL, view=True)
    case("div", [given([7, -7, 7, -7, 0, 9], "int64"), given([2, 2, -2, -2, 3, -1], "int64")], *text, note=f"whole {mode}", grad=False)
    case("div", [given([7.5, -7.5, 7.5, -7.5, inf, 1, -1, 0, nan]), given([2.0, 2, -2, -2, 2, 0, 0, 0, 1])], *text, note=f"special {mode}", grad=False)
    case("div", [given([-128, 127, 100], "int8"), given([-1, -1, 7], "int8")], *text, note=f"smallest {mode}", grad=False)
# PyTorch has no derivative of floor_divide
pair("floor_divide", "floor_divide", "floorDivide", second=DIVISOR, others=ALL, grad=False)
case("floor_divide", [given([1.0, 0.75, -1])], "a.floor_divide(0.125)", "a.floorDivide(0.125)", note="whole quotients", grad=False)
for name in ["remainder", "fmod"]:
    case(name, [given(SMOOTH), given([0.4375, 0.9375, 1.6875])], f"a.{name}(b)", f"a.{name}(b)", note="smooth")
    pair(name, name, second=DIVISOR, others=ALL)
    case(name, [leaf([2, 3]), leaf([2, 3], -40, -4)], f"a.{name}(b)", f"a.{name}(b)", note="negative", others=ALL)
    case(name, [leaf([2, 3])], f"a.{name}(0.75)", f"a.{name}(0.75)", note="number")
    case(name, [given([7.5, -7.5, 7.5, -7.5, inf, 1, 3, -3]), given([2.0, 2, -2, -2, 2, 0, inf, inf])], f"a.{name}(b)", f"a.{name}(b)", note="special", grad=False)
    case(name, [given([7, -7, 7, -7], "int64"), given([2, 2, -2, -2], "int64")], f"a.{name}(b)", f"a.{name}(b)", note="signs", grad=False)
pair("pow", "pow", first=POSITIVE, others=H)
# second derivatives at 0 are NaN in PyTorch
case("pow", [given([0.0, 0, 0, 2]), given([0.0, 1, 2, 0])], "a.pow(b)", "a.pow(b)", note="zeros", grad=False)
case("pow", [given([-2.0, 3, 0, -1.5])], "a.pow(3)", "a.pow(3)", note="cube")
case("pow", [given([-2.0, 3, 0.5, -1.5])], "a.pow(-1)", "a.pow(-1)", note="negative power")
case("pow", [given([2.0, 3, 0.5, 4])], "a.pow(0.5)", "a.pow(0.5)", note="root")
for power in ["2", "-0.5", "-2", "4", "0", "1", "2.5"]:
    case("pow", [given([2.0, 3, 0.5, 4])], f"a.pow({power})", f"a.pow({power})", note=f"power {power}", others=H)
case("pow", [given([3, -2, 0, 7], "int64")], "a.pow(0)", "a.pow(0)", note="power 0", grad=False)
case("pow", [given([3, -2, 0, 7], "int64")], "a.pow(21)", "a.pow(21)", note="exact beyond 2^53", grad=False)
case("pow", [given([3, -2, 0, 7], "int32")], "a.pow(13)", "a.pow(13)", note="wraps", grad=False)
case("pow", [given([3, -2, 0, 7], "int64"), given([2, 3, 0, 1], "int64")], "a.pow(b)", "a.pow(b)", note="whole powers", grad=False)
for name in ["maximum", "minimum", "fmax", "fmin"]:
    pair(name, name, others=ALL + ["bool"] if name.endswith("mum") else ALL)
    special = [given([nan, 1, nan, inf, 2]), given([1.0, nan, nan, -inf, 2])]
    case(name, special, f"a.{name}(b)", f"a.{name}(b)", note="NaN", grad=False)
    case(name, [given([1.0, 2, 3]), given([1.0, 3, 2])], f"a.{name}(b)", f"a.{name}(b)", note="ties")

# Limits.
case("clamp", [given(SMOOTH)], "a.clamp(-1, 1)", "a.clamp(-1, 1)", note="smooth")
case("clamp", [leaf([2, 3])], "a.clamp(-1, 1)", "a.clamp(-1, 1)", others=INTS[:4] + H, view=True)
case("clamp", [leaf([2, 3])], "a.clamp(-0.5)", "a.clamp(-0.5)", note="below", others=H)
case("clamp", [leaf([2, 3])], "a.clamp(max=0.5)", "a.clamp(undefined, 0.5)", note="above", others=H)
case("clamp", [leaf([2, 3])], "a.clamp(min=2)", "a.clamp(2)", note="whole below", others=INTS)
case("clamp", [leaf([2, 3])], "a.clamp(max=2)", "a.clamp(null, 2)", note="whole above", others=INTS)
case("clamp", [leaf([])], "a.clamp(-1, 1)", "a.clamp(-1, 1)", note="0-d")
case("clamp", [leaf([0, 3])], "a.clamp(-1, 1)", "a.clamp(-1, 1)", note="empty")
case("clamp", [given([-1.0, 1, 0.5, 2, -2])], "a.clamp(-1, 1)", "a.clamp(-1, 1)", note="at the limits")
case("clamp", [given([nan, inf, -inf, 0])], "a.clamp(-1, 1)", "a.clamp(-1, 1)", note="special", grad=False)
case("clamp", [given([nan, inf, -inf, 0])], "a.clamp(min=-1)", "a.clamp(-1)", note="special below", grad=False)
case("clamp", [given([-1.0, 0.5, 3])], "a.clamp(2, 1)", "a.clamp(2, 1)", note="crossed")
case("clamp", [given([7, -7, 0], "int64")], "a.clamp(0.5, 2)", "a.clamp(0.5, 2)", note="whole numbers, real limit", grad=False)
case("clamp", [leaf([2, 3]), leaf([3], -40, -1), leaf([2, 1], 1, 40)], "a.clamp(b, c)", "a.clamp(b, c)", note="tensors", others=H)
case("clamp", [leaf([2, 3]), leaf([3]), leaf([2, 1])], "a.clamp(b, c)", "a.clamp(b, c)", note="tensors that cross")
case("clamp", [leaf([2, 3]), leaf([3])], "a.clamp(min=b)", "a.clamp(b)", note="tensor below")
case("clip", [leaf([2, 3])], "a.clip(-0.5, 0.25)", "a.clip(-0.5, 0.25)", others=H)
case("clamp_min", [leaf([2, 3])], "a.clamp_min(0.25)", "a.clampMin(0.25)", others=H)
case("clamp_max", [leaf([2, 3])], "a.clamp_max(0.25)", "a.clampMax(0.25)", others=H)

# Several operands.
case("addcmul", [leaf([2, 3]), leaf([3]), leaf([2, 1])], "a.addcmul(b, c, value=0.5)", "a.addcmul(b, c, { value: 0.5 })", view=True, others=H)
case("addcmul", [leaf([2, 3]), leaf([2, 3]), leaf([2, 3])], "a.addcmul(b, c)", "a.addcmul(b, c)", others=INTS)
case("addcdiv", [leaf([2, 3]), leaf([3]), leaf([2, 1], *POSITIVE)], "a.addcdiv(b, c, value=0.5)", "a.addcdiv(b, c, { value: 0.5 })", view=True, others=H)
for weight in ["0.25", "0.75", "1"]:
    case("lerp", [leaf([2, 3]), leaf([2, 3])], f"a.lerp(b, {weight})", f"a.lerp(b, {weight})", note=weight, others=H)
case("lerp", [leaf([2, 3]), leaf([3]), leaf([2, 1], 1, 15)], "a.lerp(b, c)", "a.lerp(b, c)", note="weights", view=True, others=H)
pair("hypot", "hypot", others=H)
case("hypot", [given([3e30, 0, inf, nan, 1e-30]), given([4e30, 0, nan, 1, 1e-30])], "a.hypot(b)", "a.hypot(b)", note="without overflow", grad=False)
pair("atan2", "atan2", others=H)
case("atan2", [given([0, 0, -0.0, -0.0, -0.0, 1, -1, inf, inf, -inf, nan, 1]), given([1, -1, 1, -1, -0.0, 0, 0, inf, -inf, 1, 1, -inf])], "a.atan2(b)", "a.atan2(b)", note="special", grad=False)
case("atan2", [given([1, -7], "int64"), given([2, 3], "int64")], "a.atan2(b)", "a.atan2(b)", note="whole numbers", grad=False)
pair("copysign", "copysign", others=H)
case("copysign", [given([1.0, -2, inf, 3]), given([-0.0, 0, -inf, -1])], "a.copysign(b)", "a.copysign(b)", note="signs of 0", grad=False)
case("copysign", [given([1.0, -2, inf])], "a.copysign(-0.0)", "a.copysign(-0)", note="number", grad=False)
# 1 / x tells 0 and -0 apart
for name in ["neg", "floor", "ceil", "trunc", "round", "sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "expm1", "log1p", "sqrt", "erf", "abs"]:
    case(name, [given([0.0, -0.0])], f"1 / a.{name}()", f"a.{name}().reciprocal()", note="signs of 0", grad=False)
case("mul", [given([1.0, -1])], "1 / a.mul(-0.0)", "a.mul(-0).reciprocal()", note="signs of 0", grad=False)
case("fmod", [given([-4.0, 4])], "1 / a.fmod(2)", "a.fmod(2).reciprocal()", note="signs of 0", grad=False)
case("copysign", [given([1, -7], "int64"), given([-2, 3], "int64")], "a.copysign(b)", "a.copysign(b)", note="whole numbers", grad=False)
pair("logaddexp", "logaddexp", others=H)
case("logaddexp", [given([inf, -inf, -inf, 1000, nan, 1e-30]), given([inf, -inf, 1, 999, 1, -60])], "a.logaddexp(b)", "a.logaddexp(b)", note="special", grad=False)
pair("logaddexp2", "logaddexp2", others=H)
pair("float_power", "float_power", "floatPower", first=POSITIVE, others=["int64", "float16"])
case("float_power", [given([2, -3], "int64")], "a.float_power(3)", "a.floatPower(3)", note="whole numbers", grad=False)
pair("xlogy", "xlogy", second=POSITIVE, others=H)
case("xlogy", [given([0, 0, 0, 1, 2, 0]), given([0, inf, nan, 0, -1, -1])], "a.xlogy(b)", "a.xlogy(b)", note="special", grad=False)
# PyTorch has no derivative of heaviside
pair("heaviside", "heaviside", others=ALL, grad=False)
case("heaviside", [given([-1, 0, 1, nan, -inf]), given([0.5, 0.25, 0.5, 1, 1])], "a.heaviside(b)", "a.heaviside(b)", note="at 0", grad=False)
unary("nan_to_num", "a.nan_to_num()", "a.nanToNum()", others=ALL)
case("nan_to_num", [given([nan, inf, -inf, 1.5])], "a.nan_to_num(0.5, 7, -7)", "a.nanToNum(0.5, 7, -7)", note="chosen")
case("nan_to_num", [given([nan, inf, -inf, 1.5])], "a.float().nan_to_num()", 'a.to("float32").nanToNum()', note="largest", grad=False)

# Functions of one operand.
for name in ["neg", "abs", "sign", "sgn", "square"]:
    unary(name, f"a.{name}()", f"a.{name}()", others=INTS[:4] + H)
case("abs", [given([0.0, -0.0, inf, -inf])], "a.abs()", "a.abs()", note="special")
case("sign", [given([0.0, -0.0, inf, -inf])], "a.sign()", "a.sign()", note="special")
case("square", [given([1, 0], "bool")], "a.square()", "a.square()", note="truth values", grad=False)
for name, low, high in [
    ("reciprocal", 1, 40), ("sqrt", 1, 40), ("rsqrt", 1, 40), ("exp", -40, 40), ("exp2", -40, 40), ("expm1", -40, 40),
    ("log", 1, 40), ("log2", 1, 40), ("log10", 1, 40), ("log1p", -12, 40), ("sin", -40, 40), ("cos", -40, 40), ("tan", -20, 20),
    ("asin", -15, 15), ("acos", -15, 15), ("atan", -60, 60), ("sinh", -40, 40), ("cosh", -40, 40), ("tanh", -40, 40),
    ("asinh", -40, 40), ("acosh", 17, 60), ("atanh", -15, 15), ("sinc", -40, 40), ("erf", -40, 40), ("erfc", -40, 40),
    ("erfinv", -15, 15), ("sigmoid", -40, 40), ("logit", 1, 15), ("deg2rad", -40, 40), ("rad2deg", -40, 40),
]:
    unary(name, f"a.{name}()", f"a.{name}()", low, high, others=H, tolerance=5e-4 if name in ("tan", "rsqrt", "erfinv", "logit") else None)
    case(name, [given([1, 0, 3], "int64")], f"a.{name}()", f"a.{name}()", note="whole numbers", grad=False)
    case(name, [given([0.0, -0.0, inf, -inf, nan, 1, -1, 2, -20])], f"a.{name}()", f"a.{name}()", note="special", grad=False)
small = [s * 10.0 ** -k for k in range(1, 9) for s in (1, -3)]
for name in ["expm1", "log1p", "sinh", "tanh", "asinh", "atanh", "erf", "erfinv", "sin", "tan", "atan", "asin"]:
    case(name, [given(small)], f"a.{name}() / a", f"a.{name}().div(a)", note="near 0, relative", grad=False)
case("expm1", [given([80.0, 88, -80, 20])], "a.expm1()", "a.expm1()", note="far", grad=False)
case("log1p", [given([1e10, 1e30, -0.99, 1e5])], "a.log1p()", "a.log1p()", note="far", grad=False)
case("exp2", [given([float(k) for k in range(-20, 20)])], "a.exp2()", "a.exp2()", note="whole powers", grad=False)
case("log2", [given([2.0 ** k for k in range(-20, 20)])], "a.log2()", "a.log2()", note="powers of two", grad=False)
case("log10", [given([10.0 ** k for k in range(0, 11)])], "a.log10()", "a.log10()", note="powers of ten", grad=False)
case("sigmoid", [given([-80.0, -40, -20, -17.5, 17.5, 80])], "a.sigmoid().log()", "a.sigmoid().log()", note="tails", grad=False)
case("erfc", [given([0.4, 0.6, 1, 3, 5, 8, 9, -0.6, -5])], "a.erfc().log()", "a.erfc().log()", note="tails", grad=False)
case("erfinv", [given([0.5, 0.69, 0.71, 0.9, 0.99, 0.9999, -0.9999])], "a.erfinv()", "a.erfinv()", note="tails", tolerance=1e-3, grad=False)
case("asinh", [given([1e9, -1e9, 1e30, 3])], "a.asinh()", "a.asinh()", note="far", grad=False)
case("acosh", [given([1e9, 1e30, 1, 1.0001])], "a.acosh()", "a.acosh()", note="far", grad=False, tolerance=1e-3)
case("cosh", [given([89.0, -89, 88, 1e-4])], "a.cosh().log()", "a.cosh().log()", note="far", grad=False)
case("atan", [given([1e9, -1e9, 0.65, 0.67, 2.41, 2.42])], "a.atan()", "a.atan()", note="far", grad=False)
# the second derivative at 0 is NaN in PyTorch
case("sinc", [given([0.0, 0.5, 1e-4])], "a.sinc()", "a.sinc()", note="at 0", grad=False)
case("logit", [given([0.001, 0.5, 0.999])], "a.logit(0.01)", "a.logit(0.01)", note="limited")
for name in ["floor", "ceil", "trunc", "round", "frac"]:
    case(name, [given(SMOOTH)], f"a.{name}()", f"a.{name}()", note="smooth")
for name in ["floor", "ceil", "trunc", "round"]:
    unary(name, f"a.{name}()", f"a.{name}()", others=INTS + H)
    case(name, [given([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, inf, -inf, nan, 3])], f"a.{name}()", f"a.{name}()", note="halves", grad=False)
unary("frac", "a.frac()", "a.frac()", others=H)
case("round", [leaf([2, 3])], "a.round(decimals=1)", "a.round({ decimals: 1 })", note="decimals", others=H[:0])
case("round", [given([1234.5, -1250, 15])], "a.round(decimals=-2)", "a.round({ decimals: -2 })", note="hundreds")

# Activations that are methods.
unary("relu", "a.relu()", "a.relu()", others=INTS[:4] + H)
case("relu", [given([0.0, inf, -inf, 1])], "a.relu()", "a.relu()", note="special", grad=False)
unary("gelu", "F.gelu(a)", "a.gelu()", others=H)
unary("gelu", "F.gelu(a, approximate='tanh')", 'a.gelu({ approximate: "tanh" })', others=H)
unary("hardshrink", "a.hardshrink()", "a.hardshrink()", others=H)
case("prelu", [leaf([2, 3, 2]), leaf([3])], "a.prelu(b)", "a.prelu(b)", view=True, others=H)
case("prelu", [leaf([2, 3]), leaf([1])], "a.prelu(b)", "a.prelu(b)", note="one weight")
for name, js in [("softmax", "softmax"), ("log_softmax", "logSoftmax")]:
    case(name, [leaf([2, 3, 4])], f"a.{name}(1)", f"a.{js}(1)", view=True, others=H)
    case(name, [leaf([2, 3])], f"a.{name}(-1)", f"a.{js}(-1)", note="last")
    case(name, [leaf([])], f"a.{name}(0)", f"a.{js}(0)", note="0-d")
    case(name, [leaf([0, 3])], f"a.{name}(1)", f"a.{js}(1)", note="empty")
    case(name, [given([1000.0, 0, -1000])], f"a.{name}(0)", f"a.{js}(0)", note="large")
    case(name, [given([1, 2, 4], "int64")], f"a.{name}(0, dtype=torch.float32)", f'a.{js}(0, {{ dtype: "float32" }})', note="whole numbers", grad=False)

# In place: twins write what the plain form gives, also through views.
IN_PLACE = [
    ("add_(b)", "add_(b)"), ("sub_(b)", "sub_(b)"), ("mul_(b)", "mul_(b)"), ("div_(b)", "div_(b)"), ("pow_(2)", "pow_(2)"),
    ("add_(b, alpha=2)", "add_(b, { alpha: 2 })"), ("exp_()", "exp_()"), ("sigmoid_()", "sigmoid_()"), ("tanh_()", "tanh_()"), ("relu_()", "relu_()"),
    ("clamp_(-1, 1)", "clamp_(-1, 1)"), ("neg_()", "neg_()"), ("abs_()", "abs_()"), ("sqrt_()", "sqrt_()"), ("lerp_(b, 0.5)", "lerp_(b, 0.5)"),
    ("addcmul_(b, b, value=2)", "addcmul_(b, b, { value: 2 })"), ("floor_()", "floor_()"), ("cumsum_(0)", "cumsum_(0)"), ("fmod_(b)", "fmod_(b)"),
    ("gt_(b)", "gt_(b)"), ("logical_not_()", "logicalNot_()"), ("nan_to_num_()", "nanToNum_()"),
]
for py, js in IN_PLACE:
    op = py.split("(")[0]
    differentiable = op not in ("gt_", "logical_not_")  # the result has no gradient
    case(op, [given(UP), given([0.4375, 0.9375, 1.6875])], f"a.mul(1).{py}", f"a.mul(1).{js}", grad=differentiable)
case("mul_", [leaf([2, 3]), leaf([3])], "(lambda x: (x[1].mul_(b), x)[1])(a.mul(1))", "((x) => (x.select(0, 1).mul_(b), x))(a.mul(1))", note="through a view")
case("add_", [given([1, 2, 3], "int64")], "a.clone().add_(2)", "a.mul(1).add_(2)", note="whole numbers", grad=False)
case("eq_", [given([1, 2, 3], "int64")], "a.clone().eq_(2)", "a.mul(1).eq_(2)", note="whole numbers", grad=False)
case("bitwise_and_", [given([1, 2, 3], "int64")], "a.clone().bitwise_and_(2)", "a.mul(1).bitwiseAnd_(2)", note="whole numbers", grad=False)

# Second names.
camel = lambda name: name.split("_")[0] + "".join(word.capitalize() for word in name.split("_")[1:])
for name, arguments in [
    ("absolute", ""), ("arccos", ""), ("arccosh", ""), ("arcsin", ""), ("arcsinh", ""), ("arctan", ""), ("arctan2", "b"), ("arctanh", ""),
    ("divide", "b"), ("true_divide", "b"), ("multiply", "b"), ("subtract", "b"), ("negative", ""), ("fix", ""),
    ("greater", "b"), ("greater_equal", "b"), ("less", "b"), ("less_equal", "b"), ("not_equal", "b"),
]:
    truth_value = name.split("_")[0] in ("greater", "less", "not")
    inside = [[1.3125, 1.1875, 2.4375]] if name == "arccosh" else [[0.3125, -0.1875, 0.4375]]
    leaves = [given(inside), given([0.3125, 0.9375, -1.6875])][: 2 if arguments else 1]
    case(name, leaves, f"a.{name}({arguments})", f"a.{camel(name)}({arguments})", grad=not truth_value)
    # PyTorch has no derivative of these in place
    differentiable = not truth_value and name not in ("arccosh", "arcsinh", "arctanh")
    case(f"{name}_", leaves, f"a.mul(1).{name}_({arguments})", f"a.mul(1).{camel(name)}_({arguments})", grad=differentiable)
pair("ldexp", "ldexp", second=(-15, 15), others=H)
case("ldexp", [given([1, -3], "int64"), given([4, 2], "int64")], "a.ldexp(b)", "a.ldexp(b)", note="whole numbers", grad=False)

# The further names and forms: 0-d, empty, broadcast, not contiguous.
for name, low, high in [
    ("absolute", -40, 40), ("arccos", -15, 15), ("arccosh", 17, 60), ("arcsin", -15, 15), ("arcsinh", -40, 40), ("arctan", -40, 40),
    ("arctanh", -15, 15), ("negative", -40, 40), ("fix", -40, 40),
]:
    text = (f"a.{name}()", f"a.{camel(name)}()")
    edges(name, *text, [leaf([], low, high)], [leaf([0, 3], low, high)])
    turned(name, [leaf([2, 3], low, high)], *text)
for name in ["arctan2", "divide", "true_divide", "multiply", "subtract", "greater", "greater_equal", "less", "less_equal", "not_equal"]:
    text = (f"a.{name}(b)", f"a.{camel(name)}(b)")
    differentiable = name not in ("greater", "greater_equal", "less", "less_equal", "not_equal")
    edges(name, *text, [leaf([]), leaf([])], [leaf([0, 3]), leaf([1, 3])], [leaf([2, 1, 3]), leaf([4, 1])], grad=differentiable)
    turned(name, [leaf([2, 3]), leaf([2, 3])], *text, grad=differentiable)
for name, arguments in [("clip", "-0.5, 0.25"), ("clamp_min", "0.25"), ("clamp_max", "0.25")]:
    text = (f"a.{name}({arguments})", f"a.{camel(name)}({arguments})")
    edges(name, *text, [leaf([])], [leaf([0, 3])])
    turned(name, [leaf([2, 3])], *text)
edges("rsub", "torch.rsub(a, b)", "a.rsub(b)", [leaf([]), leaf([])], [leaf([0, 3]), leaf([3])])
turned("rsub", [leaf([2, 3]), leaf([3])], "torch.rsub(a, b)", "a.rsub(b)")
edges("addcmul", "a.addcmul(b, c)", "a.addcmul(b, c)", [leaf([]), leaf([]), leaf([])], [leaf([0, 3]), leaf([3]), leaf([])])
edges("addcdiv", "a.addcdiv(b, c)", "a.addcdiv(b, c)", [leaf([]), leaf([]), leaf([], *POSITIVE)], [leaf([0, 3]), leaf([3]), leaf([1, 1], *POSITIVE)])
edges("lerp", "a.lerp(b, c)", "a.lerp(b, c)", [leaf([]), leaf([]), leaf([], 1, 15)], [leaf([0, 3]), leaf([3]), leaf([], 1, 15)])
# No slope, however steep what follows is.
for name in ["floor", "ceil", "trunc", "round"]:
    case(name, [given([0.25, -0.25])], f"1 / (a.{name}() * 0)", f"a.{name}().mul(0).reciprocal()", note="then a pole", twice=False)

write("elementwise")
