"""The two Faster R-CNN of bench/step/networks.go, of torchvision's parts."""

from collections import OrderedDict

import torch
from torch import nn
from torchvision.models.detection import FasterRCNN
from torchvision.models.detection.anchor_utils import AnchorGenerator
from torchvision.models.detection.faster_rcnn import FastRCNNPredictor, TwoMLPHead
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RPNHead
from torchvision.ops import FeaturePyramidNetwork, MultiScaleRoIAlign
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

import shufflenet

OBJECTS = 3
# Of the light detector, and of torchvision's defaults.
LIGHT = {"channels": 128, "fc": 256, "strides": (8, 16, 32), "train": 500, "test": 500, "kept": (300, 300), "boxes": 64}
DEFAULT = {"channels": 256, "fc": 1024, "strides": (4, 8, 16, 32), "train": 2000, "test": 1000, "kept": (2000, 1000), "boxes": 512}


class Pyramid(nn.Module):
    """The backbone's coarsest levels, as many as there are strides, and the pyramid over
    them; torchvision's defaults have one more above."""

    def __init__(self, stages, sizes, above):
        super().__init__()
        self.stages, self.levels = stages, len(sizes["strides"])
        self.fpn = FeaturePyramidNetwork(shufflenet.WIDTHS[-self.levels:], sizes["channels"], LastLevelMaxPool() if above else None)
        self.out_channels = sizes["channels"]

    def forward(self, x):
        return self.fpn(OrderedDict((str(i), y) for i, y in enumerate(self.stages(x)[-self.levels:])))


class Ready(nn.Module):
    """In place of torchvision's transform: the batch is normalised and of its final
    size already, as detnas's is, and the boxes need no scaling back."""

    def forward(self, images, targets=None):
        return ImageList(images, [tuple(images.shape[-2:])] * len(images)), targets

    def postprocess(self, result, image_shapes, original_sizes):
        return result


def convert(state, levels):
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
    for i in range(levels):
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


def detector(state, default=False):
    sizes = DEFAULT if default else LIGHT
    backbone = {k: v for k, v in state.items() if k.startswith("backbone.")}
    strides = sizes["strides"] + ((64,) if default else ())
    anchors = AnchorGenerator(tuple((8 * s,) for s in strides), ((0.5, 1.0, 2.0),) * len(strides))
    names, channels = [str(i) for i in range(len(sizes["strides"]))], sizes["channels"]
    net = FasterRCNN(
        Pyramid(shufflenet.stages(backbone), sizes, default),
        rpn_anchor_generator=anchors,
        rpn_head=RPNHead(channels, 3),
        rpn_pre_nms_top_n_train=sizes["train"], rpn_pre_nms_top_n_test=sizes["test"],
        rpn_post_nms_top_n_train=sizes["kept"][0], rpn_post_nms_top_n_test=sizes["kept"][1],
        box_roi_pool=MultiScaleRoIAlign(names, output_size=7, sampling_ratio=2),
        box_head=TwoMLPHead(channels * 7 * 7, sizes["fc"]),
        box_predictor=FastRCNNPredictor(sizes["fc"], OBJECTS + 1),
        box_batch_size_per_image=sizes["boxes"],
    )
    net.transform = Ready()
    rest = convert({k: v for k, v in state.items() if not k.startswith("backbone.")}, len(sizes["strides"]))
    loaded = net.load_state_dict(rest, strict=False)
    missing = [k for k in loaded.missing_keys if not k.startswith("backbone.stages.")]
    if loaded.unexpected_keys or missing:
        raise SystemExit(f"peer: the weights do not fit: {loaded.unexpected_keys} {missing}")
    return net
