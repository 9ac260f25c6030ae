#!/usr/bin/python3
"""Writes checkpoints of the networks in models.py as their programs write them, and the
features that PyTorch computes of each: NAME.pth and NAME.json.

    bench/interop/make.py DIR [NAME...]

core/engine/testdata/interop has some of them, so that what Python computes is compared
with where there is no Python, too. Supernets of the older two programs are in the format
from before PyTorch 1.6, as theirs are."""

import argparse
import json
import sys
from pathlib import Path

import torch

import models


def features(net, x):
    with torch.no_grad():
        return [{"shape": list(f.shape), "values": [round(v, 6) for v in f.flatten().tolist()]} for f in net(x, models.PATH)]


def torchvision(folder, x):
    """torchvision's own network in small, whose features are taken without its max-pool,
    which the space that it is imported into has not."""
    try:
        from torchvision.models import ShuffleNetV2
    except ImportError:
        return
    m = models.fill(ShuffleNetV2([2, 1, 1], [4, 8, 12, 16, 10], num_classes=3), 4)

    def stages(x, _):
        x, out = m.conv1(x), []
        for stage in [m.stage2, m.stage3, m.stage4]:
            x = stage(x)
            out.append(x)
        return out

    write(folder, "torchvision-tiny", m.state_dict(), features(stages, x), [0, 0, 0, 0])


def write(folder, name, checkpoint, out, path=models.PATH):
    if sys.argv[2:] and name not in sys.argv[2:]:
        return
    legacy = name in ("mmrazor-0.x-supernet", "official-1-supernet")
    torch.save(checkpoint, folder / f"{name}.pth", _use_new_zipfile_serialization=not legacy)
    (folder / f"{name}.json").write_text(json.dumps({"path": path, "features": out}) + "\n")


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    x = models.image()
    for kind, path in [("supernet", None), ("subnet", models.PATH)]:
        m = models.fill(models.mmrazor0(path), 1)
        meta = {"mmcls_version": "0.25.0", "config": "model = dict()", "CLASSES": ("disc", "ring", "box"), "args": argparse.Namespace(seed=0)}
        write(folder, f"mmrazor-0.x-{kind}", {"meta": meta, "state_dict": m.state_dict(), "optimizer": {}}, features(models.backbone(m), x))
        m = models.fill(models.mmrazor1(path), 2)
        meta = {"cfg": "model = dict()", "dataset_meta": {"CLASSES": ("disc", "ring", "box")}}
        write(folder, f"mmrazor-1.x-{kind}", {"meta": meta, "state_dict": m.state_dict(), "message_hub": {}}, features(models.backbone(m), x))
        for shuffle in [1, 2] if path else [1]:
            m = models.fill(models.OfficialNet(path, shuffle), 3)
            parallel = torch.nn.DataParallel(m) if path is None else m  # as its training saves it
            write(folder, f"official-{shuffle}-{kind}", {"state_dict": parallel.state_dict()}, features(m, x.flip(1)))
    torchvision(folder, x)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
