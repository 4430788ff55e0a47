"""One decoder (12 layers, 768 wide, 12 heads, vocabulary 4096) as four ONNX graphs that keep keys and values in four ways, for cache-ways.ts.

python cache-ways.py FOLDER. Needs numpy and onnx. The graphs share their weights, weights.bin.
  all    past in, past and new joined out: what exporters write
  new    past in with unused room, which is masked; keys and values of the new token alone out
  gqa    com.microsoft GroupQueryAttention, which writes into the buffers that it is given
  loop   a Loop of 8 greedy tokens: the past is read from outside, what the run adds is carried
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as P
from onnx import helper as h

folder = Path(sys.argv[1])
LAYERS, D, H, W, V, STEPS = 12, 768, 12, 64, 4096, 8
rng = np.random.default_rng(0)
blob, weights = bytearray(), []


def weight(name, shape, scale=0.02):
    data = (rng.standard_normal(shape) * scale).astype(np.float32)
    tensor = P(name=name, data_type=P.FLOAT, dims=shape, data_location=P.EXTERNAL)
    for key, value in dict(location="weights.bin", offset=len(blob), length=data.nbytes).items():
        tensor.external_data.add(key=key, value=str(value))
    blob.extend(data.tobytes())
    weights.append(tensor)


weight("table", (V, D))
weight("head", (D, V))
for layer in range(LAYERS):
    for name, shape in dict(q=(D, D), k=(D, D), v=(D, D), o=(D, D), up=(D, 4 * D), down=(4 * D, D)).items():
        weight(f"{name}.{layer}", shape)
constants = [h.make_tensor("ones", P.FLOAT, [D], np.ones(D)), h.make_tensor("split", P.INT64, [4], [0, 0, H, W]), h.make_tensor("join", P.INT64, [3], [0, 0, D]),
             h.make_tensor("root", P.FLOAT, [], [W**-0.5])]


class Graph:
    def __init__(self, prefix=""):
        self.nodes, self.prefix = [], prefix

    def __call__(self, kind, *inputs, outputs=1, domain=None, **attrs):
        names = [f"{self.prefix}{kind}{len(self.nodes)}_{at}" for at in range(outputs)]
        self.nodes.append(h.make_node(kind, inputs, names, domain=domain, **attrs))
        return names[0] if outputs == 1 else names


def heads(g, x):
    return g("Transpose", g("Reshape", x, "split"), perm=[0, 2, 1, 3])


def attend(g, q, parts, mask):
    """Over keys and values that lie in several parts, none of which is copied."""
    q = g("Mul", q, "root")
    scores = [g("MatMul", q, g("Transpose", k, perm=[0, 1, 3, 2])) for k, _ in parts]
    scores[0] = g("Add", scores[0], mask) if mask else scores[0]
    if len(parts) == 1:
        return g("MatMul", g("Softmax", scores[0], axis=-1), parts[0][1])
    shares = g("Softmax", g("Concat", *scores, axis=3), axis=-1)
    sizes = g("Concat", *[g("Shape", each, start=3, end=4) for each in scores], axis=0)
    split = g("Split", shares, sizes, outputs=len(parts), axis=3)
    return g("Sum", *[g("MatMul", share, v) for share, (_, v) in zip(split, parts)])


def decoder(g, ids, attention):
    """`attention` gives what a layer's heads see, [1, 1, D], and keeps what it has to."""
    x = g("Gather", "table", ids)
    for layer in range(LAYERS):
        normal = g("LayerNormalization", x, "ones")
        q, k, v = (g("MatMul", normal, f"{name}.{layer}") for name in "qkv")
        x = g("Add", x, g("MatMul", attention(layer, q, k, v), f"o.{layer}"))
        up = g("MatMul", g("LayerNormalization", x, "ones"), f"up.{layer}")
        x = g("Add", x, g("MatMul", g("Gelu", up, approximate="tanh"), f"down.{layer}"))
    return g("MatMul", g("LayerNormalization", x, "ones"), "head")


def joined(g, x):
    return g("Reshape", g("Transpose", x, perm=[0, 2, 1, 3]), "join")


PARTS = [f"{part}.{layer}" for layer in range(LAYERS) for part in "kv"]
past_inputs = [h.make_tensor_value_info(f"past.{name}", P.FLOAT, [1, H, "room", W]) for name in PARTS]
ids_input = h.make_tensor_value_info("ids", P.INT64, [1, 1])
mask_input = h.make_tensor_value_info("mask", P.FLOAT, [1, 1, 1, "room"])
logits = h.make_tensor_value_info("logits", P.FLOAT, [1, 1, V])


def save(way, g, inputs, outputs, more=()):
    graph = h.make_graph(g.nodes, way, inputs, outputs, [*weights, *constants, *more])
    opsets = [h.make_opsetid("", 20), h.make_opsetid("com.microsoft", 1)]
    onnx.save(h.make_model(graph, opset_imports=opsets, ir_version=10), folder / f"{way}.onnx")


def kept(g, results, length):
    for name, value in results.items():
        g.nodes.append(h.make_node("Identity", [value], [f"present.{name}"]))
    return [h.make_tensor_value_info(f"present.{name}", P.FLOAT, [1, H, length, W]) for name in PARTS]


def named(g, value, name):
    g.nodes.append(h.make_node("Identity", [value], [name]))


for way in ("all", "new"):
    g, results = Graph(), {}

    def attention(layer, q, k, v):
        q, k, v = (heads(g, x) for x in (q, k, v))
        before = (f"past.k.{layer}", f"past.v.{layer}")
        now = (k, v) if way == "new" else (g("Concat", before[0], k, axis=2), g("Concat", before[1], v, axis=2))
        results[f"k.{layer}"], results[f"v.{layer}"] = now
        return joined(g, attend(g, q, [before, now] if way == "new" else [now], "mask" if way == "new" else None))

    named(g, decoder(g, "ids", attention), "logits")
    save(way, g, [ids_input, *past_inputs, *([mask_input] if way == "new" else [])], [logits, *kept(g, results, "length")])

g, results = Graph(), {}


def grouped(layer, q, k, v):
    out, key, value = g("GroupQueryAttention", q, k, v, f"past.k.{layer}", f"past.v.{layer}", "seqlens", "total", outputs=3, domain="com.microsoft", num_heads=H, kv_num_heads=H)
    results[f"k.{layer}"], results[f"v.{layer}"] = key, value
    return out


named(g, decoder(g, "ids", grouped), "logits")
# Without an Identity behind them: the operator writes into what it is given.
rename = {value: f"present.{name}" for name, value in results.items()}
for node in g.nodes:
    node.output[:] = [rename.get(name, name) for name in node.output]
presents = [h.make_tensor_value_info(f"present.{name}", P.FLOAT, [1, H, "room", W]) for name in PARTS]
save("gqa", g, [ids_input, *past_inputs, h.make_tensor_value_info("seqlens", P.INT32, [1]), h.make_tensor_value_info("total", P.INT32, [1])], [logits, *presents])

body, carried = Graph("b."), {}


def looped(layer, q, k, v):
    q, k, v = (heads(body, x) for x in (q, k, v))
    recent = (body("Concat", f"recent.k.{layer}", k, axis=2), body("Concat", f"recent.v.{layer}", v, axis=2))
    carried[f"k.{layer}"], carried[f"v.{layer}"] = recent
    return joined(body, attend(body, q, [(f"past.k.{layer}", f"past.v.{layer}"), recent], "mask"))


choice = body("ArgMax", decoder(body, "token", looped), axis=-1, keepdims=0)
named(body, "goes", "goes_on")
named(body, choice, "next")
named(body, choice, "given")
for name, value in carried.items():
    named(body, value, f"grown.{name}")
recent = lambda kind, names: [h.make_tensor_value_info(f"{kind}.{name}", P.FLOAT, [1, H, None, W]) for name in names]
body_graph = h.make_graph(body.nodes, "body", [h.make_tensor_value_info("at", P.INT64, []), h.make_tensor_value_info("goes", P.BOOL, []), h.make_tensor_value_info("token", P.INT64, [1, 1]), *recent("recent", PARTS)],
                          [h.make_tensor_value_info("goes_on", P.BOOL, []), h.make_tensor_value_info("next", P.INT64, [1, 1]), *recent("grown", PARTS), h.make_tensor_value_info("given", P.INT64, [1, 1])])
g = Graph()
outputs = ["last", *[f"present.{name}" for name in PARTS], "tokens"]
g.nodes.append(h.make_node("Loop", ["steps", "yes", "ids", *["empty"] * len(PARTS)], outputs, body=body_graph))
more = [h.make_tensor("steps", P.INT64, [], [STEPS]), h.make_tensor("yes", P.BOOL, [], [True]), h.make_tensor("empty", P.FLOAT, [1, H, 0, W], [])]
save("loop", g, [ids_input, *past_inputs, mask_input], [h.make_tensor_value_info("tokens", P.INT64, [STEPS, 1, 1]), *[h.make_tensor_value_info(f"present.{name}", P.FLOAT, [1, H, "grown", W]) for name in PARTS]], more)
(folder / "weights.bin").write_bytes(bytes(blob))
