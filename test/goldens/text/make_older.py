"""Writes older.json: tokenizers as older repositories have them (vocab.txt, vocab.json and merges.txt, SentencePiece models),
and what transformers makes of hard texts with them.

Run with transformers and sentencepiece installed: python test/goldens/text/make_older.py
"""
import base64
import json
import logging
import sys
import tempfile
from pathlib import Path

import sentencepiece
import tokenizers
import transformers
from transformers import AutoTokenizer

import make_text
from texts import PAIRS, TEXTS, pack

logging.disable(logging.WARNING)
here = Path(__file__).parent
# What the character map of the small models changes: code points in hexadecimal.
RULES = """FF21\t41
FF22\t42
2460\t31
BD\t31 2F 32
FB01\t66 69
FB03\t66 66 69
3000\t20
A0\t20
2009\t20
65 301\tE9
63 61 66 65\t43
200B\t
9\t20
D A\t20
A\t20
7F\t
"""


def sentence_piece(**options):
    """A small SentencePiece model, as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        lines = [" ".join(line.split()) for line in make_text.CORPUS if "\0" not in line and line.strip()]
        corpus, rules = Path(folder, "corpus.txt"), Path(folder, "rules.tsv")
        corpus.write_text("\n".join(lines), encoding="utf-8")
        rules.write_text(RULES, encoding="utf-8")
        charsmap = {} if "normalization_rule_name" in options else {"normalization_rule_tsv": str(rules)}
        sentencepiece.SentencePieceTrainer.train(
            input=str(corpus),
            model_prefix=str(Path(folder, "model")),
            character_coverage=0.99,
            hard_vocab_limit=False,
            minloglevel=2,
            **{"vocab_size": 340, **charsmap, **options},
        )
        return Path(folder, "model.model").read_bytes()


def vocab_txt(tokenizer):
    vocab = tokenizer.get_vocab(with_added_tokens=False)
    return "\n".join(sorted(vocab, key=vocab.get)) + "\n"


def byte_bpe(special):
    """vocab.json and merges.txt."""
    tokenizer = make_text.Tokenizer(make_text.models.BPE())
    tokenizer.pre_tokenizer = make_text.pre_tokenizers.ByteLevel(add_prefix_space=False)
    make_text.train(tokenizer, make_text.bpe_trainer(special, initial_alphabet=make_text.ALPHABET))
    model = json.loads(tokenizer.to_str())["model"]
    merges = "#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in model["merges"])
    return {"vocab.json": json.dumps(model["vocab"], ensure_ascii=False), "merges.txt": merges}


def with_config(files, config=None, model=None, **more):
    extra = {"tokenizer_config.json": config, "config.json": model}
    return {**files, **{name: json.dumps(value) for name, value in extra.items() if value is not None}, **more}


BERT = {"vocab.txt": vocab_txt(make_text.word_piece_uncased())}
GPT2 = byte_bpe(["<|endoftext|>"])
ROBERTA = byte_bpe(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
DEBERTA = byte_bpe(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
T5 = {"spiece.model": sentence_piece(model_type="unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)}
ALBERT = {
    "spiece.model": sentence_piece(
        model_type="unigram", pad_id=0, unk_id=1, bos_id=-1, eos_id=-1, control_symbols="[CLS],[SEP],[MASK]"
    )
}
XLMR = {"sentencepiece.bpe.model": sentence_piece(model_type="unigram", unk_id=0, bos_id=1, eos_id=2)}
XLNET = {
    "spiece.model": sentence_piece(
        model_type="unigram",
        unk_id=0,
        bos_id=1,
        eos_id=2,
        control_symbols="<cls>,<sep>,<pad>,<mask>,<eod>",
        user_defined_symbols="<eop>,.,(,)",
    )
}
BPE_SPM = {"model_type": "bpe", "byte_fallback": True, "normalization_rule_name": "identity", "vocab_size": 600}
LLAMA = {"tokenizer.model": sentence_piece(**BPE_SPM, user_defined_symbols="<user>,tok", remove_extra_whitespaces=False)}
GEMMA = {
    "tokenizer.model": sentence_piece(
        **BPE_SPM,
        pad_id=0,
        eos_id=1,
        bos_id=2,
        unk_id=3,
        pad_piece="<pad>",
        eos_piece="<eos>",
        bos_piece="<bos>",
        user_defined_symbols="<mask>",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
    )
}
DEBERTA2 = {
    "spm.model": sentence_piece(
        model_type="unigram",
        pad_id=0,
        bos_id=1,
        eos_id=2,
        unk_id=3,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        unk_piece="[UNK]",
        user_defined_symbols="[MASK]",
    )
}
CASED = {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False, "tokenizer_class": "BertTokenizer"}
USER = {"content": "<|user|>", "lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}

CASES = {
    "bert": with_config(BERT, {}, {"model_type": "bert"}),
    "bertCased": with_config(BERT, CASED),
    "bertWithoutConfig": with_config(BERT, None, {"model_type": "distilbert"}),
    "bertMap": with_config(
        BERT,
        {"tokenizer_class": "BertTokenizer", "model_max_length": 512},
        **{
            "special_tokens_map.json": json.dumps({"additional_special_tokens": ["film"], "sep_token": "[SEP]"}),
        },
    ),
    "gpt2": with_config(GPT2, {}, {"model_type": "gpt2"}),
    "gpt2Prefix": with_config(GPT2, {"tokenizer_class": "GPT2Tokenizer", "add_prefix_space": True, "add_bos_token": True}),
    "gpt2Added": with_config(
        GPT2,
        {"tokenizer_class": "GPT2Tokenizer"},
        **{"added_tokens.json": json.dumps({"<|user|>": len(json.loads(GPT2["vocab.json"]))})},
    ),
    "gpt2Decoder": with_config(
        GPT2,
        {
            "tokenizer_class": "GPT2Tokenizer",
            "added_tokens_decoder": {str(len(json.loads(GPT2["vocab.json"]))): USER},
            "pad_token": "<|user|>",
        },
    ),
    "roberta": with_config(ROBERTA, {"tokenizer_class": "RobertaTokenizer"}),
    "bart": with_config(ROBERTA, None, {"model_type": "bart"}),
    "deberta": with_config(DEBERTA, {"tokenizer_class": "DebertaTokenizer"}),
    "qwen2": with_config(GPT2, {"tokenizer_class": "Qwen2Tokenizer"}),
    "t5": with_config(T5, {"tokenizer_class": "T5Tokenizer"}),
    "t5Extra": with_config(T5, {"tokenizer_class": "T5Tokenizer", "extra_ids": 3}, {"model_type": "t5"}),
    "albert": with_config(ALBERT, {"tokenizer_class": "AlbertTokenizer"}),
    "albertCased": with_config(ALBERT, {"do_lower_case": False, "keep_accents": True}, {"model_type": "albert"}),
    "xlmRoberta": with_config(XLMR, {"tokenizer_class": "XLMRobertaTokenizer"}),
    "camembert": with_config(XLMR, {"tokenizer_class": "CamembertTokenizer"}),
    "xlnet": with_config(XLNET, {"tokenizer_class": "XLNetTokenizer"}),
    "debertaV2": with_config(DEBERTA2, {"tokenizer_class": "DebertaV2Tokenizer"}),
    "llama": with_config(LLAMA, {"tokenizer_class": "LlamaTokenizer", "add_bos_token": True}),
    "llamaLegacy": with_config(LLAMA, {"tokenizer_class": "LlamaTokenizer", "legacy": True, "add_eos_token": True}),
    "llamaPlain": with_config(LLAMA, {"tokenizer_class": "LlamaTokenizer"}),
    "gemma": with_config(GEMMA, {"tokenizer_class": "GemmaTokenizer", "add_bos_token": True}),
    "otherBpe": with_config({"tokenizer.model": GEMMA["tokenizer.model"]}, {"tokenizer_class": "PreTrainedTokenizerFast"}),
}


def write_folder(folder, files):
    for name, contents in files.items():
        if isinstance(contents, bytes):
            Path(folder, name).write_bytes(contents)
        else:
            Path(folder, name).write_text(contents, encoding="utf-8")


def goldens(files):
    with tempfile.TemporaryDirectory() as folder:
        write_folder(folder, files)
        tokenizer = AutoTokenizer.from_pretrained(folder)
    backend = tokenizer.backend_tokenizer
    encodings = []
    for text in TEXTS:
        encoding = tokenizer(text)._encodings[0]
        packed = pack(encoding, [text])
        encodings.append(
            {
                "ids": packed["ids"],
                "offsets": packed["offsets"],
                "decoded": tokenizer.decode(encoding.ids, skip_special_tokens=True),
            }
        )
    pairs = [{"ids": pair.ids, "types": pair.type_ids} for pair in (backend.encode(*pair) for pair in PAIRS)]
    return {
        "encodings": encodings,
        "pairs": pairs,
        "specialIds": sorted(set(tokenizer.all_special_ids)),
        "paddingSide": tokenizer.padding_side,
        "backend": {**json.loads(backend.to_str()), "model": type(backend.model).__name__},
    }


def stored(contents):
    return {"base64": base64.b64encode(contents).decode()} if isinstance(contents, bytes) else contents


if __name__ == "__main__":
    cases = []
    for name, files in CASES.items():
        try:
            golden = goldens(files)
        except Exception as error:
            print(name, type(error).__name__, str(error)[:300])
            continue
        backend = golden.pop("backend")
        if "-v" in sys.argv:
            for part in ("normalizer", "pre_tokenizer", "post_processor", "decoder", "model"):
                print(name, part, json.dumps(backend[part], ensure_ascii=False)[:700])
            print(name, [(token["id"], token["content"], token["special"], token["normalized"], token["lstrip"]) for token in backend["added_tokens"]][:14], len(backend["added_tokens"]))
        cases.append({"name": name, "files": {file: stored(each) for file, each in files.items()}, **golden})
    versions = {"transformers": transformers.__version__, "tokenizers": tokenizers.__version__}
    (here / "older.json").write_text(
        json.dumps({**versions, "texts": TEXTS, "pairs": PAIRS, "cases": cases}, ensure_ascii=False, separators=(",", ":"))
        + "\n",
        encoding="utf-8",
    )
