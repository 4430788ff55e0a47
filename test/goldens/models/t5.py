"""Goldens of T5 and mT5: outputs of every class, texts, a training step, buckets of distances. Run: python test/goldens/models/t5.py"""
import copy
import json
from pathlib import Path

import torch
import transformers as T
from transformers import MT5Config, T5Config
from transformers.models.t5.modeling_t5 import T5Attention

import common
from common import case, element, write

SIZES = dict(vocab_size=24, d_model=16, d_kv=5, d_ff=20, num_layers=2, num_heads=3, decoder_start_token_id=0)
# Near and far distances within a short text: buckets of one and shared ones.
NEAR = dict(relative_attention_num_buckets=8, relative_attention_max_distance=10)
IDS = [[2, 7, 11, 5, 9, 8, 13, 4, 17, 1], [6, 8, 4, 19, 1, 0, 0, 0, 0, 0]]
MASK = [[1] * 10, [1] * 5 + [0] * 5]
DECODER = [[0, 5, 9, 3], [0, 12, 1, 0]]
SOURCE = dict(input_ids=IDS, attention_mask=MASK)
BOTH = dict(SOURCE, decoder_input_ids=DECODER)
THREE = dict(id2label={0: "A", 1: "B", 2: "C"}, label2id={"A": 0, "B": 1, "C": 2})


def untied(model):
    """A head of its own, as version 1.1 has it; a config.json of those days says so with tie_word_embeddings."""
    model.lm_head.weight = torch.nn.Parameter(torch.zeros_like(model.shared.weight))
    model.all_tied_weights_keys = {key: of for key, of in model.all_tied_weights_keys.items() if key != "lm_head.weight"}
    return model


def as_saved_then():
    common.cases[-1]["config"]["tie_word_embeddings"] = False
    common.cases[-1]["config"].pop("scale_decoder_outputs", None)


HEADS = {"Model": BOTH, "EncoderModel": SOURCE, "ForConditionalGeneration": BOTH, "ForQuestionAnswering": SOURCE,
         "ForSequenceClassification": SOURCE, "ForTokenClassification": SOURCE}
for name, config in [("T5", T5Config), ("MT5", MT5Config)]:
    for head, inputs in HEADS.items():
        labels = THREE if "Sequence" in head or "Token" in head else {}
        case(getattr(T, name + head)(config(**SIZES, **NEAR, **labels)), inputs)

GENERATION = T.T5ForConditionalGeneration
case(GENERATION(T5Config(**SIZES)), BOTH, note="buckets of usual size")
case(GENERATION(T5Config(**SIZES, **NEAR, num_decoder_layers=3, use_cache=False)), BOTH, note="more layers in the decoder")
case(GENERATION(T5Config(**SIZES, **NEAR, num_decoder_layers=1)), dict(BOTH, decoder_attention_mask=[[1, 1, 1, 1], [1, 1, 1, 0]]), note="fewer layers in the decoder, masked")
case(GENERATION(T5Config(**SIZES, **NEAR, feed_forward_proj="gated-silu")), dict(BOTH, attention_mask=[[0, 0] + [1] * 8, [1] * 10]), note="gated-silu, padding in front")
case(untied(GENERATION(T5Config(**SIZES, **NEAR, feed_forward_proj="gated-gelu", tie_word_embeddings=False))), BOTH, note="version 1.1")
as_saved_then()
case(untied(T.MT5ForConditionalGeneration(MT5Config(**SIZES, **NEAR))), BOTH, note="untied")
as_saved_then()


def weighted(model):
    """The formula's weights."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name not in model.all_tied_weights_keys:
                tensor.copy_(element(name, tensor.shape))
    return model.eval()


# --- texts ---

texts = []
TOKENS = dict(pad_token_id=0, decoder_start_token_id=0)


def texts_of(title, model, case_at, rows, **options):
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    # With more layers in the decoder transformers 5.18 makes too small a cache.
    cached = model.config.num_decoder_layers <= model.config.num_layers
    out = model.generate(input_ids=ids, attention_mask=mask, use_cache=cached, **TOKENS, **options)
    texts.append({"title": title, "case": case_at, "rows": rows, "options": options, "out": [row.tolist() for row in out]})


notes = {(c["config"]["architectures"][0], c["note"]): at for at, c in enumerate(common.cases)}
ROWS = [[2, 7, 11, 5, 9, 8, 13, 4, 17, 1], [6, 8, 4, 19, 1], [3, 1], [21, 22, 20, 1]]
for end, note, make in [(3, "", lambda: GENERATION(T5Config(**SIZES, **NEAR))),
                        (3, "more layers in the decoder", lambda: GENERATION(T5Config(**SIZES, **NEAR, num_decoder_layers=3, use_cache=False))),
                        (10, "version 1.1", lambda: untied(GENERATION(T5Config(**SIZES, **NEAR, feed_forward_proj="gated-gelu", tie_word_embeddings=False))))]:
    at = notes[("T5ForConditionalGeneration", note)]
    model = weighted(make())
    texts_of("greedy", model, at, ROWS, eos_token_id=end, max_new_tokens=40)
    texts_of("greedy, one source", model, at, ROWS[:1], eos_token_id=end, max_new_tokens=40, forced_bos_token_id=7)
    texts_of("beams", model, at, ROWS, eos_token_id=end, max_new_tokens=14, num_beams=3, num_return_sequences=2, early_stopping=True)
    texts_of("beams without repetition", model, at, ROWS, eos_token_id=end, max_new_tokens=14, num_beams=4, no_repeat_ngram_size=2, length_penalty=0.6)

# --- a training step ---

LABELS = [[5, 9, 3, 1], [12, 1, -100, -100]]
model = weighted(GENERATION(T5Config(**SIZES, **NEAR)))
out = model(**{key: torch.tensor(value) for key, value in SOURCE.items()}, labels=torch.tensor(LABELS))
out.loss.backward()
norms = {name: float(f"{p.grad.norm():.7g}") for name, p in model.named_parameters()}
training = {"case": notes[("T5ForConditionalGeneration", "")], "labels": LABELS, "loss": float(f"{out.loss:.8g}"), "norms": norms}

# --- fresh weights: their deviations ---

torch.manual_seed(0)
fresh = {}
model = GENERATION(T5Config(vocab_size=24, d_model=64, d_kv=8, d_ff=96, num_layers=1, num_heads=4, initializer_factor=0.5, feed_forward_proj="gated-gelu"))
for name, p in model.named_parameters():
    fresh[name] = float(f"{p.std() if p.ndim > 1 else p.mean():.3g}")

# --- buckets ---

buckets = []
for is_two_sided in [True, False]:
    for count, farthest in [(32, 128), (8, 10), (32, 20), (16, 128), (33, 100), (64, 1000)]:
        distances = torch.arange(-farthest, farthest + 1)
        row = T5Attention._relative_position_bucket(distances, is_two_sided, count, farthest)
        buckets.append({"isBidirectional": is_two_sided, "buckets": count, "farthest": farthest, "of": row.tolist()})

write("t5")
path = Path(__file__).parent / "t5.json"
content = json.loads(path.read_text())
extra = {"texts": texts, "training": training, "fresh": fresh, "buckets": buckets}
rows = ",\n".join(json.dumps(row) for row in content["cases"])
path.write_text('{"cases": [\n' + rows + "\n],\n" + json.dumps(extra)[1:-1] + "}\n")
