#!/usr/bin/python3
"""Reads the event files of runs by TensorBoard's own EventAccumulator, and holds what it
finds against the runs' journals: every scalar of every iteration and candidate, the config
as a text, the map of choices and the detections as pictures that can be decoded.

    bench/interop/eventfiles.py RUN [...]

It is skipped where tensorboard is not installed. The exit code is 1 where anything is
missing, is another or is too much."""

import json
import math
import struct
import sys
from collections import defaultdict
from pathlib import Path

try:
    import tensorboard
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
except ImportError:
    print("skip tensorboard: not installed")
    sys.exit(0)

ALL = {"scalars": 0, "images": 0, "tensors": 0, "compressedHistograms": 0, "histograms": 0, "audio": 0}


def single(v):
    """A number as float32 has it."""
    return struct.unpack("<f", struct.pack("<f", v))[0]


def wanted(run):
    """The scalars of a journal: of a step, by tag, the values by axis. What a resumed run
    did twice counts as it was done last."""
    out, step, last = defaultdict(lambda: defaultdict(dict)), 0, 0
    for line in (run / "events.jsonl").read_text().splitlines():
        e = json.loads(line)
        add = lambda at, values: [out[step][tag].__setitem__(at, single(v)) for tag, v in values.items() if isinstance(v, (int, float))]
        if e["type"] == "step_started":
            step = e["step"]
        elif e["type"] == "train":
            last = e["iteration"]
            add(last, {"loss/" + k: v for k, v in e["losses"].items()})
            add(last, {"train/lr": e["lr"], "speed/images_per_s": e["images_per_s"], "speed/data_s": e["data_s"], "speed/step_s": e["step_s"]})
        elif e["type"] == "eval":
            add(e["iteration"], {"metrics/" + k: v for k, v in e["metrics"].items()})
        elif e["type"] == "candidate":
            score = {} if e.get("score") is None else {"candidate/score": e["score"]}
            add(e["index"] + 1, {"candidate/conv_macs": e["macs"], "candidate/params": e["params"], "candidate/seconds": e["seconds"], **score})
        elif e["type"] == "generation":
            add(e["evaluated"], {"search/best_score": e["score"], "search/generation": e["generation"]})
    return out


def found(folder):
    events = EventAccumulator(str(folder), size_guidance=ALL)
    events.Reload()
    return events


def picture(image):
    """The kind and the size that the picture itself says."""
    assert image.encoded_image_string[:8] == b"\x89PNG\r\n\x1a\n", "no PNG"
    size = struct.unpack(">II", image.encoded_image_string[16:24])
    assert size == (image.width, image.height), (size, image.width, image.height)


def check(run):
    scalars = images = 0
    for step, tags in wanted(run).items():
        (folder,) = (run / "tensorboard").glob(f"{step}-*")
        events = found(folder)
        have = set(t for t in events.Tags()["scalars"] if not t.startswith("final/"))
        assert have == set(tags), (step, have ^ set(tags))
        for tag, values in tags.items():
            got = {s.step: s.value for s in events.Scalars(tag)}
            assert got.keys() == values.keys(), (step, tag, got.keys() ^ values.keys())
            for at, v in values.items():
                assert got[at] == v or math.isnan(got[at]) and math.isnan(v), (step, tag, at, got[at], v)
            scalars += len(values)
        for tag in events.Tags()["images"]:
            for image in events.Images(tag):
                picture(image)
                images += 1
        if step == 3:
            assert "search/choices_percent" in events.Tags()["images"], events.Tags()
    (text,) = found(run / "tensorboard").Tensors("config")
    config = "\n".join(line[4:] for line in text.tensor_proto.string_val[0].decode().splitlines())
    assert config == (run / "config.toml").read_text().rstrip("\n"), "the config is another"
    print(f"ok   tensorboard {tensorboard.__version__}  {run.name}  {scalars} scalars, {images} pictures and the config are those of the journal", flush=True)


if __name__ == "__main__":
    ok = True
    for name in sys.argv[1:]:
        try:
            check(Path(name))
        except (AssertionError, ValueError, KeyError) as e:
            ok = False
            print(f"OFF  tensorboard {tensorboard.__version__}  {name}: {e!r}")
    sys.exit(0 if ok else 1)
