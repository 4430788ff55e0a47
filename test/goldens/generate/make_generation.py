"""A tiny GPT-2 with peaked distributions, and what Hugging Face transformers generates with it.

python make_generation.py FIXTURE_FOLDER > generation.json writes the model into the folder (test/fixtures/generate) and the
goldens to the output. Options have the names of generation_config.json. Rows are new tokens, cut after their end token; a
prompt of a padded batch that reads ids would see the padding, so only "padded" cases run as a batch.
"""
import json
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, decoders, models
from transformers import GenerationConfig, GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, TextStreamer

folder = Path(sys.argv[1])
V = 64
config = GPT2Config(
    vocab_size=V, n_embd=24, n_layer=2, n_head=2, n_positions=96, bos_token_id=0, eos_token_id=1, pad_token_id=2,
    initializer_range=0.35, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0,
)
torch.manual_seed(3)
model = GPT2LMHeadModel(config).eval()
model.generation_config = GenerationConfig()
folder.mkdir(parents=True, exist_ok=True)
model.save_pretrained(folder)
(folder / "generation_config.json").unlink(missing_ok=True)

syllables = [a + b for a in ["", "s", "t", "k", " s", " m", "r", "st"] for b in ["a", "o", "e", "op", "it", "un", ".", "é"]]
words = {text: id for id, text in enumerate(dict.fromkeys(syllables))}
assert len(words) == V
# Python cuts this word into tokens to learn how the tokenizer treats the start of a text.
backend = Tokenizer(models.WordLevel({**words, "abcdef": V}, unk_token="a"))
backend.decoder = decoders.Fuse()
tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend)

prompts = [[5, 9, 13], [40, 41, 42, 43, 44, 45, 46, 47], [7], [20, 21, 20, 21, 20]]


def run(rows, options, **more):
    longest = max(map(len, rows))
    padded = torch.tensor([[2] * (longest - len(r)) + r for r in rows])
    mask = torch.tensor([[0] * (longest - len(r)) + [1] * len(r) for r in rows])
    out = model.generate(
        padded, attention_mask=mask, pad_token_id=2, return_dict_in_generate=True, output_scores=True,
        **{"max_new_tokens": 24, "eos_token_id": None, "do_sample": False, **options}, **more,
    )
    return out, longest


def cut(ids, eos):
    ends = [at for at, id in enumerate(ids) if id in eos]
    return ids[: ends[0] + 1] if ends else ids


def eos_of(options):
    eos = options.get("eos_token_id", [])
    return [eos] if isinstance(eos, int) else eos


def texts(out, longest, options):
    return [cut(row[longest:].tolist(), eos_of(options)) for row in out.sequences]


def case(name, options, **more):
    rows = [run([prompt], options, **more) for prompt in prompts]
    ids = [texts(out, n, options) for out, n in rows]
    scores = [out.sequences_scores.tolist() for out, _ in rows if "sequences_scores" in out]
    return {"name": name, "options": options, "rows": ids, "sequencesScores": scores}


EOS = [57, 13]
bias = [[[51], -2.0], [[52, 57], -6.0], [[18, 20], 3.0]]
processors = {
    "repetition": {"repetition_penalty": 1.3},
    "repetition below 1": {"repetition_penalty": 0.8},
    "encoder repetition": {"encoder_repetition_penalty": 1.5},
    "no repeat bigrams": {"no_repeat_ngram_size": 2},
    "no repeat trigrams": {"no_repeat_ngram_size": 3},
    "encoder no repeat": {"encoder_no_repeat_ngram_size": 1},
    "bad words": {"bad_words_ids": [[51], [52, 52], [57, 57]]},
    "sequence bias": {"sequence_bias": bias},
    "suppress": {"suppress_tokens": [51, 57, 13]},
    "begin suppress": {"begin_suppress_tokens": [22, 13, 51, 6]},
    "forced bos": {"forced_bos_token_id": 33},
    "forced bos, begin suppress": {"forced_bos_token_id": 33, "begin_suppress_tokens": [51, 52, 18]},
    "forced eos": {"forced_eos_token_id": 57, "eos_token_id": 57},
    "forced eos of two": {"forced_eos_token_id": [3, 4]},
    "min length": {"min_length": 14, "eos_token_id": EOS},
    "min new tokens": {"min_new_tokens": 9, "eos_token_id": EOS},
    "decay": {"exponential_decay_length_penalty": [3, 1.4], "eos_token_id": 30},
    "renormalize": {"renormalize_logits": True, "repetition_penalty": 1.2},
    "remove invalid": {"remove_invalid_values": True},
    "guidance": {"guidance_scale": 1.7},
    "guidance below 1": {"guidance_scale": 0.6, "repetition_penalty": 1.2},
    "max length": {"max_new_tokens": None, "max_length": 15},
    "all of them": {
        "sequence_bias": bias, "repetition_penalty": 1.2, "no_repeat_ngram_size": 3, "bad_words_ids": [[60]],
        "min_new_tokens": 6, "suppress_tokens": [5], "begin_suppress_tokens": [22], "forced_eos_token_id": 57,
        "exponential_decay_length_penalty": [6, 1.1], "renormalize_logits": True, "eos_token_id": EOS,
    },
}
cases = [
    case("greedy", {}),
    case("one end token", {"eos_token_id": 57}),
    case("two end tokens", {"eos_token_id": EOS}),
    *(case(name, options) for name, options in processors.items()),
]
beams = []
for n in (2, 3, 5):
    for early in (False, True, "never"):
        for penalty in (1.0, 0.0, 2.0, -1.0):
            options = {"num_beams": n, "early_stopping": early, "length_penalty": penalty, "eos_token_id": EOS}
            beams.append(case(f"{n} beams, early {early}, penalty {penalty}", {**options, "num_return_sequences": n}))
beams.append(case("4 beams without an end", {"num_beams": 4, "num_return_sequences": 2}))
beams.append(case("4 beams, one end", {"num_beams": 4, "eos_token_id": 51, "num_return_sequences": 3}))
beams.append(case("20 beams", {"num_beams": 20, "eos_token_id": EOS}))
# Not with beams: Python does not reorder the other cache of a guidance with them, rewards the source in the first of them
# alone, and chooses among equals by no rule.
without_beams = {"guidance", "guidance below 1", "encoder repetition", "forced eos of two"}
for name, options in processors.items():
    if name not in without_beams:
        beams.append(case(f"3 beams, {name}", {**options, "num_beams": 3}))

padded = []
for name, options in {
    "greedy": {"eos_token_id": EOS},
    "min new tokens": processors["min new tokens"],
    "beams": {"num_beams": 4, "eos_token_id": EOS},
    "beams without an end": {"num_beams": 3},
    "early beams": {"num_beams": 3, "eos_token_id": EOS, "early_stopping": True, "length_penalty": 2.0},
}.items():
    out, n = run(prompts, options)
    padded.append({"name": name, "options": options, "rows": texts(out, n, options)})

stops = []
for strings in (["op"], [" m"], ["unt", "itst"], ["prop", "tstos"], ["ésé", "ést"], ["stopst"], ["é"], ["opaop"], ["tes", "rit.", "ost"]):
    for beam in (1, 3):
        options = {"stop_strings": strings, "num_beams": beam}
        stops.append(case(f"{strings}, {beam} beams", options, tokenizer=tokenizer))


def scored(options):
    out, n = run([prompts[0]], options, output_logits=True)
    plain = lambda steps: [[None if v == float("-inf") else round(v, 6) for v in s[0].tolist()] for s in steps[:6]]
    return {"options": options, "scores": plain(out.scores), "logits": plain(out.logits)}


def distribution(options, steps=2):
    """Probabilities of all texts of two tokens, from the scores that a draw is made from."""
    found = {}
    sampled = {"do_sample": True, "max_new_tokens": 1, **options}
    first = torch.cat([s.softmax(-1) for s in run([prompts[0]], sampled)[0].scores])[0]
    for a in first.nonzero().flatten().tolist():
        second = run([prompts[0] + [a]], sampled)[0].scores[0].softmax(-1)[0]
        for b in second.nonzero().flatten().tolist():
            found[f"{a} {b}"] = (first[a] * second[b]).item()
    return {"options": options, "probabilities": found}


def frequencies(options, draws=4000):
    """How often each text comes, of many draws of a beam sampling; the draws are done side by side."""
    torch.manual_seed(1)
    counts = {}
    out, n = run([prompts[0]] * draws, {"do_sample": True, "max_new_tokens": 2, **options})
    for row in out.sequences.tolist():
        key = " ".join(map(str, row[n:]))
        counts[key] = counts.get(key, 0) + 1
    return {"options": options, "draws": draws, "counts": counts}


class Pieces(TextStreamer):
    def on_finalized_text(self, text, stream_end=False):
        self.pieces = [*getattr(self, "pieces", []), text]


def streamed(prompt, skip_prompt):
    streamer = Pieces(tokenizer, skip_prompt=skip_prompt)
    model.generate(torch.tensor([prompt]), max_new_tokens=24, pad_token_id=2, do_sample=False, streamer=streamer)
    return [piece for piece in streamer.pieces if piece]


print(
    json.dumps(
        {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "prompts": prompts,
            "words": list(words),
            "cases": cases,
            "beams": beams,
            "padded": padded,
            "stops": stops,
            "streamed": [[streamed(prompt, skip) for skip in (False, True)] for prompt in prompts],
            "scored": [
                scored({}),
                scored({"repetition_penalty": 1.3, "suppress_tokens": [51], "renormalize_logits": True}),
                scored({"guidance_scale": 1.7}),
            ],
            "distributions": [
                distribution({}),
                distribution({"temperature": 0.7, "top_k": 8}),
                distribution({"top_k": 0, "top_p": 0.6, "repetition_penalty": 1.2}),
                distribution({"top_k": 0, "typical_p": 0.5, "min_p": 0.05}),
            ],
            "frequencies": [
                frequencies({"num_beams": 2}),
                frequencies({"num_beams": 3, "top_k": 6, "temperature": 1.3, "eos_token_id": EOS}),
            ],
        }
    )
)
