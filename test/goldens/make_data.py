"""Writes data.json: the orders of PyTorch's samplers, splits and loaders for seeds.

Run with PyTorch installed: python test/goldens/make_data.py
"""
import json
from pathlib import Path

import torch
from torch.utils.data import (
    BatchSampler, DataLoader, RandomSampler, SubsetRandomSampler, WeightedRandomSampler, random_split, default_collate,
)

SEEDS = [0, 7, 123456789]


def seeded(seed, run):
    torch.manual_seed(seed)
    return run()


def own(seed):
    return torch.Generator().manual_seed(seed)


def epochs(loader, count):
    return [[batch.tolist() for batch in loader] for _ in range(count)]


def cases(seed):
    n = 23
    data = list(range(n))
    weights = [0.1, 3.0, 0.0, 1.5, 0.7, 2.2]
    return {
        "shuffle": seeded(seed, lambda: epochs(DataLoader(data, 5, shuffle=True), 3)),
        "shuffleDropLast": seeded(seed, lambda: epochs(DataLoader(data, 5, shuffle=True, drop_last=True), 2)),
        "shuffleOwn": seeded(0, lambda: epochs(DataLoader(data, 5, shuffle=True, generator=own(seed)), 3)),
        "subset": seeded(seed, lambda: epochs(DataLoader(data, 4, sampler=SubsetRandomSampler([3, 1, 4, 15, 9, 2, 6])), 2)),
        "replacement": seeded(seed, lambda: list(RandomSampler(data, replacement=True, num_samples=70))),
        "more": seeded(seed, lambda: list(RandomSampler(data, num_samples=60))),
        "weighted": seeded(seed, lambda: list(WeightedRandomSampler(weights, 40))),
        "batchSampler": seeded(seed, lambda: list(BatchSampler(RandomSampler(data), 4, True))),
        # What the next draw is after an epoch: all that the loader drew from the default generator.
        "after": seeded(seed, lambda: (epochs(DataLoader(data, 5, shuffle=True), 1), torch.rand(3).tolist())[1]),
        "afterOwn": seeded(0, lambda: (lambda g: (epochs(DataLoader(data, 5, shuffle=True, generator=g), 1), torch.rand(3, generator=g).tolist())[1])(own(seed))),
        "split": seeded(seed, lambda: [s.indices for s in random_split(data, [10, 13])]),
        "fractions": seeded(seed, lambda: [s.indices for s in random_split(data, [0.5, 0.25, 0.25])]),
    }


def workers(seed):
    """Base seeds: what each worker's default generator is seeded with."""
    torch.manual_seed(seed)
    return [int(torch.empty((), dtype=torch.int64).random_()) for _ in range(2)]


collated = default_collate([{"a": (1, [2.5, True]), "b": torch.tensor([1, 2])}, {"a": (3, [4.5, False]), "b": torch.tensor([3, 4])}])
Path(__file__).with_name("data.json").write_text(json.dumps(
    {
        "torch": torch.__version__,
        "seeds": {str(seed): {**cases(seed), "baseSeeds": [str(value) for value in workers(seed)]} for seed in SEEDS},
        "collated": {"a0": collated["a"][0].tolist(), "a1": [part.tolist() for part in collated["a"][1]], "b": collated["b"].tolist()},
    },
))
