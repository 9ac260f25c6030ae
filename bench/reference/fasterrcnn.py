#!/usr/bin/env python3
"""Reference values for detector's whole Faster R-CNN, from PyTorch 1.13.1 and
torchvision 0.14.1 (apt: python3-torch, python3-torchvision).

    /usr/bin/python3 bench/reference/fasterrcnn.py

writes detector/testdata/fasterrcnn.json: torchvision's Faster R-CNN on a stack of
convolutions, its losses, gradients and detections of three images. Weights and
images are not written: both sides make them by fill(), from a name.

Backbone, RPN and RoI heads are called one after the other, so that images are not
scaled. All candidates are sampled, so that nothing depends on random numbers.
torchvision puts the background first and has deltas for it; its rows are put where
mmdet, and detnas, have them, and those deltas are left at nothing. mmdet bounds a
decoded size from below as from above, and counts an image without a positive anchor
as if it had one more sample; so is it done here. What else differs the test sets on
detnas's side: anchors with rounded corners, which ground truth gets the anchors that
overlap one best and from which overlap on, and RoIAlign's half pixel.
"""

import sys

sys.dont_write_bytecode = True

import torch
from torch import nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNConvFCHead, FastRCNNPredictor, FasterRCNN, RPNHead
from torchvision.models.detection.image_list import ImageList
from torchvision.ops import MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import FeaturePyramidNetwork, LastLevelMaxPool

from detector import boxes_of, fill, set_weights, write
from retinanet import BATCH, CHANNELS, CLASSES, WIDTH, Body

ALL = 1 << 20  # samples an image


class Coder(BoxCoder):
    """mmdet bounds a decoded size from below, too."""

    def decode_single(self, rel_codes, boxes):
        least = -self.bbox_xform_clip * torch.tensor(self.weights[2:])
        sides = torch.maximum(rel_codes.reshape(len(boxes), -1, 4)[..., 2:], least)
        return super().decode_single(torch.cat([rel_codes.reshape(len(boxes), -1, 4)[..., :2], sides], -1).reshape(rel_codes.shape), boxes)


class Pyramid(Body):
    """The tests' backbone and a pyramid of three levels, batch normalised, and one pooled."""

    def __init__(self):
        super().__init__("input")
        self.fpn = FeaturePyramidNetwork(CHANNELS, WIDTH, LastLevelMaxPool(), nn.BatchNorm2d)


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


def make():
    body = Pyramid()
    head = FastRCNNConvFCHead((WIDTH, 5, 5), [12, 12], [24], nn.BatchNorm2d)
    model = FasterRCNN(
        body,
        rpn_anchor_generator=AnchorGenerator(tuple((4 * s,) for s in (8, 16, 32, 64)), ((0.5, 1.0, 2.0),) * 4),
        rpn_head=RPNHead(WIDTH, 3),
        rpn_pre_nms_top_n_train=100, rpn_post_nms_top_n_train=40, rpn_pre_nms_top_n_test=60, rpn_post_nms_top_n_test=30,
        rpn_batch_size_per_image=ALL, rpn_positive_fraction=1,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], 5, 2, canonical_scale=30),
        box_head=head, box_predictor=FastRCNNPredictor(24, CLASSES + 1),
        box_batch_size_per_image=ALL, box_positive_fraction=1, box_score_thresh=0.265, box_detections_per_img=22,
    )
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


def run(model, targets=None):
    x = fill("retina.images", (len(BATCH), 3, 128, 256), 2)
    levels = model.backbone(x)
    images = ImageList(x, [(b["h"], b["w"]) for b in BATCH])
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


def step():
    model = make().train()
    targets = [{"boxes": boxes_of(b), "labels": torch.tensor(b["labels"], dtype=torch.long) + 1} for b in BATCH]
    _, losses, (images, levels) = run(model, targets)
    weight = rpn_weight(model, images, levels, targets)
    losses = {k: v * weight if "rpn" in k or k == "loss_objectness" else v for k, v in losses.items()}
    sum(losses.values()).backward()
    grads = [(f"{name}.{kind}", p.grad) for name, layer in layers(model) for kind, p in layer.named_parameters()]
    grads += [(f"{name}.{kind}", p.grad[rows]) for name, layer, _, rows in outputs(model) for kind, p in layer.named_parameters()]
    return {
        "loss_rpn_cls": losses["loss_objectness"], "loss_rpn_bbox": losses["loss_rpn_box_reg"],
        "loss_cls": losses["loss_classifier"], "loss_bbox": losses["loss_box_reg"],
        "grads": [{"name": n, "norm": g.norm(), "some": g.flatten()[::max(1, g.numel() // 12)]} for n, g in grads],
    }


def detections():
    model = make().eval()
    with torch.no_grad():
        found, _, _ = run(model)
    return [{"boxes": f["boxes"].tolist(), "labels": (f["labels"] - 1).tolist(), "scores": f["scores"].tolist()} for f in found]


def main():
    torch.set_num_threads(1)
    write("fasterrcnn", {"images": BATCH, "step": step(), "found": detections()})


if __name__ == "__main__":
    main()
