"""Behaviour of reading: whose reader lists the images, what is left out, what is said of the rest."""

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from irp_lightning.data.audit.remarks import remark_rows
from irp_lightning.data.config import READERS, DataConfig
from irp_lightning.data.dataset import read_images
from irp_lightning.data.files.bit_depth import Extent
from irp_lightning.data.files.content import content_hash
from irp_lightning.data.files.known_images import KnownImages
from irp_lightning.data.generated.category import CATEGORIES, write_category
from irp_lightning.data.samples import Reading, Sample, checked_samples
from irp_lightning.foundation import fields
from irp_lightning.foundation.errors import InputError, WrongValue, named


@pytest.fixture
def data(tmp_path: Path) -> DataConfig:
    """A category of three normal and two defective images, no two of them alike."""
    kinds = ("train/good", "train/good", "test/good", "test/bent", "test/bent")
    for i, kind in enumerate(kinds):
        file = tmp_path / "images/part" / kind / f"{i}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 8), (40 * i, 0, 0)).save(file)
    return fields.load(
        DataConfig,
        {
            "reader": "mvtec",
            "root": str(tmp_path / "images"),
            "category": "part",
            "split": "published",
            "groups": "none",
            "image_size": 64,
            "crop": "none",
            "on_bad_image": "error",
        },
    )


def _file(data: DataConfig, name: str) -> Path:
    return Path(data.root) / data.category / name


def _break(data: DataConfig, *names: str) -> None:
    for name in names:
        _file(data, name).write_bytes(b"no image")


# --- readers ------------------------------------------------------------------------------------


def test_images_come_with_their_digests_and_groups(data: DataConfig) -> None:
    images = read_images(data)
    assert [s.name for s in images.samples] == [
        "train/good/0.png",
        "train/good/1.png",
        "test/bent/3.png",
        "test/bent/4.png",
        "test/good/2.png",
    ]
    assert images.hashes == [content_hash(s.path) for s in images.samples]
    assert len(set(images.groups)) == 5
    assert (images.skipped, images.cropped_away) == ({}, 0)
    assert [(r.kind, r.count) for r in images.remarks] == [("without_mask", 2), ("constant", 5)]
    assert images.facts() == {
        "images": 5,
        "groups": 5,
        "largest_group": 1,
        "skipped": 0,
        "defects_cropped_away": 0,
        "identical": 0,
        "bit_depth": {"integers": 16, "floats": 0},
        "remarks": remark_rows(images.remarks),
    }


def test_readers_are_the_files_in_their_folder() -> None:
    assert set(READERS) == {"btad", "folder", "generated", "ksdd2", "mtd", "mvtec", "mvtec_ad2", "visa"}


def test_reader_of_ksdd2_is_found_by_its_name(data: DataConfig, tmp_path: Path) -> None:
    for name, side in (("train/1", 0), ("test/2", 255)):
        for file, value in ((f"{name}.png", 9), (f"{name}_GT.png", side)):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            image = Image.new("L", (4, 4))
            image.putpixel((0, 0), value)
            image.save(tmp_path / file)
    images = read_images(replace(data, reader="ksdd2", root=str(tmp_path)))
    assert [(s.name, s.label) for s in images.samples] == [("train/1.png", 0), ("test/2.png", 1)]


def test_generated_images_are_drawn_once(data: DataConfig, tmp_path: Path) -> None:
    root = tmp_path / "drawn"
    write_category(root, "grain", size=64, train_good=2, test_good=1, per_defect=1)
    data = replace(data, reader="generated", root=str(root), category="grain")
    assert len(read_images(data).samples) == 3 + len(list((root / "grain/test").iterdir())) - 1


def test_generated_images_that_are_not_there_are_drawn(
    data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(root: Path, category: str) -> Path:
        return write_category(root, category, size=64, train_good=1, test_good=1, per_defect=1)

    monkeypatch.setattr("irp_lightning.data.readers.generated.write_category", write)
    data = replace(data, reader="generated", root=str(tmp_path / "drawn"), category="grain")
    assert read_images(data).samples[0].path == tmp_path / "drawn/grain/train/good/000.png"


def test_category_that_cannot_be_generated_names_those_that_can(data: DataConfig) -> None:
    with pytest.raises(WrongValue, match=f"^category=part .*: {', '.join(CATEGORIES)}$"):
        read_images(replace(data, reader="generated"))


def test_root_where_nothing_can_be_generated_is_named(data: DataConfig, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    data = replace(data, reader="generated", category="grain", root=str(tmp_path / "file"))
    with pytest.raises(WrongValue, match=r"^root=\S+/file cannot be written \(.+\); set it"):
        read_images(data)


READER = '''
from pathlib import Path
from typing import Any
from irp_lightning.data.samples import Sample, checked_samples

def flat(data):
    """good_*.png to train on, anything else is tested on."""
    return [
        Sample(p, p.name, *(("train",) if p.name.startswith("good") else ("test", "odd")))
        for p in sorted((Path(data.root) / data.category).glob("*.png"))
    ]

empty = lambda data: []
no_function = 3
'''


@pytest.fixture
def mine(data: DataConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataConfig:
    """Images in a layout of the user's own, and a module ``my_reader`` that reads it."""
    (tmp_path / "my_reader.py").write_text(READER)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "my_reader", raising=False)
    for i, name in enumerate(("good_1", "good_2", "x")):
        Image.new("RGB", (4, 8), (0, 40 * i, 0)).save(tmp_path / f"images/{name}.png")
    return replace(data, category=".")


def test_reader_of_the_users_own_is_called_with_the_configuration(mine: DataConfig) -> None:
    mine = fields.load(DataConfig, {**fields.plain(mine), "reader": "my_reader.flat"})
    images = read_images(mine)
    assert [(s.name, s.side, s.label) for s in images.samples] == [
        ("good_1.png", "train", 0),
        ("good_2.png", "train", 0),
        ("x.png", "test", 1),
    ]
    assert len(images.hashes) == len(set(images.hashes)) == 3


@pytest.mark.parametrize(
    ("reader", "reason"),
    [
        ("my_reader.folded", "my_reader has no folded"),
        ("no_such_module.flat", "start from the folder that holds no_such_module"),
        ("my_reader.no_function", "is not a function"),
        ("my_reader.empty", "finds no images in"),
    ],
)
def test_reader_that_cannot_be_used_is_named(mine: DataConfig, reader: str, reason: str) -> None:
    with pytest.raises(WrongValue, match=rf"^data\.reader={reader} .*{reason}"), named("data"):
        read_images(replace(mine, reader=reader))


# --- what cannot be decoded -----------------------------------------------------------------------


def test_image_that_cannot_be_decoded_stops_with_its_name_and_the_remedy(data: DataConfig) -> None:
    _break(data, "test/bent/3.png")
    with pytest.raises(InputError, match=r"bent/3\.png .*\); repair .*, or set on_bad_image=skip$"):
        read_images(data)
    _break(data, "test/bent/4.png", "test/good/2.png")
    with pytest.raises(InputError, match=r"bent/3\.png .*\) \(and 2 more\); repair"):
        read_images(data)


def test_skipped_images_are_named_and_leave_no_gap(data: DataConfig) -> None:
    whole = read_images(data)
    _break(data, "train/good/1.png", "test/bent/4.png")
    images = read_images(replace(data, on_bad_image="skip"))
    left = [0, 2, 4]
    assert images.samples == [whole.samples[i] for i in left]
    assert images.hashes == [whole.hashes[i] for i in left]
    assert images.groups == [whole.groups[i] for i in left]
    assert set(images.skipped) == {"train/good/1.png", "test/bent/4.png"}
    assert all(name in reason for name, reason in images.skipped.items())
    assert (images.remarks[0].kind, images.remarks[0].count) == ("skipped", 2)


def test_folder_of_broken_images_alone_is_refused(data: DataConfig) -> None:
    _break(data, *(s.name for s in read_images(data).samples))
    with pytest.raises(
        WrongValue, match=r"^root=\S+ has 5 images, and none can be read: \S+0.png is not"
    ):
        read_images(replace(data, on_bad_image="skip"))


def test_image_whose_content_is_known_is_not_decoded_again(data: DataConfig) -> None:
    for name in ("test/bent/3.png", "test/bent/4.png"):  # their headers are whole
        Image.effect_noise((64, 64), 50).save(_file(data, name))
        _file(data, name).write_bytes(_file(data, name).read_bytes()[:-500])
    known = content_hash(_file(data, "test/bent/3.png"))
    seen = KnownImages(None)
    seen.add({known: Extent("8-bit", 0, 9, False)})
    images = read_images(replace(data, on_bad_image="skip"), seen)
    assert set(images.skipped) == {"test/bent/4.png"}
    assert known in images.hashes


def test_a_link_that_leads_nowhere_is_an_image_that_cannot_be_read(data: DataConfig) -> None:
    _file(data, "test/bent/3.png").unlink()
    _file(data, "test/bent/3.png").symlink_to("nowhere.png")
    images = read_images(replace(data, on_bad_image="skip"))
    assert set(images.skipped) == {"test/bent/3.png"}
    assert len(images.hashes) == 4


def test_a_folder_called_like_an_image_is_none(data: DataConfig) -> None:
    _file(data, "train/good/old.png").mkdir()
    assert len(read_images(data).samples) == 5


# --- groups and remarks ---------------------------------------------------------------------------


def test_groups_come_from_the_configured_file(data: DataConfig, tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\ntrain/good/0.png,a\ntest/bent/4.png,a\ntest/bent/3.png,a\n")
    images = read_images(replace(data, groups=str(file)))
    assert images.groups[0] == images.groups[2] == images.groups[3] != images.groups[1]
    assert images.facts()["largest_group"] == 3
    assert "5 images in 3 groups, the largest of 3" in [r.text for r in images.remarks]


def test_wrong_groups_name_their_field_and_no_group_of_the_configuration(data: DataConfig) -> None:
    with pytest.raises(WrongValue, match=r"^groups=\S+nowhere.csv is not a file"):
        read_images(replace(data, groups=str(Path(data.root) / "nowhere.csv")))


def test_defects_that_the_crop_cuts_away_are_counted(data: DataConfig) -> None:
    for name, pixel in (("3", (0, 0)), ("4", (1, 4))):
        mask = Image.new("L", (4, 8))
        mask.putpixel(pixel, 255)
        file = _file(data, f"ground_truth/bent/{name}_mask.png")
        file.parent.mkdir(parents=True, exist_ok=True)
        mask.save(file)
    assert read_images(data).cropped_away == 0
    images = read_images(replace(data, crop="center"))
    assert images.facts()["defects_cropped_away"] == 1
    assert [r.count for r in images.remarks if r.kind == "defects_cropped_away"] == [1]


def one(name: str = "a", side: str = "train", defect: str = "good", path: object = Path("a.png")) -> Any:
    return Sample(path, name, side, defect)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (None, "gives a NoneType, not a list of samples"),
        ([("a.png", "a")], "gives a tuple"),
        ([one(path="a.png")], "gives a a path or mask that is not a pathlib.Path"),
        ([one(defect=True)], "is not text (True)"),  # type: ignore[arg-type]
        ([one(side="val")], "puts a on the side 'val'; the sides are train and test"),
        ([one(), one()], "calls 2 images a; names must be unique"),
        (
            [one(defect="ok"), one("b", "test")],
            "no train/good image to train on, but 1 train/ok, 1 test/",
        ),
    ],
)
def test_a_reader_that_gives_something_else(found: Any, reason: str) -> None:
    with pytest.raises(WrongValue, match=r"^reader=my\.read ") as error:
        checked_samples(found, "my.read", "published")
    assert reason in str(error.value)


def test_a_reader_may_be_a_generator() -> None:
    found = checked_samples((one(name) for name in "ab"), "my.read", "published")
    assert found == Reading([one("a"), one("b")])


def test_an_unlabelled_image_is_not_tested_on() -> None:
    found = checked_samples([one(), one("b", "test", "unlabelled"), one("c", "test")], "r", "published")
    assert [sample.name for sample in found.samples] == ["a", "c"]
    assert [(remark.kind, remark.count) for remark in found.remarks] == [("unlabelled_tests", 1)]


def test_unlabelled_images_are_not_drawn_as_normal_ones_to_test_on() -> None:
    with pytest.raises(WrongValue, match="split=grouped would test on some of the 1 unlabelled"):
        checked_samples([one(), one("b", defect="unlabelled")], "r", "grouped")


def test_another_split_may_take_normal_images_from_the_test_side() -> None:
    assert checked_samples([one(side="test")], "my.read", "grouped").samples == [one(side="test")]
