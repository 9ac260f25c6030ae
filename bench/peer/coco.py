#!/usr/bin/env python3
"""pycocotools' side of the measurement of bench/eval.

    /usr/bin/python3 bench/peer/coco.py GT.json DT.json

prints the figures of two files, as bench/reference/cocoeval.py does.
"""

import contextlib
import json
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

NAMES = ["AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl"]


def mean(values):
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def main(gt_path, dt_path):
    with contextlib.redirect_stdout(sys.stderr):
        gt = COCO(gt_path)
        e = COCOeval(gt, gt.loadRes(dt_path), "bbox")
        e.evaluate()
        e.accumulate()
        e.summarize()
    precision = e.eval["precision"][..., 0, -1]  # of all areas, with the most detections
    ids = [str(c) for c in e.params.catIds]
    json.dump({
        "stats": dict(zip(NAMES, map(float, e.stats))),
        "per_category_AP": {c: mean(precision[:, :, k]) for k, c in enumerate(ids)},
        "per_category_AP50": {c: mean(precision[0, :, k]) for k, c in enumerate(ids)},
    }, sys.stdout)


main(*sys.argv[1:])
