"""Goldens of logits processors, by Hugging Face transformers: python make_processors.py > processors.json

Versions are written into the file. A value of -inf is null, and so is NaN, which exponential decay makes of -inf: a token
that is ruled out stays so.
"""
import json

import torch
import transformers
from transformers.generation import logits_process as hf

V = 48
torch.manual_seed(0)
peaked = (torch.randn(V) * 2).round(decimals=3)
peaked[7] = peaked[11]  # a tie
flat = (torch.randn(V) * 0.3 - 1).round(decimals=3)
holes = peaked.clone()
holes[::3] = float("-inf")
rows = {"peaked": peaked, "flat": flat, "holes": holes}
ids = [3, 7, 7, 30, 5, 3, 7, 9, 30, 5, 3, 7]
source = [4, 5, 3, 7, 9, 2, 3, 7, 41, 3]
eos = [5, 9]


def plain(values):
    return [None if value == float("-inf") or value != value else value for value in values.tolist()]


def case(option, value, make, on=ids, prompt=len(ids), **more):
    """One case: our option and value, and what Python's class makes of every row."""
    given = torch.tensor([on])
    results = {name: plain(make()(given, row.clone()[None])[0]) for name, row in rows.items()}
    return {"option": option, "value": value, "ids": on, "promptLength": prompt, "results": results, **more}


S = torch.tensor([source])
cases = [
    case("temperature", 0.7, lambda: hf.TemperatureLogitsWarper(0.7)),
    *(case("topK", k, lambda: hf.TopKLogitsWarper(k)) for k in (1, 5, 47, 100)),
    case("topK", 2, lambda: hf.TopKLogitsWarper(2, min_tokens_to_keep=3), keep=3),
    *(case("topP", p, lambda: hf.TopPLogitsWarper(p)) for p in (0.01, 0.5, 0.8, 0.97)),
    case("topP", 0.1, lambda: hf.TopPLogitsWarper(0.1, min_tokens_to_keep=3), keep=3),
    *(case("minP", p, lambda: hf.MinPLogitsWarper(p)) for p in (0, 0.05, 0.5)),
    case("minP", 0.9, lambda: hf.MinPLogitsWarper(0.9, min_tokens_to_keep=3), keep=3),
    *(case("topH", p, lambda: hf.TopHLogitsWarper(p)) for p in (0.1, 0.4, 0.9)),
    *(case("typicalP", p, lambda: hf.TypicalLogitsWarper(p)) for p in (0.1, 0.5, 0.9)),
    case("typicalP", 0.05, lambda: hf.TypicalLogitsWarper(0.05, min_tokens_to_keep=3), keep=3),
    *(case("epsilonCutoff", e, lambda: hf.EpsilonLogitsWarper(e)) for e in (3e-3, 0.02, 0.6)),
    case("epsilonCutoff", 0.6, lambda: hf.EpsilonLogitsWarper(0.6, min_tokens_to_keep=3), keep=3),
    *(case("etaCutoff", e, lambda: hf.EtaLogitsWarper(e)) for e in (3e-3, 0.05, 0.6)),
    case("repetitionPenalty", 1.3, lambda: hf.RepetitionPenaltyLogitsProcessor(1.3)),
    case("repetitionPenalty", 0.8, lambda: hf.RepetitionPenaltyLogitsProcessor(0.8)),
    case("encoderRepetitionPenalty", 1.4, lambda: hf.EncoderRepetitionPenaltyLogitsProcessor(1.4, S)),
    *(case("noRepeatNgramSize", n, lambda: hf.NoRepeatNGramLogitsProcessor(n)) for n in (1, 2, 3, 4)),
    case("noRepeatNgramSize", 3, lambda: hf.NoRepeatNGramLogitsProcessor(3), on=[3, 3]),
    *(case("encoderNoRepeatNgramSize", n, lambda: hf.EncoderNoRepeatNGramLogitsProcessor(n, S)) for n in (1, 2, 3)),
    case(
        "badWordsIds",
        [[8], [3, 7, 2], [7, 4], [5], [1, 2]],
        lambda: hf.NoBadWordsLogitsProcessor([[8], [3, 7, 2], [7, 4], [5], [1, 2]], eos),
    ),
    case(
        "sequenceBias",
        [[[8], 2.5], [[3, 7, 2], -4.0], [[7, 2], 1.25], [[30], -10.0], [[1, 2], 5.0]],
        lambda: hf.SequenceBiasLogitsProcessor(
            [[[8], 2.5], [[3, 7, 2], -4.0], [[7, 2], 1.25], [[30], -10.0], [[1, 2], 5.0]]
        ),
    ),
    case("suppressTokens", [0, 7, 47, 900], lambda: hf.SuppressTokensLogitsProcessor([0, 7, 47, 900])),
    case("beginSuppressTokens", [0, 7], lambda: hf.SuppressTokensAtBeginLogitsProcessor([0, 7], len(ids))),
    case("beginSuppressTokens", [0, 7], lambda: hf.SuppressTokensAtBeginLogitsProcessor([0, 7], 4), prompt=4),
    case("forcedBosTokenId", 6, lambda: hf.ForcedBOSTokenLogitsProcessor(6)),
    case("forcedBosTokenId", 6, lambda: hf.ForcedBOSTokenLogitsProcessor(6), on=[3], prompt=1),
    case("forcedEosTokenId", [5, 6], lambda: hf.ForcedEOSTokenLogitsProcessor(len(ids) + 1, [5, 6]), maxLength=13),
    case("forcedEosTokenId", 5, lambda: hf.ForcedEOSTokenLogitsProcessor(20, 5), maxLength=20),
    case("minLength", 13, lambda: hf.MinLengthLogitsProcessor(13, eos)),
    case("minLength", 12, lambda: hf.MinLengthLogitsProcessor(12, eos)),
    case("minNewTokens", 3, lambda: hf.MinNewTokensLengthLogitsProcessor(10, 3, eos), prompt=10),
    case("minNewTokens", 2, lambda: hf.MinNewTokensLengthLogitsProcessor(10, 2, eos), prompt=10),
    case("exponentialDecayLengthPenalty", [1, 1.3], lambda: hf.ExponentialDecayLengthPenalty((1, 1.3), eos, 8), prompt=8),
    case("exponentialDecayLengthPenalty", [9, 1.3], lambda: hf.ExponentialDecayLengthPenalty((9, 1.3), eos, 8), prompt=8),
    case("renormalizeLogits", True, lambda: hf.LogitNormalization()),
]

broken = torch.tensor([1.0, float("nan"), float("inf"), float("-inf"), -2.0])
removed = hf.InfNanRemoveLogitsProcessor()(torch.tensor([ids]), broken[None])[0].tolist()

print(
    json.dumps(
        {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "rows": {name: plain(row) for name, row in rows.items()},
            "source": source,
            "eos": eos,
            "cases": cases,
            "removed": removed,
        }
    )
)
