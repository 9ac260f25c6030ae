#!/usr/bin/python3
"""Compares weights that detnas exported with those that they were imported from, tensor
by tensor and to the bit, and has the plain PyTorch network of their layout take them,
strictly, and compute the same features.

    bench/interop/check.py EXPORTED ORIGINAL.pth mmrazor0|mmrazor1 [...]

EXPORTED is a .pth or a .safetensors file; ORIGINAL.json lies beside ORIGINAL.pth."""

import json
import struct
import sys
from pathlib import Path

import torch

import models

DTYPES = {"F32": torch.float32, "F64": torch.float64, "I64": torch.int64, "U8": torch.uint8, "BF16": torch.bfloat16}


def safetensors(path):
    """A safetensors file: eight bytes of a header's length, the header, the data."""
    data = Path(path).read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + n])
    header.pop("__metadata__", None)
    out = {}
    for name, t in header.items():
        begin, end = (8 + n + o for o in t["data_offsets"])
        out[name] = torch.frombuffer(bytearray(data[begin:end]), dtype=DTYPES[t["dtype"]]).view(t["shape"])
    return out


def check(exported, original, layout):
    mine = safetensors(exported) if exported.endswith(".safetensors") else torch.load(exported)["state_dict"]
    theirs = {k: v for k, v in torch.load(original)["state_dict"].items() if not k.endswith("num_batches_tracked")}
    assert set(mine) == set(theirs), set(mine) ^ set(theirs)
    for name, t in theirs.items():
        assert mine[name].dtype == t.dtype and mine[name].shape == t.shape and torch.equal(mine[name], t), name
    net = getattr(models, layout)(models.PATH if "subnet" in original else None)
    net.load_state_dict(mine, strict=True)  # which makes up the counters of batches
    want = json.loads(Path(original).with_suffix(".json").read_text())
    with torch.no_grad():
        got = models.backbone(net.eval())(models.image(), want["path"])
    most = max((f - torch.tensor(w["values"]).view(w["shape"])).abs().max().item() for f, w in zip(got, want["features"]))
    assert most <= 1e-4, most
    print(f"equal {len(mine)}, features within {most:.2g}")


if __name__ == "__main__":
    for i in range(1, len(sys.argv), 3):
        check(*sys.argv[i : i + 3])
