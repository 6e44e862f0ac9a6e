"""The report of a cleaning as one page that needs no network."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from PIL import Image
from torch import Tensor

from irp_lightning.cleaning.review import ReviewCheck, check_review
from irp_lightning.cleaning.suspects import Suspect
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.detectors.conformal import Calibration
from irp_lightning.foundation.amounts import counted, percent
from irp_lightning.foundation.errors import InputError
from irp_lightning.localisation.overlay import overlay
from irp_lightning.refinement.rounds import Round
from irp_lightning.runs.pages import jpeg_uri, render_page
from irp_lightning.runs.thumbnail import thumbnail

__all__ = ["Content", "render"]

MOST_SUSPECTS, MOST_KEPT = 2000, 200
"""Images that are shown with pictures; all are in the tables."""

SIDE, JPEG_QUALITY = 176, 78


@dataclass(frozen=True)
class Content:
    """Content of the report.

    Attributes:
        title: The folder.
        suspects: All training images, the most suspicious first.
        maps: (N, h, w), of the training images: where their scores come from.
        calibration: The threshold.
        images: What was read.
        rounds: Of the removal.
        settings: As names and values.
        looks: Verdicts that were followed, by name.
        expected: How many images the rule alone removes: where the page's search for the cut begins.
        estimate: How many images are thought to be defective, in one line; None where nobody asked.
        carried_back: From an image file and its map to a map of the whole picture.
    """

    title: str
    suspects: Sequence[Suspect]
    maps: Tensor
    calibration: Calibration
    images: Dataset
    rounds: Sequence[Round]
    settings: Sequence[tuple[str, str]]
    looks: Mapping[str, bool]
    expected: int
    estimate: str | None = None
    carried_back: Callable[[Path, Tensor], Tensor] = lambda path, heat: heat

    @property
    def review(self) -> ReviewCheck | None:
        """The threshold beside the verdicts."""
        return check_review(self.suspects, self.looks, self.calibration.threshold)


def render(content: Content) -> str:
    """The page. Every name in it is data and is escaped; pictures are inside it."""
    return render_page(
        "irp_lightning.cleaning",
        "report",
        {"percent": percent, "counted": counted},
        content=content,
        calibration=content.calibration,
        removed=sum(not s.is_kept for s in content.suspects),
        facts=_facts(content),
        rounds=[
            (r.number, int(r.active.sum()), _short(r.threshold), int(r.removed.sum()))
            for r in content.rounds
        ],
        # Within a script nothing is escaped but what could end it.
        data=Markup(json.dumps(_data(content), ensure_ascii=False).replace("<", "\\u003c")),
    )


def _facts(content: Content) -> list[tuple[str, str]]:
    facts = content.images.facts()
    counts = Counter(s.cluster for s in content.suspects if not s.is_kept)
    removed = counts.total()
    groups = sum(count > 1 for count in counts.values())
    return [
        ("photographs to train on", str(len(content.suspects))),
        ("suspects", f"{removed} ({percent(removed / max(1, len(content.suspects)))})"),
        ("groups of similar suspects", str(groups)),
        ("kept", str(len(content.suspects) - removed)),
        ("copies of another", str(facts["identical"])),
        ("left out, unreadable", str(facts["skipped"])),
        ("reviewed by a person", str(len(content.looks))),
    ]


def _short(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _data(content: Content) -> dict[str, Any]:
    """What the page's script reads."""
    removed = [s for s in content.suspects if not s.is_kept]
    kept = [s for s in content.suspects if s.is_kept]
    shown = sorted([*removed[:MOST_SUSPECTS], *kept[:MOST_KEPT]], key=lambda s: s.rank)
    # The map's scale is one for all: what is hot in one is as suspicious as what is hot in another.
    low = float(np.median(content.maps.numpy())) if content.maps.numel() else 0.0
    high = float(np.quantile(content.maps.amax(dim=(1, 2)).numpy(), 0.98)) if len(content.maps) else 1.0
    pictures: dict[str, str] = {}
    bit_depth = content.images.bit_depth
    digests = {s.name: d for s, d in zip(content.images.samples, content.images.hashes, strict=True)}
    items = []
    for s in shown:
        picture, heat = _pictures(content, s, low, high)
        alike = s.look_alike.name
        if alike not in pictures:
            pictures[alike] = _uri(_thumbnail(s.look_alike.path, bit_depth))
        items.append(
            {
                "path": s.sample.name,
                "rank": s.rank,
                "score": s.final_score,
                "percentile": s.percentile,
                "round": s.round,
                "cluster": s.cluster,
                "grade": s.grade,
                "trusted": s.sample.trusted,
                "why": s.why,
                "copy": digests[s.sample.name],
                "alike": alike,
                "picture": picture,
                "map": heat,
            }
        )
    return {
        "items": items,
        "pictures": pictures,
        "count": len(content.suspects),
        "expected": content.expected,
        "looks": dict(content.looks),
        "kept": sorted(s.detector_score for s in kept),
        "removed": sorted(s.detector_score for s in removed),
        "threshold": content.calibration.threshold,
    }


def _pictures(content: Content, suspect: Suspect, low: float, high: float) -> tuple[str, str]:
    picture = _thumbnail(suspect.sample.path, content.images.bit_depth)
    scaled = ((content.maps[suspect.index] - low) / max(high - low, 1e-9)).clamp(0, 1)
    # A file that is gone has no picture and no map.
    with suppress(InputError):
        scaled = content.carried_back(suspect.sample.path, scaled)
    large = np.asarray(Image.fromarray(scaled.numpy()).resize(picture.size, Image.Resampling.BILINEAR))
    return _uri(picture), _uri(Image.fromarray(overlay(np.asarray(picture), large)))


def _thumbnail(path: Any, bit_depth: BitDepth) -> Image.Image:
    try:
        return thumbnail(path, SIDE, bit_depth)
    except InputError:  # it was there when it was read
        return Image.new("RGB", (SIDE, SIDE), "grey")


def _uri(picture: Image.Image) -> str:
    return jpeg_uri(picture, JPEG_QUALITY)
