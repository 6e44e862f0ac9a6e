"""Behaviour of the reader of magnetic tiles: which are tested on, and the mask beside each defect."""

from pathlib import Path

from published_layouts import kinds, masks, read, refusal, write


def test_mtd_tests_on_every_fifth_normal_image_and_on_all_defects(mtd: Path) -> None:
    found = read("mtd", mtd)
    defects = {f"test/{kind}": 2 for kind in ("blowhole", "break", "crack", "fray", "uneven")}
    assert kinds(found.samples) == {"train/good": 9, "test/good": 2, **defects}
    assert [s.name for s in found.samples if s.side == "test" and not s.label] == [
        "MT_Free/Imgs/exp1_num_04.jpg",
        "MT_Free/Imgs/exp1_num_09.jpg",
    ]
    assert [s.side for s in found.samples] == ["train"] * 9 + ["test"] * 12
    assert found.remarks == []


def test_mtd_finds_the_mask_beside_each_defect(mtd: Path) -> None:
    found = masks(mtd, read("mtd", mtd).samples)
    assert len(found) == 10
    assert all(mask == name.replace(".jpg", ".png") for name, mask in found.items())


def test_mtd_tells_of_what_does_not_belong(mtd: Path) -> None:
    write(
        mtd, "Others/a.jpg", "MT_Fray/Imgs/lonely.png", "MT_Break/old/a.jpg", "MT_Break/b.jpg", "c.jpg"
    )
    (mtd / "MT_Crack/Imgs/exp1_num_5.png").unlink()
    (mtd / "MT_Scratch").mkdir()
    found = read("mtd", mtd)
    assert [(remark.kind, remark.count) for remark in found.remarks] == [
        *[("loose", 1), ("loose", 1), ("elsewhere", 1), ("elsewhere", 1)],
        *[("masks_alone", 1), ("empty_folders", 1), ("without_mask", 1)],
    ]
    told = [remark.text for remark in found.remarks]
    assert "1 images are loose in the root and are not read (c.jpg)" in told[0]
    assert "1 images are loose in MT_Break/ and are not read (b.jpg)" in told[1]
    assert "MT_Fray/Imgs/lonely.png" in told[4]
    assert told[5] == "MT_Scratch/ holds no images"


def test_mtd_reads_folders_in_any_case_and_kinds_without_a_folder_of_images(mtd: Path) -> None:
    before = kinds(read("mtd", mtd).samples)
    (mtd / "MT_Crack/Imgs").rename(mtd / "MT_Crack/imgs")
    (mtd / "MT_Free").rename(mtd / "mt_free")
    (mtd / "MT_Fray").rename(mtd / "fray")
    (mtd / "fray/Imgs").rename(mtd / "MT_Fray")
    (mtd / "fray").rmdir()
    found = read("mtd", mtd)
    assert (kinds(found.samples), found.remarks) == (before, [])
    assert masks(mtd, found.samples)["MT_Fray/exp1_num_5.jpg"] == "MT_Fray/exp1_num_5.png"


def test_mtd_tells_of_a_painted_mask_of_a_normal_tile(mtd: Path) -> None:
    write(mtd, "MT_Free/Imgs/exp1_num_03.png", spot=255)
    (remark,) = read("mtd", mtd).remarks
    assert (remark.kind, remark.count, remark.falsifies) == ("masks_of_normal", 1, True)
    assert "MT_Free/Imgs/exp1_num_03.png" in remark.text


def test_mtd_says_that_photographs_ending_in_png_are_not_read(mtd: Path) -> None:
    for file in (mtd / "MT_Crack/Imgs").glob("*.jpg"):
        file.unlink()
    alone, empty = read("mtd", mtd).remarks
    assert (alone.kind, alone.count, alone.falsifies) == ("masks_alone", 2, True)
    assert empty.text == "MT_Crack/ holds no images"
    for file in (mtd / "MT_Free/Imgs").glob("*.jpg"):
        file.unlink()
    assert "13 files ending in .png are not read" in refusal("mtd", mtd)


def test_mtd_refuses_two_photographs_of_one_mask(mtd: Path) -> None:
    write(mtd, "MT_Crack/Imgs/exp1_num_5.bmp")
    assert "exp1_num_5.bmp and" in refusal("mtd", mtd)
    assert "exp1_num_5.jpg share one mask" in refusal("mtd", mtd)


def test_mtd_refuses_two_masks_of_one_photograph(mtd: Path) -> None:
    write(mtd, "MT_Crack/Imgs/exp1_num_5.PNG", spot=255)
    assert "exp1_num_5.jpg has several masks" in refusal("mtd", mtd)


def test_mtd_asks_of_further_folders_that_may_be_normal(mtd: Path) -> None:
    write(mtd, "MT_Normal/Imgs/0.jpg")
    message = refusal("mtd", mtd)
    assert "images of MT_Normal/ are normal; set data.normal=MT_Normal if they are" in message
    assert "data.normal=MT_Free if 'MT_Normal' is a kind of defect" in message
    assert kinds(read("mtd", mtd, normal=("MT_Free",)).samples)["test/normal"] == 1
    assert kinds(read("mtd", mtd, normal=("MT_Normal",)).samples)["train/good"] == 10


def test_mtd_one_folder_too_high_and_without_normal_images(mtd: Path) -> None:
    assert f"set data.root={mtd}" in refusal("mtd", mtd.parent)
    for file in (mtd / "MT_Free/Imgs").iterdir():
        file.unlink()
    assert f"{mtd / 'MT_Free/Imgs'} holds no images" in refusal("mtd", mtd)
