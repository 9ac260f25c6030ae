#!/usr/bin/env python3
"""Reference values for detector/voceval, by NumPy alone.

    /usr/bin/python3 bench/reference/voc.py

writes detector/voceval/testdata/cases.json. It follows the description of the
evaluation in "The PASCAL Visual Object Classes Challenge 2007 / 2012, Development
Kit" (sections on the detection task): a detection is assigned to the object of its
class that it overlaps most; an overlap of 50% or more finds it; what finds an
object again is false; difficult objects count neither way. Boxes are in the kit's
form, corners from pixel 1 on whose pixels are in the box, so widths and heights are
differences plus 1. Every case is worked out class by class and image by image with
matrices of overlaps, in another way than the Go code goes about it.

The seeds are fixed: a second run writes the same bytes. Coordinates are multiples
of 1/4 px, so that sums of them are exact, and tie often.
"""

import json
import pathlib

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "detector" / "voceval" / "testdata" / "cases.json"


def overlaps(a, b):
    """The overlaps of boxes a (n, 4) with boxes b (m, 4), pixels at the ends included."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.clip(high - low + 1, 0, None)
    inter = sides[..., 0] * sides[..., 1]

    def area(x):
        return (x[:, 2] - x[:, 0] + 1) * (x[:, 3] - x[:, 1] + 1)

    return inter / (area(a)[:, None] + area(b)[None, :] - inter)


def marks(truth, found):
    """For the detections of a class, the highest score first, +1 true, -1 false, 0 neither."""
    order = np.argsort([-d["score"] for d in found], kind="stable")
    found = [found[i] for i in order]
    out = np.zeros(len(found), int)
    for image in {d["image"] for d in found}:
        rows = [i for i, d in enumerate(found) if d["image"] == image]
        objects = [t for t in truth if t["image"] == image]
        if not objects:
            out[rows] = -1
            continue
        iou = overlaps(np.array([found[i]["box"] for i in rows]), np.array([t["box"] for t in objects]))
        best, value = iou.argmax(1), iou.max(1)
        out[rows] = -1
        for j, t in enumerate(objects):
            hits = [rows[k] for k in range(len(rows)) if best[k] == j and value[k] >= 0.5]
            if t["difficult"]:
                out[hits] = 0
            elif hits:
                out[hits[0]] = 1
    return out


def average_precisions(truth, found):
    """AP07 and AP of a class, and how many objects it has to find."""
    total = sum(not t["difficult"] for t in truth)
    if total == 0:
        return -1.0, -1.0, 0
    m = marks(truth, found)
    true, false = np.cumsum(m == 1), np.cumsum(m == -1)
    precision = true / np.maximum(true + false, 1)
    recall = true / total
    levels = [k / 10 for k in range(11)]  # the nearest doubles, as true / total is
    eleven = [precision[recall >= t].max() if (recall >= t).any() else 0.0 for t in levels]
    steps = np.flatnonzero(np.diff(np.concatenate([[0], true])))
    area = sum(precision[i:].max() / total for i in steps)
    return float(np.sum(eleven) / 11), float(area), total


def evaluate(case):
    per_class = {}
    for c in case["classes"]:
        ap07, ap, total = average_precisions([t for t in case["truth"] if t["class"] == c],
                                             [d for d in case["found"] if d["class"] == c])
        per_class[c] = {"ap07": ap07, "ap": ap, "objects": total}
    have = [v for v in per_class.values() if v["objects"]]
    mean = {k: float(np.mean([v[k] for v in have])) if have else -1.0 for k in ("ap07", "ap")}
    return {"map07": mean["ap07"], "map": mean["ap"], "per_class": per_class}


def quarter(v):
    return [float(x) for x in np.round(np.asarray(v) * 4) / 4]


def random_case(rng, images, classes, noise, levels):
    """Objects, some difficult, and detections near and far; scores tie where levels is small."""
    names = [f"class{i}" for i in range(classes)] + ["absent"]
    truth, found = [], []
    for image in range(1, images + 1):
        for _ in range(rng.integers(0, 6)):
            x, y = rng.integers(1, 100, 2)
            w, h = rng.integers(1, 60, 2)
            t = {"image": image, "class": names[rng.integers(classes)], "box": quarter([x, y, x + w - 1, y + h - 1]),
                 "difficult": bool(rng.integers(5) == 0)}
            truth.append(t)
            for _ in range(rng.integers(0, 4)):  # duplicates
                box = quarter(np.array(t["box"]) + rng.normal(0, noise * min(w, h), 4))
                if box[2] < box[0] or box[3] < box[1]:
                    continue
                wrong = rng.integers(8) == 0
                found.append({"image": image, "class": names[rng.integers(classes + 1)] if wrong else t["class"],
                              "box": box, "score": float(rng.integers(1, levels + 1) / levels)})
    rng.shuffle(found)
    return {"classes": names, "truth": truth, "found": found}


def hand_cases():
    def t(image, box, difficult=False, name="a"):
        return {"image": image, "class": name, "box": box, "difficult": difficult}

    def d(image, box, score, name="a"):
        return {"image": image, "class": name, "box": box, "score": score}

    ten = [t(i, [1.0, 1.0, 10.0, 10.0]) for i in range(1, 11)]
    yield {"classes": ["a"], "truth": ten, "found": [d(i, [1.0, 1.0, 10.0, 10.0], 1 - i / 16) for i in (1, 2, 3)]}  # recall 3/10
    yield {"classes": ["a"], "truth": ten[:2], "found": []}
    yield {"classes": ["a", "b"], "truth": [t(1, [1.0, 1.0, 10.0, 10.0], True)], "found": [d(1, [1.0, 1.0, 10.0, 10.0], 0.5)]}
    # 10 x 5 in 10 x 10 pixels is an overlap of exactly 0.5, which counts; without the
    # added pixel it would be 0.44.
    yield {"classes": ["a"], "truth": ten[:1], "found": [d(1, [1.0, 1.0, 10.0, 5.0], 0.5)]}
    # A single pixel has an area of 1.
    yield {"classes": ["a"], "truth": [t(1, [7.0, 7.0, 7.0, 7.0])], "found": [d(1, [7.0, 7.0, 7.0, 7.0], 0.5)]}
    # Only difficult objects are met before the first that counts.
    yield {"classes": ["a"], "truth": [t(1, [1.0, 1.0, 10.0, 10.0], True), t(2, [1.0, 1.0, 10.0, 10.0])],
           "found": [d(1, [1.0, 1.0, 10.0, 10.0], 0.9), d(1, [1.0, 1.0, 10.0, 9.0], 0.8), d(2, [1.0, 1.0, 10.0, 10.0], 0.1)]}
    # Two objects that are overlapped equally: the first is the one that is found, and
    # the second detection finds it again.
    yield {"classes": ["a"], "truth": [t(1, [1.0, 1.0, 10.0, 10.0]), t(1, [1.0, 3.0, 10.0, 12.0])],
           "found": [d(1, [1.0, 2.0, 10.0, 11.0], 0.9), d(1, [1.0, 2.0, 10.0, 11.0], 0.8)]}
    # The first of them is difficult, so that the detection counts neither way; then
    # the second, so that it does.
    for difficult in (True, False):
        yield {"classes": ["a"], "truth": [t(1, [1.0, 1.0, 10.0, 10.0], difficult), t(1, [1.0, 3.0, 10.0, 12.0], not difficult)],
               "found": [d(1, [1.0, 2.0, 10.0, 11.0], 0.9)]}


def main():
    OUT.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(7)
    cases = list(hand_cases())
    for images, classes, noise, levels in [(4, 1, 0.15, 1000), (12, 3, 0.15, 1000), (12, 3, 0.2, 4), (25, 2, 0.1, 10), (25, 4, 0.3, 3)]:
        cases.append(random_case(rng, images, classes, noise, levels))
    for c in cases:
        c["want"] = evaluate(c)
    OUT.write_text(json.dumps({"numpy": np.__version__, "cases": cases}, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
