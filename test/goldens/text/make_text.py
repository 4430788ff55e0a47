"""Writes tiny.json (tiny tokenizers of every kind, made here) and shared.json (those of shared/data), with what Hugging Face
tokenizers makes of hard texts.

Run with tokenizers installed: python test/goldens/text/make_text.py
"""
import json
import sys
from pathlib import Path

import tokenizers
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from texts import TEXTS, goldens

here = Path(__file__).parent
data = Path(sys.argv[1]) if len(sys.argv) > 1 else here.parents[3] / "shared" / "data"
CORPUS = TEXTS[3:] * 2 + (here.parents[1] / "fixtures" / "plain-sentiment.tsv").read_text(encoding="utf-8").splitlines()
ALPHABET = pre_tokenizers.ByteLevel.alphabet()
BERT = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA = ["<s>", "<pad>", "</s>", "<unk>"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
GPT4 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def bert_template(tokenizer):
    cls, sep = (tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]"))
    return processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[("[CLS]", cls), ("[SEP]", sep)],
    )


def train(tokenizer, trainer):
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def bpe_trainer(special, size=420, **options):
    return trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False, **options)


def word_piece_trainer(size):
    return trainers.WordPieceTrainer(vocab_size=size, special_tokens=BERT, show_progress=False, limit_alphabet=160)


def word_piece_uncased():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    train(tokenizer, word_piece_trainer(420))
    tokenizer.post_processor = bert_template(tokenizer)
    return tokenizer


def word_piece_cased():
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]", max_input_chars_per_word=12))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=False, clean_text=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(cleanup=False)
    train(tokenizer, word_piece_trainer(420))
    sep, cls = (tokenizer.token_to_id(token) for token in ("[SEP]", "[CLS]"))
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", sep), ("[CLS]", cls))
    tokenizer.add_tokens([AddedToken("XY", single_word=True), AddedToken("Café", lstrip=True, rstrip=True)])
    return tokenizer


def gpt2():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    train(tokenizer, bpe_trainer(["<|endoftext|>"], initial_alphabet=ALPHABET))
    tokenizer.add_tokens(["tokens", AddedToken("token", normalized=True), "world"])
    return tokenizer


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, bpe_trainer(ROBERTA, initial_alphabet=ALPHABET))
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=True)
    return tokenizer


def llama3():
    tokenizer = Tokenizer(models.BPE(ignore_merges=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(GPT4), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    train(tokenizer, bpe_trainer(["<s>", "</s>"], initial_alphabet=ALPHABET))
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 0)]),
        ]
    )
    return tokenizer


def llama(pre_tokenizer=None, normalizer=None):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    train(tokenizer, bpe_trainer(["<unk>", "<s>", "</s>", *BYTES], size=520, limit_alphabet=90))
    state = json.loads(tokenizer.to_str())
    # The bytes are ordinary tokens of the vocabulary, not added ones.
    state["added_tokens"] = [token for token in state["added_tokens"] if not token["content"].startswith("<0x")]
    tokenizer = Tokenizer.from_str(json.dumps(state))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    return tokenizer


def llama_legacy():
    return llama(normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]))


def llama_first():
    return llama(pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme="first", split=False))


def unigram(byte_fallback=False):
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=360, special_tokens=[*ROBERTA, "<mask>"], unk_token="<unk>", show_progress=False, shrinking_factor=0.8
    )
    train(tokenizer, trainer)
    if byte_fallback:
        state = json.loads(tokenizer.to_str())
        state["model"]["vocab"] += [[byte, -20.0] for byte in BYTES]
        state["model"]["byte_fallback"] = True
        tokenizer = Tokenizer.from_str(json.dumps(state))
        tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer


def albert():
    tokenizer = unigram()
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.Replace("``", '"'),
            normalizers.Replace("''", '"'),
            normalizers.NFKD(),
            normalizers.StripAccents(),
            normalizers.Lowercase(),
            normalizers.Strip(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    return tokenizer


def clip():
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    pattern = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(pattern, "removed", invert=True)
    tokenizer.decoder = decoders.BPEDecoder("</w>")
    return train(tokenizer, bpe_trainer(["<unk>", "<s>"], size=360, end_of_word_suffix="</w>", limit_alphabet=100))


def words(pre_tokenizer, normalizer=None):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    return train(tokenizer, trainers.WordLevelTrainer(vocab_size=300, special_tokens=["[UNK]"], show_progress=False))


def subword_prefix():
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]", continuing_subword_prefix="##", fuse_unk=True))
    tokenizer.normalizer = normalizers.NFD()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return train(tokenizer, bpe_trainer(["[UNK]"], size=330, continuing_subword_prefix="##", limit_alphabet=80))


def letters(normalizer):
    """Each character of the normalized text a word, so that every offset shows."""
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.FixedLength(1)
    return tokenizer


Split = pre_tokenizers.Split
MAKERS = {
    "wordPieceUncased": word_piece_uncased,
    "wordPieceCased": word_piece_cased,
    "gpt2": gpt2,
    "roberta": roberta,
    "llama3": llama3,
    "llamaLegacy": llama_legacy,
    "llamaFirst": llama_first,
    "unigram": unigram,
    "unigramBytes": lambda: unigram(byte_fallback=True),
    "albert": albert,
    "clip": clip,
    "subwordPrefix": subword_prefix,
    "whitespaceDigits": lambda: words(pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(True)])),
    "punctuation": lambda: words(
        pre_tokenizers.Sequence([pre_tokenizers.Punctuation("merged_with_previous"), pre_tokenizers.Digits(False)]),
        normalizers.NFKD(),
    ),
    "mergedWithNext": lambda: words(Split(" ", "merged_with_next"), normalizers.StripAccents()),
    "contiguous": lambda: words(Split(Regex(r"[\s.,!?]"), "contiguous"), normalizers.Strip(True, False)),
    "delimiter": lambda: words(pre_tokenizers.CharDelimiterSplit("e"), normalizers.Prepend("__")),
    "lettersNfc": lambda: letters(normalizers.NFC()),
    "lettersNfd": lambda: letters(normalizers.NFD()),
    "lettersNfkc": lambda: letters(normalizers.NFKC()),
    "lettersBert": lambda: letters(normalizers.BertNormalizer()),
    "lettersReplace": lambda: letters(
        normalizers.Sequence([normalizers.Replace(Regex("[aeiou]+"), "<V>"), normalizers.Replace(Regex("x*"), "")])
    ),
    "lettersBytes": lambda: letters(normalizers.Sequence([normalizers.Lowercase(), normalizers.ByteLevel()])),
}

SHARED = {
    "bert-base-uncased": "tokenizers/bert-base-uncased/tokenizer.json",
    "gpt2": "tokenizers/gpt2/tokenizer.json",
    "t5-small": "tokenizers/t5-small/tokenizer.json",
    "stories260K": "models/stories260K/tokenizer.json",
}


def write(name, value):
    (here / name).write_text(
        json.dumps({"tokenizers": tokenizers.__version__, **value}, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8"
    )


if __name__ == "__main__":
    from texts import PAIRS

    cases = []
    # Special tokens and windows do not depend on what is in between: a few kinds are enough for these.
    cut = {"wordPieceUncased", "wordPieceCased", "gpt2", "roberta", "llama3", "unigram"}
    for name, maker in MAKERS.items():
        tokenizer = maker()
        cases.append({"name": name, "json": json.loads(tokenizer.to_str()), **goldens(tokenizer, name in cut)})
    write("tiny.json", {"texts": TEXTS, "pairs": PAIRS, "cases": cases})
    shared = []
    for name, path in SHARED.items():
        tokenizer = Tokenizer.from_file(str(data / path))
        tokenizer.no_truncation()
        tokenizer.no_padding()
        shared.append({"name": name, "path": path, **goldens(tokenizer, False)})
    write("shared.json", {"texts": TEXTS, "pairs": PAIRS, "cases": shared})
