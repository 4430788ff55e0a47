"""Goldens of pooling. Run: python test/goldens/tensor/pool.py"""
from cases import *

for kind, js in [("max_pool2d", "maxPool2d"), ("avg_pool2d", "avgPool2d")]:
    # PyTorch has no mean of whole numbers.
    others = ["int32", "int16", "int8", "uint8", "float16"] if kind == "max_pool2d" else HALVES
    case(kind, [leaf([2, 2, 4, 4])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", view=True, others=others)
    case(kind, [leaf([1, 2, 5, 6])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", note="an edge that no window reaches")
    case(kind, [leaf([1, 2, 5, 6])], f"F.{kind}(a, (3, 2), stride=(1, 2))", f"F.{js}(a, [3, 2], {{ stride: [1, 2] }})", note="overlapping", others=others[:2])
    case(kind, [leaf([1, 2, 5, 6])], f"F.{kind}(a, 3, stride=2, padding=1)", f"F.{js}(a, 3, {{ stride: 2, padding: 1 }})", note="padding", others=others[1:3])
    case(kind, [leaf([1, 1, 5, 6])], f"F.{kind}(a, 2, stride=2, ceil_mode=True)", f"F.{js}(a, 2, {{ stride: 2, ceilMode: true }})", note="a last window over the end")
    case(kind, [leaf([1, 1, 6, 5])], f"F.{kind}(a, 3, stride=3, padding=1, ceil_mode=True)", f"F.{js}(a, 3, {{ stride: 3, padding: 1, ceilMode: true }})", note="padding, over the end")
    case(kind, [leaf([1, 1, 4, 4])], f"F.{kind}(a, 2, stride=3, ceil_mode=True)", f"F.{js}(a, 2, {{ stride: 3, ceilMode: true }})", note="windows apart")
    case(kind, [leaf([3, 4, 2])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", note="without a batch")
    case(kind, [leaf([0, 2, 4, 4])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", note="empty batch")
for kind, js in [("max_pool1d", "maxPool1d"), ("avg_pool1d", "avgPool1d")]:
    case(kind, [leaf([2, 3, 6])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", view=True)
    case(kind, [leaf([2, 7])], f"F.{kind}(a, 3, stride=2, padding=1)", f"F.{js}(a, 3, {{ stride: 2, padding: 1 }})", note="without a batch")

MAX = "F.max_pool2d(a, 2, return_indices=True)"
case("max_pool2d", [leaf([2, 2, 4, 4])], MAX, "F.maxPool2d(a, 2, { returnIndices: true })", note="with indices", view=True)
case("max_pool2d", [given([[[[0.0] * 4] * 4] * 2])], MAX, "F.maxPool2d(a, 2, { returnIndices: true })", note="ties")
case("max_pool2d", [leaf([1, 2, 4, 5], -3, 3, ties=True)], "F.max_pool2d(a, 3, stride=1, padding=1, return_indices=True)",
     "F.maxPool2d(a, 3, { stride: 1, padding: 1, returnIndices: true })", note="ties, overlapping")
case("max_pool2d", [leaf([1, 2, 6, 6])], "F.max_pool2d(a, 2, stride=1, dilation=2, padding=1, return_indices=True)",
     "F.maxPool2d(a, 2, { stride: 1, dilation: 2, padding: 1, returnIndices: true })", note="dilated")
case("max_pool2d", [leaf([2, 3, 4])], MAX, "F.maxPool2d(a, 2, { returnIndices: true })", note="indices without a batch")
case("max_pool1d", [leaf([2, 3, 6])], "F.max_pool1d(a, 3, stride=2, return_indices=True)",
     "F.maxPool1d(a, 3, { stride: 2, returnIndices: true })", note="with indices")
case("max_pool2d", [leaf([2, 2, 4, 4])], "F.max_pool2d(a, 2, return_indices=True)[1]", "F.maxPool2d(a, 2, { returnIndices: true })[1]",
     note="indices", others=["int32", "uint8"], grad=False)  # an index has no gradient

case("avg_pool2d", [leaf([1, 2, 5, 6])], "F.avg_pool2d(a, 3, stride=2, padding=1, count_include_pad=False)",
     "F.avgPool2d(a, 3, { stride: 2, padding: 1, countIncludePad: false })", note="elements alone")
case("avg_pool2d", [leaf([1, 2, 5, 6])], "F.avg_pool2d(a, 3, stride=2, padding=1, ceil_mode=True, count_include_pad=False)",
     "F.avgPool2d(a, 3, { stride: 2, padding: 1, ceilMode: true, countIncludePad: false })", note="elements alone, over the end")
case("avg_pool2d", [leaf([1, 2, 4, 4])], "F.avg_pool2d(a, 2, divisor_override=3)", "F.avgPool2d(a, 2, { divisorOverride: 3 })", note="another divisor")

for size, js in [("3", "3"), ("(2, 4)", "[2, 4]"), ("1", "1"), ("(None, 2)", "[null, 2]")]:
    case("adaptive_avg_pool2d", [leaf([1, 2, 5, 6])], f"F.adaptive_avg_pool2d(a, {size})", f"F.adaptiveAvgPool2d(a, {js})")
    case("adaptive_max_pool2d", [leaf([1, 2, 5, 6])], f"F.adaptive_max_pool2d(a, {size})", f"F.adaptiveMaxPool2d(a, {js})")
case("adaptive_avg_pool2d", [leaf([2, 4, 4])], "F.adaptive_avg_pool2d(a, 2)", "F.adaptiveAvgPool2d(a, 2)", note="without a batch", view=True)
case("adaptive_max_pool2d", [leaf([1, 1, 5, 5], -2, 2, ties=True)], "F.adaptive_max_pool2d(a, 3)", "F.adaptiveMaxPool2d(a, 3)", note="ties")
case("adaptive_avg_pool1d", [leaf([2, 3, 7])], "F.adaptive_avg_pool1d(a, 3)", "F.adaptiveAvgPool1d(a, 3)")
case("adaptive_avg_pool1d", [leaf([3, 6])], "F.adaptive_avg_pool1d(a, 2)", "F.adaptiveAvgPool1d(a, 2)", note="without a batch")

write("pool")
