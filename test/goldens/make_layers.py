"""Writes layers.json: layers with weights as they start from seed 7, called on inputs; outputs, gradients of inputs and of parameters.

Run with torch installed: python test/goldens/make_layers.py
"""
import json
from pathlib import Path

import torch
from torch import nn

ROWS = []


def floats(*shape):
    return torch.randn(*shape, dtype=torch.float64).float()


def row(js, make, call_js, call, *inputs, mode="eval"):
    """`call` takes the layer and the inputs, `call_js` names them m, a, b, c, …; float inputs are differentiated."""
    torch.manual_seed(7)
    layer = make()
    getattr(layer, mode)()
    leaves = [t.clone().requires_grad_() if t.is_floating_point() else t for t in inputs]
    out = call(layer, *leaves)

    def tensors(part):
        return [part] if isinstance(part, torch.Tensor) else [t for p in part or () for t in tensors(p)]

    outs = tensors(out)
    loss = sum((t * torch.linspace(0.25, 1, t.numel()).reshape(t.shape)).sum() for t in outs if t.requires_grad)
    loss.backward()
    ROWS.append({
        "js": js,
        "call": call_js,
        "mode": mode,
        "inputs": [{"shape": list(t.shape), "dtype": str(t.dtype).removeprefix("torch."), "data": t.flatten().tolist()} for t in inputs],
        "outs": [{"shape": list(t.shape), "value": t.detach().flatten().tolist()} for t in outs],
        "grads": [t.grad.flatten().tolist() if t.is_floating_point() else None for t in leaves],
        "parameters": {name: None if p.grad is None else p.grad.flatten().tolist() for name, p in layer.named_parameters()},
    })


torch.manual_seed(1)
X = floats(5, 2, 3)

row("new nn.Linear(3, 4)", lambda: nn.Linear(3, 4), "m(a)", lambda m, a: m(a), X)
row("new nn.Bilinear(3, 2, 4)", lambda: nn.Bilinear(3, 2, 4), "m(a, b)", lambda m, a, b: m(a, b), floats(5, 3), floats(5, 2))
row("new nn.Embedding(6, 3, { paddingIdx: 1 })", lambda: nn.Embedding(6, 3, padding_idx=1), "m(a)", lambda m, a: m(a),
    torch.tensor([[1, 2], [5, 1]]))
row("new nn.PReLU(2)", lambda: nn.PReLU(2), "m(a)", lambda m, a: m(a), X)
row("new nn.Unflatten(1, [2, -1])", lambda: nn.Unflatten(1, (2, -1)), "m(a)", lambda m, a: m(a), floats(3, 4))
row("new nn.Sequential(new nn.Flatten(), new nn.Linear(6, 4), new nn.Tanh(), new nn.Linear(4, 2))",
    lambda: nn.Sequential(nn.Flatten(), nn.Linear(6, 4), nn.Tanh(), nn.Linear(4, 2)), "m(a)", lambda m, a: m(a), X)

# Recurrent layers
KINDS = {
    "RNN": (nn.RNN, {}, ""),
    "RNN relu": (nn.RNN, {"nonlinearity": "relu"}, 'nonlinearity: "relu", '),
    "LSTM": (nn.LSTM, {}, ""),
    "GRU": (nn.GRU, {}, ""),
}
H, C = floats(1, 2, 4), floats(1, 2, 4)
for kind, (cls, extra, js) in KINDS.items():
    name = kind.split()[0]
    row(f"new nn.{name}(3, 4, {{ {js}}})", lambda: cls(3, 4, **extra), "m(a)", lambda m, a: m(a), X)
    if name == "LSTM":
        row(f"new nn.{name}(3, 4)", lambda: cls(3, 4), "m(a, [b, c])", lambda m, a, b, c: m(a, (b, c)), X, H, C)
    else:
        row(f"new nn.{name}(3, 4, {{ {js}}})", lambda: cls(3, 4, **extra), "m(a, b)", lambda m, a, b: m(a, b), X, H)
    row(f"new nn.{name}(3, 4, {{ {js}bias: false, batchFirst: true }})", lambda: cls(3, 4, bias=False, batch_first=True, **extra),
        "m(a)", lambda m, a: m(a), floats(2, 5, 3))
    row(f"new nn.{name}(3, 4, {{ {js}numLayers: 2, bidirectional: true }})", lambda: cls(3, 4, num_layers=2, bidirectional=True, **extra),
        "m(a)", lambda m, a: m(a), X)
    row(f"new nn.{name}(3, 4, {{ {js}numLayers: 2 }})", lambda: cls(3, 4, num_layers=2, **extra), "m(a)", lambda m, a: m(a), floats(5, 3))


def packed(m, a):
    p = nn.utils.rnn.pack_padded_sequence(a, torch.tensor([3, 5]), enforce_sorted=False, batch_first=m.batch_first)
    out, last = m(p)
    return nn.utils.rnn.pad_packed_sequence(out, batch_first=m.batch_first)[0], last


for kind in ("RNN", "LSTM", "GRU"):
    cls = getattr(nn, kind)
    row(f"new nn.{kind}(3, 4, {{ numLayers: 2, bidirectional: true }})", lambda: cls(3, 4, num_layers=2, bidirectional=True),
        "m(a, undefined, { lengths: [3, 5] })", packed, X)
for kind in ("RNN", "GRU"):
    cls = getattr(nn, kind + "Cell")
    row(f"new nn.{kind}Cell(3, 4)", lambda: cls(3, 4), "m(a, b)", lambda m, a, b: m(a, b), floats(2, 3), floats(2, 4))
    row(f"new nn.{kind}Cell(3, 4, {{ bias: false }})", lambda: cls(3, 4, bias=False), "m(a)", lambda m, a: m(a), floats(2, 3))
    row(f"new nn.{kind}Cell(3, 4)", lambda: cls(3, 4), "m(a, b)", lambda m, a, b: m(a, b), floats(3), floats(4))
row("new nn.LSTMCell(3, 4)", lambda: nn.LSTMCell(3, 4), "m(a, [b, c])", lambda m, a, b, c: m(a, (b, c)), floats(2, 3), floats(2, 4), floats(2, 4))
row("new nn.LSTMCell(3, 4)", lambda: nn.LSTMCell(3, 4), "m(a)", lambda m, a: m(a), floats(2, 3))

# Attention
Q, K = floats(5, 2, 4), floats(3, 2, 4)
PAD = torch.tensor([[False, False, True], [False, False, False]])
SELF_PAD = torch.tensor([[False, False, False, True, True], [False, False, False, False, False]])
CAUSAL = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, a, a)", lambda m, a: m(a, a, a), Q)
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, b, b)", lambda m, a, b: m(a, b, b), Q, K)
row("new nn.MultiheadAttention(4, 2, { bias: false, batchFirst: true })", lambda: nn.MultiheadAttention(4, 2, bias=False, batch_first=True),
    "m(a, b, b, { averageAttnWeights: false })", lambda m, a, b: m(a, b, b, average_attn_weights=False), floats(2, 5, 4), floats(2, 3, 4))
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, b, b, { keyPaddingMask: c })",
    lambda m, a, b, c: m(a, b, b, key_padding_mask=c), Q, K, PAD)
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, a, a, { attnMask: b, needWeights: false })",
    lambda m, a, b: m(a, a, a, attn_mask=b, need_weights=False), Q, CAUSAL)
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, a, a, { isCausal: true })",
    lambda m, a: m(a, a, a, attn_mask=CAUSAL), Q)
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, b, b, { attnMask: c })",
    lambda m, a, b, c: m(a, b, b, attn_mask=c), Q, K, floats(4, 5, 3))
row("new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 6 })", lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=6),
    "m(a, b, c)", lambda m, a, b, c: m(a, b, c), Q, floats(3, 2, 3), floats(3, 2, 6))
row("new nn.MultiheadAttention(4, 2)", lambda: nn.MultiheadAttention(4, 2), "m(a, a, a)", lambda m, a: m(a, a, a), floats(5, 4))

# Transformers; train mode without dropout, where PyTorch has no fast path
T = 'dimFeedforward: 6, dropout: 0'
E = {"dim_feedforward": 6, "dropout": 0.0}
for extra, js in (({}, ""), ({"norm_first": True}, ", normFirst: true"), ({"activation": "gelu", "batch_first": True}, ', activation: "gelu", batchFirst: true'),
                  ({"bias": False}, ", bias: false")):
    row(f"new nn.TransformerEncoderLayer(4, 2, {{ {T}{js} }})", lambda: nn.TransformerEncoderLayer(4, 2, **E, **extra), "m(a)", lambda m, a: m(a),
        floats(5, 2, 4), mode="train")
    row(f"new nn.TransformerDecoderLayer(4, 2, {{ {T}{js} }})", lambda: nn.TransformerDecoderLayer(4, 2, **E, **extra), "m(a, b)", lambda m, a, b: m(a, b),
        floats(5, 2, 4), floats(5, 2, 4), mode="train")
row(f"new nn.TransformerEncoderLayer(4, 2, {{ {T} }})", lambda: nn.TransformerEncoderLayer(4, 2, **E), "m(a, { mask: b, srcKeyPaddingMask: c })",
    lambda m, a, b, c: m(a, src_mask=b, src_key_padding_mask=c), Q, CAUSAL, SELF_PAD, mode="train")
row(f"new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, {{ {T} }}), 2)",
    lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, **E), 2), "m(a, { srcKeyPaddingMask: b })",
    lambda m, a, b: m(a, src_key_padding_mask=b), Q, SELF_PAD, mode="train")
row(f"new nn.Transformer({{ dModel: 4, nhead: 2, numEncoderLayers: 1, numDecoderLayers: 2, {T} }})",
    lambda: nn.Transformer(4, 2, 1, 2, **E), "m(a, b, { tgtMask: nn.Transformer.generateSquareSubsequentMask(5), srcKeyPaddingMask: c, memoryKeyPaddingMask: c })",
    lambda m, a, b, c: m(a, b, tgt_mask=nn.Transformer.generate_square_subsequent_mask(5), src_key_padding_mask=c, memory_key_padding_mask=c),
    K, Q, PAD, mode="train")

Path(__file__).with_name("layers.json").write_text(json.dumps({"torch": torch.__version__, "rows": ROWS}) + "\n")
print(len(ROWS), "rows")
