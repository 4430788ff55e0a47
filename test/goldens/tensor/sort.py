"""Goldens of sorting, selection and counting. Run: python test/goldens/tensor/sort.py"""
from cases import *

SPECIAL = {"shape": [2, 4], "dtype": "float", "data": [1, "nan", 3, "inf", "-inf", 2, "inf", "nan"]}
TIES = [[2, 1, 2, 1], [1, 1, 2, 2]]
SORTED = INTS + HALVES

case("sort", [leaf([3, 4])], "torch.sort(a)", "a.sort()", others=SORTED, view=True)
case("sort", [leaf([3, 4])], "torch.sort(a, dim=0, descending=True)", "a.sort(0, true)", note="descending")
case("sort", [given(TIES)], "torch.sort(a, stable=True)", "a.sort()", note="equal elements", grad=True)
case("sort", [given(TIES)], "torch.sort(a, descending=True, stable=True)", "a.sort(-1, true)", note="equal elements, descending")
case("sort", [SPECIAL], "torch.sort(a)", "a.sort()", note="NaN and infinity", grad=False)  # values alone
case("sort", [SPECIAL], "torch.sort(a, descending=True)", "a.sort(-1, true)", note="NaN and infinity, descending", grad=False)  # values alone
case("sort", [leaf([])], "torch.sort(a)", "a.sort()", note="0-d")
case("sort", [leaf([0, 3])], "torch.sort(a)", "a.sort()", note="empty")
case("sort", [leaf([3, 0])], "torch.sort(a)", "a.sort()", note="empty rows")
case("sort", [truth([[1, 0, 1], [0, 1, 0]])], "torch.sort(a, stable=True)", "a.sort()", note="truth values")
case("argsort", [leaf([3, 4])], "torch.argsort(a, dim=1, descending=True)", "a.argsort(1, true)", others=["int64", "int8"], grad=False)  # places
case("msort", [leaf([3, 2])], "torch.msort(a)", "a.msort()", view=True)

case("topk", [leaf([3, 4])], "torch.topk(a, 2)", "a.topk(2)", others=INTS + HALVES, view=True)
case("topk", [leaf([3, 4])], "torch.topk(a, 2, dim=0, largest=False)", "a.topk(2, 0, false)", note="smallest")
case("topk", [leaf([2, 3])], "torch.topk(a, 3)", "a.topk(3)", note="all")
case("topk", [leaf([2, 3])], "torch.topk(a, 0)", "a.topk(0)", note="none")
case("topk", [leaf([])], "torch.topk(a, 1)", "a.topk(1)", note="0-d")
case("topk", [SPECIAL], "torch.topk(a, 2)", "a.topk(2)", note="NaN and infinity", grad=False)  # values alone

case("kthvalue", [leaf([3, 4])], "torch.kthvalue(a, 2)", "a.kthvalue(2)", others=INTS + HALVES, view=True)
case("kthvalue", [leaf([3, 4])], "torch.kthvalue(a, 3, dim=0, keepdim=True)", "a.kthvalue(3, 0, true)", note="kept")
case("kthvalue", [leaf([])], "torch.kthvalue(a, 1)", "a.kthvalue(1)", note="0-d")
case("kthvalue", [SPECIAL], "torch.kthvalue(a, 4)", "a.kthvalue(4)", note="NaN", grad=False)  # values alone

case("median", [leaf([3, 4])], "torch.median(a)", "a.median()", others=INTS + HALVES, view=True)
case("median", [leaf([3, 4])], "torch.median(a, 1)", "a.median(1)", note="even count", others=INTS + HALVES, view=True)
case("median", [leaf([3, 4])], "torch.median(a, 0, keepdim=True)", "a.median(0, true)", note="kept")
case("median", [given([1, 2, 2, 3, 2])], "torch.median(a)", "a.median()", note="equal elements share the gradient")
case("median", [leaf([])], "torch.median(a)", "a.median()", note="0-d")
case("median", [leaf([0])], "torch.median(a)", "a.median()", note="empty", grad=False)  # there is no element
case("median", [SPECIAL], "torch.median(a, 1)", "a.median(1)", note="NaN", grad=False)  # values alone
case("median", [SPECIAL], "torch.median(a)", "a.median()", note="NaN, all", grad=False)  # values alone
case("nanmedian", [SPECIAL], "torch.nanmedian(a, 1)", "a.nanmedian(1)", grad=False)  # values alone
case("nanmedian", [SPECIAL], "torch.nanmedian(a)", "a.nanmedian()", note="all", grad=False)  # values alone
case("nanmedian", [leaf([3, 4])], "torch.nanmedian(a, 1)", "a.nanmedian(1)", note="no NaN")
case("nanmedian", [leaf([3, 3])], "torch.nanmedian(a)", "a.nanmedian()", note="no NaN, all", others=["int64"])
case("mode", [leaf([2, 4])], "torch.mode(a)", "a.mode()", note="all different: the smallest")
case("mode", [given(TIES)], "torch.mode(a)", "a.mode()", note="equal counts", others=["int64", "int8", "float16"])
case("mode", [given([[1, 2], [3, 2], [1, 5]])], "torch.mode(a, 0, keepdim=True)", "a.mode(0, true)", note="kept", view=True)
case("mode", [leaf([])], "torch.mode(a)", "a.mode()", note="0-d")

case("quantile", [leaf([3, 4])], "torch.quantile(a, 0.3)", "a.quantile(0.3)", view=True)
case("quantile", [leaf([3, 4])], "torch.quantile(a, 0.3, dim=1, keepdim=True)", "a.quantile(0.3, 1, true)", note="kept")
case("quantile", [leaf([3, 4])], "torch.quantile(a, torch.tensor([0, 0.25, 1], dtype=a.dtype), dim=0)",
     "a.quantile(T.tensor([0, 0.25, 1], { dtype: a.dtype, device: a.device }), 0)", note="several")
case("quantile", [leaf([3, 4])], "torch.quantile(a, torch.tensor([0.1, 0.9], dtype=a.dtype), keepdim=True)",
     "a.quantile(T.tensor([0.1, 0.9], { dtype: a.dtype, device: a.device }), undefined, true)", note="several of all, kept")
for how in ("lower", "higher", "midpoint", "nearest"):
    case("quantile", [leaf([2, 5])], f"torch.quantile(a, 0.4, dim=1, interpolation='{how}')", f'a.quantile(0.4, 1, false, {{ interpolation: "{how}" }})', note=how)
    case("quantile", [leaf([2, 4])], f"torch.quantile(a, 0.4, dim=1, interpolation='{how}')", f'a.quantile(0.4, 1, false, {{ interpolation: "{how}" }})', note=how)
case("quantile", [leaf([])], "torch.quantile(a, 0.5)", "a.quantile(0.5)", note="0-d")
case("quantile", [{"shape": [2, 3], "dtype": "float", "data": [1, "nan", 3, 1, 2, 4]}], "torch.quantile(a, 0.5, dim=1)", "a.quantile(0.5, 1)", note="NaN", grad=False)  # values alone
case("nanquantile", [{"shape": [3, 3], "dtype": "float", "data": [1, "nan", 3, 1, 2, 4, "nan", "nan", "nan"]}], "torch.nanquantile(a, 0.5, dim=1)", "a.nanquantile(0.5, 1)", grad=False)  # values alone
case("nanquantile", [leaf([3, 4])], "torch.nanquantile(a, 0.3, dim=1)", "a.nanquantile(0.3, 1)", note="no NaN")

UNIQUE = [[3, 1, 2], [1, 3, 5]]
case("unique", [given(UNIQUE)], "torch.unique(a)", "a.unique()", others=INTS + HALVES, grad=False)  # not differentiable, as in PyTorch
case("unique", [given(UNIQUE)], "torch.unique(a, return_inverse=True, return_counts=True)", "a.unique({ returnInverse: true, returnCounts: true })", note="places and counts", grad=False, view=True)
case("unique", [given([[1, 2], [0, 5], [1, 2]])], "torch.unique(a, dim=0, return_inverse=True, return_counts=True)",
     "a.unique({ dim: 0, returnInverse: true, returnCounts: true })", note="rows", grad=False)
case("unique", [given([[1, 0, 1], [2, 5, 2]])], "torch.unique(a, dim=1)", "a.unique({ dim: 1 })", note="columns", grad=False)
case("unique", [{"shape": [4], "dtype": "float", "data": ["nan", 1, "nan", 1]}], "torch.unique(a, return_counts=True, return_inverse=True)", "a.unique({ returnCounts: true })", note="NaN", grad=False)
case("unique", [leaf([0])], "torch.unique(a)", "a.unique()", note="empty", grad=False)
case("unique", [truth([1, 0, 1])], "torch.unique(a)", "a.unique()", note="truth values", grad=False)
case("unique_consecutive", [given([1, 1, 2, 2, 3, 1])], "torch.unique_consecutive(a, return_inverse=True, return_counts=True)",
     "a.uniqueConsecutive({ returnInverse: true, returnCounts: true })", grad=False)
case("unique_consecutive", [given([[1, 1], [1, 1], [2, 3]])], "torch.unique_consecutive(a, dim=0)", "a.uniqueConsecutive({ dim: 0 })", note="rows", grad=False)
case("bincount", [index([1, 3, 1])], "torch.bincount(a)", "a.bincount()", grad=False)
case("bincount", [index([1, 3, 1], "int32")], "torch.bincount(a, minlength=6)", "a.bincount(undefined, 6)", note="minimal length", grad=False)
case("bincount", [index([1, 3, 1]), given([0.5, 1, 2])], "torch.bincount(a, b)", "a.bincount(b)", note="weights", grad=False)
case("bincount", [{"shape": [0], "dtype": "int64", "data": []}], "torch.bincount(a)", "a.bincount()", note="empty", grad=False)
case("histc", [leaf([3, 4])], "torch.histc(a, 5, -2, 2)", "a.histc(5, -2, 2)", grad=False, view=True)
case("histc", [leaf([3, 4])], "torch.histc(a, 7)", "a.histc(7)", note="range of the elements", grad=False)
case("histc", [given([1, 1, 1])], "torch.histc(a, 3)", "a.histc(3)", note="one value", grad=False)
case("searchsorted", [given([1, 3, 3, 5]), given([[3, 0], [6, 4]])], "torch.searchsorted(a, b)", "T.searchsorted(a, b)", others=INTS + HALVES, grad=False)
case("searchsorted", [given([1, 3, 3, 5]), given([[3, 0], [6, 4]])], "torch.searchsorted(a, b, right=True)", "T.searchsorted(a, b, { right: true })", note="right", grad=False, view=True)
case("searchsorted", [given([[1, 3, 5], [2, 4, 6]]), given([[3, 6], [3, 6]])], "torch.searchsorted(a, b)", "T.searchsorted(a, b)", note="rows", grad=False)
case("searchsorted", [given([1, 3, 5])], "torch.tensor(torch.searchsorted(a, 4).item())", "T.searchsorted(a, 4)", note="number", grad=False)
case("searchsorted", [given([1, 3, 5]), leaf([0])], "torch.searchsorted(a, b)", "T.searchsorted(a, b)", note="empty", grad=False)
case("bucketize", [given([[3, 6], [9, 0]]), given([1, 3, 5, 7, 9])], "torch.bucketize(a, b)", "T.bucketize(a, b)", grad=False)
case("bucketize", [given([[3, 6], [9, 0]]), given([1, 3, 5, 7, 9])], "torch.bucketize(a, b, right=True)", "T.bucketize(a, b, { right: true })", note="right", grad=False)

# 0-d, empty, not contiguous.
edges("argsort", "torch.argsort(a)", "a.argsort()", [leaf([])], [leaf([0, 3])], [leaf([3, 0])], grad=False)  # places
turned("argsort", [leaf([3, 4])], "torch.argsort(a)", "a.argsort()", grad=False)  # places
edges("msort", "torch.msort(a)", "a.msort()", [leaf([])], [leaf([0, 3])])
edges("topk", "torch.topk(a, 2)", "a.topk(2)", [leaf([0, 3])])
refused("topk", "torch.topk(a, 1)", "a.topk(1)", [leaf([0])])
edges("kthvalue", "torch.kthvalue(a, 2)", "a.kthvalue(2)", [leaf([0, 3])])
refused("kthvalue", "torch.kthvalue(a, 1)", "a.kthvalue(1)", [leaf([0])])
edges("nanmedian", "torch.nanmedian(a)", "a.nanmedian()", [leaf([])])
edges("nanmedian", "torch.nanmedian(a, 1)", "a.nanmedian(1)", [leaf([0, 3])])
edges("nanmedian", "torch.nanmedian(a)", "a.nanmedian()", [leaf([0])], grad=False)  # there is no element
turned("nanmedian", [leaf([3, 4])], "torch.nanmedian(a, 1)", "a.nanmedian(1)")
edges("mode", "torch.mode(a)", "a.mode()", [leaf([0, 3])])
for name in ("median(a, 1)", "nanmedian(a, 1)", "mode(a, 1)"):
    refused(name[:-6], f"torch.{name}", f"a.{name[:-6]}(1)", [leaf([2, 0])])
for name in ("quantile", "nanquantile"):
    edges(name, f"torch.{name}(a, 0.5)", f"a.{name}(0.5)", [leaf([])])
    refused(name, f"torch.{name}(a, 0.5)", f"a.{name}(0.5)", [leaf([0])])
    refused(name, f"torch.{name}(a, 0.5, dim=1)", f"a.{name}(0.5, 1)", [leaf([0, 3])])
turned("nanquantile", [leaf([3, 4])], "torch.nanquantile(a, 0.3, dim=1)", "a.nanquantile(0.3, 1)")
edges("unique", "torch.unique(a)", "a.unique()", [leaf([])], grad=False)
edges("unique_consecutive", "torch.unique_consecutive(a)", "a.uniqueConsecutive()", [leaf([])], [leaf([0])], grad=False)
turned("unique_consecutive", [given([[1, 1], [1, 1], [2, 3]])], "torch.unique_consecutive(a)", "a.uniqueConsecutive()", grad=False)
refused("bincount", "torch.bincount(a)", "a.bincount()", [index(3)], [index([[1, 2]])])
refused("bincount", "torch.bincount(a, b)", "a.bincount(b)", [index([1, 3, 1]), leaf([1])])
turned("bincount", [index([1, 3, 1])], "torch.bincount(a)", "a.bincount()", grad=False)
edges("histc", "torch.histc(a, 3, -4, 4)", "a.histc(3, -4, 4)", [leaf([])], [leaf([0, 3])], grad=False)
refused("searchsorted", "torch.searchsorted(a, b)", "T.searchsorted(a, b)", [leaf([]), leaf([2])], [given([[1, 3], [2, 4]]), leaf([3, 1])])
edges("searchsorted", "torch.searchsorted(a, b)", "T.searchsorted(a, b)", [leaf([0]), leaf([2])], [given([1, 3, 5]), leaf([])], grad=False)
BUCKETS = ("torch.bucketize(a, b)", "T.bucketize(a, b)")
edges("bucketize", *BUCKETS, [leaf([]), given([1, 3, 5])], [leaf([0, 3]), given([1, 3, 5])], [leaf([3]), leaf([0])], grad=False)
refused("bucketize", *BUCKETS, [leaf([3]), given([[1, 3, 5]])])
turned("bucketize", [given([[3, 6], [9, 0]]), given([1, 3, 5, 7, 9])], *BUCKETS, grad=False)
refused("unique", "torch.unique(a, dim=0)", "a.unique({ dim: 0 })", [leaf([])], [leaf([3, 0])])
refused("unique_consecutive", "torch.unique_consecutive(a, dim=0)", "a.uniqueConsecutive({ dim: 0 })", [leaf([])], [leaf([3, 0])])

write("sort")
