#!/usr/bin/env python3
"""Reference values for core/train, from PyTorch (apt: python3-torch 1.13.1).

    /usr/bin/python3 bench/reference/training.py

writes core/train/testdata/{average,warmup,bf16}.json.

average.json: two branches, each a 1x1 convolution and BN, trained by SGD with
momentum for some iterations; the branch "b" is in every third of them only, as a
block of a supernet is. Each branch has a torch.optim.swa_utils.AveragedModel with
its buffers, whose share of the average is mmdet's ExpMomentumEMAHook's or constant,
and which takes in the branch after each iteration that it was in. Tensors are filled
as shufflenet.py fills them.

warmup.json: the rate of each iteration, by torch.optim.lr_scheduler: the schedule and
the warm-up one after the other, which multiplies them, as mmcv's LrUpdaterHook does.
PyTorch has no exponential warm-up from a ratio to 1; it is a LambdaLR of mmcv's
formula.

bf16.json: a branch and a linear layer after its mean, of which convolution and linear
layer run with torch.autocast and give float to what comes next: the output, and the
gradients of its sum with a probe.
"""

import json
import math
import pathlib

import torch
from torch import nn
from torch.optim import lr_scheduler as sched
from torch.optim.swa_utils import AveragedModel

from shufflenet import fill, wave

OUT = pathlib.Path(__file__).resolve().parents[2] / "core" / "train" / "testdata"
LR, MOMENTUM, ITERATIONS = 0.2, 0.9, 10
SHAPE = [4, 3, 5, 5]


class Branch(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1, bias=False)
        self.bn = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.bn(self.conv(x))


def on_path(i):
    return ["a", "b"] if i % 3 == 0 else ["a"]


def average(decay, warmup):
    net = nn.ModuleDict({"a": Branch(), "b": Branch()})
    fill(net)
    at = [0]

    def blend(avg, model, _):
        d = decay if warmup == 0 else decay * (1 - math.exp(-(1 + at[0]) / warmup))
        return d * avg + (1 - d) * model

    averages = {}
    for k in net:
        averages[k] = AveragedModel(net[k], avg_fn=blend, use_buffers=True)
        averages[k].n_averaged += 1  # so that the first blends, too: it begins as the network
    opt = torch.optim.SGD(net.parameters(), lr=LR, momentum=MOMENTUM)
    for i in range(ITERATIONS):
        at[0] = i
        x = wave(f"input.{i}", *SHAPE).float()
        opt.zero_grad(set_to_none=True)
        y = sum(net[k](x) for k in on_path(i))
        (y * wave("probe", *y.shape).float()).mean().backward()
        opt.step()
        for k in on_path(i):
            averages[k].update_parameters(net[k])
    tensors = {}
    for k in net:
        for name, t in averages[k].module.state_dict().items():
            if not name.endswith("num_batches_tracked"):
                tensors[f"{k}.{name}"] = t.flatten().tolist()
    return {"decay": decay, "warmup": warmup, "average": tensors}


LENGTH, WARMUP, RATIO, GAMMA = 12, 5, 0.1, 0.1
SCHEDULES = {
    "constant": lambda o: sched.ConstantLR(o, 1.0, 0),
    "step": lambda o: sched.MultiStepLR(o, [3, 8], GAMMA),
    "linear": lambda o: sched.LinearLR(o, 1.0, 0.0, LENGTH),
    "cosine": lambda o: sched.LambdaLR(o, lambda i: (1 + math.cos(math.pi * i / LENGTH)) / 2),
}
WARMUPS = {
    "linear": lambda o: sched.LinearLR(o, RATIO, 1.0, WARMUP),
    "constant": lambda o: sched.ConstantLR(o, RATIO, WARMUP),
    "exp": lambda o: sched.LambdaLR(o, lambda i: RATIO ** (1 - i / WARMUP) if i < WARMUP else 1),
}


def rates(make):
    opt = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    s, out = make(opt), []
    for _ in range(LENGTH):
        out.append(opt.param_groups[0]["lr"])
        opt.step()
        s.step()
    return out


def warmup(schedule, form):
    both = [a * b for a, b in zip(rates(SCHEDULES[schedule]), rates(WARMUPS[form]))]
    return {"schedule": schedule, "warmup": form, "rates": both}


def bf16():
    net = nn.ModuleDict({"a": Branch(), "fc": nn.Linear(4, 3)})
    fill(net)
    x = wave("input", *SHAPE).float().requires_grad_()

    def low(layer, x):
        with torch.autocast("cpu", torch.bfloat16):
            return layer(x).float()

    y = net["a"].bn(low(net["a"].conv, x))
    out = low(net["fc"], (y * y).mean((2, 3)))
    (out * wave("probe", *out.shape).float()).sum().backward()
    grads = {n: p.grad.flatten().tolist() for n, p in net.named_parameters()}
    return {"shape": SHAPE, "out": out.flatten().tolist(), "input_grad": x.grad.flatten().tolist(), "grads": grads}


def main():
    torch.manual_seed(0)
    OUT.mkdir(parents=True, exist_ok=True)
    head = {"lr": LR, "momentum": MOMENTUM, "iterations": ITERATIONS, "shape": SHAPE}
    cases = [average(0.9, 0), average(0.9, 4), average(0.5, 0)]
    (OUT / "average.json").write_text(json.dumps({**head, "cases": cases}, indent=1) + "\n")
    head = {"length": LENGTH, "iterations": WARMUP, "ratio": RATIO, "gamma": GAMMA, "milestones": [3, 8]}
    cases = [warmup(s, w) for s in SCHEDULES for w in WARMUPS]
    (OUT / "bf16.json").write_text(json.dumps(bf16()) + "\n")
    (OUT / "warmup.json").write_text(json.dumps({**head, "cases": cases}) + "\n")


if __name__ == "__main__":
    main()
