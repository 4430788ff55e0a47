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

for n, shape in [(1, [2, 2, 7]), (2, [2, 2, 5, 6]), (3, [1, 2, 4, 3, 5])]:
    for size in [2, 3] if n > 1 else [3]:
        case(f"adaptive_max_pool{n}d", [leaf(shape, -90, 90)], f"F.adaptive_max_pool{n}d(a, {size}, return_indices=True)",
             f"F.adaptiveMaxPool{n}d(a, {size}, {{ returnIndices: true }})", note="with indices", view=n == 2)
case("adaptive_max_pool2d", [leaf([1, 2, 4, 6])], "F.adaptive_max_pool2d(a, 2, return_indices=True)",
     "F.adaptiveMaxPool2d(a, 2, { returnIndices: true })", note="equal parts, with indices")
case("adaptive_max_pool2d", [leaf([1, 1, 5, 5], -2, 2, ties=True)], "F.adaptive_max_pool2d(a, 3, return_indices=True)",
     "F.adaptiveMaxPool2d(a, 3, { returnIndices: true })", note="ties, with indices")
case("adaptive_max_pool1d", [leaf([2, 5])], "F.adaptive_max_pool1d(a, 2)", "F.adaptiveMaxPool1d(a, 2)", note="without a batch")
case("adaptive_max_pool3d", [leaf([2, 3, 4, 2])], "F.adaptive_max_pool3d(a, (2, None, 1))", "F.adaptiveMaxPool3d(a, [2, null, 1])", note="without a batch")

for kind, js in [("max_pool3d", "maxPool3d"), ("avg_pool3d", "avgPool3d")]:
    case(kind, [leaf([1, 2, 4, 2, 4])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", view=True, others=["float16"] if kind == "max_pool3d" else [])
    case(kind, [leaf([1, 2, 3, 4, 3])], f"F.{kind}(a, (2, 3, 2), stride=(1, 2, 1), padding=1)",
         f"F.{js}(a, [2, 3, 2], {{ stride: [1, 2, 1], padding: 1 }})", note="overlapping, padding")
    case(kind, [leaf([2, 5, 3, 2])], f"F.{kind}(a, 2, ceil_mode=True)", f"F.{js}(a, 2, {{ ceilMode: true }})", note="without a batch, over the end")
    case(kind, [leaf([0, 2, 4, 2, 4])], f"F.{kind}(a, 2)", f"F.{js}(a, 2)", note="empty batch")
case("max_pool3d", [leaf([1, 2, 4, 2, 4], -3, 3, ties=True)], "F.max_pool3d(a, 2, stride=1, return_indices=True)",
     "F.maxPool3d(a, 2, { stride: 1, returnIndices: true })", note="ties, with indices")
case("avg_pool3d", [leaf([1, 1, 3, 4, 3])], "F.avg_pool3d(a, 2, stride=1, padding=1, count_include_pad=False)",
     "F.avgPool3d(a, 2, { stride: 1, padding: 1, countIncludePad: false })", note="elements alone")
case("adaptive_avg_pool3d", [leaf([1, 2, 4, 3, 5])], "F.adaptive_avg_pool3d(a, 2)", "F.adaptiveAvgPool3d(a, 2)")
case("adaptive_avg_pool3d", [leaf([2, 4, 2, 3])], "F.adaptive_avg_pool3d(a, (2, 1, None))", "F.adaptiveAvgPool3d(a, [2, 1, null])", note="without a batch, equal parts")

for n, shape, places in [(1, [1, 2, 3], [[[1, 2, 5], [0, 3, 4]]]), (2, [1, 1, 2, 2], [[[[1, 2], [12, 15]]]]), (3, [1, 1, 1, 1, 2], [[[[[3, 10]]]]])]:
    case(f"max_unpool{n}d", [leaf(shape), index(places)], f"F.max_unpool{n}d(a, b, 2)", f"F.maxUnpool{n}d(a, b, 2)", others=["float16"] if n == 2 else [])
    case(f"max_unpool{n}d", [leaf(shape[1:]), index(places[0])], f"F.max_unpool{n}d(a, b, 2)", f"F.maxUnpool{n}d(a, b, 2)", note="without a batch")
case("max_unpool2d", [leaf([1, 1, 2, 2]), index([[[[1, 2], [11, 15]]]])], "F.max_unpool2d(a, b, 3, stride=2, padding=1, output_size=(4, 4))",
     "F.maxUnpool2d(a, b, 3, { stride: 2, padding: 1, outputSize: [4, 4] })", note="a size that was given")
case("max_unpool2d", [leaf([1, 2, 5, 4])], "F.max_unpool2d(*F.max_pool2d(a, 2, return_indices=True), 2, output_size=a.shape)",
     "F.maxUnpool2d(...F.maxPool2d(a, 2, { returnIndices: true }), 2, { outputSize: a.shape })", note="what was pooled")
# PyTorch takes no gradient of elements that are not contiguous.
case("max_unpool2d", [leaf([1, 1, 2, 2]), index([[[[1, 2], [12, 15]]]])], "F.max_unpool2d(a, b, 2)", "F.maxUnpool2d(a, b, 2)", note="value", view=True, grad=False)
case("max_unpool2d", [leaf([0, 1, 2, 2]), {"shape": [0, 1, 2, 2], "dtype": "int64", "data": []}], "F.max_unpool2d(a, b, 2)", "F.maxUnpool2d(a, b, 2)", note="empty batch", grad=False)  # of no elements

# 0-d, empty, not contiguous.
L = lambda *shapes: [leaf(shape, -90, 90) for shape in shapes]
SIZES = {1: [2, 3, 6], 2: [1, 2, 4, 4], 3: [1, 2, 4, 2, 4]}
for n, sizes in SIZES.items():
    for kind in (f"max_pool{n}d", f"avg_pool{n}d", f"adaptive_avg_pool{n}d", f"adaptive_max_pool{n}d"):
        first, *words = kind.split("_")
        text = (f"F.{kind}(a, 2)", f"F.{first + ''.join(word.capitalize() for word in words)}(a, 2)")
        refused(kind, *text, L([]), L([3]))
        if kind not in ("max_pool2d", "avg_pool2d", "max_pool3d", "avg_pool3d"):
            edges(kind, *text, L([0, *sizes[1:]]))
        if n != 2 and first == "adaptive":
            turned(kind, L(sizes), *text)
UNPOOL = lambda n: (f"F.max_unpool{n}d(a, b, 2)", f"F.maxUnpool{n}d(a, b, 2)")
for n, shape, places in [(1, [1, 2, 3], [[[1, 2, 5], [0, 3, 4]]]), (2, [1, 1, 2, 2], [[[[1, 2], [12, 15]]]]), (3, [1, 1, 1, 1, 2], [[[[[3, 10]]]]])]:
    refused(f"max_unpool{n}d", *UNPOOL(n), [leaf([]), index(0)], [leaf(shape), index(places[0])])
    if n != 2:
        edges(f"max_unpool{n}d", *UNPOOL(n), [leaf([0, *shape[1:]]), {"shape": [0, *shape[1:]], "dtype": "int64", "data": []}], grad=False)  # of no elements
        turned(f"max_unpool{n}d", [leaf(shape), index(places)], *UNPOOL(n), grad=False)  # PyTorch takes no gradient of elements that are not contiguous
for n, sizes in SIZES.items():
    uneven = [0, *sizes[1:-1], 5]
    edges(f"adaptive_max_pool{n}d", f"F.adaptive_max_pool{n}d(a, 2, return_indices=True)", f"F.adaptiveMaxPool{n}d(a, 2, {{ returnIndices: true }})", L(uneven), note="uneven parts")
    for kind in ("max_pool", "avg_pool", "adaptive_max_pool", "adaptive_avg_pool"):
        first, *words = kind.split("_")
        js = first + "".join(word.capitalize() for word in words)
        refused(f"{kind}{n}d", f"F.{kind}{n}d(a, 2)", f"F.{js}{n}d(a, 2)", L([*sizes[:-1], 0]))
        if not kind.startswith("adaptive"):
            refused(f"{kind}{n}d", f"F.{kind}{n}d(a, 2)", f"F.{js}{n}d(a, 2)", L([0, *sizes[2:]]))

# Windows edge to edge, whose places are found in another way.
case("max_pool2d", [leaf([2, 3, 7, 5], -3, 3, ties=True)], MAX, "F.maxPool2d(a, 2, { returnIndices: true })", note="ties, an edge that no window reaches")
case("max_pool2d", [leaf([1, 2, 6, 9], -3, 3, ties=True)], "F.max_pool2d(a, (2, 3), return_indices=True)",
     "F.maxPool2d(a, [2, 3], { returnIndices: true })", note="ties, windows of two by three")
case("max_pool2d", [leaf([2, 3, 6, 5], -3, 3, ties=True)], "F.max_pool2d(a.relu(), 2)", "F.maxPool2d(a.relu(), 2)", note="ties of what was rectified")
case("max_pool2d", [leaf([2, 2, 4, 4], -3, 3, ties=True)], "F.max_pool2d(a.relu(), 2) + a.relu().mean()", "F.maxPool2d(a.relu(), 2).add(a.relu().mean())",
     note="rectified, and read beside the pool")

write("pool")
