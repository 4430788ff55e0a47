"""Writes byte-bpe.json: a byte-level BPE learned by Hugging Face tokenizers from test/fixtures/plain-sentiment.tsv.

Run with tokenizers installed: python test/goldens/make_bpe.py
"""
import json
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

here = Path(__file__).parent
lines = (here.parent / "fixtures" / "plain-sentiment.tsv").read_text(encoding="utf-8").splitlines()
texts = lines + ["naïve café — \U0001f600 it's 1984,\n\n  isn't  it?\t", "aaaa aaaaa aaa\naaaa"] * 2

tokenizer = Tokenizer(models.BPE())
tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
tokenizer.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=400,
    min_frequency=2,
    special_tokens=["<|endoftext|>"],
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
tokenizer.train_from_iterator(texts, trainer)
trained = json.loads(tokenizer.to_str())["model"]
probes = ["The film isn't good.", "naïve \U0001f600\n\n  two  spaces", "unseen ℵ text 123", ""]
golden = {
    "tokenizers": tokenizers.__version__,
    "texts": texts,
    "vocab": [token for token, _ in sorted(trained["vocab"].items(), key=lambda item: item[1])],
    "merges": [" ".join(merge) for merge in trained["merges"]],
    "encoded": [{"text": text, "ids": tokenizer.encode(text).ids} for text in probes],
}
(here / "byte-bpe.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
