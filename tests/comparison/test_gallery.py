from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irp_lightning.comparison.gallery import gallery, removed_images
from irp_lightning.comparison.photographs import BAD, GOOD, circles, outlined
from irp_lightning.runs.record import Photograph

RED, GREEN = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (BAD, GOOD))
BAD_IMAGES = [(f"test/crack/{i}.png", 1, "crack") for i in range(8)]
GOOD_IMAGES = [(f"train/good/{i}.png", 0, "good") for i in range(8)]


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A root in the MVTec layout with a few generated grey images, one of them with two defects."""
    root = tmp_path / "photographs"
    for name in [f"train/good/{i}.png" for i in range(8)] + [f"test/crack/{i}.png" for i in range(8)]:
        file = root / "tile" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (300, 200), 90).save(file)
    mask = np.zeros((200, 300), np.uint8)
    mask[20:40, 30:60] = mask[150, 250] = 255
    file = root / "tile" / "ground_truth" / "crack" / "0_mask.png"
    file.parent.mkdir(parents=True)
    Image.fromarray(mask).save(file)
    return root


def test_each_part_of_a_mask_gets_a_circle_the_largest_first() -> None:
    mask = np.zeros((100, 120), bool)
    mask[40:61, 30:61] = True
    mask[90, 110] = True
    (x, y, radius), (x2, y2, radius2) = circles(mask, least=5)
    assert (x, y) == (45, 50)
    assert radius >= 31 / 2
    assert (x2, y2, radius2) == (110, 90, 5)


def test_a_mask_of_everything_has_a_circle_that_can_be_seen() -> None:
    ((x, y, radius),) = circles(np.ones((60, 80), bool), least=5)
    assert x - radius > 0
    assert x + radius < 80
    assert y - radius > 0
    assert y + radius < 60


def test_fragments_side_by_side_share_a_circle() -> None:
    mask = np.zeros((100, 100), bool)
    mask[50, 40:60:2] = True
    assert len(circles(mask, least=7)) == 1


def test_outlines_tell_the_label_and_circles_the_place(photographs: Path, write_run, titled) -> None:
    write_run("a", root=str(photographs), removed=[*BAD_IMAGES, *GOOD_IMAGES])
    (run,) = titled()
    bad = run.record.photograph("test/crack/0.png")
    good = run.record.photograph("train/good/0.png")
    framed = np.asarray(outlined(bad, bad=True))
    assert tuple(framed[0, 0]) == RED
    # Circles: red inside the frame, around both defects and nowhere in the middle.
    inside = np.abs(framed[10:-10, 10:-10].astype(int) - RED).sum(axis=-1) < 10
    left, right = inside[:, : inside.shape[1] // 2], inside[:, inside.shape[1] // 2 :]
    assert left.any()
    assert right.any()
    assert not inside[:, 90:130].any()
    plain = np.asarray(outlined(good, bad=False))
    assert tuple(plain[0, 0]) == GREEN
    assert (plain[10:-10, 10:-10] == 90).all()


def test_a_photograph_without_its_mask_is_shown_without_circles(
    photographs: Path, write_run, titled
) -> None:
    write_run("a", root=str(photographs), removed=BAD_IMAGES)
    photo = titled()[0].record.photograph("test/crack/1.png")
    assert not photo.mask.exists()
    assert (np.asarray(outlined(photo, bad=True))[10:-10, 10:-10] == 90).all()


def test_the_table_of_images_says_where_they_lie(tmp_path: Path, write_run, titled) -> None:
    root = tmp_path / "odd"
    for name in ("pictures/17.bmp", "17-defect.png"):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (40, 40), 90).save(file)
    where = {"part 17": ("pictures/17.bmp", "17-defect.png"), "part 18": ("18.bmp", "")}
    removed = [(name, 1, "scratch") for name in where]
    write_run("a", root=str(root), removed=removed, files=lambda category, name: where[name])
    (run,) = titled()
    assert run.record.photograph("part 17") == Photograph(
        root / "pictures" / "17.bmp", root / "17-defect.png"
    )
    assert run.record.photograph("part 18") == Photograph(root / "18.bmp", None)
    (group,), remarks = removed_images([run])
    assert [image.name for image, _ in group.images] == ["part 17"]
    # The mask is all of the picture: circled, so red inside the frame.
    inside = np.asarray(group.images[0][1])[10:-10, 10:-10].astype(int)
    assert (np.abs(inside - RED).sum(axis=-1) < 10).any()
    assert len(remarks) == 1
    assert "1 of 2 photographs looked for no longer exist" in remarks[0]


def test_a_table_of_an_older_version_says_nothing_and_that_is_said(
    photographs: Path, write_run, titled
) -> None:
    write_run("a", root=str(photographs), removed=BAD_IMAGES[:2], files=None)
    groups, (remark,) = removed_images(titled())
    assert not groups
    assert remark.startswith("2 of 2 photographs looked for have no file in their run's manifest.csv")


def test_labels_and_runs_take_turns(photographs: Path, write_run, titled) -> None:
    bad, good = BAD_IMAGES, GOOD_IMAGES
    root = str(photographs)
    write_run("a", removed=[*bad[:3], *good[:3]], root=root, seed=0)
    write_run("b", removed=[bad[0], *bad[4:], *good[4:]], root=root, seed=1)
    write_run("c", "oracle", removed=bad, root=root)
    (group,), remarks = removed_images(titled())
    assert not remarks
    assert (group.title, group.bad, group.good, group.runs) == ("irp, noise 20 %", 8, 7, 2)
    shown = [image.name for image, _ in group.images]
    # The second run's first defect is the first run's: an image is shown once.
    assert shown[:4] == ["test/crack/0.png", "train/good/0.png", "train/good/4.png", "test/crack/1.png"]
    assert len(set(shown)) == len(shown)


def test_there_is_an_end_to_pictures(photographs: Path, write_run, titled) -> None:
    for refine in ("osr", "irp", "irp_all", "robust"):
        for noise in (0.1, 0.2, 0.3, 0.4, 0.5):
            name = f"{refine}{noise}"
            write_run(name, refine, noise=noise, removed=BAD_IMAGES, root=str(photographs))
    groups, _ = removed_images(titled())
    assert sum(len(group.images) for group in groups) <= 60
    assert {group.title.partition(",")[0] for group in groups} == {"osr", "irp", "irp_all", "robust"}
    assert any(group.title.endswith("50 %") for group in groups)
    assert gallery(groups) is not None


def test_photographs_that_are_gone_are_said(write_run, titled) -> None:
    write_run("a", removed=[("test/crack/0.png", 1, "crack")], root="/nowhere/mvtec")
    groups, remarks = removed_images(titled())
    assert not groups
    assert gallery(groups) is None
    (remark,) = remarks
    assert "1 of 1 photographs" in remark
    assert "/nowhere/mvtec" in remark


@pytest.mark.parametrize("content", ["", "path,label\nx,y\n", "nothing\n1\n", "path,label,defect\n"])
def test_a_damaged_table_of_removals_shows_nothing(content: str, write_run, titled) -> None:
    folder = write_run("a", removed=[("test/crack/0.png", 1, "crack")])
    (folder / "removed.csv").write_text(content)
    assert removed_images(titled())[0] == []


def test_a_photograph_that_cannot_be_decoded_is_left_out(photographs: Path, write_run, titled) -> None:
    (photographs / "tile" / "test" / "crack" / "0.png").write_bytes(b"no image")
    write_run("a", removed=[("test/crack/0.png", 1, "crack")], root=str(photographs))
    groups, remarks = removed_images(titled())
    assert not groups
    assert len(remarks) == 1
