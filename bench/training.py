"""PyTorch's side of training.ts: answers each line of stdin with one line of stdout.

python training.py THREADS [DEVICE]: on another device than the CPU, PyTorch computes on CUDA.
  step NAME COUNT    -> mean milliseconds of COUNT steps, after the warm-up of the first request
  matmul SIZE COUNT  -> mean milliseconds of a SIZE x SIZE product
  buckets            -> steps through all shape buckets of an epoch; peak resident megabytes of this process
"""
import sys
import time

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.set_num_threads(int(sys.argv[1]))
DEVICE = "cpu" if sys.argv[2:] in ([], ["cpu"]) else "cuda"
torch.manual_seed(0)


class Endless:
    """Batches of a loader, epoch after epoch."""

    def __init__(self, batch):
        images, labels = torch.randn(8192, 1, 28, 28), torch.randint(0, 10, (8192,))
        self.loader = DataLoader(TensorDataset(images, labels), batch_size=batch, shuffle=True, drop_last=True)
        self.batches = iter(())

    def next(self):
        try:
            batch = next(self.batches)
        except StopIteration:
            self.batches = iter(self.loader)
            batch = next(self.batches)
        return [each.to(DEVICE) for each in batch]


class ConvNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3), nn.Conv2d(16, 32, 3)
        self.fc1, self.dropout, self.fc2 = nn.Linear(800, 32), nn.Dropout(0.3), nn.Linear(32, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc2(self.dropout(F.relu(self.fc1(torch.flatten(x, 1)))))


def pictures(model, optimizer, batch):
    source, loss_fn = Endless(batch), nn.CrossEntropyLoss()

    def step():
        images, labels = source.next()
        loss = loss_fn(model(images), labels)
        value = loss.item()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        return value

    return step


def mlp(batch):
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)).to(DEVICE)
    return pictures(model, torch.optim.SGD(model.parameters(), lr=1e-3), batch)


def convnet(batch):
    model = ConvNet().to(DEVICE)
    return pictures(model, torch.optim.Adam(model.parameters(), lr=1e-3), batch)


def transformer(model, vocab, classes, mixed=False):
    model.train().to(DEVICE)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=1e-4)
    scaler = torch.amp.GradScaler(DEVICE, enabled=mixed)

    def step(batch, length):
        ids = torch.randint(0, vocab, (batch, length)).to(DEVICE)
        mask = torch.ones(batch, length, dtype=torch.int64).to(DEVICE)
        labels = torch.randint(0, classes, (batch,) if classes == 2 else (batch, length)).to(DEVICE)
        optimizer.zero_grad()
        with torch.autocast(DEVICE, torch.float16, enabled=mixed):
            logits = model(input_ids=ids, attention_mask=mask).logits
            loss = F.cross_entropy(logits.flatten(0, -2), labels.flatten())
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimizer)
        scaler.update()
        return loss.item()

    return step


def bert(hidden=256, mixed=False):
    from transformers import BertConfig, BertForSequenceClassification

    config = BertConfig(
        vocab_size=8000, hidden_size=hidden, num_hidden_layers=4, num_attention_heads=4,
        intermediate_size=4 * hidden, max_position_embeddings=256,
    )
    return transformer(BertForSequenceClassification(config), 8000, 2, mixed)


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=2048, n_positions=128, n_embd=192, n_layer=4, n_head=6, use_cache=False)
    return transformer(GPT2LMHeadModel(config), 2048, 2048)


def make(name):
    """`bert-HIDDENxBATCHxLENGTH` (`bert16-…` in mixed precision), or one of the fixed names."""
    kind, _, sizes = name.partition("-")
    if kind == "mlp":
        return mlp(int(sizes))
    if kind == "convnet":
        return convnet(int(sizes))
    if kind == "gpt2":
        step = gpt2()
        return lambda: step(16, 128)
    hidden, batch, length = (int(part) for part in sizes.split("x"))
    step = bert(hidden, kind == "bert16")
    return lambda: step(batch, length)


STEPS = {}


def timed(run, count):
    start = time.perf_counter()
    for _ in range(count):
        run()
    return (time.perf_counter() - start) * 1000 / count


for line in sys.stdin:
    what, *args = line.split()
    if what == "step":
        name, count = args[0], int(args[1])
        if name not in STEPS:
            STEPS[name] = make(name)
            for _ in range(3):
                STEPS[name]()
        answer = timed(STEPS[name], count)
    elif what == "matmul":
        a, b = (torch.randn(int(args[0]), int(args[0]), device=DEVICE) for _ in range(2))
        # Read on the CPU, as the other side's is: a device's product has not ended when it returns.
        torch.mm(a, b).cpu()
        answer = timed(lambda: torch.mm(a, b).cpu(), int(args[1]))
    else:
        step = bert()
        for _ in range(2):
            for length in (16, 32, 64, 96, 128, 160, 192, 256):
                step(16, length)
        # ru_maxrss would count the process that started this one.
        answer = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024
    print(answer, flush=True)
