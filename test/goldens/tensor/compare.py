"""Goldens of comparisons, logic and bits. Run: python test/goldens/tensor/compare.py"""
from cases import *

inf, nan = math.inf, math.nan
EVERY = INTS + HALVES + ["bool"]
ODD = [given([nan, inf, -inf, 0, -0.0, 1]), given([nan, inf, inf, -0.0, 0, 2])]

# Truth values have no gradient.
for name in ["eq", "ne", "lt", "le", "gt", "ge"]:
    text = (f"a.{name}(b)", f"a.{name}(b)")
    case(name, [leaf([2, 3], -2, 2, True), leaf([2, 3], -2, 2, True)], *text, others=EVERY, grad=False, view=True)
    case(name, [leaf([2, 1, 3], -2, 2, True), leaf([4, 1], -2, 2, True)], *text, note="broadcast both ways", grad=False)
    case(name, [leaf([]), leaf([2, 3])], *text, note="0-d with matrix", grad=False)
    case(name, [leaf([]), leaf([])], *text, note="0-d", grad=False)
    case(name, [leaf([0, 3]), leaf([1, 3])], *text, note="empty", grad=False)
    case(name, ODD, *text, note="special", grad=False)
    case(name, [leaf([2, 3])], f"a.{name}(0.5)", f"a.{name}(0.5)", note="number", grad=False)
    case(name, [given([1, 0, 255], "uint8")], f"a.{name}(-1)", f"a.{name}(-1)", note="number below the dtype", grad=False)
    case(name, [given([1, 0, 44], "uint8")], f"a.{name}(300)", f"a.{name}(300)", note="number above the dtype", grad=False)
    case(name, [given([1, 2, 3], "int64")], f"a.{name}(2.5)", f"a.{name}(2.5)", note="whole and real", grad=False)
    case(name, [truth([1, 0, 1]), given([1, 1, 2], "int32")], *text, note="truth and whole", grad=False)
case("isclose", [given([1.0, 1.000005, 1.1, inf, inf, nan, 0]), given([1.0, 1, 1, inf, -inf, nan, 1e-9])], "a.isclose(b)", "a.isclose(b)", grad=False)
case("isclose", [leaf([2, 3]), leaf([3])], "a.isclose(b, rtol=0.5, atol=0.25)", "a.isclose(b, { rtol: 0.5, atol: 0.25 })", note="broadcast", grad=False, view=True)
case("isclose", [given([nan, 1]), given([nan, nan])], "a.isclose(b, equal_nan=True)", "a.isclose(b, { equalNan: true })", note="NaN", grad=False)
case("isclose", [given([100, 7], "int64"), given([101, 7], "int64")], "a.isclose(b, rtol=0.1)", "a.isclose(b, { rtol: 0.1 })", note="whole numbers", grad=False)
case("isclose", [leaf([]), leaf([])], "a.isclose(b)", "a.isclose(b)", note="0-d", grad=False)
case("isclose", [leaf([0])], "a.isclose(a)", "a.isclose(a)", note="empty", grad=False)
for name, js in [("logical_and", "logicalAnd"), ("logical_or", "logicalOr"), ("logical_xor", "logicalXor")]:
    text = (f"a.{name}(b)", f"a.{js}(b)")
    case(name, [leaf([2, 3], -1, 1, True), leaf([2, 3], -1, 1, True)], *text, others=EVERY, grad=False, view=True)
    case(name, [truth([[1], [0]]), truth([1, 0, 1])], *text, note="broadcast both ways", grad=False)
    case(name, [truth([1, 0]), given([2.5, 0])], *text, note="mixed", grad=False)
    case(name, [given([nan, 0, 0.5]), given([1.0, 0, 0])], *text, note="NaN", grad=False)
    case(name, [leaf([]), leaf([0, 2])], *text, note="empty", grad=False)
    case(name, [leaf([]), leaf([])], *text, note="0-d", grad=False)
case("logical_not", [leaf([2, 3], -1, 1, True)], "a.logical_not()", "a.logicalNot()", others=EVERY, grad=False, view=True)
case("logical_not", [leaf([])], "a.logical_not()", "a.logicalNot()", note="0-d", grad=False)
case("logical_not", [leaf([0])], "a.logical_not()", "a.logicalNot()", note="empty", grad=False)
case("signbit", [leaf([2, 3])], "a.signbit()", "a.signbit()", others=INTS + HALVES + ["bool"], grad=False, view=True)
case("signbit", [given([0, -0.0, inf, -inf])], "a.signbit()", "a.signbit()", note="special", grad=False)
case("signbit", [leaf([])], "a.signbit()", "a.signbit()", note="0-d", grad=False)
case("signbit", [leaf([0])], "a.signbit()", "a.signbit()", note="empty", grad=False)
for name in ["isnan", "isinf", "isposinf", "isneginf", "isfinite"]:
    case(name, [given([[nan, inf, -inf], [0, 1, -1]])], f"a.{name}()", f"a.{name}()", others=HALVES, grad=False, view=True)
    case(name, [given([1, 0], "int64")], f"a.{name}()", f"a.{name}()", note="whole numbers", grad=False)
    case(name, [truth([1, 0])], f"a.{name}()", f"a.{name}()", note="truth values", grad=False)
    case(name, [leaf([])], f"a.{name}()", f"a.{name}()", note="0-d", grad=False)
    case(name, [leaf([0, 3])], f"a.{name}()", f"a.{name}()", note="empty", grad=False)

A, B = [[5, -7, 0], [127, -128, 12]], [[3, 2, -1], [85, 7, 10]]
for name, js in [("and", "And"), ("or", "Or"), ("xor", "Xor")]:
    text = (f"a.bitwise_{name}(b)", f"a.bitwise{js}(b)")
    for dtype in INTS[:4]:
        case(f"bitwise_{name}", [given(A, dtype), given(B, dtype)], *text, note=dtype, grad=False, view=dtype == "int64")
    case(f"bitwise_{name}", [given([200, 7], "uint8"), given([[85], [3]], "uint8")], *text, note="uint8, broadcast", grad=False)
    case(f"bitwise_{name}", [truth([1, 0, 1, 0]), truth([1, 1, 0, 0])], *text, note="truth values", grad=False)
    case(f"bitwise_{name}", [truth([1, 0]), given([3, 3], "int64")], *text, note="truth and whole", grad=False)
    case(f"bitwise_{name}", [given([6, 1], "int32")], f"a.bitwise_{name}(3)", f"a.bitwise{js}(3)", note="number", grad=False)
    case(f"bitwise_{name}", [given(6, "int64"), given(3, "int64")], *text, note="0-d", grad=False)
    case(f"bitwise_{name}", [given([], "int64"), given([], "int64")], *text, note="empty", grad=False)
for dtype in INTS[:4]:
    case("bitwise_not", [given(A, dtype)], "a.bitwise_not()", "a.bitwiseNot()", note=dtype, grad=False, view=dtype == "int64")
case("bitwise_not", [given([200, 7], "uint8")], "a.bitwise_not()", "a.bitwiseNot()", note="uint8", grad=False)
case("bitwise_not", [truth([1, 0])], "a.bitwise_not()", "a.bitwiseNot()", note="truth values", grad=False)
case("bitwise_not", [given([], "int64")], "a.bitwise_not()", "a.bitwiseNot()", note="empty", grad=False)
BY = [[0, 1, 5], [3, 6, 2]]
for name, js in [("left", "Left"), ("right", "Right")]:
    text = (f"a.bitwise_{name}_shift(b)", f"a.bitwise{js}Shift(b)")
    for dtype in INTS[:4]:
        case(f"bitwise_{name}_shift", [given(A, dtype), given(BY, dtype)], *text, note=dtype, grad=False, view=dtype == "int64")
    case(f"bitwise_{name}_shift", [given([200, 7], "uint8"), given([[2], [3]], "uint8")], *text, note="uint8, broadcast", grad=False)
    case(f"bitwise_{name}_shift", [given([5, -5, 1, -1, 9], "int64"), given([62, 62, 63, 64, -1], "int64")], *text, note="all the way", grad=False)
    case(f"bitwise_{name}_shift", [given([5, -5], "int32")], f"a.bitwise_{name}_shift(2)", f"a.bitwise{js}Shift(2)", note="number", grad=False)

NOTHING = [given([], "int64"), given([], "int64")]
edges("bitwise_not", "a.bitwise_not()", "a.bitwiseNot()", [given(6, "int64")], grad=False)
for name, js in [("left", "Left"), ("right", "Right")]:
    edges(f"bitwise_{name}_shift", f"a.bitwise_{name}_shift(b)", f"a.bitwise{js}Shift(b)", [given(6, "int64"), given(2, "int64")], NOTHING, grad=False)
for name, js in [("and", "And"), ("or", "Or"), ("xor", "Xor")]:
    edges(f"logical_{name}", f"a.logical_{name}(b)", f"a.logical{js}(b)", [leaf([0, 2]), truth([1, 0])], grad=False)

write("compare")
