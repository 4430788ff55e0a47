"""Goldens of normalization. Run: python test/goldens/tensor/normalization.py"""
from cases import *

case("layer_norm", [leaf([2, 3, 4])], "F.layer_norm(a, (4,))", "F.layerNorm(a, [4])", view=True)
case("layer_norm", [leaf([2, 3, 4]), leaf([3, 4]), leaf([3, 4])], "F.layer_norm(a, (3, 4), b, c)", "F.layerNorm(a, [3, 4], b, c)", note="two axes")
case("layer_norm", [leaf([2, 4]), leaf([4])], "F.layer_norm(a, (4,), b, None, 1e-3)", "F.layerNorm(a, 4, b, null, 1e-3)", note="without a bias")
case("layer_norm", [leaf([2, 4]), leaf([4]), leaf([4])], "F.layer_norm(a, (4,), b, c, 1e-5)", "F.layerNorm(a, b, c, 1e-5)", note="the last axis")
case("layer_norm", [leaf([4])], "F.layer_norm(a, (4,))", "F.layerNorm(a, [4])", note="one row")
case("layer_norm", [leaf([0, 4])], "F.layer_norm(a, (4,))", "F.layerNorm(a, [4])", note="empty")
case("rms_norm", [leaf([2, 3, 4])], "F.rms_norm(a, (4,))", "F.rmsNorm(a, [4])", view=True)
case("rms_norm", [leaf([2, 3, 4]), leaf([3, 4])], "F.rms_norm(a, (3, 4), b, 1e-5)", "F.rmsNorm(a, [3, 4], b, 1e-5)", note="two axes")
case("rms_norm", [leaf([0, 4])], "F.rms_norm(a, (4,))", "F.rmsNorm(a, [4])", note="empty")
case("group_norm", [leaf([2, 6, 2, 3])], "F.group_norm(a, 3)", "F.groupNorm(a, 3)", view=True)
case("group_norm", [leaf([2, 4, 3]), leaf([4]), leaf([4])], "F.group_norm(a, 2, b, c)", "F.groupNorm(a, 2, b, c)")
case("group_norm", [leaf([3, 4]), leaf([4])], "F.group_norm(a, 2, b, None, 1e-3)", "F.groupNorm(a, 2, b, null, 1e-3)", note="no further axes")
case("instance_norm", [leaf([2, 3, 4])], "F.instance_norm(a)", "F.instanceNorm(a)", view=True)
case("instance_norm", [leaf([2, 3, 2, 3]), leaf([3]), leaf([3])], "F.instance_norm(a, weight=b, bias=c)", "F.instanceNorm(a, { weight: b, bias: c })")
# Running statistics take no gradient.
STATS = [given([0.5, -0.25, 1.0], "float32"), given([1.5, 0.75, 2.0], "float32")]
case("instance_norm", [leaf([2, 3, 4]), *STATS], "F.instance_norm(a, b.to(a.dtype), c.to(a.dtype), use_input_stats=False)",
     "F.instanceNorm(a, { runningMean: b.to(a.dtype), runningVar: c.to(a.dtype), useInputStats: false })", note="running statistics")
case("batch_norm", [leaf([4, 3])], "F.batch_norm(a, None, None, training=True)", "F.batchNorm(a, null, null, { training: true })", view=True)
case("batch_norm", [leaf([2, 3, 2, 2]), leaf([3]), leaf([3])], "F.batch_norm(a, None, None, b, c, training=True)",
     "F.batchNorm(a, null, null, { weight: b, bias: c, training: true })", note="images")
case("batch_norm", [leaf([2, 3, 4]), leaf([3])], "F.batch_norm(a, None, None, b, training=True, eps=1e-2)",
     "F.batchNorm(a, null, null, { weight: b, training: true, eps: 1e-2 })", note="sequences")
case("batch_norm", [leaf([2, 3, 2, 2]), *STATS, leaf([3]), leaf([3])], "F.batch_norm(a, b.to(a.dtype), c.to(a.dtype), d, e)",
     "F.batchNorm(a, b.to(a.dtype), c.to(a.dtype), { weight: d, bias: e })", note="running statistics")
case("batch_norm", [leaf([1, 3]), *STATS], "F.batch_norm(a, b.to(a.dtype), c.to(a.dtype))", "F.batchNorm(a, b.to(a.dtype), c.to(a.dtype))",
     note="running statistics of a single row")
case("local_response_norm", [leaf([2, 5, 3])], "F.local_response_norm(a, 2)", "F.localResponseNorm(a, 2)")
case("local_response_norm", [leaf([2, 5, 2, 2])], "F.local_response_norm(a, 3, alpha=0.5, beta=0.5, k=2.0)",
     "F.localResponseNorm(a, 3, { alpha: 0.5, beta: 0.5, k: 2 })")

L = lambda *shapes: [leaf(shape) for shape in shapes]
refused("layer_norm", "F.layer_norm(a, (4,))", "F.layerNorm(a, [4])", L([]), L([2, 3]))
refused("rms_norm", "F.rms_norm(a, (4,))", "F.rmsNorm(a, [4])", L([]), L([2, 3]))
refused("group_norm", "F.group_norm(a, 2)", "F.groupNorm(a, 2)", L([]), L([4]), L([2, 3]))
edges("group_norm", "F.group_norm(a, 2)", "F.groupNorm(a, 2)", L([0, 4, 3]))
refused("instance_norm", "F.instance_norm(a)", "F.instanceNorm(a)", L([]), L([2, 3, 1]))
edges("instance_norm", "F.instance_norm(a)", "F.instanceNorm(a)", L([0, 3, 4]))
TRAINED = ("F.batch_norm(a, None, None, training=True)", "F.batchNorm(a, null, null, { training: true })")
refused("batch_norm", *TRAINED, L([]), L([1, 3]))
edges("batch_norm", "F.batch_norm(a, b.to(a.dtype), c.to(a.dtype))", "F.batchNorm(a, b.to(a.dtype), c.to(a.dtype))", [leaf([0, 3]), *STATS])
refused("local_response_norm", "F.local_response_norm(a, 2)", "F.localResponseNorm(a, 2)", L([]), L([2, 3]))
edges("local_response_norm", "F.local_response_norm(a, 2)", "F.localResponseNorm(a, 2)", L([0, 5, 3]))
turned("local_response_norm", L([2, 5, 3]), "F.local_response_norm(a, 2)", "F.localResponseNorm(a, 2)")
edges("group_norm", "F.group_norm(a, 2)", "F.groupNorm(a, 2)", L([2, 4, 0]))
edges("instance_norm", "F.instance_norm(a)", "F.instanceNorm(a)", L([2, 3, 0]))
edges("local_response_norm", "F.local_response_norm(a, 2)", "F.localResponseNorm(a, 2)", L([2, 5, 0]))

write("normalization")
