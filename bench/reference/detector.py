#!/usr/bin/env python3
"""Reference values for detector, from PyTorch 1.13.1 and torchvision 0.14.1 (apt:
python3-torch, python3-torchvision).

    /usr/bin/python3 bench/reference/detector.py

writes detector/testdata/*.json. Weights, features and logits are not written:
both sides make them by fill(), from a name.

From torchvision: RoIAlign, the feature pyramid, the box head's layers, NMS.
Written out here in plain torch, since torchvision differs: mmdet 2.x's anchors
(not rounded), valid flags, MaxIoUAssigner with low-quality matching,
the normalisers of the losses, ground truth joining the proposals after the
assignment, level mapping, decoding with both sides of dw and dh bounded, and
multiclass_nms. Every candidate is sampled, so that nothing depends on random
numbers.
"""

import json
import math
import pathlib
import zlib

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor
from torchvision.ops import FeaturePyramidNetwork, box_iou, nms, roi_align
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

OUT = pathlib.Path(__file__).resolve().parents[2] / "detector" / "testdata"


def fill(name, shape, scale=1.0):
    """Values in +-scale that depend on the name and the index alone."""
    n = int(np.prod(shape))
    x = (np.arange(n, dtype=np.uint64) * np.uint64(2654435761) + np.uint64(zlib.crc32(name.encode()))) & np.uint64(0xFFFFFFFF)
    for _ in range(2):
        x ^= x >> np.uint64(16)
        x = (x * np.uint64(0x45D9F3B)) & np.uint64(0xFFFFFFFF)
    x ^= x >> np.uint64(16)
    v = ((x.astype(np.float64) / 2**32 - 0.5) * 2 * scale).astype(np.float32)
    return torch.from_numpy(v).reshape(tuple(shape))


def set_weights(module, name):
    """Fills a convolution or linear layer, or a norm, under a checkpoint's name."""
    with torch.no_grad():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.copy_(1 + fill(name + ".weight", module.weight.shape, 0.5))
            module.running_mean.copy_(fill(name + ".running_mean", module.weight.shape, 0.2))
            module.running_var.copy_(1 + fill(name + ".running_var", module.weight.shape, 0.5))
        else:
            fan_in = module.weight[0].numel()
            module.weight.copy_(fill(name + ".weight", module.weight.shape, math.sqrt(3 / fan_in)))
        if module.bias is not None:
            module.bias.copy_(fill(name + ".bias", module.bias.shape, 0.1))


def plain(v):
    if isinstance(v, torch.Tensor):  # boxes keep their rows, scalars are numbers
        v = v.tolist() if v.dim() == 0 or (v.dim() == 2 and v.shape[1] in (4, 5)) else v.flatten().tolist()
    if isinstance(v, dict):
        return {k: plain(x) for k, x in v.items()}
    if isinstance(v, (list, tuple)):
        return [plain(x) for x in v]
    return float(f"{v:.8g}") if isinstance(v, float) else v


def write(name, value):
    (OUT / f"{name}.json").write_text(json.dumps(plain(value), separators=(",", ":")) + "\n")


# RoIAlign ---------------------------------------------------------------------


def align_cases():
    feature = fill("align.feature", (2, 3, 10, 14))
    rois = torch.tensor([
        [0, 8.0, 8, 40, 30], [1, 3.3, 5.7, 61.2, 33.9], [0, -20, -9, 30, 20], [1, 90, 60, 140, 100],
        [0, 20, 20, 20, 20], [1, 30, 10, 30, 40], [0, 0, 0, 112, 80], [1, 50.5, 40.25, 52, 42],
    ])
    for aligned in (True, False):
        for sampling in (0, 2):
            x = feature.clone().requires_grad_()
            y = roi_align(x, rois, 3, 1 / 8, sampling, aligned)
            (y * fill("align.grad", y.shape)).sum().backward()
            yield {"aligned": aligned, "sampling": sampling, "rois": rois, "out": y, "grad": x.grad}


# Feature pyramid --------------------------------------------------------------


def pyramid_cases():
    channels, sizes = [4, 6, 8], [(11, 15), (6, 8), (3, 4)]
    for norm, train in ((False, False), (True, False), (True, True)):
        fpn = FeaturePyramidNetwork(channels, 5, LastLevelMaxPool(), nn.BatchNorm2d if norm else None)
        for kind, blocks in (("lateral_convs", fpn.inner_blocks), ("fpn_convs", fpn.layer_blocks)):
            for i, block in enumerate(blocks):
                set_weights(block[0], f"neck.{kind}.{i}.conv")
                if norm:
                    set_weights(block[1], f"neck.{kind}.{i}.bn")
        fpn.train(train)
        x = {str(i): fill(f"pyramid.{i}", (2, c, *s)) for i, (c, s) in enumerate(zip(channels, sizes))}
        # Six decimals: finer than the test's tolerance, in half of the space.
        yield {"norm": norm, "train": train, "out": [[round(v, 6) for v in y.flatten().tolist()] for y in fpn(x).values()]}


# RPN --------------------------------------------------------------------------

STRIDES = [8, 16, 32]
GRIDS = [(8, 12), (4, 6), (2, 3)]  # of a batch of 96x64 px
IMAGES = [
    {"w": 90, "h": 60, "boxes": [[10.0, 12, 50, 52], [40, 5, 88, 30], [42, 7, 86, 33]], "labels": [0, 2, 1]},
    {"w": 60, "h": 40, "boxes": [[3.5, 4.25, 30, 37]], "labels": [1]},
    {"w": 96, "h": 64, "boxes": [], "labels": []},
]


def boxes_of(image):
    return torch.tensor(image["boxes"], dtype=torch.float32).reshape(-1, 4)


def base_anchors(stride, scale=4.0):
    h = torch.tensor([0.5, 1.0, 2.0]).sqrt()
    w = 1 / h
    ws, hs = stride * w * scale, stride * h * scale
    return torch.stack([-0.5 * ws, -0.5 * hs, 0.5 * ws, 0.5 * hs], 1)


def anchors_and_flags(image):
    anchors, flags = [], []
    pad_w, pad_h = math.ceil(image["w"] / 32) * 32, math.ceil(image["h"] / 32) * 32
    for stride, (gh, gw) in zip(STRIDES, GRIDS):
        ys, xs = torch.meshgrid(torch.arange(gh), torch.arange(gw), indexing="ij")
        shift = torch.stack([xs, ys, xs, ys], -1).reshape(-1, 1, 4) * stride
        anchors.append((shift + base_anchors(stride)).reshape(-1, 4))
        ok = (xs < math.ceil(pad_w / stride)) & (ys < math.ceil(pad_h / stride))
        flags.append(ok.reshape(-1, 1).expand(-1, 3).reshape(-1))
    return anchors, torch.cat(flags)


def assign(boxes, gts, pos, neg, min_pos=None):
    """mmdet's MaxIoUAssigner: -1 negative, -2 ignored, else the ground truth."""
    if len(gts) == 0 or len(boxes) == 0:
        return torch.full((len(boxes),), -1)
    iou = box_iou(gts, boxes)
    best, own = iou.max(0)
    out = torch.full((len(boxes),), -2)
    out[best < neg] = -1
    out[best >= pos] = own[best >= pos]
    if min_pos is not None:
        for g in range(len(gts)):
            if iou[g].max() >= min_pos:
                out[iou[g] == iou[g].max()] = g
    return out


def encode(ref, box, stds):
    rw, rh, bw, bh = ref[:, 2] - ref[:, 0], ref[:, 3] - ref[:, 1], box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]
    d = torch.stack([
        ((box[:, 0] + box[:, 2]) - (ref[:, 0] + ref[:, 2])) / 2 / rw,
        ((box[:, 1] + box[:, 3]) - (ref[:, 1] + ref[:, 3])) / 2 / rh, (bw / rw).log(), (bh / rh).log()], 1)
    return d / torch.tensor(stds)


def decode(ref, d, stds, w, h):
    d = d * torch.tensor(stds)
    bound = abs(math.log(16 / 1000))
    rw, rh = ref[:, 2] - ref[:, 0], ref[:, 3] - ref[:, 1]
    cx = (ref[:, 0] + ref[:, 2]) / 2 + d[:, 0] * rw
    cy = (ref[:, 1] + ref[:, 3]) / 2 + d[:, 1] * rh
    bw, bh = rw * d[:, 2].clamp(-bound, bound).exp(), rh * d[:, 3].clamp(-bound, bound).exp()
    b = torch.stack([cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2], 1)
    b[:, 0::2] = b[:, 0::2].clamp(0, w)
    b[:, 1::2] = b[:, 1::2].clamp(0, h)
    return b


def box_loss(d, want, beta):
    return F.l1_loss(d, want, reduction="sum") if beta == 0 else F.smooth_l1_loss(d, want, reduction="sum", beta=beta)


def rpn_case(beta):
    levels, _ = anchors_and_flags(IMAGES[0])
    anchors = torch.cat(levels)
    logits = fill("rpn.logits", (len(IMAGES), len(anchors)), 4).requires_grad_()
    deltas = fill("rpn.deltas", (len(IMAGES), len(anchors), 4), 0.8).requires_grad_()
    cls = box = torch.zeros(())
    total = positives = 0
    for i, image in enumerate(IMAGES):
        gts, (_, flags) = boxes_of(image), anchors_and_flags(image)
        inside = flags.nonzero().flatten()
        a = torch.full((len(anchors),), -2)
        a[inside] = assign(anchors[inside], gts, 0.7, 0.3, 0.3)
        pos, neg = (a >= 0).nonzero().flatten(), (a == -1).nonzero().flatten()
        both = torch.cat([pos, neg])
        target = torch.cat([torch.ones(len(pos)), torch.zeros(len(neg))])
        cls = cls + F.binary_cross_entropy_with_logits(logits[i, both], target, reduction="sum")
        if len(pos):
            box = box + box_loss(deltas[i, pos], encode(anchors[pos], gts[a[pos]], [1.0] * 4), beta)
        total += max(len(pos), 1) + max(len(neg), 1)
        positives += len(pos)
    cls, box = cls / total, box / total
    (cls + box).backward()
    return {"beta": beta, "class": cls, "box": box, "normaliser": total, "positives": positives,
            "logits_grad": logits.grad.norm(), "deltas_grad": deltas.grad.norm(), "proposals": [
                rpn_proposals(levels, logits[i].detach(), deltas[i].detach(), image) for i, image in enumerate(IMAGES)]}


def rpn_proposals(levels, logits, deltas, image, pre=100, most=30, thr=0.7, least=2.0):
    boxes, scores, start = [], [], 0
    for anchors in levels:
        n = len(anchors)
        s, d = logits[start:start + n], deltas[start:start + n]
        start += n
        top = s.sort(descending=True, stable=True)[1][:pre]
        b = decode(anchors[top], d[top], [1.0] * 4, image["w"], image["h"])
        s = s[top]
        keep = (b[:, 2] - b[:, 0] > least) & (b[:, 3] - b[:, 1] > least)
        b, s = b[keep], s[keep]
        kept = nms(b, s, thr)
        boxes.append(b[kept])
        scores.append(s[kept])
    boxes, scores = torch.cat(boxes), torch.cat(scores)
    return boxes[scores.sort(descending=True, stable=True)[1][:most]]


# Box head ---------------------------------------------------------------------

CLASSES = 3
STDS = [0.1, 0.1, 0.2, 0.2]


def some_proposals(image, n, name):
    """Boxes around the ground truth, and elsewhere."""
    gts = boxes_of(image)
    u = (fill(name, (n, 4), 0.5) + 0.5)
    x1, y1 = u[:, 0] * image["w"] * 0.7, u[:, 1] * image["h"] * 0.7
    b = torch.stack([x1, y1, x1 + 2 + u[:, 2] * image["w"] * 0.3, y1 + 2 + u[:, 3] * image["h"] * 0.3], 1)
    for k in range(min(n // 2, 3 * len(gts))):
        g = gts[k % len(gts)]
        b[k] = g + (u[k] - 0.5) * 0.4 * (g[2:] - g[:2]).repeat(2)
    return b


def level_of(boxes, finest):
    scale = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).sqrt()
    return torch.floor(torch.log2(scale / finest + 1e-6)).clamp(0, len(STRIDES) - 1).long()


def roi_case(beta, finest=15):
    proposals = [some_proposals(im, 12, f"roi.proposals.{i}") for i, im in enumerate(IMAGES)]
    rois, labels, pos_at, want, levels = [], [], [], [], []
    for i, image in enumerate(IMAGES):
        gts, gt_labels = boxes_of(image), torch.tensor(image["labels"], dtype=torch.long)
        boxes = torch.cat([gts, proposals[i]])
        a = torch.cat([torch.arange(len(gts)), assign(proposals[i], gts, 0.5, 0.5)])
        pos, neg = (a >= 0).nonzero().flatten(), (a == -1).nonzero().flatten()
        pos_at += list(range(len(labels), len(labels) + len(pos)))
        if len(pos):
            want.append(encode(boxes[pos], gts[a[pos]], STDS))
        labels += gt_labels[a[pos]].tolist() + [CLASSES] * len(neg)
        both = boxes[torch.cat([pos, neg])]
        rois.append(torch.cat([torch.full((len(both), 1), float(i)), both], 1))
        levels += level_of(both, finest).tolist()
    n = len(labels)
    logits = fill("roi.logits", (n, CLASSES + 1), 2).requires_grad_()
    deltas = fill("roi.deltas", (n, 4 * CLASSES), 1).requires_grad_()
    label = torch.tensor(labels)
    cls = F.cross_entropy(logits, label)
    own = deltas.reshape(n, CLASSES, 4)[pos_at, label[pos_at]]
    box = box_loss(own, torch.cat(want), beta) / n
    (cls + box).backward()
    return {"beta": beta, "proposals": proposals, "rois": torch.cat(rois), "levels": levels, "labels": labels,
            "class": cls, "box": box, "accuracy": (logits.argmax(1) == label).float().mean(),
            "logits_grad": logits.grad.norm(), "deltas_grad": deltas.grad.norm()}


def head_cases():
    rois = torch.tensor([[0, 5.0, 5, 60, 50], [1, 10, 0, 40, 64], [0, 60, 20, 96, 60]])
    levels = [0, 1, 0]
    features = [fill(f"head.feature.{i}", (2, 4, *g)) for i, g in enumerate(GRIDS)]
    pooled = torch.cat([roi_align(features[lv], r[None], 3, 1 / STRIDES[lv], 0, True) for r, lv in zip(rois, levels)])
    for norm, train in ((False, False), (True, False), (True, True)):
        head = FastRCNNConvFCHead((4, 3, 3), [6, 6], [8, 7], nn.BatchNorm2d if norm else None)
        outputs = FastRCNNPredictor(7, CLASSES + 1)
        outputs.bbox_pred = nn.Linear(7, 4 * CLASSES)
        name = "roi_head.bbox_head"
        for i in range(2):
            set_weights(head[i][0], f"{name}.shared_convs.{i}.conv")
            if norm:
                set_weights(head[i][1], f"{name}.shared_convs.{i}.bn")
        set_weights(head[3], f"{name}.shared_fcs.0")
        set_weights(head[5], f"{name}.shared_fcs.1")
        set_weights(outputs.cls_score, name + ".fc_cls")
        set_weights(outputs.bbox_pred, name + ".fc_reg")
        head.train(train)
        logits, deltas = outputs(head(pooled))
        yield {"norm": norm, "train": train, "rois": rois, "levels": levels, "logits": logits.flatten(), "deltas": deltas.flatten()}


# Detections -------------------------------------------------------------------


def detection_cases():
    for name, n, thr, most in (("few", 12, 0.05, 100), ("many", 60, 0.3, 20), ("none", 5, 0.99, 100)):
        image = IMAGES[0]
        rois = some_proposals(image, n, f"detect.{name}.rois")
        logits = fill(f"detect.{name}.logits", (n, CLASSES + 1), 3)
        deltas = fill(f"detect.{name}.deltas", (n, 4 * CLASSES), 1.5)
        probs = logits.softmax(1)
        found = []
        for c in range(CLASSES):
            boxes = decode(rois, deltas[:, 4 * c:4 * c + 4], STDS, image["w"], image["h"])
            ok = probs[:, c] > thr
            boxes, scores = boxes[ok], probs[ok, c]
            for k in nms(boxes, scores, 0.5).tolist():
                found.append((scores[k].item(), c, boxes[k]))
        found.sort(key=lambda f: -f[0])
        found = found[:most]
        yield {"name": name, "rois": rois, "threshold": thr, "max": most, "boxes": [f[2].tolist() for f in found],
               "labels": [f[1] for f in found], "scores": [f[0] for f in found]}


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    write("roialign", list(align_cases()))
    write("pyramid", list(pyramid_cases()))
    write("rpn", {"images": IMAGES, "cases": [rpn_case(0), rpn_case(1 / 9)]})
    write("roi", {"images": IMAGES, "cases": [roi_case(0), roi_case(1.0)]})
    write("head", list(head_cases()))
    write("detections", {"images": IMAGES[:1], "cases": list(detection_cases())})


if __name__ == "__main__":
    main()
