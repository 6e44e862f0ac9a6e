"""The same in Python."""

import os
import subprocess
import sys
from pathlib import Path

import torch

from irp_lightning.api import Detector, clean, fit

SMALL = ["patches.image_size=64", "patches.grid=4", "model.patches=100", "trainer.accelerator=cpu"]


def test_clean_fit_score_explain_save_load(images: Path, cache: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, f"cache_dir={cache}"]
    good = images / "fabric/train/good"
    found = clean(good, tmp_path / "out", false_alarms=0.1, overrides=overrides)
    assert len(found.suspects) + len(found.kept) == len(list(good.iterdir()))
    tested = sorted((images / "fabric/test").rglob("*.png"))
    scores = found.detector.score(tested)
    found.detector.save(tmp_path / "moved.ckpt")
    again = Detector.load(tmp_path / "moved.ckpt")
    torch.testing.assert_close(again.score(tested), scores)
    assert again.threshold == found.metrics["cleaning"]["threshold"]
    assert again.explain(tested[0]).shape == (4, 4)

    trusted = fit(sorted(good.iterdir()), false_alarms=0.1, overrides=overrides)
    assert trusted.score(tested).shape == scores.shape
    trusted.save(tmp_path / "trusted.ckpt")
    torch.testing.assert_close(Detector(tmp_path / "trusted.ckpt").score(tested), trusted.score(tested))


def test_figures_leave_the_backend_of_a_notebook_alone() -> None:
    code = (
        "import matplotlib, irp_lightning.runs.figures, irp_lightning.localisation.heat_maps as h;"
        "h.Figure().savefig('/dev/null', format='png'); print(matplotlib.get_backend())"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "MPLBACKEND": "svg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == "svg"
