"""torchvision's side of the works that are parts: RoIAlign, NMS, matching, and the
loader (Pillow, torchvision's transforms, PyTorch's DataLoader)."""

import pathlib

import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset
from torchvision.models.detection._utils import Matcher
from torchvision.ops import box_iou, nms, roi_align
from torchvision.transforms import functional as T

LOADER_BATCH, LOADER_WORKERS, LOADER_STEP = 2, 2, 32
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def align(state):
    x, rois = state["input.feature"].requires_grad_(), state["input.rois"]

    def step():
        x.grad = None
        y = roi_align(x, rois, 7, 1 / 8, 2, True).sum()
        y.backward()
        return y.item()

    return step


def suppress(state):
    boxes, scores = state["input.boxes"], state["input.scores"]
    return lambda: len(nms(boxes, scores, 0.7))


def match(state):
    anchors, truths = state["input.anchors"], state["input.truths"]
    matcher = Matcher(0.7, 0.3, allow_low_quality_matches=True)
    return lambda: int((matcher(box_iou(truths, anchors)) >= 0).sum())


class Images(Dataset):
    """Without end, so that the workers never stop between two steps. Of 32 batches two
    are made while the other side has its turn."""

    def __init__(self, folder):
        self.files = sorted(pathlib.Path(folder).rglob("train/*.jpg"))

    def __len__(self):
        return 1 << 30

    def __getitem__(self, i):
        image = Image.open(self.files[i % len(self.files)]).convert("RGB")
        w, h = image.size
        scale = min(800 / min(w, h), 1333 / max(w, h))
        image = T.resize(image, [round(h * scale), round(w * scale)])
        if torch.rand(()) < 0.5:
            image = T.hflip(image)
        return T.normalize(T.to_tensor(image), MEAN, STD)


def loader(path):
    batches = iter(DataLoader(Images(path + ".images/detection/images"), LOADER_BATCH, num_workers=LOADER_WORKERS, prefetch_factor=1))

    def step():
        return sum(len(next(batches)) for _ in range(LOADER_STEP))

    return step
