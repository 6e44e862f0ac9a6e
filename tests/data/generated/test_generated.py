"""Behaviour of the generated dataset: exact masks, reproducible images, whole folders."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from irp_lightning.data.generated import category as generated
from irp_lightning.data.generated.category import CATEGORIES, DEFECTS, generate_image, write_category

SIZE = 64  # The smallest allowed: the properties do not depend on it, the time does.
KINDS = [(category, defect) for category in CATEGORIES for defect in DEFECTS[category]]


def _files(folder: Path) -> dict[str, bytes]:
    """Content of every file below ``folder`` by its relative path."""
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_there_are_four_categories_with_at_least_four_defects() -> None:
    assert len(CATEGORIES) == 4
    assert set(DEFECTS) == set(CATEGORIES)
    assert all(len(set(kinds)) >= 4 for kinds in DEFECTS.values())


@pytest.mark.parametrize("category", CATEGORIES)
def test_good_image_has_documented_form_and_empty_mask(category: str) -> None:
    image, mask = generate_image(category, 0)
    assert (image.shape, image.dtype) == ((160, 160, 3), np.uint8)
    assert (mask.shape, mask.dtype) == ((160, 160), np.bool_)
    assert not mask.any()
    assert 40 < image.mean() < 215  # Exposed, neither black nor burnt out ...
    assert image.std() > 8  # ... and showing something.


@pytest.mark.parametrize(("category", "defect"), KINDS)
def test_defect_changes_its_good_twin_exactly_inside_the_mask(category: str, defect: str) -> None:
    for index in range(3):
        bad, mask = generate_image(category, index, size=96, defect=defect, split=defect)
        good, _ = generate_image(category, index, size=96, split=defect)
        change = np.abs(bad.astype(int) - good).max(-1)
        assert mask.any()
        assert mask.mean() < 0.3  # Local.
        assert not change[~mask].any()
        assert (change[mask] > 0).mean() > 0.5
        assert change[mask].max() >= 8


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    kind=st.sampled_from(KINDS),
    index=st.integers(0, 10**6),
    seed=st.integers(0, 2**40),
    split=st.sampled_from(["train", "test"]),
)
def test_any_image_is_reproducible_and_any_defect_shows(
    kind: tuple[str, str], index: int, seed: int, split: str
) -> None:
    category, defect = kind
    first, mask = generate_image(category, index, seed=seed, size=SIZE, defect=defect, split=split)
    again, same = generate_image(category, index, seed=seed, size=SIZE, defect=defect, split=split)
    assert mask.any()
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(mask, same)


@pytest.mark.parametrize("category", CATEGORIES)
def test_index_seed_and_split_each_give_another_object(category: str) -> None:
    images = [generate_image(category, index, size=SIZE)[0] for index in range(6)]
    images.append(generate_image(category, 0, size=SIZE, seed=1)[0])
    images += [
        generate_image(category, 0, size=SIZE, split=split)[0] for split in ("test", *DEFECTS[category])
    ]
    for k, image in enumerate(images):
        for other in images[:k]:
            # Sensor noise alone would give about 3 grey levels: the scenes must differ.
            assert np.abs(image.astype(int) - other).mean() > 4


def test_size_changes_the_resolution_and_not_the_scene() -> None:
    small, _ = generate_image("washer", 0, size=80)
    large, _ = generate_image("washer", 0, size=160)
    halved = np.asarray(Image.fromarray(large).reduce(2)).astype(int)
    assert np.abs(halved - small).mean() < 8


@pytest.mark.parametrize("category", CATEGORIES)
def test_layout_counts_and_mask_files(tmp_path: Path, category: str) -> None:
    folder = write_category(
        tmp_path / "new", category, size=SIZE, train_good=3, test_good=2, per_defect=2
    )
    assert folder == tmp_path / "new" / category
    expected = {f"train/good/{k:03d}.png" for k in range(3)}
    expected |= {f"test/good/{k:03d}.png" for k in range(2)}
    for defect in DEFECTS[category]:
        expected |= {f"test/{defect}/{k:03d}.png" for k in range(2)}
        expected |= {f"ground_truth/{defect}/{k:03d}_mask.png" for k in range(2)}
    assert set(_files(folder)) == expected
    for name in expected:
        with Image.open(folder / name) as image:
            assert image.size == (SIZE, SIZE)
            if name.startswith("ground_truth"):
                assert image.mode == "L"
                assert set(np.unique(np.asarray(image))) == {0, 255}
            else:
                assert image.mode == "RGB"
    assert [path.name for path in (tmp_path / "new").iterdir()] == [category]


def test_files_hold_the_generated_images_and_do_not_depend_on_the_count(tmp_path: Path) -> None:
    few = _files(
        write_category(tmp_path / "a", "tablet", size=SIZE, train_good=1, test_good=1, per_defect=1)
    )
    many = _files(
        write_category(tmp_path / "b", "tablet", size=SIZE, train_good=3, test_good=2, per_defect=2)
    )
    assert few.items() < many.items()
    image, mask = generate_image("tablet", 1, size=SIZE, defect="chip", split="chip")
    folder = tmp_path / "b" / "tablet"
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "test/chip/001.png")), image)
    stored = np.asarray(Image.open(folder / "ground_truth/chip/001_mask.png"))
    np.testing.assert_array_equal(stored > 0, mask)


def _write(root: Path, **changes: int) -> Path:
    return write_category(
        root, "grain", **{"size": SIZE, "train_good": 1, "test_good": 1, "per_defect": 1, **changes}
    )


def test_second_write_changes_nothing(tmp_path: Path) -> None:
    folder = _write(tmp_path)
    (folder / "train/good/000.png").write_bytes(b"mine")
    before = _files(tmp_path)
    assert _write(tmp_path, seed=5, train_good=4) == folder
    assert _files(tmp_path) == before


def test_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(generated, "generate_image", fail)
        with pytest.raises(KeyboardInterrupt):
            _write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert len(_files(_write(tmp_path))) == 10


def test_leftovers_of_a_killed_write_do_not_disturb(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Abandoned:
        """A work folder that nobody cleans up, as after SIGKILL."""

        def __init__(self, **options: Any) -> None:
            self.options = options

        def __enter__(self) -> str:
            return tempfile.mkdtemp(**self.options)

        def __exit__(self, *_: object) -> None:
            pass

    def killed(*_: object) -> None:
        raise OSError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        patch.setattr(generated.tempfile, "TemporaryDirectory", Abandoned)
        with pytest.raises(OSError, match="killed"):
            _write(tmp_path)
    assert not (tmp_path / "grain").exists()
    leftovers = _files(tmp_path)
    assert leftovers
    assert len(_files(_write(tmp_path))) == 10
    assert leftovers.items() < _files(tmp_path).items()


def test_loser_of_a_race_uses_the_winners_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Path.rename

    def lose(source: Path, target: Path) -> Path:
        target.mkdir()
        (target / "winner").write_text("first")
        return real(source, target)

    monkeypatch.setattr(Path, "rename", lose)
    assert _files(_write(tmp_path)) == {"winner": b"first"}
    assert [path.name for path in tmp_path.iterdir()] == ["grain"]


def test_wrong_arguments_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"'bottle'.*fabric.*tablet"):
        generate_image("bottle", 0)
    with pytest.raises(ValueError, match=r"'bottle'.*fabric.*tablet"):
        write_category(tmp_path, "bottle")
    with pytest.raises(ValueError, match=r"'rust'.*hole.*stain"):
        generate_image("fabric", 0, defect="rust")
    with pytest.raises(ValueError, match=r"'val'.*train.*test"):
        generate_image("fabric", 0, split="val")
    for size in (0, 63, 1025):
        with pytest.raises(ValueError, match=f"{size}.*64.*1024"):
            generate_image("fabric", 0, size=size)
        with pytest.raises(ValueError, match=f"{size}.*64.*1024"):
            write_category(tmp_path, "fabric", size=size)
    with pytest.raises(ValueError, match="-1"):
        generate_image("fabric", -1)
    with pytest.raises(ValueError, match="per_defect=-2"):
        write_category(tmp_path, "fabric", per_defect=-2)
    assert list(tmp_path.iterdir()) == []
