"""Goldens of sampling and decoding, by Hugging Face transformers: python make-generate-goldens.py DATA_FOLDER > generate.json

DATA_FOLDER holds models/tiny-random-gpt2. Versions are written into the file.
"""
import json
import sys

import torch
import transformers
from transformers import GPT2LMHeadModel
from transformers.generation.logits_process import (
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

torch.manual_seed(0)
logits = (torch.randn(1, 40) * 2).round(decimals=3)
logits[0, 7] = logits[0, 11]  # a tie
ids = torch.tensor([[3, 7, 7, 30]])


def row(processors):
    scores = logits.clone()
    for processor in processors:
        scores = processor(ids, scores)
    return [None if value == float("-inf") else round(value, 6) for value in scores[0].tolist()]


tied = int((logits[0] > logits[0, 7]).sum()) + 1  # the k-th place is the tie's first
sampling = {
    "repetitionPenalty": row([RepetitionPenaltyLogitsProcessor(1.3)]),
    "temperature": row([TemperatureLogitsWarper(0.7)]),
    "topK": row([TopKLogitsWarper(5)]),
    "topKTie": row([TopKLogitsWarper(tied)]),
    "topP": row([TopPLogitsWarper(0.8)]),
    "topPTiny": row([TopPLogitsWarper(0.01)]),
    "all": row(
        [
            RepetitionPenaltyLogitsProcessor(1.3),
            TemperatureLogitsWarper(0.7),
            TopKLogitsWarper(12),
            TopPLogitsWarper(0.9),
        ]
    ),
}

model = GPT2LMHeadModel.from_pretrained(f"{sys.argv[1]}/models/tiny-random-gpt2").eval()
prompts = [[1, 2, 3], [5, 9, 33, 2, 101, 77], [9]]


def greedy(rows, **options):
    longest = max(map(len, rows))
    padded = torch.tensor([[0] * (longest - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (longest - len(r)) + [1] * len(r) for r in rows])
    out = model.generate(padded, attention_mask=mask, do_sample=False, pad_token_id=0, max_new_tokens=20, **options)
    return [r[longest:].tolist() for r in out]


# Each row alone: a finished row of a batch is padded by generate(), which is no part of the text.
decoding = {
    "prompts": prompts,
    "greedy": greedy(prompts, eos_token_id=None),
    "penalty": greedy(prompts, eos_token_id=None, repetition_penalty=1.4),
    "stopped": {"eos": [100, 73], "rows": [greedy([p], eos_token_id=[100, 73])[0] for p in prompts]},
}

print(
    json.dumps(
        {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "logits": logits[0].tolist(),
            "ids": ids[0].tolist(),
            "tiedK": tied,
            "sampling": sampling,
            "decoding": decoding,
        },
        indent=1,
    )
)
