#!/usr/bin/python3
"""Opens an exported .pth as PyTorch does when it runs no code, and an exported
.safetensors by the safetensors library, and compares the two tensor by tensor and to the
bit.

    bench/interop/weights.py A.pth A.safetensors

What is not installed is skipped by name; without safetensors the file is read as check.py
reads it."""

import sys

import numpy as np

try:
    import torch
except ImportError:
    print("skip torch: not installed")
    sys.exit(0)
try:
    import safetensors
    from safetensors.numpy import load_file

    by = f"safetensors {safetensors.__version__}"
except ImportError:
    from check import safetensors as plain

    load_file = lambda path: {k: v.numpy() for k, v in plain(path).items()}
    by = "check.py (skip safetensors: not installed)"

exported, plain_file = sys.argv[1:3]
try:
    state = torch.load(exported, weights_only=True)["state_dict"]
except TypeError:  # before PyTorch 1.13
    state = torch.load(exported)["state_dict"]
other = load_file(plain_file)
assert set(state) == set(other), set(state) ^ set(other)
for name, t in state.items():
    a, b = t.numpy(), other[name]
    assert a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes(), name
print(f"ok   torch {torch.__version__} and {by}  {len(state)} tensors are equal to the bit")
