"""Writes init.json: torch.nn.init from one seed, and what layers start from.

Run with torch installed: python test/goldens/make_init.py
"""
import json
from pathlib import Path

import torch
from torch import nn
from torch.nn import init

FILLS = [
    ("uniform_(t)", "uniform_(t)", [3, 4]),
    ("uniform_(t, -2, 3)", "uniform_(t, -2, 3)", [5, 7]),
    ("normal_(t)", "normal_(t)", [3]),
    ("normal_(t, 1, 2)", "normal_(t, 1, 2)", [5, 7]),
    ("trunc_normal_(t)", "truncNormal_(t)", [5, 7]),
    ("trunc_normal_(t, 1, 0.5, 0, 3)", "truncNormal_(t, 1, 0.5, 0, 3)", [5, 7]),
    ("trunc_normal_(t, 0, 1, 1.5, 3)", "truncNormal_(t, 0, 1, 1.5, 3)", [5, 7]),
    ("constant_(t, 3)", "constant_(t, 3)", [2, 2]),
    ("ones_(t)", "ones_(t)", [2, 2]),
    ("zeros_(t)", "zeros_(t)", [2, 2]),
    ("eye_(t)", "eye_(t)", [3, 4]),
    ("dirac_(t)", "dirac_(t)", [3, 2, 3]),
    ("dirac_(t, 2)", "dirac_(t, 2)", [4, 3, 3, 4]),
    ("xavier_uniform_(t)", "xavierUniform_(t)", [5, 10]),
    ("xavier_uniform_(t, 2)", "xavierUniform_(t, 2)", [3, 2, 3, 3]),
    ("xavier_normal_(t)", "xavierNormal_(t)", [5, 10]),
    ("xavier_normal_(t, 1.5)", "xavierNormal_(t, 1.5)", [2, 3]),
    ("kaiming_uniform_(t)", "kaimingUniform_(t)", [5, 10]),
    ("kaiming_uniform_(t, a=5 ** 0.5)", "kaimingUniform_(t, { a: Math.sqrt(5) })", [5, 10]),
    ("kaiming_uniform_(t, mode='fan_out', nonlinearity='relu')",
     'kaimingUniform_(t, { mode: "fan_out", nonlinearity: "relu" })', [2, 3, 3, 3]),
    ("kaiming_normal_(t)", "kaimingNormal_(t)", [5, 10]),
    ("kaiming_normal_(t, mode='fan_out')", 'kaimingNormal_(t, { mode: "fan_out" })', [2, 3, 3, 3]),
    ("kaiming_normal_(t, nonlinearity='tanh')", 'kaimingNormal_(t, { nonlinearity: "tanh" })', [4, 6]),
    ("orthogonal_(t)", "orthogonal_(t)", [4, 4]),
    ("orthogonal_(t, 2)", "orthogonal_(t, 2)", [6, 3]),
    ("orthogonal_(t)", "orthogonal_(t)", [2, 3, 2]),
    ("sparse_(t, 0.3)", "sparse_(t, 0.3)", [5, 4]),
]
GAINS = [("linear", None), ("conv2d", None), ("sigmoid", None), ("tanh", None), ("relu", None), ("leaky_relu", None),
         ("leaky_relu", 0.2), ("selu", None)]
LAYERS = {
    "new nn.Linear(4, 3)": lambda: nn.Linear(4, 3),
    "new nn.Linear(6, 5, { bias: false })": lambda: nn.Linear(6, 5, bias=False),
    "new nn.Bilinear(2, 3, 4)": lambda: nn.Bilinear(2, 3, 4),
    "new nn.Embedding(7, 3, { paddingIdx: 2 })": lambda: nn.Embedding(7, 3, padding_idx=2),
    "new nn.PReLU(3)": lambda: nn.PReLU(3),
    "new nn.RNN(3, 4, { numLayers: 2 })": lambda: nn.RNN(3, 4, num_layers=2),
    "new nn.LSTM(3, 4, { bidirectional: true })": lambda: nn.LSTM(3, 4, bidirectional=True),
    "new nn.GRU(3, 4, { bias: false })": lambda: nn.GRU(3, 4, bias=False),
    "new nn.LSTMCell(3, 4)": lambda: nn.LSTMCell(3, 4),
    "new nn.MultiheadAttention(4, 2)": lambda: nn.MultiheadAttention(4, 2),
    "new nn.MultiheadAttention(4, 2, { kdim: 3, vdim: 5 })": lambda: nn.MultiheadAttention(4, 2, kdim=3, vdim=5),
    "new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6 })": lambda: nn.TransformerEncoderLayer(4, 2, 6),
    "new nn.TransformerDecoderLayer(4, 2, { dimFeedforward: 6 })": lambda: nn.TransformerDecoderLayer(4, 2, 6),
    "new nn.Transformer({ dModel: 4, nhead: 2, numEncoderLayers: 2, numDecoderLayers: 1, dimFeedforward: 6 })":
        lambda: nn.Transformer(4, 2, 2, 1, 6),
}
PLAIN = """
ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU
Mish Softplus Softsign Hardtanh Hardsigmoid Hardswish LogSigmoid Tanh
Sigmoid GLU Tanhshrink Softshrink Hardshrink MSELoss L1Loss SmoothL1Loss
HuberLoss NLLLoss CrossEntropyLoss BCELoss BCEWithLogitsLoss KLDivLoss PoissonNLLLoss GaussianNLLLoss
MarginRankingLoss HingeEmbeddingLoss CosineEmbeddingLoss TripletMarginLoss SoftMarginLoss MultiLabelSoftMarginLoss CosineSimilarity PairwiseDistance
Identity Flatten Dropout Dropout1d Dropout2d Dropout3d AlphaDropout
""".split()
LAYERS.update({f"new nn.{name}()": getattr(nn, name) for name in PLAIN})
LAYERS.update({
    "new nn.LeakyReLU(0.2)": lambda: nn.LeakyReLU(0.2),
    "new nn.ELU(0.5)": lambda: nn.ELU(0.5),
    "new nn.Softplus(2, 10)": lambda: nn.Softplus(2.0, 10.0),
    "new nn.Hardtanh(-2, 0.5)": lambda: nn.Hardtanh(-2.0, 0.5),
    "new nn.Threshold(0.1, 20)": lambda: nn.Threshold(0.1, 20),
    "new nn.Softmax(1)": lambda: nn.Softmax(1),
    "new nn.LogSoftmax(-1)": lambda: nn.LogSoftmax(-1),
    "new nn.Softmin(0)": lambda: nn.Softmin(0),
    'new nn.GELU({ approximate: "tanh" })': lambda: nn.GELU("tanh"),
    "new nn.Dropout(0.2)": lambda: nn.Dropout(0.2),
    "new nn.Unflatten(1, [2, 3])": lambda: nn.Unflatten(1, (2, 3)),
    "new nn.GRU(3, 4, { numLayers: 2, batchFirst: true, dropout: 0.5 })": lambda: nn.GRU(3, 4, 2, batch_first=True, dropout=0.5),
    'new nn.RNNCell(3, 4, { bias: false, nonlinearity: "relu" })': lambda: nn.RNNCell(3, 4, False, "relu"),
    "new nn.TransformerEncoder(new nn.TransformerEncoderLayer(4, 2, { dimFeedforward: 6 }), 2)":
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 6), 2),
})

fills = []
for py, js, shape in FILLS:
    torch.manual_seed(7)
    t = torch.empty(shape)
    eval("init." + py)
    fills.append({"js": js, "shape": shape, "value": t.flatten().tolist()})
gains = [{"of": name, "param": param, "gain": init.calculate_gain(name, param)} for name, param in GAINS]
layers = []
for js, make in LAYERS.items():
    torch.manual_seed(7)
    layer = make()
    state = {k: {"shape": list(v.shape), "value": v.flatten().tolist()} for k, v in layer.state_dict().items()}
    layers.append({"js": js, "text": repr(layer), "state": state})
rows = {"torch": torch.__version__, "fills": fills, "gains": gains, "layers": layers}
Path(__file__).with_name("init.json").write_text(json.dumps(rows) + "\n")
