"""Goldens of the pipelines that see images: transformers' own on tiny models, weights by the formula of ../models/common.py.

Pictures are drawn here and go through Pillow, as do all of transformers' processors in this script.
Run: python test/goldens/pipelines/images.py
"""
import base64
import io
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers as T
from PIL import Image
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

sys.path.insert(0, str(Path(__file__).parent.parent / "models"))
from common import DROP, element

T.logging.set_verbosity_error()


def drawn(height, width, mode, phase):
    channels = {"L": 1, "RGB": 3, "RGBA": 4}[mode]
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    waves = 127.5 + 127.5 * np.sin(0.8 * x + 0.5 * y + 1.3 * c + phase)
    return Image.fromarray(np.round(waves).astype(np.uint8).squeeze(), mode)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


PICTURES = {"wide": drawn(7, 12, "RGB", 0), "tall": drawn(13, 9, "RGB", 2), "grey": drawn(9, 8, "L", 1), "clear": drawn(8, 8, "RGBA", 4)}

WORDS = "this is a photo of the cat dog red car old house in rain at night , . two".split()
TOKENS = ["[UNK]", "[BOS]", "[EOS]", *WORDS]
LENGTH = 16
tokenizer = Tokenizer(models.WordLevel({token: at for at, token in enumerate(TOKENS)}, unk_token="[UNK]"))
tokenizer.normalizer = normalizers.Lowercase()
tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
tokenizer.post_processor = processors.TemplateProcessing(single="[BOS] $A [EOS]", special_tokens=[("[BOS]", 1), ("[EOS]", 2)])
tokenizer.add_special_tokens(["[UNK]", "[BOS]", "[EOS]"])
# As CLIP has it, what fills rows is what ends them.
WORDING = dict(model_max_length=LENGTH, unk_token="[UNK]", bos_token="[BOS]", eos_token="[EOS]", pad_token="[EOS]")
fast = T.PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_input_names=["input_ids", "attention_mask"], **WORDING)

VIT = dict(size={"height": 8, "width": 8})
CLIP = dict(size={"shortest_edge": 8}, crop_size={"height": 8, "width": 8})
out = {"pictures": {name: png(image) for name, image in PICTURES.items()}, "tokenizer": json.loads(tokenizer.to_str()),
       "tokenizerConfig": {**WORDING, "tokenizer_class": "PreTrainedTokenizerFast"},
       "processors": {"vit": {"image_processor_type": "ViTImageProcessor", **VIT}, "clip": {"image_processor_type": "CLIPImageProcessor", **CLIP}}, "models": {}}
PROCESSORS = {"vit": ViTImageProcessorPil(**VIT), "clip": CLIPImageProcessorPil(**CLIP)}


def plain_config(config):
    return {key: plain_config(value) if isinstance(value, dict) else value for key, value in config.items() if key not in DROP and value is not None}


def make(name, task, kind, model):
    """The model as read from a checkpoint by the formula."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path = f"{folder}/model.safetensors"
        tensors = {key: element(key, tensor.shape) for key, tensor in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
        again = type(model).from_pretrained(folder).eval()
    config = {**plain_config(again.config.to_dict()), "architectures": [type(model).__name__]}
    out["models"][name] = {"task": task, "processor": kind, "config": config, "tensors": {key: list(tensor.shape) for key, tensor in tensors.items()}, "calls": []}
    return again


def plain(value):
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def call(name, images, more, options, result):
    out["models"][name]["calls"].append({"images": images, "args": more, "options": options, "result": plain(result)})


def picked(names):
    return [PICTURES[name] for name in names] if isinstance(names, list) else PICTURES[names]


SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, image_size=8, patch_size=4)
ANIMALS = ["cat", "dog", "bird", "fish", "newt", "crab", "moth"]
ALL = list(PICTURES)


def labels(names):
    return dict(id2label=dict(enumerate(names)), label2id={name: at for at, name in enumerate(names)})


def classifier(name, names, cases, **more):
    model = make(name, "image-classification", "vit", T.ViTForImageClassification(T.ViTConfig(**SIZES, **labels(names), **more)))
    run = T.pipeline("image-classification", model=model, image_processor=PROCESSORS["vit"])
    for images, ours, theirs in cases:
        call(name, images, [], ours, run(picked(images), **theirs))


classifier("several", ANIMALS, [
    ("wide", {}, {}), (ALL, {}, {}), (ALL, {"batchSize": 3}, {}), ("tall", {"topK": 2}, {"top_k": 2}), ("grey", {"topK": 50}, {"top_k": 50}),
    ("clear", {"functionToApply": "sigmoid"}, {"function_to_apply": "sigmoid"}), (["wide"], {"functionToApply": "none"}, {"function_to_apply": "none"}),
    ("tall", {"functionToApply": "softmax", "topK": 7}, {"function_to_apply": "softmax", "top_k": 7})])
classifier("multi", ANIMALS[:3], [("wide", {}, {}), ("wide", {"functionToApply": "softmax"}, {"function_to_apply": "softmax"})], problem_type="multi_label_classification")
classifier("one", ["good"], [("wide", {}, {}), ("tall", {"functionToApply": "none"}, {"function_to_apply": "none"})], problem_type="regression")

TEXT = dict(vocab_size=len(TOKENS), hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, max_position_embeddings=LENGTH,
            bos_token_id=1, eos_token_id=2, pad_token_id=2, projection_dim=6)
VISION = dict(**{**SIZES, "hidden_size": 12, "num_attention_heads": 3}, projection_dim=6)
clip = make("clip", "zero-shot-image-classification", "clip", T.CLIPModel(T.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=6)))
run = T.pipeline("zero-shot-image-classification", model=clip, image_processor=PROCESSORS["clip"], tokenizer=fast)
THINGS = ["cat", "old dog", "red car in the rain", "house"]
for images, things, ours, theirs in [
    ("wide", THINGS, {}, {}), (ALL, THINGS, {}, {}), (ALL, THINGS, {"batchSize": 1}, {}), ("grey", ["dog"], {}, {}),
    (["tall", "clear"], ["two cat", "cat at night"], {"hypothesisTemplate": "the {} , a photo"}, {"hypothesis_template": "the {} , a photo"}),
]:
    call("clip", images, [things], ours, run(picked(images), candidate_labels=things, **theirs))
# Python's pipeline fails on what is longer than the model, and drops its own option to cut it: here its steps one by one.
things = ["house", "old old red red car in the rain at night , of two dog"]
words = fast([f"This is a photo of {thing}." for thing in things], padding=True, truncation=True, return_tensors="pt")
with torch.no_grad():
    logits = clip(**words, **PROCESSORS["clip"](PICTURES["clear"].convert("RGB"), return_tensors="pt")).logits_per_image[0]
scores = logits.softmax(-1).tolist()
call("clip", "clear", [things], {}, [{"score": score, "label": thing} for score, thing in sorted(zip(scores, things), reverse=True)])

for name, kind, model in [("vit", "vit", T.ViTModel(T.ViTConfig(**SIZES))), ("tower", "clip", T.CLIPVisionModel(T.CLIPVisionConfig(**VISION)))]:
    run = T.pipeline("image-feature-extraction", model=make(name, "image-feature-extraction", kind, model), image_processor=PROCESSORS[kind])
    for images in ["wide", ["tall", "grey"]]:
        for pool in [False, True]:
            each = [run(PICTURES[one], pool=pool)[0] for one in (images if isinstance(images, list) else [images])]
            call(name, images, [], {"pool": True} if pool else {}, each)

path = Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False) + "\n")
print(path.stat().st_size, "bytes", {name: len(row["calls"]) for name, row in out["models"].items()})
