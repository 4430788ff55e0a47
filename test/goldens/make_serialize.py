"""Writes test/fixtures/serialize: files of PyTorch, numpy and safetensors, and expected.json, which says what is in them.

Run with torch, numpy and safetensors installed: python test/goldens/make_serialize.py
"""
import collections
import json
import struct
from pathlib import Path

import numpy as np
import safetensors
import torch
from safetensors.torch import save

home = Path(__file__).parent.parent / "fixtures" / "serialize"
home.mkdir(exist_ok=True)
torch.manual_seed(3)

# --- PyTorch ---

layer = torch.nn.Linear(3, 2)
optimizer = torch.optim.Adam(layer.parameters(), lr=0.01)
layer(torch.ones(4, 3)).sum().backward()
optimizer.step()
x = torch.arange(6, dtype=torch.float32).reshape(2, 3)
DTYPES = ["float32", "float64", "float16", "bfloat16", "int8", "int16", "int32", "int64", "uint8", "bool"]
value = {
    "model": layer.state_dict(),
    "optimizer": optimizer.state_dict(),
    "views": {"all": x, "t": x.t(), "row": x[1], "column": x[:, 1], "wide": torch.ones(1).expand(3), "none": x[:0]},
    "parameter": layer.weight,
    "frozen": torch.nn.Parameter(torch.ones(1), requires_grad=False),
    "dtypes": {name: torch.tensor([0, 1, 100]).to(getattr(torch, name)) for name in DTYPES},
    "scalar": torch.tensor(2.5),
    "epoch": 3,
    "lr": 1e-3,
    "names": ("a", ["b", "ü"]),
    "nothing": None,
    "flags": [True, False],
    "numbers": [-1, 255, 65535, 2**31 - 1, -(2**31), 2**40, 2**70, -(2**70)],
    "bytes": b"\x00\xffz",
    "size": torch.Size([2, 3]),
    "dtype": torch.float16,
    "device": torch.device("cpu"),
    "counter": collections.Counter({10: 2}),
    "__proto__": {"x": 1},
}
torch.save(value, home / "checkpoint.pth")
torch.save(value, home / "legacy.pth", _use_new_zipfile_serialization=False)
torch.save(value, home / "protocol4.pth", pickle_protocol=4)
torch.save(torch.nn.Linear(2, 1), home / "module.pth")
torch.save({"w": torch.tensor([1, 2], dtype=torch.uint16)}, home / "uint16.pth")
torch.save({"w": torch.tensor([1 + 2j])}, home / "complex.pth")
torch.jit.save(torch.jit.script(torch.nn.ReLU()), home / "script.pt")


class Evil:
    def __reduce__(self):
        return (print, ("this must never be printed",))


torch.save({"w": torch.ones(2), "x": Evil()}, home / "evil.pth")


def described(tensor):
    return {
        "dtype": str(tensor.dtype).removeprefix("torch."),
        "shape": list(tensor.shape),
        "values": tensor.detach().double().flatten().tolist(),
        "requires_grad": tensor.requires_grad,
    }


tensors = {
    "weight": layer.state_dict()["weight"],
    "bias": layer.state_dict()["bias"],
    "exp_avg": optimizer.state_dict()["state"][0]["exp_avg"],
    "parameter": value["parameter"],
    "frozen": value["frozen"],
    "scalar": value["scalar"],
    **{f"views.{name}": tensor for name, tensor in value["views"].items()},
    **{f"dtypes.{name}": tensor for name, tensor in value["dtypes"].items()},
}

# --- numpy ---

arrays = {
    "bool": np.array([[True, False], [False, True]]),
    **{kind: np.array([[0, 1, 2], [3, 4, 100]], dtype=kind) for kind in "i1 i2 i4 i8 u1 u2 u4 u8 f2 f4 f8".split()},
    **{kind: np.array([[0, 1, 2], [3, 4, 100]], dtype=kind) for kind in ">i2 >i4 >i8 >u2 >u4 >u8 >f2 >f4 >f8".split()},
    "fortran": np.asfortranarray(np.arange(24, dtype="i4").reshape(2, 3, 4)),
    "big fortran": np.asfortranarray(np.arange(6, dtype=">f4").reshape(2, 3)),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3), dtype="f4"),
    "one": np.arange(3, dtype="i8"),
}
np.savez(home / "stored.npz", **arrays)
np.savez_compressed(home / "deflated.npz", **arrays)
for version in (1, 2, 3):
    with open(home / f"version{version}.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(3, dtype="f4"), version=(version, 0))
np.save(home / "words.npy", np.array(["a", "bc"]))
np.save(home / "complex.npy", np.array([1 + 2j]))
np.save(home / "record.npy", np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f4")]))
np.save(home / "object.npy", np.array([{"a": 1}], dtype=object))
np.save(home / "uint64.npy", np.array([2**63], dtype="u8"))
golden_npy = {}
for name, array in {"f4": np.array([[1, 2.5], [3, -4]], dtype="f4"), "i8": np.array([1, -2]), "b1": np.array(True)}.items():
    path = home / "written.npy"
    np.save(path, array)
    golden_npy[name] = path.read_bytes().hex()
    path.unlink()

# --- safetensors ---

KINDS = ["bool", "uint8", "int8", "int16", "float16", "bfloat16", "int32", "float32", "float64", "int64"]
mixed = {f"a {name}": torch.tensor([[0, 1, 2]]).to(getattr(torch, name)) for name in KINDS}
mixed |= {name: torch.tensor([1.5]) for name in ["10", "2", "é", "\U0001f600", "\uffee", 'quote " and \\', "__proto__"]}
(home / "mixed.safetensors").write_bytes(save(mixed, metadata={"format": "pt"}))
strange = {name: torch.tensor([1, 2]).to(getattr(torch, name)) for name in ["uint16", "uint32", "uint64", "complex64", "float8_e4m3fn"]}
(home / "strange.safetensors").write_bytes(save(strange))


class SimpleNetwork(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.flatten = torch.nn.Flatten()
        self.network_stack = torch.nn.Sequential(
            torch.nn.Linear(28 * 28, 512), torch.nn.ReLU(), torch.nn.Linear(512, 512), torch.nn.ReLU(), torch.nn.Linear(512, 10)
        )


torch.manual_seed(7)
simple = save(SimpleNetwork().state_dict())
(length,) = struct.unpack("<Q", simple[:8])

expected = {
    "versions": {"torch": torch.__version__, "numpy": np.__version__, "safetensors": safetensors.__version__},
    "torch": {name: described(tensor) for name, tensor in tensors.items()},
    "numpy": {name: {"shape": list(array.shape), "values": array.astype("f8").flatten().tolist()} for name, array in arrays.items()},
    "npy": golden_npy,
    "simple": {"bytes": len(simple), "headerLength": length, "header": simple[8 : 8 + length].decode()},
}
(home / "expected.json").write_text(json.dumps(expected) + "\n")
