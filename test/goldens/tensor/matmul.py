"""Goldens of matrix products. Run: python test/goldens/tensor/matmul.py"""
from cases import *

MM = ("torch.matmul(a, b)", "a.matmul(b)")
case("matmul", [leaf([2, 3]), leaf([3, 4])], *MM, others=INTS[:4] + HALVES, view=True)
case("matmul", [leaf([3]), leaf([3])], *MM, note="vectors")
case("matmul", [leaf([2, 3]), leaf([3])], *MM, note="matrix and vector")
case("matmul", [leaf([3]), leaf([2, 3, 4])], *MM, note="vector and batch")
case("matmul", [leaf([2, 1, 2, 3]), leaf([4, 3, 2])], *MM, note="batches broadcast")
case("matmul", [leaf([0, 3]), leaf([3, 2])], *MM, note="empty")

LINEAR = ("F.linear(a, b, c)", "F.linear(a, b, c)")
case("linear", [leaf([2, 3]), leaf([4, 3]), leaf([4])], *LINEAR, others=HALVES, view=True)
case("linear", [leaf([2, 2, 3]), leaf([4, 3]), leaf([4])], *LINEAR, note="batch")
case("linear", [leaf([3]), leaf([4, 3]), leaf([4])], *LINEAR, note="one row")
case("linear", [leaf([0, 3]), leaf([4, 3]), leaf([4])], *LINEAR, note="empty")
case("linear", [leaf([2, 0]), leaf([4, 0]), leaf([4])], *LINEAR, note="a sum of nothing")
case("linear", [leaf([2, 3]), leaf([4, 3])], "F.linear(a, b)", "F.linear(a, b)", note="without bias")

refused("matmul", *MM, [leaf([]), leaf([3])], [leaf([3]), leaf([])], [leaf([2, 3]), leaf([2, 3])])
case("matmul", [leaf([2, 2, 0]), leaf([0, 3])], *MM, note="a sum of nothing, batch")
refused("linear", *LINEAR, [leaf([]), leaf([4, 3]), leaf([4])])
refused("linear", *LINEAR, [leaf([2, 3]), leaf([4, 2]), leaf([4])])

write("matmul")
