"""Writes reference.json and the images beside it, against which the tests hold
decoding, resizing and colour changes. Needs Pillow, PyTorch and torchvision
(Debian 12: python3-pil 9.4, python3-torch 1.13, python3-torchvision 0.14)."""
import json, math
import numpy as np
import torch
from PIL import Image, ImageEnhance
from torchvision.transforms import functional as F


def pattern(w, h):
    """The image that pattern() in the tests makes."""
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    return ((x * 37 + y * 61 + c * 97 + x * y * 13) % 256).astype(np.uint8)


def smooth(w, h):
    y, x, c = np.mgrid[0:h, 0:w, 0:3]
    return (128 + 100 * np.sin(x / 5 + c) * np.cos(y / 7)).astype(np.uint8)


out = {"antialias": [], "bilinear": [], "jitter": [], "decode": []}
for w, h, box, nw, nh in [
    (13, 9, (0, 0, 13, 9), 20, 14), (13, 9, (0, 0, 13, 9), 5, 4), (13, 9, (2, 1, 11, 8), 4, 4),
    (40, 30, (0, 0, 40, 30), 7, 9), (40, 30, (5, 6, 37, 22), 32, 32), (9, 13, (0, 0, 9, 13), 9, 6), (1, 1, (0, 0, 1, 1), 3, 2),
]:
    im = Image.fromarray(pattern(w, h)).crop(box).resize((nw, nh), Image.BILINEAR)
    out["antialias"].append({"w": w, "h": h, "box": list(box), "nw": nw, "nh": nh, "pix": np.asarray(im).ravel().tolist()})
for w, h, nw, nh in [(13, 9, 20, 14), (13, 9, 5, 4), (40, 30, 7, 9), (40, 30, 20, 15), (9, 13, 9, 6), (1, 1, 3, 2)]:
    t = torch.from_numpy(pattern(w, h)).permute(2, 0, 1)[None].double()
    r = torch.nn.functional.interpolate(t, size=(nh, nw), mode="bilinear", align_corners=False)[0].permute(1, 2, 0)
    out["bilinear"].append({"w": w, "h": h, "nw": nw, "nh": nh, "pix": [round(v, 4) for v in r.reshape(-1).tolist()]})
im = Image.fromarray(pattern(13, 9))
for op, fn in enumerate([F.adjust_brightness, F.adjust_contrast, F.adjust_saturation]):
    for factor in (0.6, 0.93, 1.4):
        out["jitter"].append({"op": op, "factor": factor, "pix": np.asarray(fn(im, factor)).ravel().tolist()})

base = Image.fromarray(smooth(24, 16))
base.convert("CMYK").save("cmyk.jpg", quality=95, subsampling=0)
base.save("progressive.jpg", quality=95, subsampling=0, progressive=True)
base.convert("L").save("grey.jpg", quality=95)
base.quantize(16).save("palette.png")
base.save("lossless.webp", lossless=True)
base.save("packed.tif", compression="tiff_lzw")
base.save("plain.bmp")
exif = Image.Exif(); exif[0x0112] = 6
base.save("turned.jpg", quality=95, subsampling=0, exif=exif)
# Of odd sides, so that the last chroma sample of a row or column covers one pixel.
Image.fromarray(smooth(23, 17)).save("halved420.jpg", quality=95, subsampling="4:2:0")
Image.fromarray(smooth(21, 15)).save("halved422.jpg", quality=95, subsampling="4:2:2")
for name in ["cmyk.jpg", "progressive.jpg", "grey.jpg", "palette.png", "lossless.webp", "packed.tif", "plain.bmp", "turned.jpg",
             "halved420.jpg", "halved422.jpg"]:
    im = Image.open(name).convert("RGB")
    out["decode"].append({"file": name, "w": im.width, "h": im.height, "pix": np.asarray(im).ravel().tolist()})
json.dump(out, open("reference.json", "w"), separators=(",", ":"))
