"""Goldens of convolutions, windows as columns, padding and resizing. Run: python test/goldens/tensor/conv.py"""
from cases import *

# Convolution: (py options, js options) over x, w, b.
W2 = lambda o, c, kh=3, kw=3: leaf([o, c, kh, kw], -16, 16)


def conv(op, x, w, b, py, js, **options):
    name = "".join(part if at == 0 else part.capitalize() for at, part in enumerate(op.split("_")))
    leaves = [leaf(x, -24, 24), w] + ([leaf(b, -16, 16)] if b else [])
    third = "c" if b else "None"
    case(op, leaves, f"F.{op}(a, b, {third}{py})", f"F.{name}(a, b, {'c' if b else 'null'}{js})", **options)


# Half precision keeps three digits: small sums of small numbers.
conv("conv2d", [2, 3, 5, 4], W2(4, 3), [4], "", "", view=True)
conv("conv2d", [1, 1, 3, 3], W2(1, 1, 2, 2), None, "", "", note="single channel", others=HALVES)
conv("conv2d", [2, 3, 6, 5], W2(2, 3), [2], ", stride=2, padding=1", ", { stride: 2, padding: 1 }", note="strided")
conv("conv2d", [2, 2, 7, 6], W2(3, 2, 3, 2), None, ", stride=(3, 2), padding=(1, 0), dilation=(2, 1)",
     ", { stride: [3, 2], padding: [1, 0], dilation: [2, 1] }", note="elements at the end that no window reaches")
conv("conv2d", [2, 4, 4, 4], W2(6, 2), [6], ", groups=2, padding=1", ", { groups: 2, padding: 1 }", note="groups")
conv("conv2d", [2, 3, 4, 4], W2(6, 1), [6], ", groups=3", ", { groups: 3 }", note="each channel by itself")
conv("conv2d", [1, 9, 4, 3], W2(2, 9, 2, 2), [2], ", padding=1", ", { padding: 1 }", note="many channels")
conv("conv2d", [2, 6, 4, 4], W2(4, 6), None, "", "", note="channels in threes, filters in fours")
conv("conv2d", [1, 16, 5, 5], W2(4, 8), None, ", groups=2, stride=2", ", { groups: 2, stride: 2 }", note="many channels in groups")
conv("conv2d", [2, 2, 4, 5], W2(2, 2, 2, 3), [2], ", padding='same'", ', { padding: "same" }', note="same, an even kernel")
conv("conv2d", [1, 2, 5, 5], W2(2, 2), None, ", padding='same', dilation=2", ', { padding: "same", dilation: 2 }', note="same, dilated")
conv("conv2d", [1, 2, 4, 4], W2(2, 2), None, ", padding='valid'", ', { padding: "valid" }', note="valid")
conv("conv2d", [3, 5, 4], W2(2, 3), [2], ", padding=1", ", { padding: 1 }", note="without a batch")
conv("conv2d", [2, 3, 3, 3], W2(5, 3, 1, 1), [5], "", "", note="1 × 1")
conv("conv2d", [0, 2, 4, 4], W2(3, 2), [3], "", "", note="empty batch")
conv("conv1d", [2, 3, 7], leaf([4, 3, 3], -16, 16), [4], "", "", view=True)
conv("conv1d", [2, 4, 8], leaf([4, 2, 3], -16, 16), [4], ", stride=2, padding=2, dilation=2, groups=2",
     ", { stride: 2, padding: 2, dilation: 2, groups: 2 }")
conv("conv1d", [3, 6], leaf([2, 3, 2], -16, 16), None, ", padding='same'", ', { padding: "same" }', note="without a batch")
conv("conv1d", [2, 9, 6], leaf([2, 9, 3], -16, 16), None, ", padding=1", ", { padding: 1 }", note="many channels")
conv("conv3d", [1, 2, 4, 3, 4], leaf([3, 2, 2, 2, 2], -16, 16), [3], ", stride=(2, 1, 1), padding=1", ", { stride: [2, 1, 1], padding: 1 }")
conv("conv3d", [2, 3, 2, 3], leaf([2, 2, 2, 2, 2], -16, 16), None, "", "", note="without a batch")

conv("conv_transpose2d", [2, 3, 3, 4], W2(3, 4), [4], "", "", view=True)
conv("conv_transpose2d", [1, 1, 2, 2], W2(1, 1, 2, 2), None, "", "", note="single channel", others=HALVES)
conv("conv_transpose2d", [2, 3, 3, 3], W2(3, 2), [2], ", stride=2, padding=1, output_padding=1",
     ", { stride: 2, padding: 1, outputPadding: 1 }", note="strided")
conv("conv_transpose2d", [1, 2, 3, 3], W2(2, 3, 4, 4), [3], ", stride=2, padding=1", ", { stride: 2, padding: 1 }", note="twice the size")
conv("conv_transpose2d", [1, 4, 3, 2], W2(4, 3, 3, 2), [6], ", stride=(3, 2), output_padding=(2, 1), groups=2, dilation=(2, 1)",
     ", { stride: [3, 2], outputPadding: [2, 1], groups: 2, dilation: [2, 1] }", note="groups, dilated")
conv("conv_transpose2d", [1, 2, 3, 3], W2(2, 2), [2], ", dilation=3, output_padding=2, padding=1",
     ", { dilation: 3, outputPadding: 2, padding: 1 }", note="more at the end than the stride")
conv("conv_transpose2d", [2, 3, 4], W2(2, 2), None, ", stride=2", ", { stride: 2 }", note="without a batch")
conv("conv_transpose1d", [2, 3, 4], leaf([3, 2, 3], -16, 16), [2], ", stride=2, padding=1, output_padding=1",
     ", { stride: 2, padding: 1, outputPadding: 1 }")
conv("conv_transpose1d", [2, 4, 3], leaf([4, 1, 2], -16, 16), None, ", groups=2, dilation=2", ", { groups: 2, dilation: 2 }")

UNFOLD = ("F.unfold(a, {})", "F.unfold(a, {})")
case("unfold", [leaf([2, 2, 4, 3])], "F.unfold(a, 2)", "F.unfold(a, 2)", view=True)
case("unfold", [leaf([1, 3, 5, 6])], "F.unfold(a, (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))",
     "F.unfold(a, [3, 2], { dilation: [1, 2], padding: [1, 0], stride: [2, 1] })")
case("unfold", [leaf([2, 4, 4])], "F.unfold(a, 2, stride=2)", "F.unfold(a, 2, { stride: 2 })", note="without a batch")
case("fold", [leaf([2, 8, 6])], "F.fold(a, (4, 3), 2)", "F.fold(a, [4, 3], 2)", view=True)
case("fold", [leaf([1, 12, 12])], "F.fold(a, (5, 8), (3, 2), dilation=(1, 2), padding=(1, 0), stride=(2, 1))".replace("(5, 8)", "(3, 8)"),
     "F.fold(a, [3, 8], [3, 2], { dilation: [1, 2], padding: [1, 0], stride: [2, 1] })")
case("fold", [leaf([4, 4])], "F.fold(a, 5, 2, stride=2)", "F.fold(a, 5, 2, { stride: 2 })", note="without a batch, an edge that no window reaches")

case("pad", [leaf([2, 3])], "F.pad(a, (1, 2))", "F.pad(a, [1, 2])", view=True, others=INTS + HALVES)
case("pad", [leaf([2, 3, 2])], "F.pad(a, (1, 0, 2, 1, 0, 1), value=2.5)", 'F.pad(a, [1, 0, 2, 1, 0, 1], "constant", 2.5)')
case("pad", [leaf([3, 4])], "F.pad(a, (-1, 1, 0, -1))", "F.pad(a, [-1, 1, 0, -1])", note="negative sizes crop")
case("pad", [leaf([2, 3])], "F.pad(a, ())", "F.pad(a, [])", note="no sizes")
case("pad", [leaf([0, 3])], "F.pad(a, (1, 1))", "F.pad(a, [1, 1])", note="empty")
case("pad", [truth([1, 0, 1])], "F.pad(a, (1, 1))", "F.pad(a, [1, 1])", note="bool", grad=False)  # no float
for mode in ["reflect", "replicate", "circular"]:
    case(f"pad {mode}", [leaf([2, 3, 4])], f"F.pad(a, (2, 1), mode='{mode}')", f'F.pad(a, [2, 1], "{mode}")', view=True)
    case(f"pad {mode}", [leaf([1, 2, 3, 4])], f"F.pad(a, (1, 2, 2, 0), mode='{mode}')", f'F.pad(a, [1, 2, 2, 0], "{mode}")')
    case(f"pad {mode}", [leaf([2, 3])], f"F.pad(a, (1, 1), mode='{mode}')", f'F.pad(a, [1, 1], "{mode}")', note="without a batch")

case("interpolate nearest", [leaf([1, 2, 3, 2])], "F.interpolate(a, scale_factor=2)", "F.interpolate(a, { scaleFactor: 2 })", view=True)
case("interpolate nearest", [leaf([1, 1, 5, 4])], "F.interpolate(a, size=(3, 7))", "F.interpolate(a, { size: [3, 7] })")
case("interpolate nearest", [leaf([2, 1, 5])], "F.interpolate(a, scale_factor=1.7)", "F.interpolate(a, { scaleFactor: 1.7 })")
case("interpolate nearest-exact", [leaf([1, 1, 5, 4])], "F.interpolate(a, size=(3, 7), mode='nearest-exact')",
     'F.interpolate(a, { size: [3, 7], mode: "nearest-exact" })')
case("interpolate linear", [leaf([2, 2, 4])], "F.interpolate(a, size=7, mode='linear')", 'F.interpolate(a, { size: 7, mode: "linear" })')
for corners in ["False", "True"]:
    js = corners.lower()
    case("interpolate bilinear", [leaf([1, 2, 3, 4])], f"F.interpolate(a, size=(5, 6), mode='bilinear', align_corners={corners})",
         f'F.interpolate(a, {{ size: [5, 6], mode: "bilinear", alignCorners: {js} }})', view=True)
    case("interpolate bilinear", [leaf([1, 1, 5, 6])], f"F.interpolate(a, scale_factor=0.6, mode='bilinear', align_corners={corners})",
         f'F.interpolate(a, {{ scaleFactor: 0.6, mode: "bilinear", alignCorners: {js} }})', note="smaller")
    case("interpolate bicubic", [leaf([1, 1, 4, 3])], f"F.interpolate(a, size=(6, 5), mode='bicubic', align_corners={corners})",
         f'F.interpolate(a, {{ size: [6, 5], mode: "bicubic", alignCorners: {js} }})')
case("interpolate trilinear", [leaf([1, 1, 2, 3, 2])], "F.interpolate(a, scale_factor=2, mode='trilinear')",
     'F.interpolate(a, { scaleFactor: 2, mode: "trilinear" })')
case("interpolate bilinear", [leaf([1, 1, 1, 1])], "F.interpolate(a, size=(2, 1), mode='bilinear', align_corners=True)",
     'F.interpolate(a, { size: [2, 1], mode: "bilinear", alignCorners: true })', note="one element")

case("pixel_shuffle", [leaf([1, 8, 2, 3])], "F.pixel_shuffle(a, 2)", "F.pixelShuffle(a, 2)", view=True)
case("pixel_shuffle", [leaf([9, 2, 1])], "F.pixel_shuffle(a, 3)", "F.pixelShuffle(a, 3)", note="without a batch")
case("pixel_unshuffle", [leaf([1, 2, 4, 6])], "F.pixel_unshuffle(a, 2)", "F.pixelUnshuffle(a, 2)", view=True)

# 0-d and empty; what is not contiguous.
L = lambda *shapes: [leaf(shape, -24, 24) for shape in shapes]
KERNELS = {"conv1d": ([0, 2, 4], [3, 2, 2]), "conv2d": ([0, 2, 3, 3], [3, 2, 2, 2]), "conv3d": ([0, 2, 3, 3, 3], [3, 2, 2, 2, 2]),
           "conv_transpose1d": ([0, 2, 4], [2, 3, 2]), "conv_transpose2d": ([0, 2, 3, 3], [2, 3, 2, 2])}
for op, (x, w) in KERNELS.items():
    text = (f"F.{op}(a, b)", f"F.{op.split('_')[0] + ''.join(part.capitalize() for part in op.split('_')[1:])}(a, b)")
    refused(op, *text, L([], w), L([1, *x[1:]], [w[0] + 3, w[1] + 3, *w[2:]]))
    if op != "conv2d":
        edges(op, *text, L(x, w))
    if op in ("conv3d", "conv_transpose1d"):
        turned(op, L([2, *x[1:]], w), *text)
edges("unfold", "F.unfold(a, 2)", "F.unfold(a, 2)", L([0, 2, 4, 3]))
refused("unfold", "F.unfold(a, 2)", "F.unfold(a, 2)", L([]))
edges("fold", "F.fold(a, (4, 3), 2)", "F.fold(a, [4, 3], 2)", L([0, 8, 6]))
refused("fold", "F.fold(a, (4, 3), 2)", "F.fold(a, [4, 3], 2)", L([]))
edges("pad", "F.pad(a, ())", "F.pad(a, [])", L([]))
refused("pad", "F.pad(a, (1, 2))", "F.pad(a, [1, 2])", L([]))
for mode in ["reflect", "replicate", "circular"]:
    text = (f"F.pad(a, (1, 1), mode='{mode}')", f'F.pad(a, [1, 1], "{mode}")')
    edges(f"pad {mode}", *text, L([0, 2, 3]))
    refused(f"pad {mode}", *text, L([]), L([2, 0]))
for mode, sizes in [("nearest", [0, 2, 3, 2]), ("nearest-exact", [0, 2, 3, 2]), ("linear", [0, 2, 3]), ("bilinear", [0, 2, 3, 2]), ("bicubic", [0, 2, 3, 2]), ("trilinear", [0, 1, 2, 2, 2])]:
    text = (f"F.interpolate(a, scale_factor=2, mode='{mode}')", f'F.interpolate(a, {{ scaleFactor: 2, mode: "{mode}" }})')
    edges(f"interpolate {mode}", *text, L(sizes))
    refused(f"interpolate {mode}", *text, L([]), L([3, 2]))
    if mode not in ("nearest", "bilinear"):
        turned(f"interpolate {mode}", L([2, *sizes[1:]]), *text)
# PyTorch's gradient of pixel_shuffle of nothing has the wrong shape, and so has the result of pixel_unshuffle: here are the right ones.
for name, js, sizes, result in [("pixel_shuffle", "pixelShuffle", [0, 8, 2, 3], "0, 2, 4, 6"), ("pixel_unshuffle", "pixelUnshuffle", [0, 2, 4, 6], "0, 8, 2, 3")]:
    edges(name, f"a.reshape({result})", f"F.{js}(a, 2)", L(sizes))
    refused(name, f"F.{name}(a, 2)", f"F.{js}(a, 2)", L([]), L([2, 3]))

write("conv")
