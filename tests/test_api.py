"""The same in Python; the examples of its docstrings run as doctests, with the package's others."""

import logging
import os
import random
import re
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
import torch
from checkpoint_files import write_checkpoint
from hydra import compose, initialize_config_dir
from hydra.version import getbase
from PIL import Image

from irp_lightning import Detector, clean, fit
from irp_lightning.foundation.errors import InputError

REPO = Path(__file__).parent.parent
SMALL = ["patches.image_size=64", "patches.grid=4", "model.patches=100", "trainer.accelerator=cpu"]
BOLD = ["refine/rule=false_discovery", "refine.max_rounds=3", "refine.rule.k=0.3"]
"""Removes some of a dozen images, which the default does not."""


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


@pytest.mark.slow
def test_it_prints_no_summary_and_follows_a_review(
    images: Path, cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    overrides = [*SMALL, *BOLD, "batch_size=8", f"cache_dir={cache}"]
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


@pytest.mark.slow
def test_another_cleaning_is_replaced_by_force_alone(images: Path, cache: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, "batch_size=8", f"cache_dir={cache}"]
    good = images / "fabric/train/good"
    clean(good, tmp_path / "out", false_alarms=0.1, overrides=overrides)
    with pytest.raises(InputError, match=r"force=True to replace it"):
        clean(good, tmp_path / "out", false_alarms=0.3, overrides=overrides)
    found = clean(good, tmp_path / "out", false_alarms=0.3, force=True, overrides=overrides)
    assert found.metrics["cleaning"]["false_alarms_asked"] == 0.3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        _ = found.detector.threshold
    found = clean(good, tmp_path / "out", false_alarms=0.001, force=True, overrides=overrides)
    with pytest.warns(UserWarning, match=r"false alarms of 0\.1 % cannot be guaranteed"):
        _ = found.detector.threshold


def test_a_detector_without_a_threshold_says_so(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="has no threshold"):
        _ = Detector(tmp_path / "last.ckpt").threshold


def test_a_detector_of_ones_own_is_loaded_where_its_code_is_named_or_allowed(
    images: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"own_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(
        "from irp_lightning.detectors.patch_gaussian import PatchGaussian\n"
        "class Mine(PatchGaussian):\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    overrides = ["model=custom", f"model._target_={name}.Mine", *SMALL[:2], f"cache_dir={cache}"]
    good = sorted((images / "fabric/train/good").iterdir())
    mine = fit(good, false_alarms=0.2, overrides=overrides)
    mine.save("mine.ckpt")
    del sys.modules[name]
    with pytest.raises(InputError, match=rf"a class, {name}\.Mine, .*own_code=True"):
        Detector.load("mine.ckpt")
    assert name not in sys.modules
    again = Detector.load("mine.ckpt", own_code=True)
    assert torch.equal(again.score(good[:2]), mine.score(good[:2]))


@pytest.mark.slow
@pytest.mark.parametrize("page", ["README.md", "docs/cleaning.md"])
def test_the_lines_that_the_pages_show_are_typed(page: str, tmp_path: Path) -> None:
    mypy = pytest.importorskip("mypy.api", reason="mypy is not installed")
    text = (REPO / page).read_text(encoding="utf-8")
    (shown,) = re.findall(r"```python\n(from irp_lightning import .*?)```", text, re.DOTALL)
    file = tmp_path / "shown.py"
    # An error that goes unseen, as where the package has no types for others, is one here.
    file.write_text(f"{shown}found.detector.score('1.png', 2)  # type: ignore[call-arg]\n")
    told, _, status = mypy.run(["--strict", "--follow-imports=silent", str(file)])
    assert status == 0, told


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def small(images: Path, cache: Path) -> Callable[[], Detector]:
    """Fit a small detector."""
    good = sorted((images / "fabric/train/good").iterdir())
    return lambda: fit(good, false_alarms=0.1, overrides=[*SMALL, "batch_size=8", f"cache_dir={cache}"])


@pytest.fixture(scope="module")
def usual(small: Callable[[], Detector]) -> Detector:
    """One that was fitted in a process where nothing is odd."""
    return small()


def process_state() -> dict[str, Any]:
    """What a caller may have set for the whole process."""
    return {
        "draws": (random.getstate(), str(np.random.get_state()), torch.get_rng_state().tolist()),
        "torch": (
            *(torch.get_default_dtype(), torch.get_default_device(), torch.is_inference_mode_enabled()),
            *(torch.is_autocast_enabled("cpu"), torch.are_deterministic_algorithms_enabled()),
        ),
        "variables": dict(os.environ),
        "path": list(sys.path),
        "warnings": list(warnings.filters),
        "levels": [
            logging.getLogger(name).level for name in ("lightning.pytorch", "timm.models._builder")
        ],
        "largest image": Image.MAX_IMAGE_PIXELS,
        "figures": dict(matplotlib.rcParams),
        "Hydra": (getbase(), compose("config")),
    }


@pytest.fixture
def odd_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Set, when it is called, all that a caller may have set; the test's process is put back."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    for name, level in (("lightning.pytorch", 5), ("timm.models._builder", 7)):
        monkeypatch.setattr(logging.getLogger(name), "level", level)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs/config.yaml").write_text("theirs: 1\n")
    with ExitStack() as inside:

        def enter() -> None:
            inside.enter_context(initialize_config_dir(str(tmp_path / "theirs"), version_base="1.2"))
            inside.enter_context(matplotlib.rc_context({"text.usetex": True}))
            inside.enter_context(warnings.catch_warnings())
            warnings.filterwarnings("ignore", "theirs")
            inside.callback(torch.set_default_dtype, torch.get_default_dtype())
            torch.set_default_dtype(torch.float64)
            inside.callback(torch.set_default_device, None)
            torch.set_default_device("meta")
            inside.callback(torch.use_deterministic_algorithms, False)
            torch.use_deterministic_algorithms(True)
            inside.enter_context(torch.inference_mode())
            inside.enter_context(torch.autocast("cpu", dtype=torch.bfloat16))

        yield enter


def test_the_callers_process_is_as_it_was_and_does_no_harm(
    small: Callable[[], Detector],
    usual: Detector,
    odd_process: Callable[[], None],
    images: Path,
    cache: Path,
    tmp_path: Path,
) -> None:
    tested = sorted((images / "fabric/test").rglob("*.png"))[:3]
    expected, heat = usual.score(tested), usual.explain(tested[0])
    odd_process()
    before = process_state()
    found = small()
    assert found.threshold == usual.threshold
    assert torch.equal(found.score(tested), expected)
    assert torch.equal(found.explain(tested[0]), heat)
    assert (expected.dtype, str(found.score(tested).device)) == (torch.float32, "cpu")
    cleaned = clean(
        images / "fabric/train/good",
        tmp_path / "out",
        overrides=[*SMALL, "batch_size=8", f"cache_dir={cache}"],
    )
    assert (cleaned.folder / "figures").is_dir()
    assert process_state() == before


def test_images_that_draw_numbers_go_on_drawing(usual: Detector, images: Path) -> None:
    pool = sorted((images / "fabric/test").rglob("*.png"))

    def drawn() -> Iterator[Path]:
        yield from (random.choice(pool) for _ in range(8))

    random.seed(0)
    expected = [random.choice(pool) for _ in range(8)], random.random()
    random.seed(0)
    scores = usual.score(drawn())
    assert torch.equal(scores, usual.score(expected[0]))
    assert random.random() == expected[1]


@pytest.mark.slow
def test_threads_wait_for_each_other(small: Callable[[], Detector], usual: Detector) -> None:
    found: list[float] = []
    threads = [threading.Thread(target=lambda: found.append(small().threshold)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [usual.threshold] * 2


def test_an_image_is_a_file_a_picture_or_an_array_and_one_or_many(usual: Detector, images: Path) -> None:
    file = sorted((images / "fabric/test").rglob("*.png"))[0]
    picture = Image.open(file).convert("RGB")
    array = np.asarray(picture)
    expected = usual.score([file])
    assert expected.shape == (1,)
    for one in (file, str(file), picture, array):
        assert usual.score(one).shape == ()
        assert torch.equal(usual.score(one), expected[0])
    many = usual.score([file, picture, array])
    assert torch.equal(many, expected.expand(3))
    assert torch.equal(usual.score(np.stack([array, array])), expected.expand(2))
    assert usual.score([]).shape == (0,)
    assert torch.equal(usual.explain([array, picture])[0], usual.explain(file))
    with pytest.warns(UserWarning, match="is grey, and the detector was trained on colour"):
        usual.score(array[..., 0])


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((4, 4, 3)), r"image 0 is an array of float64 and shape \(4, 4, 3\); give uint8"),
        (np.zeros((4, 4, 4), np.uint8), r"shape \(4, 4, 4\); give uint8 of shape \(H, W\) or"),
        (np.zeros((0, 4, 3), np.uint8), "an empty array"),
        (torch.zeros(1, 4, 4), "image 0 is a Tensor; give a path, a PIL picture or a uint8 array"),
        (Image.new("CMYK", (4, 4)), "the mode CMYK, which PNG cannot hold; convert it to RGB"),
        ("nowhere.png", r"nowhere\.png is not a readable image"),
    ],
)
def test_what_is_no_image_is_refused(usual: Detector, image: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        usual.score(image)


def test_images_in_memory_are_cleaned_as_their_files_are(
    images: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IRP_CACHE", str(tmp_path / "cache"))
    overrides = [*SMALL, *BOLD, "batch_size=8"]
    files = sorted((images / "fabric/train/good").iterdir())
    written = clean(
        files[0].parent, tmp_path / "out", false_alarms=0.1, overrides=[*overrides, f"cache_dir={cache}"]
    )
    listed = clean(files, false_alarms=0.1, overrides=overrides)
    arrays = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    held = clean(arrays, false_alarms=0.1, overrides=overrides)
    assert written.suspects
    assert [Path(name).name for name in listed.suspects] == list(written.suspects)
    assert [files[int(name.removeprefix("image "))].name for name in held.suspects] == list(
        written.suspects
    )
    assert listed.active.tolist() == held.active.tolist() == written.active.tolist()
    assert listed.kept == [file for file, kept in zip(files, held.active, strict=True) if kept]
    assert all(
        np.array_equal(a, np.asarray(Image.open(f))) for a, f in zip(held.kept, listed.kept, strict=True)
    )
    tested = sorted((images / "fabric/test").rglob("*.png"))[:2]
    for found in (listed, held):
        assert torch.equal(found.detector.score(tested), written.detector.score(tested))
        assert found.detector._loaded.calibration.threshold == pytest.approx(  # type: ignore[union-attr]
            written.metrics["cleaning"]["threshold"]
        )
        assert (found.folder, found.metrics, found.review) == (None, {}, None)
    assert not (tmp_path / "cache").exists()
    shown = repr(held)
    assert shown.startswith(f"Cleaning({len(files)} images, {len(held.suspects)} suspects, Detector(")
    assert "64 px, threshold" in shown


def test_one_image_or_none_cannot_be_cleaned(images: Path) -> None:
    with pytest.raises(InputError, match="there are no images"):
        clean([])
    with pytest.raises(InputError, match="nowhere is not there"):
        clean("nowhere")
    file = images / "fabric/train/good/000.png"
    with pytest.raises(InputError, match=r"000\.png is given twice"):
        fit([file, file])
    with pytest.raises(InputError, match="out= is for a folder"):
        clean([file], "out")
    with pytest.raises(InputError, match=r"seed_=1 is unknown; did you mean seed\?"):
        fit([file], overrides=["seed_=1"])
    with pytest.raises(InputError, match="is set by groups here"):
        fit([file], overrides=["data.groups=auto"])


def test_python_needs_no_hydra() -> None:
    code = (
        "import sys, irp_lightning; assert 'torch' not in sys.modules;"
        "irp_lightning.clean; irp_lightning.fit; irp_lightning.Detector;"
        "print(any(m == 'hydra' or m.startswith('hydra.') for m in sys.modules))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout == "False\n"


def test_a_device_that_is_not_there_is_refused(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "last.ckpt")
    with pytest.raises(InputError, match="device=nonsense cannot be used"):
        Detector.load(tmp_path / "last.ckpt", device="nonsense")


@pytest.mark.slow
def test_groups_and_the_largest_image_are_set(images: Path, cache: Path, tmp_path: Path) -> None:
    overrides = [*SMALL, "batch_size=8", f"cache_dir={cache}"]
    folder = images / "fabric/train/good"
    good = sorted(folder.iterdir())
    table = tmp_path / "groups.csv"
    # Four photographs of each part: so few groups promise so little.
    table.write_text("path,group\n" + "".join(f"{file.name},{i // 4}\n" for i, file in enumerate(good)))
    found = clean(folder, tmp_path / "out", false_alarms=0.01, groups=table, overrides=overrides)
    assert found.metrics["dataset"]["grouped_by"] == str(table)
    assert found.metrics["cleaning"]["false_alarms_promised"] == pytest.approx(1 / (len(good) / 4 + 1))

    table.write_text("path,group\n" + "".join(f"{file},{i // 4}\n" for i, file in enumerate(good)))
    assert fit(good, groups=table, overrides=overrides).threshold > 0

    too_large = "64 x 64 pixels, more than .*max.pixels.?100"
    for job in (
        lambda: clean(folder, tmp_path / "few", max_pixels=100, overrides=overrides),
        lambda: fit(good, max_pixels=100, overrides=overrides),
        lambda: found.detector.score(good, max_pixels=100),
        lambda: found.detector.explain(good[0], max_pixels=100),
    ):
        with pytest.raises(InputError, match=too_large):
            job()
