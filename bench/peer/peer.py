#!/usr/bin/env python3
"""PyTorch's side of the measurements of bench/pair; bench/step is detnas's.

    /usr/bin/python3 bench/peer/peer.py [--load FILE] WORK

builds WORK with the weights and the batch of FILE, which bench/step has written,
says so, and then runs as many steps as each line of its input asks for.
"""

import argparse
import json
import math
import sys
import time

import numpy as np
import torch

THREADS = 2
DEVICE = "cpu"
OPS_PER_STEP = 20_000
RATE, MOMENTUM, DECAY, SMOOTHING = 0.01, 0.9, 4e-5, 0.1
CANDIDATE_BATCHES = 8


def read(path):
    """The tensors of a safetensors file; detnas writes F32 and I64."""
    kinds = {"F32": np.float32, "I64": np.int64}
    with open(path, "rb") as f:
        header = json.loads(f.read(int.from_bytes(f.read(8), "little")))
        data = f.read()
    out = {}
    for name, t in header.items():
        if name != "__metadata__":
            values = np.frombuffer(data, kinds[t["dtype"]], math.prod(t["shape"]), t["data_offsets"][0])
            out[name] = torch.from_numpy(values.reshape(t["shape"]).copy())
    return out


def optimiser(net):
    return torch.optim.SGD(net.parameters(), RATE, momentum=MOMENTUM, weight_decay=DECAY)


def classify(state):
    from shufflenet import classifier

    x, labels = state.pop("input.x"), state.pop("input.labels")
    net = classifier(state).train().to(DEVICE)
    sgd, loss_of = optimiser(net), torch.nn.CrossEntropyLoss(label_smoothing=SMOOTHING)

    def step():
        sgd.zero_grad(set_to_none=True)
        loss = loss_of(net(x), labels)
        loss.backward()
        sgd.step()
        return loss.item()

    return step


def candidate(state):
    """BN statistics gathered anew from batches, and an evaluation on as many."""
    from shufflenet import classifier

    x, labels = state.pop("input.x"), state.pop("input.labels")
    net, loss_of = classifier(state).to(DEVICE), torch.nn.CrossEntropyLoss()
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for m in norms:
        m.momentum = None  # the mean over all batches alike

    def step():
        with torch.inference_mode():
            net.train()
            for m in norms:
                m.reset_running_stats()
            for _ in range(CANDIDATE_BATCHES):
                net(x)
            net.eval()
            for _ in range(CANDIDATE_BATCHES):
                loss = loss_of(net(x), labels).item()
        return loss

    return step


def detect(state, name):
    from fasterrcnn import detector

    x, boxes, labels = (state.pop("input." + k) for k in ("x", "boxes", "labels"))
    # torchvision numbers background 0.
    targets = [{"boxes": b, "labels": k + 1} for b, k in zip(boxes, labels)]
    net = detector(state, default=name == "detect-default").to(DEVICE)
    sgd = optimiser(net)

    def train():
        sgd.zero_grad(set_to_none=True)
        loss = sum(net(x, targets).values())
        loss.backward()
        sgd.step()
        return loss.item()

    def evaluate():
        with torch.inference_mode():
            return sum(len(d["boxes"]) for d in net(x))

    return net, train, evaluate


def operators():
    a, b = torch.full((8,), 2.0), torch.full((8,), 3.0)

    def step():
        for _ in range(OPS_PER_STEP):
            a * b
        return OPS_PER_STEP

    return step


def build(name, path):
    if name == "op":
        return operators()
    if name == "loader":
        from parts import loader

        return loader(path)
    state = {name: t.to(DEVICE) for name, t in read(path).items()}
    if name in ("roialign", "nms", "match"):
        import parts

        return {"roialign": parts.align, "nms": parts.suppress, "match": parts.match}[name](state)
    if name.startswith("classify"):
        return classify(state)
    if name == "candidate":
        return candidate(state)
    net, train, evaluate = detect(state, name)
    net.train(name != "detect-eval")
    return evaluate if name == "detect-eval" else train


def memory():
    kib = {}
    with open("/proc/self/status") as f:
        for line in f:
            key, _, rest = line.partition(":")
            if key in ("VmRSS", "VmHWM"):
                kib[key] = int(rest.split()[0])
    return {"rss_kib": kib["VmRSS"], "peak_kib": kib["VmHWM"]}


def obey(step, line):
    if line == "reset":  # the peak of memory begins anew (proc(5), clear_refs)
        with open("/proc/self/clear_refs", "w") as f:
            f.write("5")
        return {}
    value = None
    began = time.perf_counter()
    for _ in range(int(line)):
        value = step()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return {"seconds": time.perf_counter() - began, "value": value, **memory()}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--load")
    parser.add_argument("--cuda", action="store_true", help="compute on the first CUDA device, without TF32, as detnas")
    parser.add_argument("work")
    args = parser.parse_args()
    if args.cuda:
        global DEVICE
        DEVICE = "cuda"
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    torch.set_num_threads(THREADS)
    torch.manual_seed(1)
    step = build(args.work, args.load)
    print(json.dumps({"side": f"PyTorch {torch.__version__}, Python {sys.version.split()[0]}, {THREADS} threads, {torch.cuda.get_device_name() if args.cuda else DEVICE}"}), flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(step, line.strip())), flush=True)


if __name__ == "__main__":
    main()
