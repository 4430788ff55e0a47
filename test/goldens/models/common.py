"""What the golden scripts of architectures share: tiny configs, weights by a formula, outputs of transformers.

A case holds a config, the names and shapes of a checkpoint's tensors, inputs and outputs, and no weights: element i of tensor
`name` is a sine of i and of a hash of the name (see `element`), so that tests write the checkpoint themselves. Run one script, e.g.
`python test/goldens/models/bert.py`: it writes the .json beside it.
"""
import json
import zlib
from pathlib import Path

import numpy as np
import torch

DROP = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "output_attentions", "output_hidden_states", "return_dict"}
INPUTS = {"input_ids": "inputIds", "attention_mask": "attentionMask", "token_type_ids": "tokenTypeIds", "position_ids": "positionIds",
          "pixel_values": "pixelValues", "decoder_input_ids": "decoderInputIds", "decoder_attention_mask": "decoderAttentionMask"}
OUTPUTS = {"logits": "logits", "last_hidden_state": "lastHiddenState", "pooler_output": "poolerOutput", "start_logits": "startLogits",
           "end_logits": "endLogits", "image_embeds": "imageEmbeds", "text_embeds": "textEmbeds", "logits_per_image": "logitsPerImage",
           "logits_per_text": "logitsPerText"}
cases = []


def element(name, shape):
    """0.4 sin(1.7 i + h) for tables and matrices, 1 + that for weights of norms, h in [0, 2π) from the CRC-32 of the name."""
    phase = zlib.crc32(name.encode()) % 6283 / 1000
    wave = 0.4 * np.sin(1.7 * np.arange(int(np.prod(shape)), dtype=np.float64) + phase)
    base = 1.0 if len(shape) == 1 and name.endswith("weight") else 0.0
    return torch.tensor((base + wave).reshape(shape), dtype=torch.float32)


def fill(model):
    """Weights by the formula, tied ones once: the names and shapes of what the checkpoint holds."""
    tied = model.all_tied_weights_keys if model.config.tie_word_embeddings else {}
    names = {}
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name not in tied and tensor.is_floating_point():
                tensor.copy_(element(name, tensor.shape))
                names[name] = list(tensor.shape)
    return names


def case(model, inputs, note=""):
    """Runs `model` with weights by the formula; keeps what the checkpoint on disk would hold, tied tensors once."""
    model = model.eval()
    names = fill(model)
    with torch.no_grad():
        out = model(**{key: torch.tensor(value) for key, value in inputs.items()})
    config = {key: value for key, value in model.config.to_dict().items() if key not in DROP and value is not None}
    config["architectures"] = [type(model).__name__]
    outputs = {}
    for key, ours in OUTPUTS.items():
        value = out.get(key) if hasattr(out, "get") else None
        if isinstance(value, torch.Tensor):
            outputs[ours] = {"shape": list(value.shape), "data": [float(f"{x:.6g}") for x in value.double().flatten().tolist()]}
    cases.append({"note": note, "config": config, "tensors": names, "inputs": {INPUTS[key]: value for key, value in inputs.items()}, "outputs": outputs})


IDS = [[2, 7, 11, 5, 9, 3], [2, 8, 4, 3, 0, 0]]
MASK = [[1, 1, 1, 1, 1, 1], [1, 1, 1, 1, 0, 0]]


def write(name):
    path = Path(__file__).parent / f"{name}.json"
    path.write_text('{"cases": [\n' + ",\n".join(json.dumps(row) for row in cases) + "\n]}\n")
    print(name, len(cases), "cases", path.stat().st_size, "bytes")
