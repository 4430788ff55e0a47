"""Goldens of ViT, CLIP and their image processors. Run: python test/goldens/models/vision.py (needs Pillow)

Names of tensors are those that transformers writes to disk, which differ from those in memory: each model is saved, its checkpoint
filled by the formula, and loaded again. `training` holds one step of a classifier, `processors` what Python's PIL path makes of
tiny pictures that the script itself draws.
"""
import base64
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import torch
import transformers as T
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

import common
from common import DROP, INPUTS, OUTPUTS, cases, element

T.logging.set_verbosity_error()


def loaded(model):
    """The model as read from a checkpoint by the formula, and the shapes of that checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        path = f"{folder}/model.safetensors"
        tensors = {name: element(name, tensor.shape) for name, tensor in load_file(path).items()}
        save_file(tensors, path, metadata={"format": "pt"})
        again = type(model).from_pretrained(folder, attn_implementation="eager")
    return again.eval(), {name: list(tensor.shape) for name, tensor in tensors.items()}


def six(values):
    return [float(f"{x:.6g}") for x in values]


def plain(config):
    return {key: plain(value) if isinstance(value, dict) else value for key, value in config.items() if key not in DROP and value is not None}


def case(model, inputs, note=""):
    model, names = loaded(model)
    with torch.no_grad():
        out = model(**{key: torch.tensor(value) for key, value in inputs.items()})
    outputs = {ours: {"shape": list(out[key].shape), "data": six(out[key].double().flatten().tolist())}
               for key, ours in OUTPUTS.items() if isinstance(out.get(key), torch.Tensor)}
    config = {**plain(model.config.to_dict()), "architectures": [type(model).__name__]}
    cases.append({"note": note, "config": config, "tensors": names, "inputs": {INPUTS[key]: value for key, value in inputs.items()}, "outputs": outputs})


def pictures(count, channels, size):
    waves = np.sin(0.37 * np.arange(count * channels * size * size)).reshape(count, channels, size, size)
    return np.round(waves, 3).tolist()


SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, image_size=8, patch_size=4)
THREE = dict(id2label={0: "A", 1: "B", 2: "C"}, label2id={"A": 0, "B": 1, "C": 2})
pixels = dict(pixel_values=pictures(2, 3, 8))
case(T.ViTModel(T.ViTConfig(**SIZES)), pixels)
case(T.ViTModel(T.ViTConfig(**{**SIZES, "image_size": 10}, qkv_bias=False, num_channels=1, hidden_act="gelu_new", pooler_act="relu", pooler_output_size=6)),
     dict(pixel_values=pictures(2, 1, 10)), note="grey, no biases, a smaller pooler, pixels left over")
case(T.ViTForImageClassification(T.ViTConfig(**SIZES, **THREE)), pixels)

TEXT = dict(vocab_size=24, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=20, max_position_embeddings=12, projection_dim=6,
            bos_token_id=22, eos_token_id=23, pad_token_id=1)
VISION = dict(**{**SIZES, "hidden_size": 12, "num_attention_heads": 3}, projection_dim=6)
PADDED = [[22, 7, 11, 5, 23, 23], [22, 8, 23, 1, 1, 1]]
MASK = [[1, 1, 1, 1, 1, 0], [1, 1, 1, 0, 0, 0]]
words = dict(input_ids=PADDED, attention_mask=MASK)
# Before the end of a text was named rightly, it was the largest id: here 20, and 23 is a word that no text has.
legacy = dict(input_ids=[[19, 7, 11, 5, 20, 20], [19, 8, 20, 1, 1, 1]], attention_mask=MASK)
text = lambda **more: T.CLIPTextConfig(**{**TEXT, **more})
vision = lambda **more: T.CLIPVisionConfig(**{**VISION, **more})
case(T.CLIPTextModel(text()), words)
case(T.CLIPTextModel(text(eos_token_id=2)), legacy, note="the end of a text is its largest id")
case(T.CLIPTextModelWithProjection(text(hidden_act="gelu")), words)
case(T.CLIPVisionModel(vision()), pixels)
case(T.CLIPVisionModelWithProjection(vision(hidden_act="gelu")), pixels)
three = dict(pixel_values=pictures(3, 3, 8))
case(T.CLIPModel(T.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=6)), {**words, **three})
case(T.CLIPModel(T.CLIPConfig(text_config={**TEXT, "eos_token_id": 2, "projection_dim": 512}, vision_config=VISION, projection_dim=5)), {**legacy, **three},
     note="the end of a text is its largest id")


def training():
    """Loss and norms of gradients of one step of a classifier."""
    model, names = loaded(T.ViTForImageClassification(T.ViTConfig(**SIZES, **THREE)))
    model.train()
    loss = model(pixel_values=torch.tensor(pixels["pixel_values"]), labels=torch.tensor([2, 0])).loss
    loss.backward()
    # In memory the names are others: gradients go out through a copy of the model that holds them as weights.
    gradients = {name: value.grad.clone() for name, value in model.named_parameters()}
    with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        for name, value in model.named_parameters():
            value.copy_(gradients[name])
        model.save_pretrained(folder)
        norms = {name: six([value.double().norm().item()])[0] for name, value in load_file(f"{folder}/model.safetensors").items()}
    config = {**plain(model.config.to_dict()), "architectures": [type(model).__name__]}
    return {"config": config, "tensors": names, "pixelValues": pixels["pixel_values"], "labels": [2, 0], "loss": six([loss.item()])[0], "norms": norms}


def starts():
    """Deviations of fresh weights, of tables and matrices of some size; `scale` is the one number that is no weight."""
    torch.manual_seed(0)
    # The text's own range is not that of its tables; factors go into all.
    wide = dict(hidden_size=48, num_hidden_layers=3, num_attention_heads=4, intermediate_size=96, initializer_factor=2.0)
    texts = {**TEXT, **wide, "vocab_size": 60, "max_position_embeddings": 40, "projection_dim": 32, "initializer_range": 0.5}
    images = {**VISION, **wide, "hidden_size": 40, "image_size": 24, "projection_dim": 32, "initializer_range": 0.05}
    rows = []
    for model in [T.ViTForImageClassification(T.ViTConfig(**{**SIZES, **THREE, "hidden_size": 48, "image_size": 24}, initializer_range=0.1)),
                  T.CLIPModel(T.CLIPConfig(text_config=texts, vision_config=images, projection_dim=32, initializer_factor=3.0, logit_scale_init_value=1.5)),
                  T.CLIPTextModelWithProjection(T.CLIPTextConfig(**texts)), T.CLIPVisionModelWithProjection(T.CLIPVisionConfig(**images))]:
        with tempfile.TemporaryDirectory() as folder:
            model.save_pretrained(folder)
            weights = load_file(f"{folder}/model.safetensors")
        rows.append({"config": {**plain(model.config.to_dict()), "architectures": [type(model).__name__]}, "scale": six([weights["logit_scale"].item()])[0] if "logit_scale" in weights else None,
                     "deviations": {name: float(f"{w.double().std().item():.4g}") for name, w in weights.items() if w.numel() >= 1000},
                     "constants": {name: w.flatten()[0].item() for name, w in weights.items() if w.dim() == 1 and not name.endswith("class_embedding")}})
    return rows


def drawn(height, width, mode):
    """Waves with hard edges: what a filter overshoots at is in it."""
    channels = {"L": 1, "RGB": 3, "RGBA": 4, "LA": 2}[mode]
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    waves = 127.5 + 127.5 * np.sin(0.9 * x + 0.5 * y + 1.3 * c) * np.where((x // 3 + y // 4) % 2, 1, -0.6)
    return Image.fromarray(np.round(waves).astype(np.uint8).squeeze(), mode)


def png(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return base64.b64encode(buffer.getvalue()).decode()


PICTURES = {"wide": drawn(7, 11, "RGB"), "tall": drawn(13, 6, "RGB"), "grey": drawn(9, 8, "L"), "clear": drawn(8, 9, "RGBA"),
            "palette": drawn(6, 7, "RGB").quantize(5), "two": drawn(5, 6, "LA")}
small = {"height": 5, "width": 4}
PROCESSORS = [
    ("ViTImageProcessor", dict(size=small), ["wide", "tall", "grey", "clear", "palette", "two"]),
    ("ViTImageProcessorFast", dict(size=6), ["wide"]),
    ("ViTFeatureExtractor", dict(size=[5, 9], do_normalize=False), ["wide"]),
    *[("ViTImageProcessor", dict(size=small, resample=code), ["tall"]) for code in [0, 1, 2, 3, 4, 5]],
    *[("ViTImageProcessor", dict(size={"height": 17, "width": 15}, resample=code), ["wide"]) for code in [0, 1, 3]],
    ("ViTImageProcessor", dict(size=small, do_rescale=False, do_normalize=False), ["wide"]),
    ("ViTImageProcessor", dict(size=small, rescale_factor=1 / 127.5, image_mean=[1, 1, 1], image_std=[1, 1, 1]), ["wide"]),
    ("ViTImageProcessor", dict(size=small, image_mean=0.4, image_std=0.3), ["wide"]),
    ("ViTImageProcessor", dict(do_resize=False, image_mean=[0.1, 0.2, 0.3], image_std=[0.4, 0.5, 0.6]), ["wide"]),
    ("ViTImageProcessor", dict(size=small, do_convert_rgb=False, image_mean=[0.3], image_std=[0.2]), ["grey"]),
    ("CLIPImageProcessor", dict(size={"shortest_edge": 5}, crop_size=small), ["wide", "tall", "clear"]),
    ("CLIPImageProcessorFast", dict(size=6, crop_size=5), ["tall"]),
    ("CLIPFeatureExtractor", dict(size={"shortest_edge": 4}, crop_size={"height": 7, "width": 9}), ["tall"]),
    ("CLIPImageProcessor", dict(size={"shortest_edge": 6}, do_center_crop=False), ["wide"]),
    ("CLIPImageProcessor", dict(do_resize=False, crop_size={"height": 4, "width": 20}), ["wide"]),
]


def processed(kind, options, names):
    make = CLIPImageProcessorPil if kind.startswith("CLIP") else ViTImageProcessorPil
    # An encoded picture becomes RGB, as by transformers' load_image, unless the config says that it must not.
    images = [PICTURES[name] if options.get("do_convert_rgb") is False else PICTURES[name].convert("RGB") for name in names]
    values = make(**options)(images, return_tensors="np")["pixel_values"]
    config = {"image_processor_type": kind, **options}
    if kind.endswith("Extractor"):
        config = {"feature_extractor_type": kind, **options}
    return {"config": config, "images": names, "shape": list(values.shape), "data": six(values.astype(np.float64).flatten().tolist())}


def floats():
    """Tensors in place of pictures: 0 to 1 goes through 8 bits and back, whole numbers as bytes."""
    unit = np.round(np.array(PICTURES["wide"]).astype(np.float32) / 255, 4).transpose(2, 0, 1)
    rows = []
    for name, values in [("unit", unit), ("whole", np.array(PICTURES["wide"]).astype(np.float32).transpose(2, 0, 1))]:
        for options in [dict(size=small), dict(do_resize=False)]:
            made = ViTImageProcessorPil(**options)(values, input_data_format="channels_first", return_tensors="np")["pixel_values"]
            rows.append({"config": {"image_processor_type": "ViTImageProcessor", **options}, "input": six(values.astype(np.float64).flatten().tolist()), "size": list(values.shape),
                         "shape": list(made.shape), "data": six(made.astype(np.float64).flatten().tolist())})
    return rows


extra = {"training": training(), "starts": starts(), "pictures": {name: png(image) for name, image in PICTURES.items()}, "processors": [processed(*row) for row in PROCESSORS], "floats": floats()}
common.write("vision")
path = Path(__file__).parent / "vision.json"
body = path.read_text().rstrip().removesuffix("}")
path.write_text(body.rstrip() + ",\n" + ",\n".join(f'"{key}": {json.dumps(value)}' for key, value in extra.items()) + "\n}\n")
print(path.stat().st_size, "bytes in all;", len(json.dumps(extra["pictures"])), "of pictures")
