#!/usr/bin/python3
"""Holds other programs that run ONNX files against what detnas computes.

    bench/interop/runtimes.py MODEL.onnx SAMPLE [...]

SAMPLE is the folder that `detnas export --to onnx --sample SAMPLE` wrote beside
MODEL.onnx. What there is of onnx (its checker), onnxruntime and OpenCV is used; the
others are named as missing. A line says of each how far its outputs are off at most, in
shares of the largest value of an output where that is above 1. The exit code is 1 where
that is over 1e-4, or a file is not taken."""

import importlib
import sys
from pathlib import Path

import numpy as np

TOLERANCE = 1e-4


def module(name):
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


ONNX, ORT, CV = module("onnx"), module("onnxruntime"), module("cv2")


def off(got, want):
    """The largest difference, relative to the largest value where that is above 1."""
    if got.shape != want.shape:
        return float("inf")
    return float(np.abs(got.astype(np.float64) - want).max() / max(1, np.abs(want).max()))


def runs(sample):
    """Input name, input and outputs by name of each sample."""
    for folder in sorted(Path(sample).iterdir(), key=lambda p: int(p.name)):
        arrays = {p.stem: np.load(p) for p in folder.glob("*.npy")}
        name = "image" if "image" in arrays else "pooled"
        yield name, arrays.pop(name), arrays


def by_onnxruntime(model, sample):
    session = ORT.InferenceSession(model, providers=["CPUExecutionProvider"])
    for name, x, want in runs(sample):
        yield x.shape, dict(zip([o.name for o in session.get_outputs()], session.run(None, {name: x}))), want


def by_opencv(model, sample):
    for name, x, want in runs(sample):  # a net each, as OpenCV 4 does not take all changes of shape
        net = CV.dnn.readNetFromONNX(model)
        net.setInput(x, name)
        names = list(want)
        yield x.shape, dict(zip(names, net.forward(names))), want


def compare(who, version, model, results):
    most, shapes = 0.0, []
    for shape, got, want in results:
        assert set(got) == set(want), set(got) ^ set(want)
        most = max([most] + [off(np.asarray(got[k]), want[k]) for k in want])
        shapes.append("x".join(map(str, shape)))
    ok = most <= TOLERANCE
    print(f"{'ok  ' if ok else 'OFF '} {who} {version}  {Path(model).name}  at most {most:.2g} off  ({', '.join(shapes)})", flush=True)
    return ok


def check(model, sample):
    ok = True
    if ONNX:
        ok &= tried("onnx " + ONNX.__version__, model, lambda: checked(model))
    if ORT:
        ok &= tried("onnxruntime " + ORT.__version__, model, lambda: compare("onnxruntime", ORT.__version__, model, by_onnxruntime(model, sample)))
    if CV:
        ok &= tried("OpenCV " + CV.__version__, model, lambda: compare("OpenCV", CV.__version__, model, by_opencv(model, sample)))
    return ok


def checked(model):
    ONNX.checker.check_model(ONNX.load(model), full_check=True)
    print(f"ok   onnx {ONNX.__version__}  {Path(model).name}  checked in full", flush=True)
    return True


def tried(who, model, work):
    """Whether work agrees, or is what OpenCV 4 is known not to take."""
    try:
        return work()
    except Exception as e:  # of whatever kind the program has
        if "'parseShape'" in str(e):
            print(f"skip {who}  {Path(model).name}  it takes no size that is computed: export with --size", flush=True)
            return True
        print(f"OFF  {who}  {Path(model).name}  {type(e).__name__}: {' '.join(str(e).split())[:400]}", flush=True)
        return False


def main(args):
    for name, there in [("onnx", ONNX), ("onnxruntime", ORT), ("cv2", CV)]:
        if not there:
            print(f"skip {name}: not installed")
    done = [check(model, sample) for model, sample in zip(args[::2], args[1::2])]
    print(f"{sum(done)} of {len(done)} files agree")
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
