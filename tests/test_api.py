"""The same in Python; the examples of its docstrings run as doctests, with the package's others."""

import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from checkpoint_files import write_checkpoint

from irp_lightning.api import Detector, clean, fit
from irp_lightning.foundation.errors import InputError

REPO = Path(__file__).parent.parent
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


def test_it_prints_no_summary_and_follows_a_review(
    images: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [*SMALL, "refine.k=0.3", "batch_size=8", f"cache_dir={cache}"]
    good = images / "fabric/train/good"
    before = clean(good, tmp_path / "out", false_alarms=0.1, overrides=overrides)
    spared, caught = before.suspects[0], before.kept[0].name
    (tmp_path / "review.csv").write_text(f"path,verdict\n{spared},normal\n{caught},defective\n")
    assert capsys.readouterr().out == ""
    after = clean(
        good,
        tmp_path / "out",
        false_alarms=0.1,
        review=tmp_path / "review.csv",
        overrides=overrides,
    )
    assert caught in after.suspects
    assert spared not in after.suspects
    assert after.metrics["cleaning"]["looks"] == 2
    assert before.review is None
    assert after.review is not None
    assert (after.review.confirmed_defective, after.review.confirmed_normal) == (1, 1)
    assert 0 <= after.review.caught <= 1


def test_another_cleaning_is_replaced_by_force_alone(images: Path, cache: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, "batch_size=8", f"cache_dir={cache}"]
    good = images / "fabric/train/good"
    clean(good, tmp_path / "out", false_alarms=0.1, overrides=overrides)
    with pytest.raises(InputError, match=r"sweep\.force=true to replace it"):
        clean(good, tmp_path / "out", false_alarms=0.3, overrides=overrides)
    found = clean(good, tmp_path / "out", false_alarms=0.3, force=True, overrides=overrides)
    assert found.metrics["cleaning"]["false_alarms_asked"] == 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = found.detector.threshold
    found = clean(good, tmp_path / "out", false_alarms=0.001, force=True, overrides=overrides)
    with pytest.warns(UserWarning, match=r"false alarms of 0\.1 % cannot be promised"):
        _ = found.detector.threshold


def test_a_detector_without_a_threshold_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="has no threshold"):
        _ = Detector(tmp_path / "last.ckpt").threshold


@pytest.mark.parametrize("page", ["README.md", "docs/cleaning.md"])
def test_the_lines_that_the_pages_show_are_typed(page: str, tmp_path: Path) -> None:
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    text = (REPO / page).read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(from irp_lightning\.api .*?)```", text, re.DOTALL)
    file = tmp_path / "shown.py"
    # An error that goes unseen, as where the package has no types for others, is one here.
    file.write_text(f"{shown}found.detector.score('1.png', 2)  # type: ignore[call-arg]\n")
    told, _, status = mypy.run(["--strict", "--follow-imports=silent", str(file)])
    assert status == 0, told


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
