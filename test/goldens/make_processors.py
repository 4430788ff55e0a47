"""Goldens of image processors beyond ViT's and CLIP's, over the pictures of models/vision.json.

Run: python test/goldens/make_processors.py (needs Pillow)
"""
import base64
import importlib
import io
import json
from pathlib import Path

import numpy as np
import transformers as T
from PIL import Image

HERE = Path(__file__).parent
PICTURES = {name: Image.open(io.BytesIO(base64.b64decode(png))) for name, png in json.loads((HERE / "models" / "vision.json").read_text())["pictures"].items()}
small = {"height": 5, "width": 4}
ROWS = [
    ("DeiTImageProcessor", dict(size={"height": 9, "width": 8}, crop_size=small), ["wide", "tall", "grey"]),
    ("DeiTImageProcessorFast", dict(size=8, crop_size=6), ["wide"]),
    ("DeiTFeatureExtractor", dict(size=7, do_center_crop=False), ["tall"]),
    ("BeitImageProcessor", dict(size=small), ["wide", "tall", "clear"]),
    ("BeitImageProcessor", dict(size=9, do_center_crop=True, crop_size=7, do_reduce_labels=True), ["wide"]),
    ("BeitFeatureExtractor", dict(size=6), ["tall"]),
    ("SiglipImageProcessor", dict(size=small), ["wide", "tall", "clear"]),
    ("SiglipImageProcessorFast", dict(size=small, resample=2), ["wide"]),
    ("SiglipImageProcessor", dict(size={"shortest_edge": 6}), ["tall"]),
    ("BitImageProcessor", dict(size={"shortest_edge": 6}, crop_size=5), ["wide", "tall"]),
    ("BlipImageProcessor", dict(size=small), ["wide", "tall"]),
    ("ConvNextImageProcessor", dict(size={"shortest_edge": 5}), ["wide", "tall", "grey"]),
    ("ConvNextImageProcessor", dict(size=6, crop_pct=0.8), ["wide"]),
    ("ConvNextFeatureExtractor", dict(size={"shortest_edge": 7}, crop_pct=1.0, do_normalize=False), ["tall"]),
    ("ConvNextImageProcessor", dict(do_resize=False), ["wide"]),
    # From 384 on nothing is cropped: a picture that is known by its mean, its corners and its size.
    ("ConvNextImageProcessor", dict(size={"shortest_edge": 384}), ["wide"]),
    ("ConvNextImageProcessor", dict(), ["wide"]),
    ("DeiTImageProcessor", dict(), ["wide"]),
    ("BeitImageProcessor", dict(), ["wide"]),
    ("SiglipImageProcessor", dict(), ["wide"]),
    ("BitImageProcessor", dict(), ["wide"]),
    ("BlipImageProcessor", dict(), ["wide"]),
]


def maker(kind):
    name = kind.removesuffix("Fast").replace("FeatureExtractor", "ImageProcessor")
    module = {"DeiT": "deit", "Beit": "beit", "Siglip": "siglip", "Bit": "bit", "Blip": "blip", "ConvNext": "convnext"}[name.removesuffix("ImageProcessor")]
    return getattr(importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}"), f"{name}Pil")


def six(values):
    return [float(f"{x:.6g}") for x in values]


def row(kind, options, names):
    values = maker(kind)(**options)([PICTURES[name].convert("RGB") for name in names], return_tensors="np")["pixel_values"].astype(np.float64)
    config = {"feature_extractor_type" if kind.endswith("Extractor") else "image_processor_type": kind, **options}
    flat = values.flatten()
    # A large one by every 997th of its values.
    step = 997 if flat.size > 5000 else 1
    return {"config": config, "images": names, "shape": list(values.shape), "step": step, "data": six(flat[::step].tolist())}


(HERE / "processors.json").write_text('{"transformers": "%s", "rows": [\n%s\n]}\n' % (T.__version__, ",\n".join(json.dumps(row(*each)) for each in ROWS)))
