#!/usr/bin/env python3
"""COCO's figures for boxes, worked out one pair at a time from their definition:
the evaluation page of the COCO challenge (cocodataset.org/#detection-eval), with
what that leaves open settled as pycocotools 2.0 settles it: the order of equal
scores and overlaps, the ends of ranges, the roundings, an annotation with id 0.

    /usr/bin/python3 bench/reference/cocoeval.py
writes detector/cocoeval/testdata: cases, each GT, DT and the figures expected.
The seeds are fixed: a second run writes the same bytes.

    /usr/bin/python3 bench/reference/cocoeval.py GT.json DT.json
prints the figures of two files.

    /usr/bin/python3 bench/reference/cocoeval.py --check FOLDER
works out the cases of a folder, such as those that pycocotools itself gave
figures for, and fails where one differs by more than 1e-12.

Needs apt's python3-numpy, for the bits of linspace.
"""

import json
import math
import pathlib
import random
import sys

import numpy as np

OUT = pathlib.Path(__file__).resolve().parents[2] / "detector" / "cocoeval" / "testdata"

THRESHOLDS = [float(t) for t in np.linspace(0.5, 0.95, 10)]
RECALLS = [float(r) for r in np.linspace(0, 1, 101)]
AREAS = {"all": (0, 1e10), "s": (0, 32 * 32), "m": (32 * 32, 96 * 96), "l": (96 * 96, 1e10)}
LIMITS = (1, 10, 100)


def divide(a, b):
    """a / b as C has it, where b may be 0."""
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def overlap(d, g, crowd):
    """Intersection over union, or over the detection where the truth is a crowd."""
    w = min(d[0] + d[2], g[0] + g[2]) - max(d[0], g[0])
    h = min(d[1] + d[3], g[1] + g[3]) - max(d[1], g[1])
    if w <= 0 or h <= 0:
        return 0.0
    both = w * h
    return divide(both, d[2] * d[3] if crowd else d[2] * d[3] + g[2] * g[3] - both)


def by_group(entries):
    groups = {}
    for e in entries:
        groups.setdefault((e["category_id"], e["image_id"]), []).append(e)
    return groups


class Marks:
    """What the detections of a category on an image came to in a range of area:
    hits[t][i] is 1 for a right one, 0 for a wrong one, None for one that does not
    count."""

    def __init__(self, truths, found, lo, hi):
        ignored = [bool(g["iscrowd"]) or g["area"] < lo or g["area"] > hi for g in truths]
        order = [i for i in range(len(truths)) if not ignored[i]] + [i for i in range(len(truths)) if ignored[i]]
        found = sorted(found, key=lambda d: -d["score"])[: LIMITS[-1]]  # sorted is stable
        self.objects = ignored.count(False)
        self.scores = [d["score"] for d in found]
        self.hits = []
        overlaps = [[overlap(d["bbox"], truths[i]["bbox"], truths[i]["iscrowd"]) for i in order] for d in found]
        for threshold in THRESHOLDS:
            taken, hits = set(), []
            for d, row in zip(found, overlaps):
                i = self.best(order, row, ignored, truths, taken, min(threshold, 1 - 1e-10))
                area = d["bbox"][2] * d["bbox"][3]
                hit = 0
                if i is not None:
                    taken.add(i)
                    hit = None if ignored[i] else int(truths[i]["id"] != 0)
                if hit == 0 and (area < lo or area > hi):
                    hit = None
                hits.append(hit)
            self.hits.append(hits)

    @staticmethod
    def best(order, row, ignored, truths, taken, least):
        got = None
        for i, v in zip(order, row):
            if i in taken and not truths[i]["iscrowd"]:
                continue
            if got is not None and not ignored[got] and ignored[i]:
                break
            if not v < least:
                got, least = i, v
        return got


def curve(marks, t, limit):
    """Precision at each recall level, and the recall reached."""
    ranked = [(s, h) for m in marks for s, h in list(zip(m.scores, m.hits[t]))[:limit]]
    ranked.sort(key=lambda x: -x[0])
    objects = sum(m.objects for m in marks)
    right = wrong = 0
    precision, recall = [], []
    for _, hit in ranked:
        right += hit == 1
        wrong += hit == 0
        precision.append(right / (wrong + right + float(np.spacing(1))))
        recall.append(right / objects)
    for i in range(len(precision) - 1, 0, -1):
        precision[i - 1] = max(precision[i - 1], precision[i])
    at, levels = 0, []
    for level in RECALLS:
        while at < len(recall) and recall[at] < level:
            at += 1
        levels.append(precision[at] if at < len(recall) else 0.0)
    return levels, (recall[-1] if recall else 0.0)


def mean(values):
    values = [v for v in values if v is not None]
    return math.fsum(values) / len(values) if values else -1.0


def figures(gt, dt):
    images = sorted({i["id"] for i in gt["images"]})
    categories = sorted({c["id"] for c in gt["categories"]})
    truths, found = by_group(gt["annotations"]), by_group(dt)
    strange = {d["image_id"] for d in dt} - set(images)
    if strange:
        raise SystemExit(f"detections on images that the ground truth does not have: {sorted(strange)[:5]}")
    ap, ar = {}, {}  # by area and category: the precisions by threshold; by area, category and limit: the recalls
    for c in categories:
        for area, (lo, hi) in AREAS.items():
            marks = [Marks(truths.get((c, i), []), found.get((c, i), []), lo, hi)
                     for i in images if (c, i) in truths or (c, i) in found]
            none = not sum(m.objects for m in marks)
            for limit in LIMITS:
                curves = [] if none else [curve(marks, t, limit) for t in range(len(THRESHOLDS))]
                ar[area, c, limit] = [r for _, r in curves]
                ap[area, c] = [levels for levels, _ in curves]

    def precision(area, of=categories, at=slice(None)):
        return mean(p for c in of for levels in ap[area, c][at] for p in levels)

    def recall(area, limit):
        return mean(r for c in categories for r in ar[area, c, limit])

    return {
        "stats": {
            "AP": precision("all"), "AP50": precision("all", at=slice(0, 1)), "AP75": precision("all", at=slice(5, 6)),
            "APs": precision("s"), "APm": precision("m"), "APl": precision("l"),
            "AR1": recall("all", 1), "AR10": recall("all", 10), "AR100": recall("all", 100),
            "ARs": recall("s", 100), "ARm": recall("m", 100), "ARl": recall("l", 100),
        },
        "per_category_AP": {str(c): precision("all", [c]) for c in categories},
        "per_category_AP50": {str(c): precision("all", [c], slice(0, 1)) for c in categories},
    }


class Case:
    """A ground truth and detections that are put together by hand."""

    def __init__(self, images=(1,), categories=(1,)):
        self.gt = {"images": [{"id": i} for i in images], "annotations": [],
                   "categories": [{"id": c, "name": f"class {c}"} for c in categories]}
        self.dt = []

    def truth(self, box, image=1, category=1, area=None, crowd=0, id=None):
        self.gt["annotations"].append({
            "id": len(self.gt["annotations"]) + 1 if id is None else id, "image_id": image, "category_id": category,
            "bbox": list(box), "area": box[2] * box[3] if area is None else area, "iscrowd": crowd})

    def found(self, box, score, image=1, category=1):
        self.dt.append({"image_id": image, "category_id": category, "bbox": list(box), "score": score})


def crowds(rng):
    """Crowds are taken again and again, by those that no object is left for, and
    overlap by the detection's area alone."""
    c = Case(images=(1, 2), categories=(1, 2))
    c.truth((0, 0, 300, 300), crowd=1)
    c.truth((0, 0, 300, 280), crowd=1)
    c.truth((10, 10, 40, 40))
    c.truth((200, 200, 50, 100), crowd=1, category=2)  # a category of crowds alone
    for k in range(14):
        c.found((10 + k, 10, 40, 40 + 3 * k), 0.9 - 0.05 * (k % 6))
    c.found((0, 0, 300, 300), 0.99)
    c.found((250, 0, 100, 100), 0.95)  # half of it in the crowds
    c.found((210, 210, 30, 30), 0.5, category=2)
    c.truth((10, 10, 40, 40), image=2)
    c.truth((10, 10, 40, 40), image=2, crowd=1)
    c.found((10, 10, 40, 40), 0.8, image=2)
    c.found((10, 10, 40, 40), 0.7, image=2)
    c.found((10, 10, 40, 40), 0.6, image=2)
    return c


def areas(rng):
    """Objects and detections on the ends of the ranges of area, and beyond them."""
    ends = [0, 1, 1023.999999, 1024, 1024.0000001, 9215.9999, 9216, 9216.5, 1e10, 1e10 + 2, -4]
    c = Case(images=range(1, 2 * len(ends) + 1))
    for k, area in enumerate(ends):
        c.truth((5, 5, 60, 60), image=k + 1, area=area)
        c.found((5, 5, 60, 58), 0.5 + k / 100, image=k + 1)
        c.found((5, 5, 58, 60), 0.4 + k / 100, image=k + 1)
    for k, (w, h) in enumerate([(32, 32), (32, 32.0001), (31.9999, 32), (96, 96), (96.1, 96), (1e5, 1e5), (1e5, 1e5 + 1), (-3, 4), (0, 9)]):
        c.found((400, 5, w, h), 0.45 + k / 100, image=k + 1)
    c.truth((0, 0, 32, 32), image=len(ends) + 3)
    c.found((0, 0, 32, 32), 0.3, image=len(ends) + 3)
    return c


def ties(rng):
    """Equal scores: on an image in the order of the file, between images in the
    order of their ids, which is not the file's. Equal overlaps: the last."""
    c = Case(images=(30, 4, 200, 1, 77), categories=(2, 1))
    for i in (200, 30, 77, 1, 4):
        for k in range(4):
            c.truth((100 * k, 0, 40, 40), image=i, category=1 + k % 2)
        for k in (3, 1, 0, 2, 5):
            c.found((100 * k, 0, 40, 40 - 2 * k), 0.5, image=i, category=1 + k % 2)
            c.found((100 * k, 3 * k, 40, 40), 0.25 if k % 2 else 0.5, image=i, category=1 + k % 2)
    for id, crowd in ((900, 0), (901, 0), (902, 1), (903, 0)):  # four in one place
        c.truth((700, 0, 50, 50), image=77, crowd=crowd, id=id, area=2500 if id != 903 else 100)
    for score in (0.5, 0.5, -0.0, 0, 0.5, -1, 1e-300):
        c.found((700, 0, 50, 48), score, image=77)
    return c


def many(rng):
    """99, 100, 101 and 250 detections of a category on an image, with equal
    scores around the hundredth, and truths that only the late ones find."""
    c = Case(images=(1, 2, 3, 4), categories=(1, 2))
    for image, n in zip((1, 2, 3, 4), (99, 100, 101, 250)):
        for k in range(12):
            c.truth((50 * k, 0, 40, 40), image=image)
        for k in range(n):
            at = 11 if k in (99, 100) else int(12 * rng.random()) if k % 9 == 0 else 20
            c.found((50 * at, 0, 40, 38), round(0.9 - 0.8 * (k // 7 * 7) / n, 2), image=image)
        for k in range(13):  # around 1 and 10
            c.truth((50 * k, 100, 40, 40), image=image, category=2)
            c.found((50 * k if k % 3 else 900, 100, 40, 40), 0.5 - k // 2 / 100, image=image, category=2)
    return c


def gaps(rng):
    """Categories and images without truths, without detections, without either,
    given twice, unknown; ids that are 0, negative and large."""
    c = Case(images=(0, 7, 8, 7, 9007199254740993, -3), categories=(0, 5, 6, 5, 90, -2))
    c.truth((0, 0, 20, 20), image=0, category=0, id=11)
    c.found((0, 0, 20, 19), 0.9, image=0, category=0)
    c.truth((0, 0, 50, 50), image=7, category=5, id=12)  # never found
    c.found((0, 0, 50, 50), 0.9, image=7, category=6)  # nothing to find
    c.truth((0, 0, 50, 50), image=9007199254740993, category=0, id=-13)
    c.found((0, 0, 50, 50), 0.8, image=9007199254740993, category=0)
    c.truth((0, 0, 50, 50), image=-3, category=-2, id=9007199254740993)
    c.found((0, 0, 50, 45), 0.8, image=-3, category=-2)
    c.truth((0, 0, 50, 50), image=12345, category=0, id=15)  # no such image
    c.truth((0, 0, 50, 50), image=7, category=4, id=16)  # no such category
    c.found((0, 0, 50, 50), 0.99, image=7, category=4)
    return c


def zero_id(rng):
    """Whatever takes the annotation with id 0 is wrong, or does not count where
    its area is out of range."""
    c = Case(images=(1, 2))
    c.truth((0, 0, 50, 50), id=0)
    c.truth((100, 0, 50, 50), id=1)
    c.truth((0, 0, 50, 50), image=2, id=2)
    c.found((0, 0, 50, 50), 0.9)
    c.found((100, 0, 50, 50), 0.8)
    c.found((0, 0, 50, 20), 0.7)
    c.found((0, 0, 50, 50), 0.6, image=2)
    return c


def flat(rng):
    """Boxes without area, of negative sides, far away and larger than a float64's
    square holds, where the overlap is 0/0 or infinity by infinity."""
    c = Case(images=(1, 2, 3, 4, 5))
    for box in ((10, 10, 0, 0), (10, 10, 30, 0), (10, 10, 0, 30), (10, 10, -30, 30), (10, 10, -30, -30), (10, 10, 30, 30)):
        c.truth(box)
        c.found(box, 0.5 + box[2] / 1000)
        c.truth(box, crowd=1, image=2)
        c.found(box, 0.6 + box[2] / 1000, image=2)
    c.truth((1e16, 0, 1.5, 1.5), image=3)
    c.found((1e16, 0, 1.5, 1.5), 0.9, image=3)
    c.found((1e16, 0, 1.1, 1.1), 0.8, image=3)
    c.truth((0, 0, 1e-200, 1e-200), image=4, area=500)
    c.truth((0, 0, 20, 20), image=4, area=400)
    c.found((0, 0, 1e-200, 1e-200), 0.9, image=4)
    c.found((0, 0, 20, 20), 0.8, image=4)
    c.truth((0, 0, 1e200, 1e200), image=5, area=500)
    c.truth((0, 0, 20, 20), image=5, area=2000)
    c.found((0, 0, 1e200, 1e200), 0.7, image=5)
    c.found((0, 0, 20, 20), 0.6, image=5)
    return c


def on_thresholds(rng):
    """Overlaps exactly on each threshold, and one float64 below and above."""
    wanted = {t: {math.nextafter(t, 0), t, math.nextafter(t, 1)} for t in THRESHOLDS}
    c, image = Case(), 0
    for t, left in wanted.items():
        while left:
            g = [round(100 * rng.random(), 2), round(100 * rng.random(), 2), round(5 + 90 * rng.random(), 2), round(5 + 90 * rng.random(), 1)]
            d = [g[0], g[1], g[2], round(g[3] * t, 3)]
            v = overlap(d, g, 0)
            if v in left:
                left.remove(v)
                image += 1
                c.truth(g, image=image)
                c.found(d, round(rng.random(), 3), image=image)
    c.gt["images"] = [{"id": i + 1} for i in range(image)]
    return c


def nothing_found(rng):
    """No detection at all, which pycocotools does not take: 0 where there is
    something to find."""
    c = Case(categories=(1, 2))
    c.truth((0, 0, 50, 50))
    return c


def mixed(rng):
    """A bit of everything, on a coarse raster that makes scores and overlaps tie."""
    c = Case(images=[i * 7919 % 1009 for i in range(1, 13)], categories=(3, 1, 12))
    for image in [i["id"] for i in c.gt["images"]]:
        for _ in range(int(9 * rng.random())):
            box = [10 * int(20 * rng.random()), 10 * int(20 * rng.random()), 10 * (1 + int(14 * rng.random())), 10 * (1 + int(14 * rng.random()))]
            category = (3, 1, 12)[int(3 * rng.random())]
            c.truth(box, image, category, area=round(box[2] * box[3] * (0.5 + 0.5 * rng.random()), 1), crowd=int(rng.random() < 0.15),
                    id=len(c.gt["annotations"]))
            for _ in range(int(4 * rng.random())):
                b = list(box)
                b[int(4 * rng.random())] += 5 * int(-4 + 8 * rng.random())
                c.found(b, int(10 * rng.random()) / 10, image, category)
    c.dt.sort(key=lambda d: (d["bbox"][0], d["score"]))  # in no order of the images
    return c


def read(path):
    with open(path, encoding="utf-8") as f:
        return json.load(f)


def write(name, value):
    (OUT / f"{name}.json").write_text(json.dumps(value, separators=(",", ":")) + "\n", encoding="utf-8")


def cases():
    OUT.mkdir(exist_ok=True)
    for seed, make in enumerate([crowds, areas, ties, many, gaps, zero_id, flat, on_thresholds, nothing_found, mixed]):
        c = make(random.Random(seed))
        write(f"{make.__name__}_gt", c.gt)
        write(f"{make.__name__}_dt", c.dt)
        write(f"{make.__name__}_expected", figures(c.gt, c.dt))


def check(folder):
    worst, n = 0.0, 0
    for path in sorted(pathlib.Path(folder).glob("*_expected.json")):
        base = str(path)[: -len("_expected.json")]
        want, got = read(path), figures(read(base + "_gt.json"), read(base + "_dt.json"))
        for kind, values in want.items():
            if values.keys() != got[kind].keys():
                raise SystemExit(f"{base}: {kind} is of {sorted(got[kind])}, want {sorted(values)}")
            n += len(values)
            worst = max([worst] + [abs(got[kind][k] - v) for k, v in values.items()])
    print(f"{n} figures, the largest difference {worst:.2g}")
    if n == 0 or worst > 1e-12:
        raise SystemExit(1)


def main(args):
    if not args:
        cases()
    elif len(args) == 2 and args[0] == "--check":
        check(args[1])
    elif len(args) == 2:
        json.dump(figures(read(args[0]), read(args[1])), sys.stdout, indent=1)
    else:
        raise SystemExit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
