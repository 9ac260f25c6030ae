#!/usr/bin/env python3
"""Checkpoints for core/pth's tests, written by PyTorch 1.13.1 (apt: python3-torch).

    /usr/bin/python3 bench/reference/pth.py

writes core/pth/testdata: the same weights in both formats of torch.save, with every
type, views, parameters, and what trainings keep beside them; and weights.json, which
says what is in them. A second run writes the same tensors.
"""

import argparse
import collections
import json
import pathlib

import numpy as np
import torch

OUT = pathlib.Path(__file__).resolve().parents[2] / "core" / "pth" / "testdata"


def weights():
    g = torch.Generator().manual_seed(3)
    base = torch.randn(4, 6, generator=g)
    d = collections.OrderedDict()
    d["conv.weight"] = torch.nn.Parameter(torch.randn(3, 2, 3, 3, generator=g))
    d["bn.num_batches_tracked"] = torch.tensor(7)
    d["turned"] = base.t()
    d["part"] = base[1:3, ::2]
    d["half"] = torch.tensor([0.0, -0.0, 1.5, 6.1e-5, 5.9604645e-8, 65504.0, float("inf"), float("-inf")]).half()
    d["bf16"] = torch.tensor([1.5, -2.25]).bfloat16()
    d["double"] = torch.tensor([[1.0 / 3]], dtype=torch.float64)
    d["int"] = torch.tensor([-5, 6], dtype=torch.int32)
    d["short"] = torch.tensor([-300, 300], dtype=torch.int16)
    d["char"] = torch.tensor([-7, 7], dtype=torch.int8)
    d["byte"] = torch.tensor([0, 255], dtype=torch.uint8)
    d["bool"] = torch.tensor([True, False])
    d["scalar"] = torch.tensor(2.5)
    d["empty"] = torch.zeros(0, 3)
    d["channels_last"] = torch.randn(1, 2, 2, 3, generator=g).to(memory_format=torch.channels_last)
    return d


def said(d):
    out = {}
    for name, t in d.items():
        t = t.detach()
        kind = {torch.float16: "F32", torch.float32: "F32", torch.float64: "F64", torch.bfloat16: "BF16", torch.uint8: "U8", torch.bool: "U8"}.get(t.dtype, "I64")
        flat = [str(x) for x in t.double().reshape(-1).tolist()]
        out[name] = {"dtype": kind, "shape": list(t.shape), "values": flat}
    return out


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    d = weights()
    whole = {
        "meta": {"epoch": 12, "iter": 300, "config": "model = dict()", "CLASSES": ("cat", "dog"), "best": np.float64(0.5)},
        "state_dict": d,
        "optimizer": {"param_groups": [{"lr": 0.02, "params": [0, 1]}], "state": {0: {"momentum_buffer": torch.zeros(3)}}},
        "args": argparse.Namespace(lr=0.1),
    }
    torch.save(whole, OUT / "zip.pth")
    torch.save(whole, OUT / "legacy.pth", _use_new_zipfile_serialization=False)
    torch.save(d, OUT / "plain.pth")
    module = torch.jit.script(torch.nn.Linear(2, 2))
    torch.jit.save(module, OUT / "script.pth")
    (OUT / "weights.json").write_text(json.dumps(said(d), indent=0) + "\n")


if __name__ == "__main__":
    main()
