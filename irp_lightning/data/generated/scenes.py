"""Scenes of generated inspection photographs: what a good fabric, grain, washer or tablet shows.

A scene is drawn with numpy from a generator and the pixels' coordinates. Every scene has its own
pose, colour, lighting and surface, each within the narrow limits of one production line. It keeps
the part, what lies behind it, the light and the sensor's noise apart, so that a defect can be
painted on the part alone; `photograph` puts them together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "SCENES",
    "Array",
    "Photo",
    "Rng",
    "Scene",
    "photograph",
    "pixel_grid",
    "ramp",
    "smooth_noise",
    "tinted",
    "turned",
]

Array = NDArray[np.float64]
Photo = NDArray[np.uint8]
Rng = np.random.Generator


@dataclass(frozen=True)
class Scene:
    """What stands before the camera; colours are about 0 to 1.

    Attributes:
        part: (H, W, 3), the surface under inspection.
        backdrop: (H, W, 3), what shows where the part is not.
        cover: (H, W), the share of each pixel that the part covers; ones for a texture.
        light: (H, W, 3), the illumination.
        noise: (H, W, 3), the sensor's noise.
        guide: (2, H, W), coordinates that run with the surface: threads, grain, turning marks.
    """

    part: Array
    backdrop: Array
    cover: Array
    light: Array
    noise: Array
    guide: Array


def photograph(scene: Scene) -> Photo:
    """The photograph of a scene: (H, W, 3) uint8 RGB."""
    cover = scene.cover[..., None]
    seen = (scene.part * cover + scene.backdrop * (1 - cover)) * scene.light
    wide = np.pad(seen, ((1, 1), (1, 1), (0, 0)), "edge")  # No lens is sharp to the pixel.
    near = wide[2:, 1:-1] + wide[:-2, 1:-1] + wide[1:-1, 2:] + wide[1:-1, :-2]
    seen = np.clip(0.5 * seen + 0.125 * near + scene.noise, 0, 1)
    return (seen * 255).round().astype(np.uint8)


def pixel_grid(size: int) -> tuple[Array, Array]:
    """Row and column coordinates of the pixel centres, each (size, size) in 0 to 1."""
    line = (np.arange(size) + 0.5) / size
    return np.repeat(line[:, None], size, 1), np.repeat(line[None, :], size, 0)


def turned(y: Array, x: Array, angle: float, centre: Array | float = 0.5) -> tuple[Array, Array]:
    """Coordinates about ``centre`` (y, x) in axes turned by ``angle`` radians."""
    (cy, cx), cos, sin = np.broadcast_to(centre, 2), np.cos(angle), np.sin(angle)
    return (y - cy) * cos - (x - cx) * sin, (y - cy) * sin + (x - cx) * cos


def ramp(value: Array, start: float, stop: float) -> Array:
    """Smooth step from 0 at ``start`` to 1 at ``stop`` (which may be the lower one)."""
    t = np.clip((value - start) / (stop - start), 0.0, 1.0)
    return t * t * (3 - 2 * t)


def smooth_noise(rng: Rng, y: Array, x: Array, rows: int, cols: int) -> Array:
    """Smooth noise, unit normal at rows x cols knots; y and x in periods (it wraps)."""
    knots = rng.standard_normal((rows, cols))
    iy, ix = np.floor(y * rows).astype(int), np.floor(x * cols).astype(int)
    ty, tx = ramp(y * rows - iy, 0, 1), ramp(x * cols - ix, 0, 1)
    y0, y1, x0, x1 = iy % rows, (iy + 1) % rows, ix % cols, (ix + 1) % cols
    top: Array = knots[y0, x0] * (1 - tx) + knots[y0, x1] * tx
    low: Array = knots[y1, x0] * (1 - tx) + knots[y1, x1] * tx
    return top * (1 - ty) + low * ty


def tinted(rng: Rng, shade: Array, rgb: list[float], tone: float, hue: float) -> Array:
    """``shade`` times a colour near ``rgb``: a shared factor and smaller ones per channel."""
    colour = np.array(rgb) * (1 + tone * rng.uniform(-1, 1)) * (1 + hue * rng.uniform(-1, 1, 3))
    return shade[..., None] * colour


def _camera(rng: Rng, y: Array, x: Array) -> tuple[Array, Array]:
    """Light (uneven lamp, lens fall-off, white balance) and sensor noise."""
    lamp = 1 + rng.uniform(-0.05, 0.05) * (y - 0.5) + rng.uniform(-0.05, 0.05) * (x - 0.5)
    lamp -= rng.uniform(0.1, 0.16) * ((y - 0.5) ** 2 + (x - 0.5) ** 2)
    white = rng.uniform(0.99, 1.01) * (1 + 0.003 * rng.standard_normal(3))
    grain = rng.uniform(0.009, 0.011) * rng.standard_normal((*y.shape, 3))
    return lamp[..., None] * white, grain


def _fabric(rng: Rng, y: Array, x: Array) -> Scene:
    """A 2/1 twill: blue warp over pale weft."""
    v, u = turned(y, x, rng.normal(0, 0.03))
    bow, count = rng.uniform(0.004, 0.008), rng.uniform(18.6, 19.4, 2)
    a = (u + bow * smooth_noise(rng, y, x, 3, 3)) * count[0] + rng.uniform(50, 90)
    b = (v + bow * smooth_noise(rng, y, x, 3, 3)) * count[1] + rng.uniform(50, 90)
    ia, ib = np.floor(a).astype(int), np.floor(b).astype(int)
    round_a, round_b = np.sin(np.pi * (a - ia)), np.sin(np.pi * (b - ib))
    yarn = 1 + 0.04 * rng.standard_normal((2, 256))  # No two threads were dyed quite alike.
    slub = 1 + 0.05 * smooth_noise(rng, a / 64, b / 64, 128, 24)
    twist = 1 + 0.06 * np.sin(2 * np.pi * (2 * a + 1.5 * b))
    warp = yarn[0][ia % 256] * (0.5 + 0.5 * np.sqrt(round_a)) * twist * slub
    weft = yarn[1][ib % 256] * (0.5 + 0.5 * np.sqrt(round_b)) * slub * (0.85 + 0.15 * round_a)
    blue = tinted(rng, warp, [0.36, 0.43, 0.55], 0.02, 0.006)
    pale = tinted(rng, weft, [0.66, 0.64, 0.58], 0.02, 0.006)
    over = (ia + ib) % 3 < 2  # The warp lies on top for two crossings in three.
    part = np.where(over[..., None], blue, pale)
    dark, whole = np.full_like(part, 0.07), np.ones_like(y)
    return Scene(part, dark, whole, *_camera(rng, y, x), np.stack([a, b]))


def _grain(rng: Rng, y: Array, x: Array) -> Scene:
    """Planed wood: year rings cut lengthwise, pores and fibres."""
    v, u = turned(y, x, rng.normal(0, 0.04))
    bend = rng.uniform(0.35, 0.45) * smooth_noise(rng, v / 2, u / 2, 4, 8)
    rings = u * rng.uniform(9.8, 10.4) + bend + rng.uniform(0, 1)
    phase = rings - np.floor(rings)
    late = ramp(phase, 0.1, 0.85) * ramp(phase, 1.0, 0.9)  # Slow darkening, sudden end.
    late *= np.clip(1 + 0.15 * smooth_noise(rng, rings / 32, v / 4, 32, 8), 0.2, 2)
    pores = rng.uniform(0.17, 0.19) * ramp(smooth_noise(rng, v / 2, u / 2, 50, 220), 1.1, 2.0)
    fibre = 0.045 * smooth_noise(rng, v / 2, u / 2, 14, 260)
    fibre += 0.02 * smooth_noise(rng, v / 2, u / 2, 6, 10)
    early = tinted(rng, 1 + fibre - pores, [0.76, 0.57, 0.38], 0.015, 0.006)
    part = early * (1 - tinted(rng, late, [0.22, 0.29, 0.36], 0.04, 0.01))
    return Scene(part, 0.12 * part, np.ones_like(y), *_camera(rng, y, x), np.stack([rings, v]))


def _washer(rng: Rng, y: Array, x: Array) -> Scene:
    """A turned steel ring on a conveyor belt."""
    centre, outer = 0.5 + rng.uniform(-0.015, 0.015, 2), rng.uniform(0.37, 0.38)
    inner, soft = outer * rng.uniform(0.485, 0.505), 0.6 / len(y)  # Edges about a pixel wide.
    dy, dx = turned(y, x, rng.uniform(-np.pi, np.pi), centre)
    radius, turn = np.hypot(dy, dx), np.arctan2(dy, dx) / (2 * np.pi)
    cover = ramp(radius, outer + soft, outer - soft) * ramp(radius, inner - soft, inner + soft)
    # The lamp stands still while the part turns. Turned metal answers it with a bow tie, the
    # bevels with a bright and a dark crescent.
    lamp = np.arctan2(y - centre[0], x - centre[1]) - rng.normal(-2.2, 0.08)
    shine = np.abs(np.cos(lamp)) ** rng.uniform(4.5, 5.5) * rng.uniform(0.18, 0.22)
    bevel = ramp(radius, outer - 0.022, outer) - ramp(radius, inner + 0.018, inner)
    marks = 0.04 * smooth_noise(rng, radius / 2, turn, 240, 3)
    marks += 0.03 * smooth_noise(rng, radius, turn, 60, 40)
    shade = 0.92 + shine + marks + 0.38 * bevel * np.cos(lamp) - 0.12 * np.abs(bevel)
    shade += 0.03 * smooth_noise(rng, y, x, 110, 110)
    part = tinted(rng, shade, [0.56, 0.56, 0.55], 0.02, 0.005)
    drop = centre + rng.uniform(0.015, 0.021, 2)
    away = np.hypot(y - drop[0], x - drop[1])
    shadow = ramp(away, outer + 0.02, outer - 0.02) * ramp(away, inner - 0.02, inner + 0.02)
    belt = 1 + 0.06 * smooth_noise(rng, y, x, 70, 70) + 0.025 * smooth_noise(rng, y, x, 5, 5)
    belt *= 1 - rng.uniform(0.47, 0.53) * shadow
    backdrop = tinted(rng, belt, [0.2, 0.24, 0.25], 0.03, 0.008)
    return Scene(part, backdrop, cover, *_camera(rng, y, x), np.stack([radius, turn]))


def _tablet(rng: Rng, y: Array, x: Array) -> Scene:
    """A domed, scored pill on a tray."""
    centre, scale = 0.5 + rng.uniform(-0.015, 0.015, 2), rng.uniform(0.98, 1.02)
    half, end, soft = 0.17 * scale, 0.215 * scale * rng.uniform(0.99, 1.01), 0.6 / len(y)
    dy, dx = turned(y, x, rng.normal(0, 0.1), centre)
    away = np.hypot(np.maximum(np.abs(dx) - half, 0), dy) / end  # 1 on the outline of a stadium.
    cover = ramp(away, 1 + soft / end, 1 - soft / end)
    # Domed: flat in the middle, falling towards the rim, lit from the upper left.
    steep = ramp(away, 0.35, 1.05)
    side = ((y - centre[0]) * 0.8 + (x - centre[1]) * rng.uniform(0.4, 0.6)) / end
    gap = rng.uniform(0.0125, 0.0145)  # The score line: a groove with a dark and a bright wall.
    groove = np.exp(-((dx / gap) ** 2)) * ramp(np.abs(dy), 0.92 * end, 0.8 * end)
    shade = 1.0 - 0.3 * steep * side - 0.16 * steep**2
    shade += rng.uniform(0.21, 0.25) * groove * np.clip(dx / gap - 0.6, -1.5, 1)
    shade += 0.022 * smooth_noise(rng, dy, dx, 90, 90) + 0.02 * smooth_noise(rng, dy, dx, 9, 9)
    speckle = ramp(smooth_noise(rng, dy, dx, 100, 100), 1.3, 2.2) * rng.uniform(0.08, 0.12)
    part = tinted(rng, shade, [0.82, 0.74, 0.6], 0.025, 0.008)
    part *= 1 - speckle[..., None] * np.array([0.5, 0.8, 1.0])
    below = np.hypot(np.maximum(np.abs(dx - 0.01) - half, 0), dy - rng.uniform(0.018, 0.026)) / end
    tray = 1 + 0.03 * smooth_noise(rng, y, x, 80, 80) + 0.03 * smooth_noise(rng, y, x, 4, 4)
    tray *= 1 - rng.uniform(0.45, 0.52) * ramp(below, 1.14, 0.9)
    backdrop = tinted(rng, tray, [0.34, 0.42, 0.47], 0.03, 0.008)
    return Scene(part, backdrop, cover, *_camera(rng, y, x), np.stack([dy, dx]))


SCENES: dict[str, Callable[[Rng, Array, Array], Scene]] = {
    "fabric": _fabric,
    "grain": _grain,
    "washer": _washer,
    "tablet": _tablet,
}
"""Draws a good scene of a category from a generator and the pixels' y and x."""
