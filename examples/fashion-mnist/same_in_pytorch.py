"""The same experiment in PyTorch: seed, order of batches and table alike.

python examples/fashion-mnist/same_in_pytorch.py DATA_FOLDER [EPOCHS] [SEED] [THREADS]
Prints one JSON list: epoch, train, test, accuracy, seconds of training.
"""
import gzip
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

folder = Path(sys.argv[1])
epochs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
seed = int(sys.argv[3]) if len(sys.argv) > 3 else 7
if len(sys.argv) > 4:
    torch.set_num_threads(int(sys.argv[4]))


def read(name):
    raw = gzip.open(folder / f"{name}.gz").read()
    axes = raw[3]
    shape = np.frombuffer(raw, ">i4", axes, 4)
    return torch.from_numpy(np.frombuffer(raw, np.uint8, offset=4 + 4 * axes).reshape(shape).copy())


class Pictures(Dataset):
    def __init__(self, part, mean, std):
        self.images, self.labels = read(f"{part}-images-idx3-ubyte"), read(f"{part}-labels-idx1-ubyte")
        self.mean, self.std = mean, std

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        image = self.images[index].unsqueeze(0).to(torch.float32).div(255)
        return image.sub(self.mean).div(self.std), int(self.labels[index])


class SimpleNetwork(nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = nn.Flatten()
        self.network_stack = nn.Sequential(
            nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))

    def forward(self, x):
        return self.network_stack(self.flatten(x))


pixels = read("train-images-idx3-ubyte").double() / 255
mean, std = pixels.mean().item(), pixels.std().item()
train_set, test_set = Pictures("train", mean, std), Pictures("t10k", mean, std)

torch.manual_seed(seed)
model = SimpleNetwork()
train_loader = DataLoader(train_set, batch_size=32, shuffle=True)
test_loader = DataLoader(test_set, batch_size=32)
loss_fn = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

history = []
for epoch in range(epochs):
    started = time.perf_counter()
    model.train()
    total = 0.0
    for images, labels in train_loader:
        loss = loss_fn(model(images), labels)
        total += loss.item()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    seconds = time.perf_counter() - started
    model.eval()
    test, correct = 0.0, 0.0
    with torch.no_grad():
        for images, labels in test_loader:
            predictions = model(images)
            test += loss_fn(predictions, labels).item()
            correct += (predictions.argmax(1) == labels).type(torch.float).sum().item()
    history.append({"epoch": epoch, "train": total / len(train_loader), "test": test / len(test_loader),
                    "accuracy": correct / len(test_set), "seconds": seconds})
print(json.dumps(history))
