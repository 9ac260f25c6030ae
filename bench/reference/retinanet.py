#!/usr/bin/env python3
"""Reference values for detector's RetinaNet, from PyTorch 1.13.1 and torchvision
0.14.1 (apt: python3-torch, python3-torchvision).

    /usr/bin/python3 bench/reference/retinanet.py

writes detector/testdata/retina*.json. Weights, images and logits are not written:
both sides make them by fill(), from a name.

retinanet.json is torchvision's RetinaNet on a stack of convolutions: losses,
gradients and detections of three images. Its parts are called one by one, so that
images are not scaled. torchvision divides an image's losses by its own positive
anchors and takes the mean over images; mmdet, and detnas, divide the sum by all of
them, of which each image counts as one at least. So each image's losses are taken
alone here, where the two agree, and weighed by mmdet's rule. What else differs the
test sets on detnas's side: anchors with rounded corners, and which ground truth gets
the anchors that overlap one best. (torchvision does not bound a decoded size from
below, which takes a dw or dh under -4.1; none is here.)

retina.json is mmdet 2.x's form of targets and losses, written out in plain torch,
with torchvision's sigmoid_focal_loss.

retinapyramid.json is the pyramid with its two levels above, batch normalisation
included, which torchvision's LastLevelP6P7 has not.
"""

import sys

sys.dont_write_bytecode = True

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.retinanet import RetinaNet, RetinaNetHead
from torchvision.ops import FeaturePyramidNetwork, box_iou, sigmoid_focal_loss
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from detector import GRIDS, IMAGES, STRIDES, assign, box_loss, boxes_of, encode, fill, set_weights, write

CLASSES = 3
CHANNELS = [24, 32, 48]  # of the backbone's levels, at strides 8, 16, 32
WIDTH = 20  # of the pyramid and the head
WEIGHTS = {"classification": 1.5, "bbox_regression": 3}  # what the losses count
BATCH = [
    {"w": 256, "h": 128, "boxes": [[20.0, 10, 70, 65], [100, 20, 250, 120], [104, 24, 244, 118]], "labels": [0, 2, 1]},
    {"w": 250, "h": 120, "boxes": [[3.5, 4.25, 40, 37], [200, 60, 215, 78]], "labels": [1, 0]},
    {"w": 200, "h": 125, "boxes": [], "labels": []},
]


class Body(nn.Module):
    """The tests' backbone and a pyramid of five levels."""

    def __init__(self, extra):
        super().__init__()
        self.out_channels = WIDTH
        widths = [3, 12, 16] + CHANNELS
        self.convs = nn.ModuleList(nn.Conv2d(i, o, 3, 2, 1, bias=False) for i, o in zip(widths, widths[1:]))
        self.norms = nn.ModuleList(nn.BatchNorm2d(o) for o in widths[1:])
        self.fpn = FeaturePyramidNetwork(CHANNELS, WIDTH, LastLevelP6P7(CHANNELS[-1] if extra == "input" else WIDTH, WIDTH))

    def forward(self, x):
        levels = []
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
            levels.append(x)
        return self.fpn({str(i): v for i, v in enumerate(levels[2:])})


def layers(model):
    """The model's layers by mmdet's names."""
    body, head = model.backbone, model.head
    for i, (conv, norm) in enumerate(zip(body.convs, body.norms)):
        yield f"backbone.conv{i}", conv
        yield f"backbone.bn{i}", norm
    for kind, blocks in (("lateral_convs", body.fpn.inner_blocks), ("fpn_convs", body.fpn.layer_blocks)):
        for i, block in enumerate(blocks):
            yield f"neck.{kind}.{i}.conv", block[0]
    yield "neck.fpn_convs.3.conv", body.fpn.extra_blocks.p6
    yield "neck.fpn_convs.4.conv", body.fpn.extra_blocks.p7
    for kind, tower in (("cls", head.classification_head.conv), ("reg", head.regression_head.conv)):
        for i in range(4):
            yield f"bbox_head.{kind}_convs.{i}.conv", tower[i][0]
    yield "bbox_head.retina_cls", head.classification_head.cls_logits
    yield "bbox_head.retina_reg", head.regression_head.bbox_reg


def make(extra):
    sizes = tuple(tuple(4 * s * 2 ** (i / 3) for i in range(3)) for s in (8, 16, 32, 64, 128))
    model = RetinaNet(Body(extra), CLASSES, anchor_generator=AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 5),
                      head=RetinaNetHead(WIDTH, 9, CLASSES), score_thresh=0.3, topk_candidates=20, detections_per_img=40)
    for name, layer in layers(model):
        set_weights(layer, name)
    return model


def run(model):
    x = fill("retina.images", (len(BATCH), 3, 128, 256), 2)
    levels = list(model.backbone(x).values())
    out = model.head(levels)
    anchors = model.anchor_generator(ImageList(x, [(b["h"], b["w"]) for b in BATCH]), levels)
    return out, anchors, [9 * v.shape[2] * v.shape[3] for v in levels]


def step(extra):
    model = make(extra).train()
    out, anchors, _ = run(model)
    sums = {"classification": 0, "bbox_regression": 0}
    positives = []
    for i, image in enumerate(BATCH):
        target = {"boxes": boxes_of(image), "labels": torch.tensor(image["labels"], dtype=torch.long)}
        found = 0
        if image["boxes"]:
            found = int((model.proposal_matcher(box_iou(target["boxes"], anchors[i])) >= 0).sum())
        positives.append(found)
        alone = model.compute_loss([target], {k: v[i:i + 1] for k, v in out.items()}, [anchors[i]])
        for k, v in alone.items():
            sums[k] = sums[k] + v * max(found, 1)
    losses = {k: v * WEIGHTS[k] / sum(max(n, 1) for n in positives) for k, v in sums.items()}
    sum(losses.values()).backward()
    grads = []
    for name, layer in layers(model):
        for kind, p in layer.named_parameters():
            flat = p.grad.flatten()
            grads.append({"name": f"{name}.{kind}", "norm": flat.norm(), "some": flat[::max(1, len(flat) // 12)]})
    return {"class": losses["classification"], "box": losses["bbox_regression"], "positives": positives, "grads": grads}


def detections(extra):
    model = make(extra).eval()
    with torch.no_grad():
        out, anchors, sizes = run(model)
        split = {k: list(v.split(sizes, 1)) for k, v in out.items()}
        found = model.postprocess_detections(split, [list(a.split(sizes)) for a in anchors], [(b["h"], b["w"]) for b in BATCH])
    return [{k: v.tolist() for k, v in f.items()} for f in found]


def octave_anchors():
    for stride, (gh, gw) in zip(STRIDES, GRIDS):
        base = []
        for ratio in (0.5, 1.0, 2.0):
            for i in range(3):
                side = stride * 4 * 2 ** (i / 3)
                w, h = side / ratio**0.5, side * ratio**0.5
                base.append([-w / 2, -h / 2, w / 2, h / 2])
        ys, xs = torch.meshgrid(torch.arange(gh), torch.arange(gw), indexing="ij")
        shift = torch.stack([xs, ys, xs, ys], -1).reshape(-1, 1, 4) * stride
        yield (shift + torch.tensor(base)).reshape(-1, 4), (xs.reshape(-1, 1).expand(-1, 9) * stride, ys.reshape(-1, 1).expand(-1, 9) * stride)


def plain_case(beta, alpha, gamma, stds):
    levels = list(octave_anchors())
    anchors = torch.cat([a for a, _ in levels])
    logits = fill("retina.logits", (len(IMAGES), len(anchors), CLASSES), 4).requires_grad_()
    deltas = fill("retina.deltas", (len(IMAGES), len(anchors), 4), 0.8).requires_grad_()
    cls = box = torch.zeros(())
    normaliser = 0
    for i, image in enumerate(IMAGES):
        gts, labels = boxes_of(image), torch.tensor(image["labels"], dtype=torch.long)
        pad_w, pad_h = -(-image["w"] // 32) * 32, -(-image["h"] // 32) * 32
        inside = torch.cat([((x < pad_w) & (y < pad_h)).flatten() for _, (x, y) in levels]).nonzero().flatten()
        a = torch.full((len(anchors),), -2)
        a[inside] = assign(anchors[inside], gts, 0.5, 0.4, 0)
        pos, counted = (a >= 0).nonzero().flatten(), a > -2
        target = torch.zeros(len(anchors), CLASSES)
        target[pos, labels[a[pos]]] = 1
        cls = cls + sigmoid_focal_loss(logits[i][counted], target[counted], alpha, gamma, reduction="sum")
        if len(pos):
            box = box + box_loss(deltas[i, pos], encode(anchors[pos], gts[a[pos]], stds), beta)
        normaliser += max(len(pos), 1)
    cls, box = cls / normaliser, box / normaliser
    (cls + box).backward()
    return {"beta": beta, "alpha": alpha, "gamma": gamma, "stds": stds, "class": cls, "box": box, "normaliser": normaliser,
            "logits_grad": logits.grad.norm(), "deltas_grad": deltas.grad.norm(),
            "some_logits_grad": logits.grad.flatten()[::157]}


def pyramid_cases():
    sizes = [(11, 15), (6, 8), (3, 4)]
    channels = [4, 6, 8]
    x = {str(i): fill(f"pyramid.{i}", (2, c, *s)) for i, (c, s) in enumerate(zip(channels, sizes))}
    for extra in ("input", "output"):
        for norm, train in ((False, False), (True, False), (True, True)):
            fpn = FeaturePyramidNetwork(channels, 5, None, nn.BatchNorm2d if norm else None)
            for kind, blocks in (("lateral_convs", fpn.inner_blocks), ("fpn_convs", fpn.layer_blocks)):
                for i, block in enumerate(blocks):
                    set_weights(block[0], f"neck.{kind}.{i}.conv")
                    if norm:
                        set_weights(block[1], f"neck.{kind}.{i}.bn")
            fpn.train(train)
            y = x["2"] if extra == "input" else list(fpn(x).values())[-1]
            outs = []
            for i in (3, 4):
                conv = nn.Conv2d(y.shape[1], 5, 3, 2, 1, bias=not norm)
                set_weights(conv, f"neck.fpn_convs.{i}.conv")
                y = conv(y if i == 3 else F.relu(y))
                if norm:
                    bn = nn.BatchNorm2d(5)
                    set_weights(bn, f"neck.fpn_convs.{i}.bn")
                    y = bn.train(train)(y)
                outs.append(y.flatten())
            yield {"extra": extra, "norm": norm, "train": train, "out": [v.tolist() for v in outs]}


def main():
    torch.set_num_threads(1)
    write("retinanet", {"images": BATCH, "cases": [
        {"extra": extra, "step": step(extra), "found": detections(extra)} for extra in ("input", "output")]})
    write("retina", {"images": IMAGES, "cases": [
        plain_case(0, 0.25, 2, [1.0] * 4), plain_case(1 / 9, 0.4, 1.5, [0.1, 0.1, 0.2, 0.2])]})
    write("retinapyramid", list(pyramid_cases()))


if __name__ == "__main__":
    main()
