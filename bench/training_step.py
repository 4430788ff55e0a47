"""One workload of training-step.ts in PyTorch eager: prints the median milliseconds of a step.

python training_step.py WORKLOAD STEPS THREADS
"""
import sys
import time
from statistics import median

import torch
import torch.nn.functional as F

name, steps, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)


def mlp(batch):
    nn = torch.nn
    model = nn.Sequential(nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    x, y = torch.randn(batch, 784), torch.randint(0, 10, (batch,))

    def step():
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def transformer(model, vocab, batch, length, label_shape, classes):
    model.train()
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    ids = torch.randint(0, vocab, (batch, length))
    mask = torch.ones(batch, length, dtype=torch.int64)
    labels = torch.randint(0, classes, label_shape)

    def step():
        optimizer.zero_grad()
        logits = model(input_ids=ids, attention_mask=mask).logits
        loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        return loss.item()

    return step


def bert():
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=8000, hidden_size=256, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=1024, max_position_embeddings=128,
    )
    return transformer(BertForSequenceClassification(config), 8000, 32, 64, (32,), 2)


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=2048, n_positions=128, n_embd=192, n_layer=4, n_head=6, use_cache=False)
    return transformer(GPT2LMHeadModel(config), 2048, 16, 128, (16, 128), 2048)


step = {"mlp-32": lambda: mlp(32), "mlp-256": lambda: mlp(256), "bert": bert, "gpt2": gpt2}[name]()
times = []
for index in range(-3, steps):
    start = time.perf_counter()
    step()
    if index >= 0:
        times.append((time.perf_counter() - start) * 1000)
print(median(times))
