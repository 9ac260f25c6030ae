"""The 300m space's subnet of 3x3 blocks in plain PyTorch: the definition that the
reference values of nas/supernet are made with (bench/reference/shufflenet.py)."""

import importlib.util
import pathlib

import torch

SOURCE = pathlib.Path(__file__).resolve().parents[1] / "reference" / "shufflenet.py"
STEM, WIDTHS, LAST, CLASSES = 16, [64, 160, 320, 640], 1024, 1000
PATH = [[0] * 4, [0] * 4, [0] * 8, [0] * 4]


def _reference():
    spec = importlib.util.spec_from_file_location("reference_shufflenet", SOURCE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Logits(torch.nn.Module):
    """The reference classifier gives every stage's output; only the last is wanted."""

    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, x):
        return self.net(x)[-1]


class Stages(torch.nn.Module):
    """The reference backbone without the classifier's last convolution."""

    def __init__(self, backbone):
        super().__init__()
        del backbone.layers[-1]
        self.backbone = backbone

    def forward(self, x):
        return self.backbone(x)


def _load(net, state):
    missing = net.load_state_dict(state, strict=False)
    if missing.unexpected_keys or any(not k.endswith("num_batches_tracked") for k in missing.missing_keys):
        raise SystemExit(f"peer: the weights do not fit: {missing}")
    return net


def classifier(state):
    return Logits(_load(_reference().Classifier(STEM, WIDTHS, PATH, LAST, CLASSES, "mmrazor"), state))


def stages(state):
    """state holds the names that start with backbone."""
    net = Stages(_reference().Backbone(STEM, WIDTHS, PATH, LAST, "mmrazor"))
    return _load(net, state)
