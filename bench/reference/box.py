#!/usr/bin/env python3
"""Reference values for detector/box, from torchvision 0.14.1 (apt: python3-torchvision).

    /usr/bin/python3 bench/reference/box.py

writes detector/box/testdata/*.json. The seeds are fixed: a second run writes the
same bytes. Floats are written with 9 significant digits, which name a float32
exactly, so boxes and scores reach both sides with the same bits.
"""

import json
import pathlib

import numpy as np
import torch
import torchvision
from torchvision.models.detection import _utils as det
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import _default_anchorgen
from torchvision.ops import batched_nms, box_iou, nms

OUT = pathlib.Path(__file__).resolve().parents[2] / "detector" / "box" / "testdata"


def plain(v):
    """Turns tensors into lists, floats with 9 significant digits."""
    if isinstance(v, torch.Tensor):
        v = v.tolist()
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return float(f"{v:.9g}") if isinstance(v, float) else v


def write(name, value):
    value = {"torchvision": torchvision.__version__.split("a")[0], "cases": plain(value)}
    (OUT / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n")


def boxes(rng, n, size, whole=False):
    """n boxes within an image of size px; whole pixels make ties likely."""
    xy = rng.uniform(0, size * 0.8, (n, 2))
    wh = rng.uniform(2, size * 0.5, (n, 2))
    b = np.concatenate([xy, xy + wh], 1)
    if whole:
        b = np.round(b / 4) * 4
        b[:, 2:] = np.maximum(b[:, 2:], b[:, :2] + 4)
    return torch.tensor(b, dtype=torch.float32)


def overlap_cases(rng):
    for whole in (False, True):
        a, b = boxes(rng, 12, 100, whole), boxes(rng, 9, 100, whole)
        a[0], b[0] = torch.tensor([5.0, 5, 5, 5]), torch.tensor([0.0, 0, 50, 50])
        yield {"a": a, "b": b, "iou": box_iou(a, b)}


def nms_cases(rng):
    # 0.3, 0.5 and 0.7 are where a float32 and a double threshold differ or agree.
    for n, thr, whole, levels in [(0, 0.5, False, 0), (1, 0.5, False, 0), (60, 0.5, False, 0), (80, 0.3, True, 5),
                                  (80, 0.7, True, 3), (80, 0.5, True, 1)]:
        b = boxes(rng, n, 120, whole)
        s = torch.tensor(rng.uniform(0, 1, n), dtype=torch.float32)
        if levels:
            s = torch.tensor(rng.integers(0, levels, n) / 8, dtype=torch.float32)
        g = torch.tensor(rng.integers(0, 4, n))
        # torchvision moves groups apart by an offset, which rounds corners that
        # are not whole numbers; its other way, one group after another, does not.
        yield {"boxes": b, "scores": s, "groups": g, "threshold": thr, "keep": nms(b, s, thr),
               "keep_batched": batched_nms(b, s, g, thr) if whole else []}


def coder_cases(rng):
    for weights in ((1.0, 1.0, 1.0, 1.0), (10.0, 10.0, 5.0, 5.0)):
        coder = det.BoxCoder(weights)
        ref, target = boxes(rng, 20, 200), boxes(rng, 20, 200)
        deltas = torch.tensor(rng.normal(0, 2, (20, 4)), dtype=torch.float32)
        deltas[0] = torch.tensor([0.0, 0, 60, 60])  # far above the bound
        yield {
            "stds": [1 / w for w in weights], "ref": ref, "target": target, "deltas": deltas,
            "encoded": coder.encode_single(target, ref),
            "decoded": coder.decode_single(deltas, ref),
        }


def matcher_cases(rng):
    for n, k, pos, neg, low, whole in [(300, 7, 0.7, 0.3, True, False), (300, 7, 0.7, 0.3, True, True),
                                       (200, 10, 0.5, 0.5, False, False), (200, 10, 0.5, 0.4, True, True)]:
        b, g = boxes(rng, n, 150, whole), boxes(rng, k, 150, whole)
        yield {"boxes": b, "gts": g, "pos": pos, "neg": neg, "low_quality": low,
               "matched": det.Matcher(pos, neg, low)(box_iou(g, b))}


def anchor_cases():
    for sizes, ratios, grids, strides in [(((32.0,), (64.0,)), (0.5, 1.0, 2.0), ((4, 6), (2, 3)), (4, 8)),
                                          (((32.0, 40.0),), (0.5, 2.0), ((2, 3),), (16,))]:
        gen = AnchorGenerator(sizes, (ratios,) * len(sizes))
        h, w = grids[0][0] * strides[0], grids[0][1] * strides[0]
        maps = [torch.zeros(1, 1, *g) for g in grids]
        out = gen(ImageList(torch.zeros(1, 3, h, w), [(h, w)]), maps)[0]
        yield {"sizes": sizes, "ratios": ratios, "grids": grids, "strides": strides, "anchors": out}


def retina_anchors():
    """RetinaNet's nine anchors of the first place of each level: torchvision cuts
    their sizes to whole pixels, level by level, before it rounds the corners."""
    gen = _default_anchorgen()
    for stride, sizes, ratios, cell in zip((8, 16, 32, 64, 128), gen.sizes, gen.aspect_ratios, gen.cell_anchors):
        yield {"sizes": [sizes], "ratios": ratios, "grids": [[1, 1]], "strides": [stride], "anchors": cell}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    write("overlap", list(overlap_cases(np.random.default_rng(1))))
    write("nms", list(nms_cases(np.random.default_rng(2))))
    write("coder", list(coder_cases(np.random.default_rng(3))))
    write("matcher", list(matcher_cases(np.random.default_rng(4))))
    write("anchors", list(anchor_cases()) + list(retina_anchors()))


if __name__ == "__main__":
    main()
