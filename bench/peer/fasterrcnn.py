"""The light Faster R-CNN of bench/step/networks.go, of torchvision's parts."""

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign

import shufflenet

CHANNELS, FC, OBJECTS, STRIDES = 128, 256, 3, (8, 16, 32)


class Pyramid(nn.Module):
    """The backbone's levels from stride 8 on, and the pyramid over them."""

    def __init__(self, stages):
        super().__init__()
        self.stages = stages
        self.fpn = FeaturePyramidNetwork(shufflenet.WIDTHS[1:], CHANNELS)
        self.out_channels = CHANNELS

    def forward(self, x):
        return self.fpn(OrderedDict((str(i), y) for i, y in enumerate(self.stages(x)[1:])))


class Ready(nn.Module):
    """In place of torchvision's transform: the batch is normalised and of its final
    size already, as detnas's is, and the boxes need no scaling back."""

    def forward(self, images, targets=None):
        return ImageList(images, [tuple(images.shape[-2:])] * len(images)), targets

    def postprocess(self, result, image_shapes, original_sizes):
        return result


def convert(state):
    """detnas's names (mmdet's) as torchvision's. Background is torchvision's first
    class, and it has box deltas of its own there."""
    names = {
        "rpn_head.rpn_conv": "rpn.head.conv.0.0", "rpn_head.rpn_cls": "rpn.head.cls_logits",
        "rpn_head.rpn_reg": "rpn.head.bbox_pred",
        "roi_head.bbox_head.shared_fcs.0": "roi_heads.box_head.fc6",
        "roi_head.bbox_head.shared_fcs.1": "roi_heads.box_head.fc7",
        "roi_head.bbox_head.fc_cls": "roi_heads.box_predictor.cls_score",
        "roi_head.bbox_head.fc_reg": "roi_heads.box_predictor.bbox_pred",
    }
    for i in range(len(STRIDES)):
        names[f"neck.lateral_convs.{i}.conv"] = f"backbone.fpn.inner_blocks.{i}.0"
        names[f"neck.fpn_convs.{i}.conv"] = f"backbone.fpn.layer_blocks.{i}.0"
    out = {}
    for name, t in state.items():
        layer, _, kind = name.rpartition(".")
        if layer.endswith("fc_cls"):
            t = t.roll(1, 0)
        if layer.endswith("fc_reg"):
            t = torch.cat([torch.zeros_like(t[:4]), t])
        out[names[layer] + "." + kind] = t
    return out


def detector(state):
    backbone = {k: v for k, v in state.items() if k.startswith("backbone.")}
    anchors = AnchorGenerator(tuple((8 * s,) for s in STRIDES), ((0.5, 1.0, 2.0),) * len(STRIDES))
    net = FasterRCNN(
        Pyramid(shufflenet.stages(backbone)),
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(CHANNELS, 3),
        rpn_pre_nms_top_n_train=500, rpn_pre_nms_top_n_test=500,
        rpn_post_nms_top_n_train=300, rpn_post_nms_top_n_test=300,
        box_roi_pool=MultiScaleRoIAlign(["0", "1", "2"], output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(CHANNELS * 7 * 7, FC),
        box_predictor=FastRCNNPredictor(FC, OBJECTS + 1),
        box_batch_size_per_image=64,
    )
    net.transform = Ready()
    rest = convert({k: v for k, v in state.items() if not k.startswith("backbone.")})
    loaded = net.load_state_dict(rest, strict=False)
    missing = [k for k in loaded.missing_keys if not k.startswith("backbone.stages.")]
    if loaded.unexpected_keys or missing:
        raise SystemExit(f"peer: the weights do not fit: {loaded.unexpected_keys} {missing}")
    return net
