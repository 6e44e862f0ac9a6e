"""Odd folders that people have, made of real photographs: what is read of each, and what is said."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from irp_lightning.data.config import DataConfig
from irp_lightning.data.dataset import Dataset, read_images
from irp_lightning.data.files.images import load_rgb
from irp_lightning.data.files.masks import load_mask
from irp_lightning.foundation.errors import InputError

MAKE = Path(os.environ.get("IRP_SHARED", "../shared")).resolve() / "cases" / "make_cases.py"
pytestmark = pytest.mark.skipif(not MAKE.is_file(), reason=f"needs {MAKE}; set IRP_SHARED")

MVTEC = {"train/good": 24, "test/good": 8, "test/broken_large": 6, "test/broken_small": 6}
KSDD2 = {"train/good": 20, "train/defect": 4, "test/good": 10, "test/defect": 6}


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cases")
    subprocess.run([sys.executable, str(MAKE), str(folder), *CASES], check=True)
    return folder


def config(root: Path, **values: object) -> DataConfig:
    reader = "ksdd2" if (root / "train").is_dir() else "mvtec"
    category = "1e1" if (root / "1e1").is_dir() else "bottle"
    return DataConfig(
        *(reader, str(root), category, "published", "none", 224, "none", "error"),
        **values,  # type: ignore[arg-type]
    )


def kinds(images: Dataset) -> dict[str, int]:
    return dict(Counter(f"{s.side}/{s.defect}" for s in images.samples))


def said(images: Dataset) -> dict[str, int]:
    return {remark.kind: remark.count for remark in images.remarks}


def masks(images: Dataset) -> int:
    return sum(sample.mask is not None for sample in images.samples)


WHOLE: dict[str, tuple[dict[str, int], dict[str, int]]] = {
    "00_base": (MVTEC, {}),
    "00_ksdd2_base": (KSDD2, {}),
    "01_ksdd2_copy": (KSDD2, {"copies": 2}),
    "04_mask_same_name": (MVTEC, {}),
    "05_mask_suffix_case": (MVTEC, {}),
    "13_latin1_name": (MVTEC, {}),
    "16_cat1e1": (MVTEC, {}),
    "18_suffixes": (MVTEC, {}),
    "20_dir_named_png": (MVTEC, {}),
    "20_nas_litter": (MVTEC, {}),
    "30_ksdd2_mask_alpha": (KSDD2, {}),
    "31_jpeg_masks": (MVTEC, {"grey_masks": 12}),
    "36_loco_masks": (MVTEC, {}),
    "45_thin_cracks": (MVTEC, {}),
    "46_mask_beside_image": (MVTEC, {"masks_beside": 12}),
}
"""What each should give: the images by side and kind, all of them with their masks; and remarks."""

CASES = [
    *WHOLE,
    *("07_float_0_255", "08_multipage_tiff", "09_test_Good", "09_test_normal", "09_test_ok"),
    *("10_nested", "11_dup_conflict", "11_dup_train_test", "12_same_stem", "29_ksdd2_background1"),
    *("29_ksdd2_inverted", "35_depth_by_side", "42_blank_masks", "43_test_loose", "45_thin_control"),
]


@pytest.mark.parametrize("case", WHOLE)
def test_a_folder_is_read_whole(case: str, cases: Path) -> None:
    images = read_images(config(cases / case))
    wanted, remarks = WHOLE[case]
    assert kinds(images) == wanted
    assert masks(images) == sum(sample.label for sample in images.samples)
    assert said(images) == remarks
    assert not any(remark.falsifies for remark in images.remarks)


@pytest.mark.parametrize(
    "case",
    [
        "04_mask_same_name",
        "05_mask_suffix_case",
        "31_jpeg_masks",
        "36_loco_masks",
        "46_mask_beside_image",
    ],
)
def test_masks_are_those_of_the_folder_as_published(case: str, cases: Path) -> None:
    base, odd = (read_images(config(cases / name)).samples for name in ("00_base", case))
    for one, other in zip(base, odd, strict=True):
        differ = load_mask(one, 224, "none") ^ load_mask(other, 224, "none")
        # JPEG may move the edge of a defect, and leaves no speck beside it.
        assert differ.sum() <= (20 if case == "31_jpeg_masks" else 0)


def test_hairlines_survive_shrinking(cases: Path) -> None:
    names = ("45_thin_cracks", "45_thin_control")
    thin, control = (read_images(config(cases / name)).samples for name in names)
    for one, other in zip(thin, control, strict=True):
        assert load_mask(one, 224, "none").equal(load_mask(other, 224, "none"))


def test_masks_in_alpha_alone_give_the_labels_of_the_others(cases: Path) -> None:
    names = ("00_ksdd2_base", "30_ksdd2_mask_alpha", "01_ksdd2_copy")
    base, alpha, copy = ([s.label for s in read_images(config(cases / n)).samples] for n in names)
    assert base == alpha == copy


@pytest.mark.parametrize("name", ["Good", "normal", "ok"])
def test_a_folder_whose_name_means_normal_is_asked_about(name: str, cases: Path) -> None:
    root = cases / f"09_test_{name}"
    with pytest.raises(InputError, match=rf"the images of test/{name}/ .* set data\.normal={name} if"):
        read_images(config(root))
    assert kinds(read_images(config(root, normal=(name,)))) == MVTEC
    as_defects = kinds(read_images(config(root, normal=("good",))))
    assert as_defects == {f"test/{name}" if k == "test/good" else k: n for k, n in MVTEC.items()}


def test_images_of_sub_folders_are_counted_or_read(cases: Path) -> None:
    images = read_images(config(cases / "10_nested"))
    assert kinds(images) == {**MVTEC, "train/good": 5, "test/broken_small": 2}
    assert said(images)["in_sub_folders"] == 23
    assert [remark.falsifies for remark in images.remarks if remark.kind == "in_sub_folders"] == [True]
    whole = read_images(config(cases / "10_nested", recursive=True))
    assert (kinds(whole), masks(whole), said(whole)) == (MVTEC, 12, {})


def test_loose_images_are_counted(cases: Path) -> None:
    images = read_images(config(cases / "43_test_loose"))
    assert sum(kinds(images).values()) == 38
    assert said(images)["loose"] == 6


def test_identical_files_on_both_sides_are_trained_on_no_longer(cases: Path) -> None:
    images = read_images(config(cases / "11_dup_train_test"))
    assert said(images)["identical_on_both_sides"] == images.facts()["identical"] == 6
    twins = Counter(images.groups)
    assert Counter(twins.values()) == {1: 32, 2: 6}
    conflict = read_images(config(cases / "11_dup_conflict"))
    assert said(conflict)["identical_under_two_labels"] == conflict.facts()["identical"] == 4


def test_one_mask_of_two_photographs_is_refused(cases: Path) -> None:
    with pytest.raises(InputError, match=r"000\.jpg and .*000\.png share one mask"):
        read_images(config(cases / "12_same_stem"))


@pytest.mark.parametrize(
    ("case", "reason"),
    [("background1", "no mask has a zero: .* 1 the background"), ("inverted", "may be inverted")],
)
def test_masks_that_mark_everything_are_refused(case: str, reason: str, cases: Path) -> None:
    with pytest.raises(InputError, match=reason):
        read_images(config(cases / f"29_ksdd2_{case}"))


def test_blank_masks_count_in_no_pixel_measure(cases: Path) -> None:
    images = read_images(config(cases / "42_blank_masks"))
    assert kinds(images) == MVTEC
    assert (masks(images), said(images)["empty_masks"]) == (6, 6)


def greys(images: Dataset, i: int) -> np.ndarray:
    return np.asarray(load_rgb(images.samples[i].path, images.bit_depth).convert("L"), float)


def test_floats_beyond_one_are_what_they_were_made_of(cases: Path) -> None:
    base, images = (read_images(config(cases / name)) for name in ("00_base", "07_float_0_255"))
    assert images.bit_depth.floats == 8
    small = load_rgb(base.samples[0].path).convert("L").resize((224, 224))
    assert abs(greys(images, 0).mean() - np.asarray(small, float).mean()) < 2


def test_a_depth_that_tells_normal_from_defective_is_said(cases: Path) -> None:
    images = read_images(config(cases / "35_depth_by_side"))
    assert images.bit_depth.integers == 12
    assert [r.falsifies for r in images.remarks if r.kind == "mixed_bit_depths"] == [True]
    labels = [sample.label for sample in images.samples]
    means = [greys(images, i).mean() for i in range(len(labels))]
    # Read as 16 bits the defective ones were nearly black.
    bad, good = (np.mean([m for m, one in zip(means, labels, strict=True) if one == k]) for k in (1, 0))
    assert 0.7 < bad / good < 1.3


def test_pages_and_pictures_of_one_colour_are_said(cases: Path) -> None:
    images = read_images(config(cases / "08_multipage_tiff"))
    assert (said(images)["pages"], said(images)["constant"]) == (44, 44)
    assert all(r.falsifies for r in images.remarks if r.kind in ("pages", "constant"))
