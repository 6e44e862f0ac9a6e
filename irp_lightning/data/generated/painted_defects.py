"""Defects painted on the scenes of generated photographs.

Each painter takes a scene, a generator and a strength factor (1, or more when a first try could
not be seen) and returns the altered scene. Place, shape and strength are random: some defects of
each kind are plain, some subtle. None touches light or noise, so a photograph of the altered
scene differs from that of the good one by the defect alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image, ImageDraw

from irp_lightning.data.generated.scenes import (
    Array,
    Rng,
    Scene,
    pixel_grid,
    ramp,
    smooth_noise,
    tinted,
    turned,
)

__all__ = ["PAINTERS", "Painter"]

Painter = Callable[[Scene, Rng, float], Scene]


def _spot(scene: Scene, rng: Rng, low: float = 0.99, high: float = 1.0) -> tuple[float, float]:
    """A random place (y, x in 0 to 1), off the border, where ``cover`` is in low to high."""
    size = len(scene.cover)
    edge = size // 8
    inner = scene.cover[edge : size - edge, edge : size - edge]
    rows, cols = np.nonzero((inner >= low) & (inner <= high))
    pick = rng.integers(len(rows))
    return (rows[pick] + edge + 0.5) / size, (cols[pick] + edge + 0.5) / size


def _blob(rng: Rng, size: int, at: tuple[float, float], radius: float, soft: float) -> Array:
    """(H, W) opacity of an irregular patch; ``soft`` is the share of the radius that fades."""
    y, x = pixel_grid(size)
    dy, dx = turned(y, x, rng.uniform(0, np.pi), np.array(at))
    angle = np.arctan2(dy, dx) / (2 * np.pi)
    lobes = 1 + 0.16 * smooth_noise(rng, angle, 0 * angle, 7, 1)
    lobes += 0.07 * smooth_noise(rng, y, x, 48, 48)
    away = np.hypot(dy * rng.uniform(1, 1.4), dx) / radius
    return ramp(away / np.clip(lobes, 0.5, 1.6), 1.0, 1.0 - soft)


def _curve(
    rng: Rng, size: int, at: tuple[float, float], length: float, width: tuple[float, float]
) -> Array:
    """(H, W) opacity of a tapered line of ``length`` that wanders through ``at``."""
    steps, fine = 24, 4  # Pillow draws lines without smoothing: draw large, then average.
    bends = rng.normal(0, 0.02, steps) + np.cumsum(rng.normal(0, 0.035, steps))
    heading = rng.uniform(0, 2 * np.pi) + 0.35 * np.cumsum(bends)
    path = np.cumsum([np.cos(heading), np.sin(heading)], 1).T * length / steps
    path = (path + np.array(at)[::-1] - path[steps // 2]) * size * fine
    taper = np.sin(np.linspace(0.25, np.pi - 0.15, steps)) * rng.uniform(0.8, 1.2, steps)
    widths = np.maximum(rng.uniform(*width) * size * fine * taper, 2).round().astype(int)
    canvas = Image.new("L", (size * fine, size * fine))
    for k in range(steps - 1):
        line = [float(c) for c in path[k : k + 2].ravel()]
        ImageDraw.Draw(canvas).line(line, fill=255, width=int(widths[k]))
    return np.asarray(canvas.reduce(fine), float) / 255


def _moved(image: Array, dy: Array | float, dx: Array | float) -> Array:
    """``image`` read at each pixel moved by (dy, dx) pixels, to the nearest one."""
    last = len(image) - 1
    rows, cols = np.mgrid[: last + 1, : last + 1]
    y = np.clip(np.rint(rows + dy), 0, last).astype(int)
    x = np.clip(np.rint(cols + dx), 0, last).astype(int)
    moved: Array = image[y, x]
    return moved


def _strength(rng: Rng, low: float, high: float) -> float:
    """A strength in low to high, or, one time in five, half of that: a subtle defect."""
    return rng.uniform(low, high) * (0.5 if rng.random() < 0.2 else 1.0)


def _laid_over(scene: Scene, alpha: Array, colour: Array) -> Scene:
    """The scene with ``colour`` laid over the part at opacity ``alpha`` (H, W), at most 1."""
    alpha = np.clip(alpha, 0, 1)[..., None]
    return replace(scene, part=scene.part * (1 - alpha) + colour * alpha)


def _scratch(scene: Scene, rng: Rng, boost: float) -> Scene:
    """Grooves side by side: one wall lies in shadow, the other catches the light."""
    at, strength = _spot(scene, rng), boost * _strength(rng, 0.8, 1.0)
    heading = rng.integers(2**31)  # Scratches of one accident run alike.
    for _ in range(rng.integers(2, 4)):
        near = (at[0] + rng.normal(0, 0.03), at[1] + rng.normal(0, 0.03))
        path = np.random.default_rng(heading)
        line = _curve(path, len(scene.cover), near, rng.uniform(0.3, 0.45), (0.018, 0.024))
        scene = _laid_over(scene, strength * np.roll(line, 2, 0), 0.3 * scene.part)
        scene = _laid_over(scene, strength * line, 1.4 * scene.part + 0.15)
    return scene


def _crack(scene: Scene, rng: Rng, boost: float) -> Scene:
    """A dark line with a branch, often too thin to be black."""
    size, at, strength = len(scene.cover), _spot(scene, rng), boost * _strength(rng, 0.8, 1.0)
    for length, width in ((0.5, (0.016, 0.022)), (0.25, (0.01, 0.014))):
        line = _curve(rng, size, at, length * rng.uniform(0.8, 1.1), width)
        scene = _laid_over(scene, strength * line, 0.25 * scene.part)
    return scene


def _stain(scene: Scene, rng: Rng, boost: float) -> Scene:
    """Something soaked in: darker and of another hue, with the structure still visible."""
    alpha = _blob(rng, len(scene.cover), _spot(scene, rng), rng.uniform(0.12, 0.165), 0.5)
    dye = np.array([0.45, 0.35, 0.25])
    return _laid_over(scene, boost * _strength(rng, 0.55, 0.8) * alpha, scene.part * dye)


def _broken(scene: Scene, rng: Rng, boost: float, low: float, high: float, radius: float) -> Scene:
    """A piece of about ``radius`` missing where cover is in low to high; its rim is damaged."""
    at, radius = _spot(scene, rng, low, high), boost * _strength(rng, 0.85, 1.15) * radius
    shape, size = rng.integers(2**31), len(scene.cover)  # Hole and rim: one shape, two sizes.
    hole = _blob(np.random.default_rng(shape), size, at, radius, 0.25)
    rim = _blob(np.random.default_rng(shape), size, at, 1.25 * radius, 0.4)
    scene = _laid_over(scene, 0.6 * rim, rng.uniform(0.65, 0.85) * scene.part)
    return replace(scene, cover=scene.cover * (1 - hole * rng.uniform(0.85, 1.0)))


def _foreign(scene: Scene, rng: Rng, boost: float, colours: list[list[float]]) -> Scene:
    """A cluster of grains of another matter, in one of ``colours``."""
    size, (y, x), reach = len(scene.cover), _spot(scene, rng), rng.uniform(0.045, 0.06)
    mottle = 1 + 0.2 * smooth_noise(rng, *pixel_grid(size), 60, 60)
    colour = tinted(rng, mottle, colours[rng.integers(len(colours))], 0.1, 0.04)
    strength = boost * _strength(rng, 0.75, 0.95)
    for dy, dx in rng.normal(0, reach, (rng.integers(4, 7), 2)) * 0.8:
        alpha = _blob(rng, size, (y + dy, x + dx), reach * rng.uniform(0.4, 1.0), 0.5)
        scene = _laid_over(scene, strength * alpha, colour)
    return scene


def _dent(scene: Scene, rng: Rng, boost: float) -> Scene:
    """A blow: one side of the hollow leans away from the lamp, the other towards it."""
    bump = _blob(rng, len(scene.cover), _spot(scene, rng), rng.uniform(0.09, 0.115), 1.0)
    slope_y, slope_x = np.gradient(bump)
    angle = rng.normal(-2.2, 0.2)  # Where the lamp stands.
    lean = (slope_y * np.sin(angle) + slope_x * np.cos(angle)) / np.hypot(slope_y, slope_x).max()
    change = boost * _strength(rng, 0.45, 0.65) * lean - 0.1 * bump
    return replace(scene, part=scene.part * (1 + change[..., None]))


def _smear(scene: Scene, rng: Rng, boost: float) -> Scene:
    """Rubbed: fine structure is dragged along one direction and the tone gets darker."""
    size, angle = len(scene.cover), rng.uniform(0, np.pi)
    alpha = _blob(rng, size, _spot(scene, rng), rng.uniform(0.13, 0.17), 0.4)
    steps = np.linspace(-1, 1, 9) * boost * rng.uniform(0.03, 0.07) * size
    drag = [_moved(scene.part, s * np.sin(angle), s * np.cos(angle)) for s in steps]
    tone = 1 - boost * _strength(rng, 0.18, 0.26)
    return _laid_over(scene, alpha, np.mean(drag, 0) * tone)


def _pull(scene: Scene, rng: Rng, boost: float) -> Scene:
    """Threads dragged out of line; the cloth is whole but its lattice bulges."""
    bump = _blob(rng, len(scene.cover), _spot(scene, rng), rng.uniform(0.19, 0.24), 1.0)
    angle = rng.uniform(0, 2 * np.pi)
    reach = boost * _strength(rng, 0.09, 0.13) * len(bump) * bump
    return replace(scene, part=_moved(scene.part, reach * np.sin(angle), reach * np.cos(angle)))


def _missing_thread(scene: Scene, rng: Rng, boost: float) -> Scene:
    """One or two threads are gone for a while; those across lie bare and in shade."""
    row, col = (int(c * len(scene.cover)) for c in _spot(scene, rng))
    across, along = scene.guide[:: rng.choice([-1, 1])]
    half, threads = rng.uniform(4.5, 6.5), rng.integers(1, 3)
    alpha = ramp(np.abs(along - along[row, col]), half + 0.4, half - 0.4)
    gone = np.floor(across) - np.floor(across[row, col])
    alpha *= (gone >= 0) & (gone < threads)
    bare = (0.25 + 0.4 * np.sin(np.pi * (along - np.floor(along)))) * rng.uniform(0.7, 1.0)
    colour = scene.part.mean((0, 1)) * bare[..., None]
    return _laid_over(scene, boost * rng.uniform(0.7, 1.0) * alpha, colour)


_hole = partial(_broken, low=0.99, high=1.0, radius=0.085)
_chip = partial(_broken, low=0.2, high=0.8, radius=0.06)
_rust = partial(_foreign, colours=[[0.45, 0.24, 0.12]])
_speck = partial(_foreign, colours=[[0.2, 0.18, 0.17], [0.5, 0.24, 0.18]])

PAINTERS: dict[str, dict[str, Painter]] = {
    "fabric": {"hole": _hole, "missing_thread": _missing_thread, "pull": _pull, "stain": _stain},
    "grain": {"hole": _hole, "scratch": _scratch, "smear": _smear, "stain": _stain},
    "washer": {"chip": _chip, "dent": _dent, "rust": _rust, "scratch": _scratch},
    "tablet": {"chip": _chip, "crack": _crack, "smear": _smear, "speck": _speck},
}
"""Paints a defect, by category and name."""
