"""Copies as the web makes them: what each step does to a batch of pictures, drawn anew each time.

The list is the CLIP paper's (appendix C: crop, zoom, aspect, resizing, small rotations, JPEG, colour, with
a random interpolation in each step) and what readers met since: borders, overlays, texts, new tones. Mirrors
and quarter turns are not here: evaluation images are looked up in these views too.

Shapes: B pictures, C = 3 channels, H and W their sides, S the side to make.
"""

import numpy as np
import simplejpeg
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from training.detector.frame import framed, trimmed

Draws = np.random.Generator
GREY = torch.tensor([0.299, 0.587, 0.114])
RESIZED = (12, 16, 24, 32, 48)  # 64ths of the side that a copy was made small to


def strong(source_BHWC: NDArray[np.uint8], size: int, overlays_BCHW: Tensor, draws: Draws) -> Tensor:
    """A copy of each picture, badly treated: float32 in [0, 255], [B, C, S, S]."""
    made = planes(framed(source_BHWC, size, draws))
    made = overlaid(made, overlays_BCHW, draws, share=0.35)
    made = toned(made, draws)
    made = resized(made, draws, share=0.4)
    made = noisy(made, draws, share=0.2)
    return compressed(made, draws, share=0.6, worst=20)


def weak(source_BHWC: NDArray[np.uint8], size: int, draws: Draws) -> Tensor:
    """Each picture as a careful copy has it: float32 in [0, 255], [B, C, S, S]."""
    made = planes(trimmed(source_BHWC, size, draws))
    return compressed(resized(made, draws, share=0.1), draws, share=0.3, worst=60)


def planes(pixels_BHWC: NDArray[np.uint8]) -> Tensor:
    """Pixels as float32 [B, C, H, W]."""
    return torch.from_numpy(pixels_BHWC).permute(0, 3, 1, 2).float()


def overlaid(made_BCHW: Tensor, overlays_BCHW: Tensor, draws: Draws, *, share: float) -> Tensor:
    """Banners, logos, texts and boxes over some of the pictures, opaque or not."""
    side = made_BCHW.shape[2]
    made = made_BCHW.clone()
    for i in np.flatnonzero(draws.random(len(made)) < share):
        wide, high = draws.uniform(0.15, 0.6, 2)
        if draws.random() < 0.4:  # a banner
            wide, high = 1.0, draws.uniform(0.08, 0.25)
        w, h = max(4, round(wide * side)), max(3, round(high * side))
        x, y = int(draws.integers(0, side - w + 1)), int(draws.integers(0, side - h + 1))
        drawn = overlays_BCHW[draws.integers(len(overlays_BCHW))]
        top = int(draws.integers(0, drawn.shape[1] // 2))
        patch = F.interpolate(drawn[None, :, top:, :], (h, w), mode="area")[0]
        if draws.random() < 0.2:
            patch = torch.from_numpy(draws.uniform(0, 255, (3, 1, 1))).float().expand(3, h, w)
        opacity = 1.0 if draws.random() < 0.6 else draws.uniform(0.3, 0.9)
        under = made[i, :, y : y + h, x : x + w]
        made[i, :, y : y + h, x : x + w] = opacity * patch + (1 - opacity) * under
    return made


def toned(made_BCHW: Tensor, draws: Draws) -> Tensor:
    """Brightness, contrast, gamma, saturation and hue of each; some grey, a few inverted."""
    x = made_BCHW.clamp(0, 255) / 255

    def some(share: float) -> Tensor:
        return torch.from_numpy(np.flatnonzero(draws.random(len(x)) < share))

    def each(which: Tensor, low: float, high: float) -> Tensor:
        values = np.exp(draws.uniform(np.log(low), np.log(high), len(which)))
        return torch.from_numpy(values).float()[:, None, None, None]

    which = some(0.5)
    x[which] = (x[which] * each(which, 0.55, 1.6)).clamp(max=1)
    which = some(0.3)
    x[which] = x[which].clamp(min=1e-4) ** each(which, 0.5, 2.0)
    which = some(0.5)
    middle = x[which].mean(dim=(1, 2, 3), keepdim=True)
    x[which] = (middle + (x[which] - middle) * each(which, 0.5, 1.8)).clamp(0, 1)
    which = some(0.4)
    grey = _grey(x[which])
    x[which] = (grey + (x[which] - grey) * each(which, 0.3, 2.0)).clamp(0, 1)
    which = some(0.25)
    x[which] = _hue(x[which], draws.uniform(-0.5, 0.5, len(which))).clamp(0, 1)
    which = some(0.18)
    x[which] = _grey(x[which]).expand(-1, 3, -1, -1)
    which = some(0.08)
    x[which] = _tinted(x[which], draws)
    which = some(0.02)
    x[which] = 1 - x[which]
    return x * 255


def _grey(x_BCHW: Tensor) -> Tensor:
    return (x_BCHW * GREY[None, :, None, None]).sum(1, keepdim=True)


def _tinted(x_BCHW: Tensor, draws: Draws) -> Tensor:
    """Grey values from a dark tint to a light one: sepia, and its like."""
    dark, light = draws.uniform(0, 0.25, (len(x_BCHW), 3)), draws.uniform(0.75, 1, (len(x_BCHW), 3))
    low, high = (torch.from_numpy(end).float()[:, :, None, None] for end in (dark, light))
    return low + (high - low) * _grey(x_BCHW)


def _hue(x_BCHW: Tensor, turns: NDArray[np.float64]) -> Tensor:
    """Colours turned about the grey axis by some radians."""
    c, s = (torch.from_numpy(f(turns)).float() for f in (np.cos, np.sin))
    third, root = (1 - c) / 3, s / 3**0.5
    same, next_, last = c + third, third - root, third + root
    rotation = torch.stack([same, next_, last, last, same, next_, next_, last, same], 1).reshape(-1, 3, 3)
    return torch.einsum("bij,bjhw->bihw", rotation, x_BCHW)


def resized(made_BCHW: Tensor, draws: Draws, *, share: float) -> Tensor:
    """Some of the pictures made small and large again, each way with an interpolation of its own."""
    made, side = made_BCHW.clone(), made_BCHW.shape[2]
    kinds = np.where(draws.random(len(made)) < share, draws.integers(0, len(RESIZED), len(made)), -1)
    for kind, sixty_fourths in enumerate(RESIZED):
        which = torch.from_numpy(np.flatnonzero(kinds == kind))
        if len(which):
            small = side * sixty_fourths // 64
            down, up = draws.choice(["nearest", "area", "bilinear"], 2)
            less = _to(made[which], small, str(down))
            made[which] = _to(less, side, "nearest" if up == "nearest" else "bilinear")
    return made


def _to(x_BCHW: Tensor, side: int, mode: str) -> Tensor:
    if mode == "bilinear":
        return F.interpolate(x_BCHW, (side, side), mode=mode, antialias=True, align_corners=False)
    return F.interpolate(x_BCHW, (side, side), mode=mode)


def noisy(made_BCHW: Tensor, draws: Draws, *, share: float) -> Tensor:
    """Noise on some of the pictures."""
    strength = np.where(draws.random(len(made_BCHW)) < share, draws.uniform(2, 25, len(made_BCHW)), 0.0)
    which = np.flatnonzero(strength)
    made = made_BCHW.clone()
    noise = draws.standard_normal((len(which), *made.shape[1:]), dtype=np.float32)
    made[which] += torch.from_numpy(noise * strength[which, None, None, None].astype(np.float32))
    return made


def compressed(made_BCHW: Tensor, draws: Draws, *, share: float, worst: int) -> Tensor:
    """Some of the pictures as a JPEG has them, of a quality from `worst` to 95."""
    made = made_BCHW.round().clamp(0, 255)
    for i in np.flatnonzero(draws.random(len(made)) < share):
        pixels = np.ascontiguousarray(made[i].permute(1, 2, 0).to(torch.uint8).numpy())
        quality, sampling = int(draws.integers(worst, 96)), "420" if draws.random() < 0.8 else "444"
        content = simplejpeg.encode_jpeg(pixels, quality, "RGB", sampling)
        made[i] = torch.from_numpy(simplejpeg.decode_jpeg(content, "RGB")).permute(2, 0, 1)
    return made
