#!/usr/bin/env python3
"""Reference values for detector's whole Faster R-CNN, from PyTorch 1.13.1 and
torchvision 0.14.1 (apt: python3-torch, python3-torchvision).

    /usr/bin/python3 bench/reference/fasterrcnn.py

writes detector/testdata/fasterrcnn.json: torchvision's Faster R-CNN on a stack of
convolutions, its losses, gradients, batch statistics and detections of three images,
with the regions pooled as torchvision does and as mmdet does. Weights and images are
not written: both sides make them by fill(), from a name.

Backbone, RPN and RoI heads are called one after the other, so that images are not
scaled. All candidates are sampled, so that nothing depends on random numbers.
torchvision puts the background first and has deltas for it; its rows are put where
mmdet, and detnas, have them, and those deltas are left at nothing. mmdet bounds a
decoded size from below as from above, and counts an image without a positive anchor
as if it had one more sample; so is it done here. What else differs the test sets on
detnas's side: anchors with rounded corners, which ground truth gets the anchors that
overlap one best and from which overlap on, and in the first case RoIAlign's half pixel.
"""

import sys

sys.dont_write_bytecode = True

import torch
import torch.nn.functional as F
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, FasterRCNN, RPNHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign, roi_align
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from detector import boxes_of, fill, set_weights, write
from retinanet import BATCH, CLASSES, WIDTH, Body

ALL = 1 << 20  # samples an image
# What the losses count, no two alike.
WEIGHTS = {"loss_objectness": 0.75, "loss_rpn_box_reg": 2, "loss_classifier": 1.5, "loss_box_reg": 3}
MOMENTUM = 0.3  # of the batch statistics in pyramid and head; the backbone's is 0.1
# The second case's images: at strides 4, 8 and 16 a box of 112 px is the first that
# mmdet pools from the second level.
LARGE = [
    {"w": 256, "h": 128, "boxes": [[20.0, 10, 70, 65], [100, 20, 250, 120], [30, 8, 141, 119]], "labels": [0, 2, 1]},
    {"w": 250, "h": 120, "boxes": [[3.5, 4.25, 40, 37], [60, 5, 190, 115]], "labels": [1, 0]},
    {"w": 200, "h": 125, "boxes": [], "labels": []},
]


class Coder(BoxCoder):
    """mmdet bounds a decoded size from below, too."""

    def decode_single(self, rel_codes, boxes):
        least = -self.bbox_xform_clip * torch.tensor(self.weights[2:])
        sides = torch.maximum(rel_codes.reshape(len(boxes), -1, 4)[..., 2:], least)
        return super().decode_single(torch.cat([rel_codes.reshape(len(boxes), -1, 4)[..., :2], sides], -1).reshape(rel_codes.shape), boxes)


class Pool(nn.Module):
    """mmdet's SingleRoIExtractor by its defaults: 56 px at stride 4 is the scale of
    the finest level, and RoIAlign is shifted by half a pixel."""

    def __init__(self, size, strides):
        super().__init__()
        self.size, self.strides = size, strides

    def forward(self, levels, boxes, sizes):
        rois = torch.cat([torch.cat([torch.full((len(b), 1), float(i)), b], 1) for i, b in enumerate(boxes)])
        scale = ((rois[:, 3] - rois[:, 1]) * (rois[:, 4] - rois[:, 2])).sqrt()
        level = torch.floor(torch.log2(scale / (14 * self.strides[0]) + 1e-6)).clamp(0, len(self.strides) - 1)
        out = torch.zeros(len(rois), WIDTH, self.size, self.size)
        for i, stride in enumerate(self.strides):
            at = (level == i).nonzero().flatten()
            out = out.index_put((at,), roi_align(levels[str(i)], rois[at], self.size, 1 / stride, 0, True))
        return out


class Pyramid(Body):
    """The tests' backbone, up to the third level from the stride finest on, and
    a pyramid of the three, batch normalised, and one more, pooled."""

    def __init__(self, finest):
        super().__init__("input")
        depth = {4: 4, 8: 5}[finest]
        self.convs, self.norms = self.convs[:depth], self.norms[:depth]
        self.fpn = FeaturePyramidNetwork([c.out_channels for c in self.convs[-3:]], WIDTH, LastLevelMaxPool(), nn.BatchNorm2d)

    def forward(self, x):
        levels = []
        for conv, norm in zip(self.convs, self.norms):
            x = F.relu(norm(conv(x)))
            levels.append(x)
        return self.fpn({str(i): v for i, v in enumerate(levels[-3:])})


def layers(model):
    """The model's layers by mmdet's names, but for the two outputs of the box head."""
    body, rpn, head = model.backbone, model.rpn.head, model.roi_heads.box_head
    for i, (conv, norm) in enumerate(zip(body.convs, body.norms)):
        yield f"backbone.conv{i}", conv
        yield f"backbone.bn{i}", norm
    for kind, blocks in (("lateral_convs", body.fpn.inner_blocks), ("fpn_convs", body.fpn.layer_blocks)):
        for i, block in enumerate(blocks):
            yield f"neck.{kind}.{i}.conv", block[0]
            yield f"neck.{kind}.{i}.bn", block[1]
    yield "rpn_head.rpn_conv", rpn.conv[0][0]
    yield "rpn_head.rpn_cls", rpn.cls_logits
    yield "rpn_head.rpn_reg", rpn.bbox_pred
    for i in range(2):
        yield f"roi_head.bbox_head.shared_convs.{i}.conv", head[i][0]
        yield f"roi_head.bbox_head.shared_convs.{i}.bn", head[i][1]
    yield "roi_head.bbox_head.shared_fcs.0", head[3]


def outputs(model):
    """The box head's outputs by mmdet's names, each with mmdet's layer of the same
    weights and the rows of torchvision's that it has, in its order."""
    predictor, width = model.roi_heads.box_predictor, model.roi_heads.box_predictor.cls_score.in_features
    objects = [i + 1 for i in range(CLASSES)]
    for name, layer, rows in (
        ("fc_cls", predictor.cls_score, objects + [0]),
        ("fc_reg", predictor.bbox_pred, [4 * c + k for c in objects for k in range(4)]),
    ):
        yield "roi_head.bbox_head." + name, layer, nn.Linear(width, len(rows)), rows


class Case:
    """A batch, the finest stride of its pyramid, and how regions are pooled from it: to
    side by side places."""

    def __init__(self, name, batch, finest, side, pool):
        self.name, self.batch, self.finest, self.side, self.pool = name, batch, finest, side, pool


CASES = [
    Case("torchvision's pooling", BATCH, 8, 5, MultiScaleRoIAlign(["0", "1", "2"], 5, 2, canonical_scale=30)),
    Case("mmdet's pooling", LARGE, 4, 7, Pool(7, (4, 8, 16))),
]


def make(case):
    body = Pyramid(case.finest)
    head = FastRCNNConvFCHead((WIDTH, case.side, case.side), [12, 12], [24], nn.BatchNorm2d)
    for m in list(body.fpn.modules()) + list(head.modules()):
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = MOMENTUM
    model = FasterRCNN(
        body,
        rpn_anchor_generator=AnchorGenerator(tuple((4 * case.finest * s,) for s in (1, 2, 4, 8)), ((0.5, 1.0, 2.0),) * 4),
        rpn_head=RPNHead(WIDTH, 3),
        rpn_pre_nms_top_n_train=15, rpn_post_nms_top_n_train=40, rpn_pre_nms_top_n_test=10, rpn_post_nms_top_n_test=30,
        rpn_batch_size_per_image=ALL, rpn_positive_fraction=1,
        box_head=head, box_predictor=FastRCNNPredictor(24, CLASSES + 1),
        box_batch_size_per_image=ALL, box_positive_fraction=1, box_score_thresh=0.25, box_detections_per_img=18,
    )
    model.roi_heads.box_roi_pool = case.pool
    model.rpn.box_coder, model.roi_heads.box_coder = Coder((1.0, 1.0, 1.0, 1.0)), Coder((10.0, 10.0, 5.0, 5.0))
    for name, layer in layers(model):
        set_weights(layer, name)
    with torch.no_grad():
        for name, layer, ours, rows in outputs(model):
            set_weights(ours, name)
            layer.weight.zero_()
            layer.bias.zero_()
            layer.weight[rows] = ours.weight
            layer.bias[rows] = ours.bias
    return model


def run(case, model, targets=None):
    x = fill("retina.images", (len(case.batch), 3, 128, 256), 2)
    levels = model.backbone(x)
    images = ImageList(x, [(b["h"], b["w"]) for b in case.batch])
    proposals, rpn = model.rpn(images, levels, targets)
    found, roi = model.roi_heads(levels, proposals, images.image_sizes, targets)
    return found, {**rpn, **roi}, (images, levels)


def rpn_weight(model, images, levels, targets):
    """Samples of the batch, and one more for each image without a positive: how the
    two count what the RPN's losses are divided by."""
    anchors = model.rpn.anchor_generator(images, list(levels.values()))
    labels, _ = model.rpn.assign_targets_to_anchors(anchors, targets)
    samples = sum(int((v >= 0).sum()) for v in labels)
    return samples / (samples + sum(int((v > 0).sum() == 0) for v in labels))


def some(name, t):
    return {"name": name, "norm": t.norm(), "some": t.flatten()[::max(1, t.numel() // 12)]}


def step(case):
    model = make(case).train()
    targets = [{"boxes": boxes_of(b), "labels": torch.tensor(b["labels"], dtype=torch.long) + 1} for b in case.batch]
    _, losses, (images, levels) = run(case, model, targets)
    weight = rpn_weight(model, images, levels, targets)
    losses = {k: v * WEIGHTS[k] * (weight if "rpn" in k or k == "loss_objectness" else 1) for k, v in losses.items()}
    sum(losses.values()).backward()
    grads = [(f"{name}.{kind}", p.grad) for name, layer in layers(model) for kind, p in layer.named_parameters()]
    grads += [(f"{name}.{kind}", p.grad[rows]) for name, layer, _, rows in outputs(model) for kind, p in layer.named_parameters()]
    stats = [(f"{name}.{kind}", getattr(layer, kind)) for name, layer in layers(model) if isinstance(layer, nn.BatchNorm2d)
             for kind in ("running_mean", "running_var")]
    return {
        "loss_rpn_cls": losses["loss_objectness"], "loss_rpn_bbox": losses["loss_rpn_box_reg"],
        "loss_cls": losses["loss_classifier"], "loss_bbox": losses["loss_box_reg"],
        "grads": [some(n, g) for n, g in grads], "stats": [some(n, v) for n, v in stats],
    }


def detections(case):
    model = make(case).eval()
    with torch.no_grad():
        found, _, _ = run(case, model)
    return [{"boxes": f["boxes"].tolist(), "labels": (f["labels"] - 1).tolist(), "scores": f["scores"].tolist()} for f in found]


def main():
    torch.set_num_threads(1)
    write("fasterrcnn", {"cases": [
        {"name": c.name, "images": c.batch, "step": step(c), "found": detections(c)} for c in CASES]})


if __name__ == "__main__":
    main()
