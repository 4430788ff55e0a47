"""Losses and distances of torch.nn.functional. Run: python test/goldens/tensor/loss.py"""
from cases import *

H = ["float16", "bfloat16"]


def loss(op, leaves, args, options="", js_options="", *, js=None, **rest):
    """One loss with each reduction; `args` are the leaves' names."""
    js = js or "".join(w.capitalize() if i else w for i, w in enumerate(op.split("_")))
    for reduction in ("mean", "sum", "none"):
        py = f"F.{op}({args}{options}, reduction='{reduction}')"
        ours = f'F.{js}({args}, {{ reduction: "{reduction}"{js_options} }})'
        if reduction == "mean" and not js_options:
            ours = f"F.{js}({args})"
        case(op, leaves, py, ours, **rest)


def regression(op, options="", js_options="", js=None):
    loss(op, [leaf([2, 3]), leaf([2, 3])], "a, b", options, js_options, js=js, others=H, view=True)
    loss(op, [leaf([]), leaf([])], "a, b", options, js_options, js=js, note="0-d")
    case(op, [leaf([0, 3]), leaf([0, 3])], f"F.{op}(a, b{options}, reduction='sum')",
         f'F.{js or "".join(w.capitalize() if i else w for i, w in enumerate(op.split("_")))}(a, b, {{ reduction: "sum"{js_options} }})', note="empty")


regression("mse_loss")
regression("l1_loss", js="l1Loss")
regression("smooth_l1_loss", js="smoothL1Loss")
regression("smooth_l1_loss", ", beta=0.5", ", beta: 0.5", js="smoothL1Loss")
regression("huber_loss")
regression("huber_loss", ", delta=0.75", ", delta: 0.75")
case("huber_loss", [given([1, -1, 0, 3]), given([0, 0, 0, 1])], "F.huber_loss(a, b)", "F.huberLoss(a, b)", note="at kinks")
case("l1_loss", [given([1.5, -1]), given([1.5, 0])], "F.l1_loss(a, b)", "F.l1Loss(a, b)", note="at kinks")
case("mse_loss", [given([1, 2]), given([3, 2])], "F.mse_loss(a, b)", "F.mseLoss(a, b)", note="of the chapter")
case("mse_loss", [leaf([2, 3]), leaf([2, 3]), leaf([2, 3], 1, 40)], "F.mse_loss(a, b, weight=c)", "F.mseLoss(a, b, { weight: c })")

positive = lambda shape: leaf(shape, 2, 40)
loss("poisson_nll_loss", [leaf([2, 3]), positive([2, 3])], "a, b", view=True)
loss("poisson_nll_loss", [positive([2, 3]), positive([2, 3])], "a, b", ", log_input=False", ", logInput: false")
loss("poisson_nll_loss", [leaf([2, 3]), given([[0, 0.5, 1], [2, 3, 4]], "float64")], "a, b", ", full=True", ", full: true")
loss("gaussian_nll_loss", [leaf([2, 3]), leaf([2, 3]), positive([2, 3])], "a, b, c", view=True)
loss("gaussian_nll_loss", [leaf([2, 3]), leaf([2, 3]), positive([2, 1])], "a, b, c", ", full=True", ", full: true")
loss("gaussian_nll_loss", [leaf([2, 3]), leaf([2, 3]), positive([2])], "a, b, c", note="one variance a row")

# Negative log-likelihood and cross entropy: classes on axis 1
N = index([2, 0, 1, 2])
IGNORED = index([2, -100, 1, 0])
for op in ("nll_loss", "cross_entropy"):
    js = {"nll_loss": "nllLoss", "cross_entropy": "crossEntropy"}[op]
    loss(op, [leaf([4, 3]), N], "a, b", js=js, others=["float16"], view=True)
    loss(op, [leaf([4, 3]), IGNORED], "a, b", js=js, note="ignored")
    loss(op, [leaf([4, 3]), N], "a, b", ", ignore_index=2", ", ignoreIndex: 2", js=js)
    loss(op, [leaf([4, 3]), N, given([0.5, 2, 1.25], "float")], "a, b", ", weight=c", ", weight: c", js=js, grad=False)
    loss(op, [leaf([4, 3]), IGNORED, given([0.5, 2, 1.25], "float")], "a, b", ", weight=c", ", weight: c", js=js, note="ignored", grad=False)
    loss(op, [leaf([5]), index(3)], "a, b", js=js, note="one")
    loss(op, [leaf([2, 3, 4]), index([[0, 2, 1, 1], [2, 2, -100, 0]])], "a, b", js=js, note="sequence", view=True)
    loss(op, [leaf([2, 3, 2, 2]), index([[[0, 2], [1, 1]], [[2, 2], [0, 0]]])], "a, b", js=js, note="image")
    case(op, [leaf([0, 3]), {"shape": [0], "dtype": "int64", "data": []}], f"F.{op}(a, b, reduction='sum')",
         f'F.{js}(a, b, {{ reduction: "sum" }})', note="empty")
loss("cross_entropy", [leaf([4, 3]), IGNORED], "a, b", ", label_smoothing=0.1", ", labelSmoothing: 0.1", others=["float16"])
loss("cross_entropy", [leaf([2, 3, 4]), index([[0, 2, 1, 1], [2, 2, -100, 0]])], "a, b", ", label_smoothing=0.25", ", labelSmoothing: 0.25")
# PyTorch gives the weights of classes no gradient: these cases have none, and ours of the input is checked below.
loss("cross_entropy", [leaf([4, 3]), IGNORED, given([0.5, 2, 1.25])], "a, b", ", weight=c, label_smoothing=0.2",
     ", weight: c, labelSmoothing: 0.2", grad=False)
shares = lambda shape: leaf(shape, 1, 16)
loss("cross_entropy", [leaf([4, 3]), shares([4, 3])], "a, b", note="probabilities", others=["float16"], view=True)
loss("cross_entropy", [leaf([4, 3]), shares([4, 3])], "a, b", ", label_smoothing=0.1", ", labelSmoothing: 0.1", note="probabilities")
loss("cross_entropy", [leaf([3]), shares([3])], "a, b", note="probabilities of one")
loss("cross_entropy", [leaf([2, 3, 2]), shares([2, 3, 2])], "a, b", note="probabilities of a sequence")
loss("cross_entropy", [leaf([4, 3]), shares([4, 3]), given([0.5, 2, 1.25])], "a, b", ", weight=c", ", weight: c", note="probabilities", grad=False)
# The gradient of the input where classes are weighed: the weights are constants of the expression.
W = "torch.tensor([0.5, 2, 1.25], dtype=a.dtype)"
V = 'T.tensor([0.5, 2, 1.25]).to(a.dtype)'
loss("cross_entropy", [leaf([4, 3]), IGNORED], "a, b", f", weight={W}, label_smoothing=0.2", f", weight: {V}, labelSmoothing: 0.2", note="weighed")
loss("cross_entropy", [leaf([4, 3]), shares([4, 3])], "a, b", f", weight={W}", f", weight: {V}", note="weighed probabilities")
loss("nll_loss", [leaf([4, 3]), IGNORED], "a, b", f", weight={W}", f", weight: {V}", note="weighed")
case("cross_entropy", [given([[1e4, -1e4, 0], [-1e4, 1e4, 0]]), index([1, 1])], "F.cross_entropy(a, b)", "F.crossEntropy(a, b)", note="far apart")

# Two classes
unit = lambda shape: leaf(shape, 1, 15)
loss("binary_cross_entropy", [unit([2, 3]), unit([2, 3])], "a, b", view=True, others=["bfloat16"])
loss("binary_cross_entropy", [unit([]), unit([])], "a, b", note="0-d")
loss("binary_cross_entropy", [unit([2, 3]), unit([2, 3]), leaf([3], 1, 40)], "a, b", ", weight=c", ", weight: c", grad=False)
loss("binary_cross_entropy", [given([0, 1, 0, 1]), given([0, 1, 1, 0], "float64")], "a, b", note="at the ends", grad=False)
case("binary_cross_entropy", [given([0.9, 0.2, 0.7]), given([1, 0, 1])], "F.binary_cross_entropy(a, b)", "F.binaryCrossEntropy(a, b)", note="of the chapter")
case("binary_cross_entropy", [unit([0, 3]), unit([0, 3])], "F.binary_cross_entropy(a, b, reduction='sum')", 'F.binaryCrossEntropy(a, b, { reduction: "sum" })', note="empty")
B = {"js": "binaryCrossEntropyWithLogits"}
op = "binary_cross_entropy_with_logits"
loss(op, [leaf([2, 3]), unit([2, 3])], "a, b", **B, view=True, others=H)
loss(op, [leaf([]), unit([])], "a, b", **B, note="0-d")
loss(op, [leaf([2, 3]), unit([2, 3]), leaf([3], 1, 40)], "a, b", ", weight=c", ", weight: c", **B, grad=False)
loss(op, [leaf([2, 3]), unit([2, 3]), leaf([3], 1, 40)], "a, b", ", pos_weight=c", ", posWeight: c", **B, grad=False)
loss(op, [leaf([2, 3]), unit([2, 3])], "a, b", f", pos_weight={W}", f", posWeight: {V}", **B, note="weighed")
loss(op, [given([1e4, -1e4, 1e4, -1e4]), given([1, 0, 0, 1])], "a, b", **B, note="far")
case(op, [leaf([0, 3]), unit([0, 3])], f"F.{op}(a, b, reduction='sum')", f'F.{B["js"]}(a, b, {{ reduction: "sum" }})', note="empty")

for reduction in ("mean", "sum", "none", "batchmean"):
    case("kl_div", [leaf([2, 3]), unit([2, 3])], f"F.kl_div(a, b, reduction='{reduction}')", f'F.klDiv(a, b, {{ reduction: "{reduction}" }})', view=True)
    case("kl_div", [leaf([2, 3]), leaf([2, 3])], f"F.kl_div(a, b, reduction='{reduction}', log_target=True)",
         f'F.klDiv(a, b, {{ reduction: "{reduction}", logTarget: true }})')
case("kl_div", [leaf([3]), given([0, 0.5, 0.5], "float64")], "F.kl_div(a, b, reduction='sum')", 'F.klDiv(a, b, { reduction: "sum" })', note="probability 0")

# With margins
signs = index([1, -1, 1, -1])
loss("margin_ranking_loss", [leaf([4]), leaf([4]), signs], "a, b, c")
loss("margin_ranking_loss", [leaf([4]), leaf([4]), signs], "a, b, c", ", margin=0.75", ", margin: 0.75")
loss("margin_ranking_loss", [given([1, 2, 3, 0]), given([1, 2, 0, 3]), signs], "a, b, c", note="at kinks")
loss("hinge_embedding_loss", [leaf([4]), signs], "a, b")
loss("hinge_embedding_loss", [leaf([4]), signs], "a, b", ", margin=0.5", ", margin: 0.5")
loss("cosine_embedding_loss", [leaf([4, 3]), leaf([4, 3]), signs], "a, b, c", view=True)
loss("cosine_embedding_loss", [leaf([4, 3]), leaf([4, 3]), signs], "a, b, c", ", margin=0.25", ", margin: 0.25")
loss("cosine_embedding_loss", [leaf([3]), leaf([3]), index(1)], "a, b, c", note="one")
loss("triplet_margin_loss", [leaf([4, 3]), leaf([4, 3]), leaf([4, 3])], "a, b, c", view=True)
loss("triplet_margin_loss", [leaf([4, 3]), leaf([4, 3]), leaf([4, 3])], "a, b, c", ", margin=2, p=1, swap=True", ", margin: 2, p: 1, swap: true")
loss("soft_margin_loss", [leaf([4]), signs], "a, b")
loss("multilabel_soft_margin_loss", [leaf([2, 3]), given([[1, 0, 1], [0, 1, 1]], "float64")], "a, b")
loss("multi_margin_loss", [leaf([3, 4]), index([3, 0, 2])], "a, b", ", p=2, margin=0.5", ", p: 2, margin: 0.5")
loss("multi_margin_loss", [leaf([3, 4]), index([3, 0, 2])], "a, b")

# Lengths and distances
for dim in (0, 1):
    case("normalize", [leaf([2, 3])], f"F.normalize(a, dim={dim})", f"F.normalize(a, {{ dim: {dim} }})", view=True, others=["bfloat16"])
case("normalize", [leaf([2, 3])], "F.normalize(a, p=1)", "F.normalize(a, { p: 1 })")
case("normalize", [leaf([2, 3])], "F.normalize(a, p=3)", "F.normalize(a, { p: 3 })")
case("normalize", [leaf([2, 3])], "F.normalize(a, p=float('inf'))", "F.normalize(a, { p: Infinity })")
case("normalize", [leaf([0, 3])], "F.normalize(a)", "F.normalize(a)", note="empty")
case("cosine_similarity", [leaf([2, 3]), leaf([2, 3])], "F.cosine_similarity(a, b)", "F.cosineSimilarity(a, b)", view=True)
case("cosine_similarity", [leaf([2, 3]), leaf([1, 3])], "F.cosine_similarity(a, b, dim=0)", "F.cosineSimilarity(a, b, 0)", note="broadcast")
case("cosine_similarity", [leaf([0, 3]), leaf([0, 3])], "F.cosine_similarity(a, b)", "F.cosineSimilarity(a, b)", note="empty")
case("pairwise_distance", [leaf([2, 3]), leaf([2, 3])], "F.pairwise_distance(a, b)", "F.pairwiseDistance(a, b)", view=True)
case("pairwise_distance", [leaf([2, 3]), leaf([3])], "F.pairwise_distance(a, b, p=1, keepdim=True)", "F.pairwiseDistance(a, b, { p: 1, keepDim: true })", note="broadcast")
case("pairwise_distance", [leaf([2, 3]), leaf([2, 3])], "F.pairwise_distance(a, b, p=3)", "F.pairwiseDistance(a, b, { p: 3 })")
case("pairwise_distance", [leaf([3]), leaf([3])], "F.pairwise_distance(a, b)", "F.pairwiseDistance(a, b)", note="one")

# Affine maps and tables
case("linear", [leaf([2, 3]), leaf([4, 3]), leaf([4])], "F.linear(a, b, c)", "F.linear(a, b, c)", view=True, others=H)
case("linear", [leaf([2, 1, 3]), leaf([4, 3])], "F.linear(a, b)", "F.linear(a, b)", view=True)
case("linear", [leaf([3]), leaf([4, 3]), leaf([4])], "F.linear(a, b, c)", "F.linear(a, b, c)", note="one")
case("linear", [leaf([0, 3]), leaf([4, 3]), leaf([4])], "F.linear(a, b, c)", "F.linear(a, b, c)", note="empty")
case("bilinear", [leaf([2, 3]), leaf([2, 2]), leaf([4, 3, 2]), leaf([4])], "F.bilinear(a, b, c, d)", "F.bilinear(a, b, c, d)", view=True)
case("bilinear", [leaf([2, 2, 3]), leaf([2, 2, 2]), leaf([4, 3, 2])], "F.bilinear(a, b, c)", "F.bilinear(a, b, c)")
case("embedding", [index([[1, 4], [0, 1]]), leaf([5, 3])], "F.embedding(a, b)", "F.embedding(a, b)", view=True)
case("embedding", [index([[1, 4], [0, 1]]), leaf([5, 3])], "F.embedding(a, b, padding_idx=1)", "F.embedding(a, b, { paddingIdx: 1 })")
case("embedding", [index([4, 0, 4]), leaf([5, 3])], "F.embedding(a, b, padding_idx=-1)", "F.embedding(a, b, { paddingIdx: -1 })")
case("embedding", [index(3), leaf([5, 3])], "F.embedding(a, b)", "F.embedding(a, b)", note="0-d")
case("embedding", [{"shape": [0], "dtype": "int64", "data": []}, leaf([5, 3])], "F.embedding(a, b)", "F.embedding(a, b)", note="empty")
case("one_hot", [index([[1, 3], [0, 1]])], "F.one_hot(a)", "F.oneHot(a)")
case("one_hot", [index([1, 3])], "F.one_hot(a, 5)", "F.oneHot(a, 5)")
case("one_hot", [index(2)], "F.one_hot(a, 4)", "F.oneHot(a, 4)", note="0-d")

# 0-d, empty, broadcast, not contiguous; and what wants classes, rows or tables.
L = lambda *shapes: [leaf(shape) for shape in shapes]
NONE = {"shape": [0], "dtype": "int64", "data": []}
SUM = ("reduction='sum'", '{ reduction: "sum" }')
for name in ("mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss"):
    js = {"mse_loss": "mseLoss", "l1_loss": "l1Loss", "smooth_l1_loss": "smoothL1Loss", "huber_loss": "huberLoss"}[name]
    edges(name, f"F.{name}(a, b)", f"F.{js}(a, b)", L([2, 1, 3], [4, 1]))
POISSON = ("F.poisson_nll_loss(a, b)", "F.poissonNllLoss(a, b)")
edges("poisson_nll_loss", *POISSON, [leaf([]), positive([])], [leaf([2, 1, 3]), positive([4, 1])])
edges("poisson_nll_loss", f"F.poisson_nll_loss(a, b, {SUM[0]})", f"F.poissonNllLoss(a, b, {SUM[1]})", [leaf([0, 3]), positive([0, 3])])
edges("gaussian_nll_loss", "F.gaussian_nll_loss(a, b, c)", "F.gaussianNllLoss(a, b, c)", [leaf([]), leaf([]), positive([])])
edges("gaussian_nll_loss", f"F.gaussian_nll_loss(a, b, c, {SUM[0]})", f"F.gaussianNllLoss(a, b, c, {SUM[1]})", [leaf([0, 3]), leaf([0, 3]), positive([0, 3])])
for op, js in (("nll_loss", "nllLoss"), ("cross_entropy", "crossEntropy")):
    refused(op, f"F.{op}(a, b)", f"F.{js}(a, b)", [leaf([]), index(0)], [leaf([4, 3]), index([1, 2])])
for op, js in (("binary_cross_entropy", "binaryCrossEntropy"), ("binary_cross_entropy_with_logits", "binaryCrossEntropyWithLogits")):
    refused(op, f"F.{op}(a, b)", f"F.{js}(a, b)", [unit([2, 3]), unit([3])])
edges("kl_div", "F.kl_div(a, b)", "F.klDiv(a, b)", [leaf([]), unit([])], [leaf([2, 1, 3]), unit([4, 1])])
edges("kl_div", f"F.kl_div(a, b, {SUM[0]})", f"F.klDiv(a, b, {SUM[1]})", [leaf([0, 3]), unit([0, 3])])
RANKING = ("F.margin_ranking_loss(a, b, c{})", "F.marginRankingLoss(a, b, c{})")
edges("margin_ranking_loss", RANKING[0].format(""), RANKING[1].format(""), L([], []) + [index(1)], L([2, 3], [2, 3]) + [given([[1], [-1]], "int64")])
edges("margin_ranking_loss", RANKING[0].format(f", {SUM[0]}"), RANKING[1].format(f", {SUM[1]}"), L([0], [0]) + [NONE])
turned("margin_ranking_loss", L([4], [4]) + [signs], RANKING[0].format(""), RANKING[1].format(""))
for op, js in (("hinge_embedding_loss", "hingeEmbeddingLoss"), ("soft_margin_loss", "softMarginLoss")):
    edges(op, f"F.{op}(a, b)", f"F.{js}(a, b)", [leaf([]), index(-1)], [leaf([2, 3]), index([1, -1, 1])])
    edges(op, f"F.{op}(a, b, {SUM[0]})", f"F.{js}(a, b, {SUM[1]})", [leaf([0]), NONE])
    turned(op, [leaf([2, 3]), index([[1, -1, 1], [-1, -1, 1]])], f"F.{op}(a, b)", f"F.{js}(a, b)")
COSINE = ("F.cosine_embedding_loss(a, b, c{})", "F.cosineEmbeddingLoss(a, b, c{})")
refused("cosine_embedding_loss", COSINE[0].format(""), COSINE[1].format(""), L([], []) + [index(1)])
edges("cosine_embedding_loss", COSINE[0].format(f", {SUM[0]}"), COSINE[1].format(f", {SUM[1]}"), L([0, 3], [0, 3]) + [NONE])
TRIPLET = ("F.triplet_margin_loss(a, b, c{})", "F.tripletMarginLoss(a, b, c{})")
edges("triplet_margin_loss", TRIPLET[0].format(""), TRIPLET[1].format(""), L([2, 3], [1, 3], [1, 3]))
edges("triplet_margin_loss", TRIPLET[0].format(f", {SUM[0]}"), TRIPLET[1].format(f", {SUM[1]}"), L([0, 3], [0, 3], [0, 3]))
edges("triplet_margin_loss", TRIPLET[0].format(""), TRIPLET[1].format(""), L([], [], []), twice=False)
MULTILABEL = ("F.multilabel_soft_margin_loss(a, b{})", "F.multilabelSoftMarginLoss(a, b{})")
edges("multilabel_soft_margin_loss", MULTILABEL[0].format(f", {SUM[0]}"), MULTILABEL[1].format(f", {SUM[1]}"), [leaf([0, 3]), given(torch.zeros(0, 3).tolist() or [], "float64") | {"shape": [0, 3]}])
turned("multilabel_soft_margin_loss", [leaf([2, 3]), given([[1, 0, 1], [0, 1, 1]], "float64")], MULTILABEL[0].format(""), MULTILABEL[1].format(""))
edges("multilabel_soft_margin_loss", MULTILABEL[0].format(""), MULTILABEL[1].format(""), [leaf([2, 3]), given([[1, 0, 1]], "float64")])
MULTI = ("F.multi_margin_loss(a, b{})", "F.multiMarginLoss(a, b{})")
turned("multi_margin_loss", [leaf([3, 4]), index([3, 0, 2])], MULTI[0].format(""), MULTI[1].format(""))
edges("multi_margin_loss", MULTI[0].format(f", {SUM[0]}"), MULTI[1].format(f", {SUM[1]}"), [leaf([0, 4]), NONE])
edges("normalize", "F.normalize(a, dim=0)", "F.normalize(a, { dim: 0 })", L([]), twice=False)  # |x| / |x|: PyTorch's second derivative rounds
refused("normalize", "F.normalize(a)", "F.normalize(a)", L([]))
refused("cosine_similarity", "F.cosine_similarity(a, b)", "F.cosineSimilarity(a, b)", L([], []))
edges("pairwise_distance", "F.pairwise_distance(a, b)", "F.pairwiseDistance(a, b)", L([], []), L([0, 3], [0, 3]), L([2, 3], [3]))
refused("bilinear", "F.bilinear(a, b, c)", "F.bilinear(a, b, c)", L([], [], [4, 1, 1]), L([2, 3], [1, 2], [4, 3, 2]))
edges("bilinear", "F.bilinear(a, b, c)", "F.bilinear(a, b, c)", L([0, 3], [0, 2], [4, 3, 2]))
edges("one_hot", "F.one_hot(a, 4)", "F.oneHot(a, 4)", [{"shape": [0, 2], "dtype": "int64", "data": []}])
turned("one_hot", [index([[1, 3], [0, 1]])], "F.one_hot(a)", "F.oneHot(a)")
refused("one_hot", "F.one_hot(a)", "F.oneHot(a)", [NONE])
refused("multilabel_soft_margin_loss", MULTILABEL[0].format(""), MULTILABEL[1].format(""), [leaf([]), given(1, "float64")])
edges("multi_margin_loss", MULTI[0].format(""), MULTI[1].format(""), [leaf([]), index(0)], [leaf([4]), index([1])])
refused("multi_margin_loss", MULTI[0].format(""), MULTI[1].format(""), [leaf([3, 4]), index([1])])
edges("cosine_embedding_loss", COSINE[0].format(""), COSINE[1].format(""), L([4, 3], [1, 3]) + [index([-1])])
# The gradient is 0 where nothing counts, though the mean is NaN.
for op, js in (("nll_loss", "nllLoss"), ("cross_entropy", "crossEntropy")):
    case(op, [leaf([2, 3]), index([-100, -100])], f"F.{op}(a, b)", f"F.{js}(a, b)", note="nothing counts", twice=False)
refused("embedding", "F.embedding(a, b)", "F.embedding(a, b)", [index(0), leaf([])], [index([0]), leaf([3])])

write("loss")
