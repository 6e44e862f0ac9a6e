"""A detector that looks at a part: its file says which, and new photographs go the same way."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from irp_lightning import Detector, fit
from irp_lightning.config.experiment import Experiment
from irp_lightning.config.plain import experiment_of
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.localisation.heat_map_folder import write_heat_maps
from irp_lightning.pipeline.inputs import prepare
from irp_lightning.pipeline.prefill import fill
from irp_lightning.runs.stopwatch import Stopwatch

SIDE = 120
SMALL = ["patches.image_size=64", "patches.grid=8", "model.patches=200", "trainer.accelerator=cpu"]


def photograph(angle: float, *, scratch: bool = False, blank: bool = False) -> Image.Image:
    """A dark arrow on a bright table; a scratch is a bright spot on its shaft."""
    picture = Image.new("RGB", (SIDE, SIDE), (210, 210, 205))
    if not blank:
        cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))

        def at(x: float, y: float) -> tuple[float, float]:
            return 60 + x * cos - y * sin, 60 + x * sin + y * cos

        shape = [(-40, -5), (15, -5), (15, -13), (40, 0), (15, 13), (15, 5), (-40, 5)]
        draw = ImageDraw.Draw(picture)
        draw.polygon([at(*corner) for corner in shape], fill=(40, 45, 60))
        if scratch:
            draw.line([at(-25, -4), at(-25, 4)], fill=(250, 60, 60), width=3)
    noise = np.random.default_rng(int(angle)).integers(-4, 5, (SIDE, SIDE, 1))
    return Image.fromarray((np.asarray(picture).astype(int) + noise).clip(0, 255).astype("u1"))


GOOD = [photograph(17 * i) for i in range(24)]
ALIKE = [photograph(i % 5) for i in range(24)]


@pytest.fixture(scope="module", params=["box", "upright"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any]:
    kind: str = request.param
    images = ALIKE if kind == "box" else GOOD
    return kind, fit(images, false_alarms=0.1, overrides=SMALL)


def test_auto_takes_the_part_and_its_map_covers_the_photograph(trained: tuple[str, Detector]) -> None:
    kind, detector = trained
    part = detector._loaded.extractor.spec.part
    assert part is not None
    assert part.kind == kind
    angle = 3 if kind == "box" else 201
    scratched = photograph(angle, scratch=True)
    assert detector.score(scratched) > detector.score(photograph(angle))
    found = detector.explain(scratched)
    row, column = divmod(int(found.argmax()), found.shape[1])
    x, y = 60 - 25 * math.cos(math.radians(angle)), 60 - 25 * math.sin(math.radians(angle))
    side = len(found)
    assert math.hypot((column + 0.5) / side - x / SIDE, (row + 0.5) / side - y / SIDE) < 0.2


def test_a_saved_detector_looks_at_the_same(trained: tuple[str, Detector], tmp_path: Path) -> None:
    _, detector = trained
    detector.save(tmp_path / "d.ckpt")
    new = [photograph(40), photograph(3, scratch=True)]
    torch.testing.assert_close(Detector.load(tmp_path / "d.ckpt").score(new), detector.score(new))


def test_a_heat_map_lies_over_the_photograph_as_it_was_taken(
    trained: tuple[str, Detector], tmp_path: Path
) -> None:
    kind, detector = trained
    detector.save(tmp_path / "d.ckpt")
    angle = 3 if kind == "box" else 201
    photograph(angle, scratch=True).save(tmp_path / "new.png")
    write_heat_maps(load_detector(tmp_path / "d.ckpt"), [tmp_path / "new.png"], tmp_path / "maps")
    over = np.asarray(Image.open(tmp_path / "maps/new.png")).astype(int)
    plain = np.asarray(photograph(angle, scratch=True)).astype(int)
    changed = np.abs(over - plain).sum(axis=2)
    assert over.shape == plain.shape
    assert changed[:3, :3].max() == 0  # the table's corner is not looked at
    row, column = divmod(int(changed.argmax()), SIDE)
    assert math.hypot(column - 60, row - 60) < 45  # on the part


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_photograph_without_a_part_is_scored_as_it_lies_and_reported(tmp_path: Path) -> None:
    detector = fit(GOOD, false_alarms=0.1, overrides=SMALL)
    with pytest.warns(UserWarning, match=r"shows no part that stands out from its background"):
        score = detector.score(photograph(0, blank=True))
    assert score > detector.threshold


def experiment(root: Path, *overrides: str) -> Experiment:
    """A run on a category of parts that lie alike."""
    if not (root / "a").exists():
        (root / "a/train/good").mkdir(parents=True)
        (root / "a/test/good").mkdir(parents=True)
        for i, picture in enumerate(ALIKE):
            picture.save(root / f"a/train/good/{i}.png")
        photograph(2).save(root / "a/test/good/0.png")
    values = {"data.root": root, "data.category": "a", "noise": 0, "cache_dir": root / "cache"}
    values |= {"patches.image_size": 64, "patches.grid": 8, "views.count": 4, "data.image_size": 64}
    values |= {"trainer.accelerator": "cpu"}
    given = [f"{key}={value}" for key, value in values.items()]
    return experiment_of(["data=mvtec", "backbone=random", *given, *overrides])


def test_the_bank_is_filled_with_what_a_run_looks_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    e = experiment(tmp_path, "model=patch_nn")
    said: list[str] = []
    fill(e, said.append)
    assert any("one box" in line for line in said)
    monkeypatch.setattr(FeatureExtractor, "load", lambda self, path: pytest.fail("it is in the bank"))
    assert prepare(e, Stopwatch(), report=lambda line: None).parts["detector"].kind == "box"


def test_views_and_rotated_views_stay_whole_unless_a_part_is_asked_for(tmp_path: Path) -> None:
    def parts(*overrides: str) -> dict[str, str]:
        inputs = prepare(experiment(tmp_path, *overrides), Stopwatch(), report=lambda line: None)
        assert inputs.features.scored(torch.tensor([0])).shape[1] == inputs.extractor.spec.n_vectors
        return {name: found.kind for name, found in inputs.parts.items()}

    assert parts("model=gaussian") == {"detector": "whole", "removal": "box"}
    assert parts("model=gaussian", "views.part=box") == {"detector": "box", "removal": "box"}
    assert parts("model=patch_nn") == {"detector": "box", "removal": "box"}
    assert parts("model=patch_nn", "patches.part=whole") == {"detector": "whole", "removal": "whole"}
    rotated = parts("model=gaussian", "refine.scoring.views=2")
    assert rotated == {"detector": "whole", "removal": "whole"}
