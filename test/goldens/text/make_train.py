"""Writes train.json: the tokens that Hugging Face's WordPiece trainer learns, in its order, from words without ties (with them it
depends on the order of a hash table, and differs from run to run).

Run with tokenizers installed: python test/goldens/text/make_train.py
"""
import json
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

here = Path(__file__).parent
# Words and what they begin with, each of them another number of times: no two pairs of letters are equally frequent.
WORDS = "lowest newer wide quickly unhappy kind Café ÉCOLE größer".split()
BEGINNINGS = [word[:length] for word in WORDS for length in range(2, len(word) + 1)]
DISTINCT = [" ".join([word] * (7 + 13 * index + 5 * index * index % 11)) for index, word in enumerate(BEGINNINGS)]


def learned(texts, size):
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size,
        min_frequency=2,
        special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=vocab.get)


if __name__ == "__main__":
    golden = {
        "tokenizers": tokenizers.__version__,
        "distinct": {"texts": DISTINCT, "vocab": learned(DISTINCT, 78)},
    }
    (here / "train.json").write_text(json.dumps(golden, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
