"""PyTorch's type promotion of every pair of dtypes, as a table. Run: python test/goldens/promotion.py

Rows are tensors with an axis; columns tensors with an axis, 0-d tensors, and numbers. Entries are dtypes of a + b, a / b and
a < b, or the first words of PyTorch's error.
"""
import json
from pathlib import Path

import torch

NAMES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool"]
NUMBERS = {"whole": 2, "real": 2.5, "truth": True}
OPERATIONS = {"add": torch.add, "div": torch.div, "lt": torch.lt, "pow": torch.pow, "maximum": torch.maximum}


def dtype(name):
    return getattr(torch, name)


def outcome(operation, a, b):
    try:
        return str(operation(a, b).dtype).removeprefix("torch.")
    except Exception as error:
        return "error: " + str(error)[:40]


rows = []
for first in NAMES:
    for shape in ([2], []):
        a = torch.ones(shape, dtype=dtype(first))
        for second in NAMES:
            for other in ([2], []):
                b = torch.ones(other, dtype=dtype(second))
                found = {name: outcome(operation, a, b) for name, operation in OPERATIONS.items()}
                rows.append({"a": first, "aShape": shape, "b": second, "bShape": other, **found})
        for kind, value in NUMBERS.items():
            found = {name: outcome(OPERATIONS[name], a, value) for name in ["add", "div", "lt"]}
            rows.append({"a": first, "aShape": shape, "b": kind, "number": value, **found})
lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
Path(__file__).with_name("promotion.json").write_text(f'{{"torch":"{torch.__version__}","rows":[\n{lines}\n]}}\n')
print(len(rows), "rows")
