#!/usr/bin/env python3
"""Reference values for nas/supernet, from plain torch.nn (apt: python3-torch 1.13.1).

    /usr/bin/python3 bench/reference/shufflenet.py

writes nas/supernet/testdata/{blocks,paths}.json. The choices are written here from
the description of DetNAS's blocks, under the names of MMRazor's checkpoints, and
share no code with the Go side. Both sides fill every tensor by one formula, so that
no weights are stored. With crc the CRC-32 (IEEE) of the tensor's name,

    wave(name, i) = sin(0.7 i + 0.013 i^2 + crc mod 1000)        in float64

and the values, rounded to float32, are by the end of the name:

    running_mean  0.1 wave          running_var  1 + 0.5 wave
    bn.weight     1 + 0.3 wave      bias         0.2 wave
    other weight  wave * sqrt(3 / (elements / size of dimension 0))
    input, probe  wave              (names "input" and "probe.<k>")

Each network runs forward in training mode, backward from sum_k(output_k * probe.k),
then forward in evaluation mode with the statistics that the first pass has moved.
"""

import json
import math
import pathlib
import zlib

import torch
from torch import nn

OUT = pathlib.Path(__file__).resolve().parents[2] / "nas" / "supernet" / "testdata"
CHOICES = ["shuffle_3x3", "shuffle_5x5", "shuffle_7x7", "shuffle_xception"]


def wave(name, *shape):
    k = zlib.crc32(name.encode()) % 1000
    n = math.prod(shape)
    v = [math.sin(0.7 * i + 0.013 * i * i + k) for i in range(n)]
    return torch.tensor(v, dtype=torch.float64).reshape(shape)


def fill(net):
    with torch.no_grad():
        for name, t in net.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            w = wave(name, *t.shape)
            if name.endswith("running_mean"):
                w = 0.1 * w
            elif name.endswith("running_var"):
                w = 1 + 0.5 * w
            elif name.endswith("bn.weight"):
                w = 1 + 0.3 * w
            elif name.endswith("bias"):
                w = 0.2 * w
            else:
                w = w * math.sqrt(3 / (t.numel() / t.shape[0]))
            t.copy_(w.float())


class Conv(nn.Module):
    """Convolution without bias, BN and, unless depthwise, ReLU."""

    def __init__(self, cin, cout, k=1, stride=1, depthwise=False, relu=True):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, k, stride, k // 2, groups=cin if depthwise else 1, bias=False)
        self.bn = nn.BatchNorm2d(cout)
        self.relu = relu and not depthwise

    def forward(self, x):
        x = self.bn(self.conv(x))
        return torch.relu(x) if self.relu else x


def dw(c, k, stride=1):
    return Conv(c, c, k, stride, depthwise=True)


class Separable(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.depthwise_conv = dw(cin, 3, stride)
        self.pointwise_conv = Conv(cin, cout)

    def forward(self, x):
        return self.pointwise_conv(self.depthwise_conv(x))


def shuffle(x):
    """Two-group channel shuffle (the official code's method 1)."""
    n, c, h, w = x.shape
    return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


class Block(nn.Module):
    def __init__(self, choice, cin, cout, stride, layout):
        super().__init__()
        self.stride, self.layout = stride, layout
        mid = cout // 2
        if stride == 2:
            enter = cin
            side = cin if layout == "official" else mid
            leave = cout - side
        else:
            enter, side, leave = cin // 2, None, cout // 2
        k = 3 if choice == "shuffle_xception" else int(choice[-1])
        if stride == 2:
            self.branch1 = nn.Sequential(dw(cin, k, 2), Conv(cin, side))
        if choice == "shuffle_xception":
            self.branch2 = nn.Sequential(
                Separable(enter, mid, stride), Separable(mid, mid, 1), Separable(mid, leave, 1)
            )
        else:
            self.branch2 = nn.Sequential(Conv(enter, mid), dw(mid, k, stride), Conv(mid, leave))

    def forward(self, x):
        if self.stride == 1:
            if self.layout == "official":
                x = shuffle(x)
            a, b = x.chunk(2, dim=1)
            y = torch.cat([a, self.branch2(b)], 1)
        else:
            y = torch.cat([self.branch1(x), self.branch2(x)], 1)
        return y if self.layout == "official" else shuffle(y)


class Position(nn.Module):
    """A place in the net whose ModuleDict has one choice, for the names' sake."""

    def __init__(self, choice, *args):
        super().__init__()
        self.choices = nn.ModuleDict({choice: Block(choice, *args)})

    def forward(self, x):
        for block in self.choices.values():
            x = block(x)
        return x


class One(nn.Module):
    """A single block as layers.0.0."""

    def __init__(self, *args):
        super().__init__()
        self.layers = nn.ModuleList([nn.ModuleList([Position(*args)])])

    def forward(self, x):
        return [self.layers[0][0](x)]


class Backbone(nn.Module):
    def __init__(self, stem, widths, path, last, layout):
        super().__init__()
        self.conv1 = Conv(3, stem, 3, 2)
        self.layers = nn.ModuleList()
        cin = stem
        for w, choices in zip(widths, path):
            blocks = []
            for i, c in enumerate(choices):
                blocks.append(Position(CHOICES[c], cin, w, 2 if i == 0 else 1, layout))
                cin = w
            self.layers.append(nn.Sequential(*blocks))
        self.layers.append(Conv(cin, last))

    def forward(self, x):
        x, outs = self.conv1(x), []
        for layer in self.layers:
            x = layer(x)
            outs.append(x)
        return outs


class Classifier(nn.Module):
    """Outputs: every stage's, then the logits."""

    def __init__(self, stem, widths, path, last, classes, layout):
        super().__init__()
        self.backbone = Backbone(stem, widths, path, last, layout)
        self.head = nn.ModuleDict({"fc": nn.Linear(last, classes)})

    def forward(self, x):
        outs = self.backbone(x)
        return outs[:-1] + [self.head["fc"](outs[-1].mean((2, 3)))]


def short(v):
    """Floats with 7 significant digits, well below the tolerances of the test."""
    return [float(f"{x:.7g}") for x in v.detach().flatten().tolist()]


def measure(net, shape):
    fill(net)
    x = wave("input", *shape).float().requires_grad_()
    net.train()
    outs = net(x)
    loss = sum((o * wave(f"probe.{k}", *o.shape).float()).sum() for k, o in enumerate(outs))
    loss.backward()
    train = [short(o) for o in outs]
    net.eval()
    with torch.no_grad():
        evaluated = [short(o) for o in net(x)]
    state = net.state_dict()
    return {
        "shape": list(shape),
        "out_shapes": [list(o.shape) for o in outs],
        "train": train,
        "eval": evaluated,
        "input_grad": short(x.grad),
        "grads": {n: short(p.grad) for n, p in net.named_parameters()},
        "stats": {n: short(t) for n, t in state.items() if "running_" in n},
    }


def write(name, cases):
    OUT.mkdir(parents=True, exist_ok=True)
    value = {"torch": torch.__version__, "cases": cases}
    path = OUT / f"{name}.json"
    path.write_text(json.dumps(value, separators=(",", ":")) + "\n")
    print(path.name, path.stat().st_size, "bytes,", len(cases), "cases")


def main():
    torch.set_num_threads(1)
    blocks = []
    for layout in ["mmrazor", "official"]:
        for stride, cin, cout, h, w in [(1, 8, 8, 3, 3), (2, 4, 10, 5, 3)]:
            for c, choice in enumerate(CHOICES):
                case = {"layout": layout, "choice": c, "stride": stride, "in": cin, "out": cout}
                case |= measure(One(choice, cin, cout, stride, layout), (2, cin, h, w))
                blocks.append(case)
    write("blocks", blocks)

    paths = []
    for layout, path in [("mmrazor", [[1, 0], [3, 2]]), ("official", [[3, 1], [0, 3]])]:
        case = {
            "layout": layout, "stem": 4, "widths": [6, 10], "depths": [2, 2],
            "subnet": "-".join("".join(map(str, s)) for s in path), "last": 6, "classes": 3,
        }
        net = Classifier(4, [6, 10], path, 6, 3, layout)
        paths.append(case | measure(net, (2, 3, 13, 11)))
    write("paths", paths)


if __name__ == "__main__":
    main()
