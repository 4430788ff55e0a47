"""Goldens of the pipelines that read whole texts: transformers' own on tiny models, weights by the formula of ../models/common.py.

Question answering left transformers with version 5: its rule is written out here by brute force. Windows are cut here too: with
tokenizers 0.23 an encoding that is to be cut keeps no more tokens than one window has, and the rest of a text is lost. Offsets are in
UTF-16 units.
Run: python test/goldens/pipelines/encoders.py
"""
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors
import transformers as T

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from common import DROP, element

WORDS = ("the a of in and is was not it to who where lives works wrote ana bo sara maria berlin paris madrid rome book river city film good bad dull "
         "great long old new day night reads sings example this about sport politics music . , ? ! ' é 😀").split()
PIECES = "##s ##ed ##ing ##er ##na ##ia ##lin ##is mar ber p r s l w o e i n t 1 2 ##1 ##2 ##a ##e ##o".split()
TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + WORDS + PIECES
LENGTH = 24

tokenizer = Tokenizer(models.WordPiece({token: at for at, token in enumerate(TOKENS)}, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
tokenizer.decoder = decoders.WordPiece()
tokenizer.add_special_tokens(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"])
CONFIG = dict(model_max_length=LENGTH, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]")
fast = T.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=["input_ids", "token_type_ids", "attention_mask"], **CONFIG)

SIZES = dict(vocab_size=len(TOKENS), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, max_position_embeddings=LENGTH)
out = {"tokenizer": json.loads(tokenizer.to_str()), "tokenizerConfig": {**CONFIG, "tokenizer_class": "PreTrainedTokenizerFast"}, "models": {}}


def make(kind, name, **more):
    model = getattr(T, name)(T.BertConfig(**SIZES, **more)).eval()
    tied = model.all_tied_weights_keys if model.config.tie_word_embeddings else {}
    tensors = {}
    with torch.no_grad():
        for key, tensor in model.state_dict().items():
            if key not in tied and tensor.is_floating_point():
                tensor.copy_(element(key, tensor.shape))
                tensors[key] = list(tensor.shape)
    config = {key: value for key, value in model.config.to_dict().items() if key not in DROP and value is not None}
    config["architectures"] = [name]
    out["models"][kind] = {"config": config, "tensors": tensors, "calls": []}
    return model


def labels(*names):
    return dict(id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)})


def units(text, at):
    return len(text[:at].encode("utf-16-le")) // 2


CAMEL = {"entity_group": "entityGroup", "token_str": "tokenStr"}


def plain(value, text=None):
    if isinstance(value, dict):
        return {CAMEL.get(key, key): units(text, item) if key in ("start", "end") and text is not None else plain(item, text) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item, text) for item in value]
    return float(f"{value:.7g}") if isinstance(value, (float, np.floating)) else value


def call(kind, ours, args, result, text=None):
    out["models"][kind]["calls"].append({"args": args, "options": ours, "result": plain(result, text)})


model = make("text-classification", "BertForSequenceClassification", **labels("NEGATIVE", "NEUTRAL", "POSITIVE"))
run = T.pipeline("text-classification", model=model, tokenizer=fast)
for text in ["The book is great!", "a dull , dull film", ""]:
    call("text-classification", {}, [text], run(text))
call("text-classification", {"topK": None}, ["ana reads"], run("ana reads", top_k=None))
call("text-classification", {"topK": 2}, [["good", "bad film"]], run(["good", "bad film"], top_k=2))
call("text-classification", {"topK": None, "functionToApply": "sigmoid"}, ["bo sings"], run("bo sings", top_k=None, function_to_apply="sigmoid"))
call("text-classification", {"topK": None, "functionToApply": "none"}, ["bo sings"], run("bo sings", top_k=None, function_to_apply="none"))
call("text-classification", {}, [{"text": "who wrote it ?", "textPair": "sara wrote the book ."}], [run({"text": "who wrote it ?", "text_pair": "sara wrote the book ."})])
long = "the old book of the new city is long and good " * 4
call("text-classification", {}, [long], run(long, truncation=True))
call("text-classification", {}, [{"text": long, "textPair": "sara wrote the book ."}], [run({"text": long, "text_pair": "sara wrote the book ."}, truncation=True)])

model = make("token-classification", "BertForTokenClassification", **labels("O", "B-PER", "I-PER", "B-LOC", "I-LOC"))
SENTENCES = ["Ana lives in Berlin .", "Maria and Sara wrote 12 books in Paris , not in Rome !", "😀 é bo works", "marlin berna singer reads"]
for strategy in ["none", "simple", "first", "average", "max"]:
    run = T.pipeline("token-classification", model=model, tokenizer=fast, aggregation_strategy=strategy)
    for text in SENTENCES:
        call("token-classification", {"aggregationStrategy": strategy}, [text], run(text), text)
run = T.pipeline("token-classification", model=model, tokenizer=fast, ignore_labels=["I-LOC"])
call("token-classification", {"ignoreLabels": ["I-LOC"]}, [SENTENCES[1]], run(SENTENCES[1]), SENTENCES[1])
story = " ".join(SENTENCES[:2]) + " " + " ".join(SENTENCES[:2])


def windows(before, text, after, length, stride):
    """Token ids around parts of a text, with the text's encoding and the first token of each part."""
    whole = tokenizer.encode(text, add_special_tokens=False)
    room = length - len(before) - len(after)
    at, parts = 0, []
    while True:
        parts.append((before + whole.ids[at:at + room] + after, at))
        if at + room >= len(whole.ids):
            return whole, room, parts
        at += room - stride


def windowed(run, text, stride):
    found = []
    whole, room, parts = windows([2], text, [3], LENGTH, stride)
    for ids, at in parts:
        with torch.no_grad():
            scores = torch.softmax(run.model(input_ids=torch.tensor([ids])).logits[0], -1).numpy()
        offsets = [(0, 0)] + whole.offsets[at:at + room] + [(0, 0)]
        mask = np.array([1] + [0] * (len(ids) - 2) + [1])
        strategy = run._postprocess_params["aggregation_strategy"]
        pre = run.gather_pre_entities(text, np.array(ids), scores, np.array(offsets), mask, strategy)
        found += [row for row in run.aggregate(pre, strategy) if row["entity_group"] != "O"]
    return run.aggregate_overlapping_entities(found)


for stride in [4, 8]:
    run = T.pipeline("token-classification", model=model, tokenizer=fast, aggregation_strategy="simple")
    call("token-classification", {"aggregationStrategy": "simple", "stride": stride}, [story], windowed(run, story, stride), story)

model = make("fill-mask", "BertForMaskedLM")
run = T.pipeline("fill-mask", model=model, tokenizer=fast)
call("fill-mask", {}, ["ana [MASK] the book"], run("ana [MASK] the book"))
call("fill-mask", {"topK": 2}, ["[MASK] and [MASK] ."], run("[MASK] and [MASK] .", top_k=2))
call("fill-mask", {"targets": ["good", "bad", "dull"]}, ["the film is [MASK]"], run("the film is [MASK]", targets=["good", "bad", "dull"]))
call("fill-mask", {"topK": 1}, [["a [MASK] day", "the night is [MASK] and old"]], run(["a [MASK] day", "the night is [MASK] and old"], top_k=1))

model = make("zero-shot-classification", "BertForSequenceClassification", **labels("contradiction", "neutral", "entailment"))
run = T.pipeline("zero-shot-classification", model=model, tokenizer=fast)
call("zero-shot-classification", {}, ["the film is great", ["sport", "music", "politics"]], run("the film is great", ["sport", "music", "politics"]))
call("zero-shot-classification", {}, ["the film is great", "sport, music"], run("the film is great", "sport, music"))
call("zero-shot-classification", {"multiLabel": True, "hypothesisTemplate": "it is about {}."}, [["ana sings", "bo reads a book"], ["music", "sport"]],
     run(["ana sings", "bo reads a book"], ["music", "sport"], multi_label=True, hypothesis_template="it is about {}."))

model = make("feature-extraction", "BertModel")
run = T.pipeline("feature-extraction", model=model, tokenizer=fast)
call("feature-extraction", {}, ["the river is old"], run("the river is old"))
states = [np.array(run(text)[0]) for text in ["a day", "the old city of rome"]]
for pooling, rule in [("mean", lambda s: s.mean(0)), ("cls", lambda s: s[0]), ("lastToken", lambda s: s[-1]), ("max", lambda s: s.max(0))]:
    call("feature-extraction", {"pooling": pooling}, [["a day", "the old city of rome"]], [rule(s).tolist() for s in states])
call("feature-extraction", {"pooling": "mean", "normalize": True}, [["a day", "the old city of rome"]], [(s.mean(0) / np.linalg.norm(s.mean(0))).tolist() for s in states])

model = make("question-answering", "BertForQuestionAnswering")


def answers(question, context, top_k=1, doc_stride=None, max_len=15, max_seq=LENGTH, impossible=False, align=True):
    stride = min(max_seq // 2, 128) if doc_stride is None else doc_stride
    before = [2] + tokenizer.encode(question, add_special_tokens=False).ids + [3]
    whole, room, parts = windows(before, context, [3], max_seq, stride)
    found, none = {}, 1.0
    for ids, at in parts:
        types = [0] * len(before) + [1] * (len(ids) - len(before))
        with torch.no_grad():
            o = model(input_ids=torch.tensor([ids]), token_type_ids=torch.tensor([types]))
        inside = np.array([len(before) <= place < len(ids) - 1 for place in range(len(ids))])
        allowed = inside.copy()
        allowed[0] = True
        p = []
        for logits in (o.start_logits[0].numpy(), o.end_logits[0].numpy()):
            x = np.where(allowed, logits.astype(np.float64), -10000.0)
            e = np.exp(x - x.max())
            p.append(e / e.sum())
        none = min(none, p[0][0] * p[1][0])
        every = [(p[0][s] * p[1][e], s, e) for s in np.flatnonzero(inside) for e in np.flatnonzero(inside) if s <= e < s + max_len]
        for score, s, e in sorted(every, reverse=True)[:top_k]:
            first, last = at + s - len(before), at + e - len(before)
            if align:
                same = lambda place: [t for t in range(at, min(at + room, len(whole.ids))) if whole.word_ids[t] == whole.word_ids[place]]
                first, last = same(first)[0], same(last)[-1]
            start, end = whole.offsets[first][0], whole.offsets[last][1]
            found[(start, end)] = max(found.get((start, end), 0.0), score)
    rows = [{"score": float(score), "start": start, "end": end, "answer": context[start:end]} for (start, end), score in found.items()]
    if impossible:
        rows.append({"score": float(none), "start": 0, "end": 0, "answer": ""})
    return sorted(rows, key=lambda row: -row["score"])[:top_k]


QUESTION, CONTEXT = "who lives in berlin ?", "Ana lives in Berlin . Maria works in Paris ."
LONG = "Maria works in Paris . 😀 the singers of marlin wrote 12 books in the old city . " * 3
call("question-answering", {}, [QUESTION, CONTEXT], answers(QUESTION, CONTEXT)[0], CONTEXT)
call("question-answering", {"topK": 4}, [QUESTION, CONTEXT], answers(QUESTION, CONTEXT, 4), CONTEXT)
call("question-answering", {"topK": 3, "maxAnswerLen": 2, "alignToWords": False}, [QUESTION, LONG], answers(QUESTION, LONG, 3, max_len=2, align=False), LONG)
call("question-answering", {"topK": 5, "docStride": 6}, [QUESTION, LONG], answers(QUESTION, LONG, 5, 6), LONG)
call("question-answering", {"topK": 5, "maxSeqLen": 16, "docStride": 3, "handleImpossibleAnswer": True}, [QUESTION, LONG], answers(QUESTION, LONG, 5, 3, max_seq=16, impossible=True), LONG)
call("question-answering", {"topK": 60, "handleImpossibleAnswer": True}, [QUESTION, CONTEXT], answers(QUESTION, CONTEXT, 60, impossible=True), CONTEXT)

path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False) + "\n")
print(path.stat().st_size, "bytes", {kind: len(row["calls"]) for kind, row in out["models"].items()})
