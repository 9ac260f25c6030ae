#!/usr/bin/python3
"""Makes boxes of an exported detector, by OpenCV and NumPy alone.

    bench/interop/decode.py DETECTOR.onnx IMAGE [ROI_HEAD.onnx] [--against FOUND]

It is what docs/interop.md says of the raw outputs, as a program that can be copied from:
all numbers are of the files' metadata. The detector is exported with --size multiples; a
Faster R-CNN needs its roi-head too. FOUND is the folder that `detnas predict RUN IMAGE -o
FOUND` wrote for that one image, with which the boxes are compared: the exit code is 1
where they are others."""

import argparse
import json
import sys
from pathlib import Path

import cv2
import numpy as np
import onnx

LIMIT = np.log(1000 / 16)  # of dw and dh


def prepared(meta, path):
    """The image as an input [1, 3, h, w], its size within that, and the file's."""
    image = cv2.imread(path)[:, :, ::-1]  # RGB
    height, width = image.shape[:2]
    scale = min(meta["resize"]["short"] / min(height, width), meta["resize"]["max"] / max(height, width))
    h, w = max(int(height * scale + 0.5), 1), max(int(width * scale + 0.5), 1)
    values = cv2.resize(image, (w, h), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    mean, std = np.float32(meta["mean"]), np.float32(meta["std"])
    built_in = "built in" in meta["input"]
    x = np.zeros((*(-(-side // meta["pad_to"]) * meta["pad_to"] for side in (h, w)), 3), np.float32)
    x[:] = mean if built_in else 0
    x[:h, :w] = values if built_in else (values - mean) / std
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None], (w, h), (width, height)


def by_place(maps, anchors):
    """A level's map [anchors * n, h, w] as a row of n for each anchor: by rows, columns and
    anchors of a place."""
    n, h, w = maps.shape[0] // anchors, *maps.shape[1:]
    return maps.reshape(anchors, n, h, w).transpose(2, 3, 0, 1).reshape(-1, n)


def anchors_of(base, stride, h, w):
    xs, ys = np.meshgrid(np.arange(w) * stride, np.arange(h) * stride)
    return (np.stack([xs, ys, xs, ys], -1)[:, :, None] + np.array(base)).reshape(-1, 4)


def decoded(boxes, deltas, stds, size):
    dx, dy, dw, dh = (deltas * np.array(stds)).T
    w, h = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2 + dx * w, (boxes[:, 1] + boxes[:, 3]) / 2 + dy * h
    w, h = w * np.exp(dw.clip(-LIMIT, LIMIT)), h * np.exp(dh.clip(-LIMIT, LIMIT))
    return np.stack([x - w / 2, y - h / 2, x + w / 2, y + h / 2], 1).clip(0, [*size, *size])


def best(scores, most):
    return np.argsort(-scores, kind="stable")[: most or None]


def suppressed(boxes, scores, groups, overlap, most, least=0):
    """Places of the boxes that are kept, from the best down. Those of other groups are let be."""
    sides = boxes[:, 2:] - boxes[:, :2]
    left, kept = best(scores, 0), []
    left = left[(sides[left] > least).all(1)]
    while len(left) and (not most or len(kept) < most):
        first, left = left[0], left[1:]
        kept.append(first)
        shared = (np.minimum(boxes[first, 2:], boxes[left, 2:]) - np.maximum(boxes[first, :2], boxes[left, :2])).clip(0).prod(1)
        union = sides[first].prod() + sides[left].prod(1) - shared
        left = left[(groups[left] != groups[first]) | (shared / union <= overlap)]
    return np.array(kept, int)


def levels(decoding, outputs, cls, reg):
    """Of each level its stride, its anchors, and for each its logits and deltas."""
    for stride, base in zip(decoding["strides"], decoding["anchors"]):
        name = "p%d" % (stride.bit_length() - 1)
        logits, deltas = outputs[cls + name][0], outputs[reg + name][0]
        yield anchors_of(base, stride, *logits.shape[1:]), by_place(logits, len(base)), by_place(deltas, len(base))


def gathered(parts):
    return [np.concatenate(p) for p in zip(*parts)]


def retinanet(decoding, outputs, size):
    parts, test = [], decoding["test"]
    for anchors, logits, deltas in levels(decoding, outputs, "cls_", "reg_"):
        probability = 1 / (1 + np.exp(-logits.clip(-80)))
        anchor, label = np.nonzero(probability > test["score_thr"])
        top = best(probability[anchor, label], decoding["per_level"])
        anchor, label = anchor[top], label[top]
        parts.append((decoded(anchors[anchor], deltas[anchor], decoding["stds"], size), probability[anchor, label], label))
    return gathered(parts)


def proposals(decoding, outputs, size):
    parts, how = [], decoding["proposals"]
    for level, (anchors, logits, deltas) in enumerate(levels(decoding, outputs, "rpn_cls_", "rpn_reg_")):
        top = best(logits[:, 0], how["per_level"])
        parts.append((decoded(anchors[top], deltas[top], decoding["stds"], size), logits[top, 0], np.full(len(top), level)))
    boxes, scores, of = gathered(parts)
    return boxes[suppressed(boxes, scores, of, how["nms_iou"], how["max"], how["min_size"])]


def pooled(roi, outputs, box):
    """RoIAlign of a box [channels, pool, pool], from the level of its size."""
    side = np.sqrt((box[2:] - box[:2]).prod()) / roi["finest_scale"] + 1e-6
    stride = roi["strides"][int(np.clip(np.floor(np.log2(side)), 0, len(roi["strides"]) - 1))]
    level = outputs["p%d" % (stride.bit_length() - 1)][0]
    at, pool = box / stride - (0.5 if roi["aligned"] else 0), roi["pool"]
    lengths = at[2:] - at[:2] if roi["aligned"] else (at[2:] - at[:2]).clip(1)
    ways = []  # of x and of y: weights [pool, points] of the points that a bin's mean is of
    for start, length, points in zip(at[:2], lengths, level.shape[:0:-1]):
        samples = roi["sampling_ratio"] or int(np.ceil(length / pool))
        weights = np.zeros((pool, points))
        for i in range(pool * samples):
            p = start + (i + 0.5) * length / (pool * samples)
            if -1 <= p <= points:  # outside there are zeros
                p = min(max(p, 0), points - 1)
                low = int(p)
                weights[i // samples, low] += (1 - (p - low)) / samples
                weights[i // samples, min(low + 1, points - 1)] += (p - low) / samples
        ways.append(weights)
    return ways[1] @ level @ ways[0].T


def head(decoding, outputs, size, model):
    boxes, roi = proposals(decoding, outputs, size), decoding["roi"]
    if not len(boxes):
        return boxes, np.zeros(0), np.zeros(0, int)
    net = cv2.dnn.readNetFromONNX(model)
    net.setInput(np.stack([pooled(roi, outputs, b) for b in boxes]).astype(np.float32), "pooled")
    logits, deltas = net.forward(["cls", "reg"])
    probability = np.exp(logits - logits.max(1, keepdims=True))
    probability /= probability.sum(1, keepdims=True)
    row, label = np.nonzero(probability[:, :-1] > decoding["test"]["score_thr"])  # background is last
    deltas = deltas.reshape(len(boxes), -1, 4)[row, label]
    return decoded(boxes[row], deltas, roi["stds"], size), probability[row, label], label


def detections(detector, image, roi_head):
    """Class, score and x, y, width, height in px of the file, from the best down."""
    model = onnx.load(detector)
    meta = {p.key: p.value for p in model.metadata_props}
    for key in ("resize", "mean", "std", "pad_to", "classes", "decoding"):
        meta[key] = json.loads(meta[key])
    x, size, whole = prepared(meta, image)
    net, names = cv2.dnn.readNetFromONNX(detector), [o.name for o in model.graph.output]
    net.setInput(x, "image")
    outputs, decoding = dict(zip(names, net.forward(names))), meta["decoding"]
    if decoding["kind"] == "retinanet":
        boxes, scores, labels = retinanet(decoding, outputs, size)
    else:
        boxes, scores, labels = head(decoding, outputs, size, roi_head)
    kept = suppressed(boxes, scores, labels, decoding["test"]["nms_iou"], decoding["test"]["max_per_image"])
    boxes = boxes * (np.array([*whole, *whole]) / [*size, *size])
    boxes[:, 2:] -= boxes[:, :2]
    return [(meta["classes"][labels[i]], float(scores[i]), boxes[i]) for i in kept]


def differences(found, folder):
    """How many there are here and there, and how many of theirs have no like here."""
    classes = {c["id"]: c["name"] for c in json.loads((folder / "images.json").read_text())["categories"]}
    theirs = json.loads((folder / "detections.json").read_text())
    alike = lambda t, f: classes[t["category_id"]] == f[0] and abs(t["score"] - f[1]) < 2e-3 and np.abs(t["bbox"] - f[2]).max() < 0.5
    return len(found), len(theirs), sum(not any(alike(t, f) for f in found) for t in theirs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("detector")
    parser.add_argument("image")
    parser.add_argument("roi_head", nargs="?", help="of a Faster R-CNN")
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    found = detections(args.detector, args.image, args.roi_head)
    if not args.against:
        for name, score, box in found:
            print(f"{score:.4f}  {name}  {' '.join(f'{v:.1f}' for v in box)}")
        return 0
    here, there, other = differences(found, args.against)
    print(f"{Path(args.detector).name}: {here} boxes, {there} of detnas predict, of which {other} are others")
    return int(here != there or other > 0)


if __name__ == "__main__":
    sys.exit(main())
