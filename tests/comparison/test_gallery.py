from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from irp_lightning.comparison.gallery import gallery, removed_images
from irp_lightning.comparison.photographs import BAD, GOOD, circles, photograph, thumbnail

RED, GREEN = (tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5)) for colour in (BAD, GOOD))


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


def test_outlines_tell_the_label_and_circles_the_place(photographs: Path, write_run, labelled) -> None:
    write_run("a", root=str(photographs))
    (run,) = labelled()
    bad = photograph(run.run, "test/crack/0.png")
    good = photograph(run.run, "train/good/0.png")
    assert bad is not None
    assert good is not None
    framed = np.asarray(thumbnail(bad, bad=True))
    assert tuple(framed[0, 0]) == RED
    # Circles: red inside the frame, around both defects and nowhere in the middle.
    inside = np.abs(framed[10:-10, 10:-10].astype(int) - RED).sum(axis=-1) < 10
    left, right = inside[:, : inside.shape[1] // 2], inside[:, inside.shape[1] // 2 :]
    assert left.any()
    assert right.any()
    assert not inside[:, 90:130].any()
    plain = np.asarray(thumbnail(good, bad=False))
    assert tuple(plain[0, 0]) == GREEN
    assert (plain[10:-10, 10:-10] == 90).all()


@pytest.mark.parametrize("name", ["../../secret.png", "/etc/passwd", "", "test/crack/none.png", "."])
def test_a_table_leads_to_no_other_file(name: str, photographs: Path, write_run, labelled) -> None:
    Image.new("L", (8, 8)).save(photographs.parent / "secret.png")
    write_run("a", root=str(photographs))
    assert photograph(labelled()[0].run, name) is None


def test_ksdd2_s_masks_lie_beside_its_images(tmp_path: Path, write_run, labelled) -> None:
    for name in ("train/7.png", "train/7_GT.png"):
        file = tmp_path / "ksdd2" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8)).save(file)
    write_run("a", reader="ksdd2", root=str(tmp_path / "ksdd2"), category="ksdd2")
    found = photograph(labelled()[0].run, "train/7.png")
    assert found is not None
    assert found.mask == tmp_path / "ksdd2" / "train" / "7_GT.png"


def test_labels_and_runs_take_turns(photographs: Path, write_run, labelled) -> None:
    bad = [(f"test/crack/{i}.png", 1, "crack") for i in range(8)]
    good = [(f"train/good/{i}.png", 0, "good") for i in range(8)]
    root = str(photographs)
    write_run("a", removed=[*bad[:3], *good[:3]], root=root, seed=0)
    write_run("b", removed=[bad[0], *bad[4:], *good[4:]], root=root, seed=1)
    write_run("c", "oracle", removed=bad, root=root)
    (group,), remarks = removed_images(labelled())
    assert not remarks
    assert (group.title, group.bad, group.good, group.runs) == ("irp, noise 20 %", 8, 7, 2)
    shown = [image.name for image in group.images]
    # The second run's first defect is the first run's: an image is shown once.
    assert shown[:4] == ["test/crack/0.png", "train/good/0.png", "train/good/4.png", "test/crack/1.png"]
    assert len(set(shown)) == len(shown)


def test_there_is_an_end_to_pictures(photographs: Path, write_run, labelled) -> None:
    everything = [(f"test/crack/{i}.png", 1, "crack") for i in range(8)]
    for refine in ("osr", "irp", "irp_all", "robust"):
        for noise in (0.1, 0.2, 0.3, 0.4, 0.5):
            name = f"{refine}{noise}"
            write_run(name, refine, noise=noise, removed=everything, root=str(photographs))
    groups, _ = removed_images(labelled())
    assert sum(len(group.images) for group in groups) <= 60
    assert {group.title.partition(",")[0] for group in groups} == {"osr", "irp", "irp_all", "robust"}
    assert any(group.title.endswith("50 %") for group in groups)
    assert gallery(groups) is not None


def test_photographs_that_are_gone_are_said(write_run, labelled) -> None:
    write_run("a", removed=[("test/crack/0.png", 1, "crack")], root="/nowhere/mvtec")
    groups, remarks = removed_images(labelled())
    assert not groups
    assert gallery(groups) is None
    (remark,) = remarks
    assert "1 of 1 photographs" in remark
    assert "/nowhere/mvtec" in remark


@pytest.mark.parametrize("content", ["", "path,label\nx,y\n", "nothing\n1\n", "path,label,defect\n"])
def test_a_damaged_table_of_removals_shows_nothing(content: str, write_run, labelled) -> None:
    folder = write_run("a", removed=[("test/crack/0.png", 1, "crack")])
    (folder / "removed.csv").write_text(content)
    assert removed_images(labelled())[0] == []


def test_a_photograph_that_cannot_be_decoded_is_left_out(photographs: Path, write_run, labelled) -> None:
    (photographs / "tile" / "test" / "crack" / "0.png").write_bytes(b"no image")
    write_run("a", removed=[("test/crack/0.png", 1, "crack")], root=str(photographs))
    groups, remarks = removed_images(labelled())
    assert not groups
    assert len(remarks) == 1
