"""Plain PyTorch networks that have the names of the programs that checkpoints are
brought from: MMRazor 0.x and 1.x, the official DetNAS code and torchvision's
shufflenet_v2. They are tiny, and written from those programs' descriptions of their
layers; nothing of the programs is needed."""

import torch
from torch import nn

KERNELS = [3, 5, 7, 3]  # of the choices 0 to 3; 3 is Xception's block
MMRAZOR = ["shuffle_3x3", "shuffle_5x5", "shuffle_7x7", "shuffle_xception"]
OFFICIAL = ["shufflenet_3x3", "shufflenet_5x5", "shufflenet_7x7", "xception_3x3"]

# The space of all of them: stem, widths and depths, all choices.
STEM, WIDTHS, DEPTHS = 4, [8, 16], [3, 2]
LAST, CLASSES = 6, 3
PATH = [1, 0, 3, 3, 2]  # the subnet that features are taken along


def blocks():
    """Stage, block within it, input and output channels and stride of each position."""
    cin = STEM
    for stage, (width, depth) in enumerate(zip(WIDTHS, DEPTHS)):
        for i in range(depth):
            yield stage, i, cin, width, 2 if i == 0 else 1
            cin = width


def conv(cin, cout, k, stride=1, groups=1, bias=False):
    return nn.Conv2d(cin, cout, k, stride, k // 2, groups=groups, bias=bias)


class Unit(nn.Module):
    """A convolution, BatchNorm and perhaps a ReLU, named as mmcv names them."""

    def __init__(self, cin, cout, k, stride=1, groups=1, relu=True, bias=False):
        super().__init__()
        self.conv, self.bn, self.relu = conv(cin, cout, k, stride, groups, bias), nn.BatchNorm2d(cout), relu

    def forward(self, x):
        y = self.bn(self.conv(x))
        return y.relu() if self.relu else y


class Pair(nn.Module):
    """mmcv's depthwise separable convolution without a ReLU between its halves."""

    def __init__(self, cin, cout, stride):
        super().__init__()
        self.depthwise_conv = Unit(cin, cin, 3, stride, cin, relu=False)
        self.pointwise_conv = Unit(cin, cout, 1)

    def forward(self, x):
        return self.pointwise_conv(self.depthwise_conv(x))


def interleaved(a, b):
    """The channels of two tensors in turn."""
    return torch.stack([a, b], 2).flatten(1, 2)


class MMRazorBlock(nn.Module):
    """One choice in MMRazor: halves, and a shuffle after them."""

    def __init__(self, choice, cin, cout, stride):
        super().__init__()
        k, half = KERNELS[choice], cout // 2
        enters = cin if stride == 2 else half
        if stride == 2:
            self.branch1 = nn.Sequential(Unit(cin, cin, k, 2, cin, relu=False), Unit(cin, half, 1))
        if choice == 3:
            self.branch2 = nn.Sequential(Pair(enters, half, stride), Pair(half, half, 1), Pair(half, half, 1))
        else:
            self.branch2 = nn.Sequential(Unit(enters, half, 1), Unit(half, half, k, stride, half, relu=False), Unit(half, half, 1))
        self.stride = stride

    def forward(self, x):
        if self.stride == 2:
            return interleaved(self.branch1(x), self.branch2(x))
        keep, work = x.chunk(2, 1)
        return interleaved(keep, self.branch2(work))


class Choices(nn.Module):
    """A position of a supernet, or with one choice of a subnet, which keep theirs under
    choices in MMRazor 0.x and under _candidate_ops in 1.x."""

    def __init__(self, key, choices, cin, cout, stride):
        super().__init__()
        self.key = key
        setattr(self, key, nn.ModuleDict({MMRAZOR[c]: MMRazorBlock(c, cin, cout, stride) for c in choices}))

    def forward(self, x, choice):
        return getattr(self, self.key)[MMRAZOR[choice]](x)


class MMRazorBackbone(nn.Module):
    """SearchableShuffleNetV2."""

    def __init__(self, key, path=None, last=True):
        super().__init__()
        self.conv1 = Unit(3, STEM, 3, 2)
        stages = [[] for _ in WIDTHS]
        for i, (stage, _, cin, cout, stride) in enumerate(blocks()):
            choices = range(4) if path is None else [path[i]]
            stages[stage].append(Choices(key, choices, cin, cout, stride))
        self.layers = nn.ModuleList([nn.ModuleList(s) for s in stages])
        if last:
            self.layers.append(Unit(WIDTHS[-1], LAST, 1))

    def forward(self, x, path):
        x, out, at = self.conv1(x), [], 0
        for stage in self.layers[: len(WIDTHS)]:
            for block in stage:
                x, at = block(x, path[at]), at + 1
            out.append(x)
        return out


class Head(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(LAST, CLASSES)


class Within(nn.Module):
    """A module under a name, as algorithms wrap theirs."""

    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)


def mmrazor0(path=None):
    """MMRazor 0.x's algorithm around a classifier; with a path, retraining a subnet."""
    return Within(architecture=Within(model=Within(backbone=MMRazorBackbone("choices", path), head=Head())))


def mmrazor1(path=None):
    """MMRazor 1.x's algorithm around a detector's backbone; with a path, a fixed subnet."""
    return Within(architecture=Within(backbone=MMRazorBackbone("_candidate_ops", path, last=False)))


def backbone(model):
    """The backbone of either."""
    model = model.architecture
    return getattr(model, "model", model).backbone


def layers(prefix, cin, cout, k, stride=1, relu=True, depthwise=True):
    """A sequence of the official code: a depthwise convolution, a pointwise one and
    their BatchNorms, under names that say where they are."""
    s = nn.Sequential()
    if depthwise:
        s.add_module(f"interstellar{prefix}_s", conv(cin, cin, k, stride, cin))
        s.add_module(f"interstellar{prefix}_s_bn", nn.BatchNorm2d(cin))
    s.add_module(f"interstellar{prefix}", conv(cin, cout, 1))
    s.add_module(f"bn{prefix}", nn.BatchNorm2d(cout))
    if relu:
        s.add_module(f"relu{prefix}", nn.ReLU())
    return s


class OfficialBlock(nn.Module):
    """One choice in the official code: the shuffle is at the input, and the projection
    keeps the input's channels."""

    def __init__(self, place, choice, cin, cout, stride, shuffle):
        super().__init__()
        k, mid, p = KERNELS[choice], cout // 2, f"{place}_{OFFICIAL[choice]}_branch2"
        enters, leaves = (cin, cout - cin) if stride == 2 else (cin // 2, cout // 2)
        if choice == 3:
            self.conv = nn.Sequential(
                layers(p + "a", enters, mid, 3, stride), layers(p + "b", mid, mid, 3), layers(p + "c", mid, leaves, 3, relu=False))
        else:
            self.conv = nn.Sequential(layers(p + "a", enters, mid, 1, depthwise=False), layers(p + "b", mid, leaves, k, stride, relu=False))
        if stride == 2:
            self.proj_conv = layers(f"{place}_proj", cin, cin, k, 2)
        self.stride, self.shuffle = stride, shuffle

    def forward(self, x):
        if self.stride == 2:
            return torch.cat([self.proj_conv(x), self.conv(x).relu()], 1)
        if self.shuffle == 2:
            keep, work = x[:, 0::2], x[:, 1::2]
        else:
            keep, work = interleaved(*x.chunk(2, 1)).chunk(2, 1)
        return torch.cat([keep, self.conv(work).relu()], 1)


class OfficialNet(nn.Module):
    """ShuffleNetV2DetNAS. It takes BGR values as they are."""

    def __init__(self, path=None, shuffle=1):
        super().__init__()
        self.first_conv = Unit(3, STEM, 3, 2, bias=True)
        features = []
        for i, (stage, block, cin, cout, stride) in enumerate(blocks()):
            make = lambda c: OfficialBlock(f"{stage + 1}{chr(ord('a') + block)}", c, cin, cout, stride, shuffle)
            features.append(nn.ModuleList([make(c) for c in range(4)]) if path is None else make(path[i]))
        self.features = nn.Sequential(*features)
        self.last_conv = Unit(WIDTHS[-1], LAST, 1, bias=True)
        self.fc = Head()

    def forward(self, x, path):
        x, out, at = self.first_conv(x), [], 0
        for depth in DEPTHS:
            for _ in range(depth):
                block = self.features[at]
                x, at = (block[path[at]] if isinstance(block, nn.ModuleList) else block)(x), at + 1
            out.append(x)
        return out


def fill(model, seed):
    """Weights and BatchNorm statistics that leave no channel dead."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, t in model.state_dict().items():
            if t.dtype != torch.float32:
                t.fill_(7)
            elif name.endswith("running_var"):
                t.copy_(torch.rand(t.shape, generator=g) + 0.5)
            elif t.dim() == 4:
                t.copy_(torch.randn(t.shape, generator=g) * (2 / t[0].numel()) ** 0.5)
            else:
                t.copy_(torch.randn(t.shape, generator=g) * 0.2 + (1 if name.endswith("weight") else 0))
    return model.eval()


def image():
    """The image [1, 3, 16, 16] that features are of."""
    i = torch.arange(3 * 16 * 16, dtype=torch.float64)
    return torch.sin(0.7 * i + 0.013 * i * i).float().view(1, 3, 16, 16)
