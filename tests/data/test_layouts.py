"""Published layouts: what each reader lists of a small folder in it, and what it says of the rest."""

import csv
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from PIL import Image

from irp_lightning.config.compose import CONF, checked
from irp_lightning.data.config import DataConfig
from irp_lightning.data.masks import read_mask
from irp_lightning.data.samples import Reading, Sample
from irp_lightning.data.survey import survey
from irp_lightning.foundation.errors import InputError

FIRST = {"btad": "01", "visa": "candle", "mvtec_ad2": "can", "mtd": "magnetic_tile"}
"""A category of each dataset."""


def config(reader: str, root: Path, category: str | None = None, **others: object) -> DataConfig:
    chosen = category or FIRST[reader]
    return DataConfig(reader, str(root), chosen, "published", "none", 64, "none", "error", **others)


def read(reader: str, root: Path, category: str | None = None, **others: object) -> Reading:
    """As a run reads it: masks are looked into, too."""
    found = survey(config(reader, root, category, **others))
    assert not found.bad
    return Reading(found.samples, found.remarks)


def refusal(reader: str, root: Path, category: str | None = None, **others: object) -> str:
    with pytest.raises(InputError) as caught:
        survey(config(reader, root, category, **others))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def write(root: Path, *names: str, spot: int = 0) -> None:
    """Images that all differ; with a ``spot`` masks that mark a pixel with that value."""
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        seed = list(str(file).encode())
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 8), dtype=np.uint8)
        if spot:
            pixels = np.zeros((12, 8), dtype=np.uint8)
            pixels[3, 4] = spot
        Image.fromarray(pixels).save(file)


def kinds(samples: list[Sample]) -> Counter[str]:
    return Counter(f"{sample.side}/{sample.defect}" for sample in samples)


def masks(root: Path, samples: list[Sample]) -> dict[str, str]:
    """The masks that were found, relative to the root, by image."""
    return {s.name: s.mask.relative_to(root).as_posix() for s in samples if s.mask}


def remarks(reading: Reading) -> dict[str, int]:
    return {remark.kind: remark.count for remark in reading.remarks}


# BTAD


@pytest.fixture
def btad(tmp_path: Path) -> Path:
    root = tmp_path / "BTech"
    for category, image, mask in (("01", "bmp", "png"), ("02", "png", "png"), ("03", "bmp", "bmp")):
        write(root / category, *(f"train/ok/{i:04d}.{image}" for i in range(3)))
        write(
            root / category, *(f"test/{kind}/{i:04d}.{image}" for kind in ("ok", "ko") for i in (0, 1))
        )
        write(root / category, *(f"ground_truth/ko/{i:04d}.{mask}" for i in (0, 1)), spot=255)
    return root


@pytest.mark.parametrize(("category", "mask"), [("01", "png"), ("02", "png"), ("03", "bmp")])
def test_btad_knows_that_ok_is_normal(btad: Path, category: str, mask: str) -> None:
    found = read("btad", btad, category)
    assert kinds(found.samples) == {"train/good": 3, "test/good": 2, "test/ko": 2}
    assert sorted(masks(btad, found.samples).values()) == [
        f"{category}/ground_truth/ko/000{i}.{mask}" for i in (0, 1)
    ]
    assert found.remarks == []


def test_btad_one_folder_too_deep_or_too_high(btad: Path) -> None:
    assert f"set data.root={btad}" in refusal("btad", btad.parent)
    assert f"set data.root={btad}" in refusal("btad", btad / "02")


def test_btad_without_normal_images_names_their_folder(btad: Path) -> None:
    for file in (btad / "01/train/ok").iterdir():
        file.unlink()
    assert f"{btad / '01/train/ok'} holds no images" in refusal("btad", btad)


def test_btad_asks_of_further_folders_that_may_be_normal(btad: Path) -> None:
    write(btad, "01/test/clean/0.bmp")
    message = refusal("btad", btad)
    assert "the images of test/clean/ are normal; set data.normal=clean if they are" in message
    assert "data.normal=ok if 'clean' is a kind of defect" in message
    assert kinds(read("btad", btad, normal=("ok",)).samples)["test/clean"] == 1
    assert kinds(read("btad", btad, normal=("clean",)).samples)["test/good"] == 3
    assert "normal=clena is no folder" in refusal("btad", btad, normal=("clena",))


def test_a_number_as_the_name_of_a_category_arrives_as_it_is_written() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert checked(compose("config", ["data=btad"])).data.category == "01"
        assert checked(compose("config", ["data=btad", "data.category=03"])).data.category == "03"


# VisA


def split_csv(
    root: Path, rows: list[tuple[str, ...]], header: str = "object,split,label,image,mask"
) -> None:
    (root / "split_csv").mkdir(parents=True, exist_ok=True)
    with (root / "split_csv/1cls.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([header.split(","), *rows])


def visa_rows(category: str) -> list[tuple[str, ...]]:
    images, truth = f"{category}/Data/Images", f"{category}/Data/Masks/Anomaly"
    return [
        (category, "test", "anomaly", f"{images}/Anomaly/000.JPG", f"{truth}/000.png"),
        (category, "test", "anomaly", f"{images}/Anomaly/001.JPG", f"{truth}/001.png"),
        (category, "test", "normal", f"{images}/Normal/0001.JPG", ""),
        (category, "train", "normal", f"{images}/Normal/0002.JPG", ""),
        (category, "train", "normal", f"{images}/Normal/0000.JPG", ""),
    ]


@pytest.fixture
def visa(tmp_path: Path) -> Path:
    root = tmp_path / "visa"
    rows = [row for category in ("candle", "pcb1") for row in visa_rows(category)]
    write(root, *(row[3] for row in rows))
    write(root, *(row[4] for row in rows if row[4]), spot=2)
    split_csv(root, rows)
    return root


def test_visa_is_split_as_its_table_says(visa: Path) -> None:
    found = read("visa", visa)
    assert [(s.name, s.side, s.defect) for s in found.samples] == [
        ("Data/Images/Normal/0000.JPG", "train", "good"),
        ("Data/Images/Normal/0002.JPG", "train", "good"),
        ("Data/Images/Anomaly/000.JPG", "test", "anomaly"),
        ("Data/Images/Anomaly/001.JPG", "test", "anomaly"),
        ("Data/Images/Normal/0001.JPG", "test", "good"),
    ]
    assert masks(visa, found.samples) == {
        f"Data/Images/Anomaly/00{i}.JPG": f"candle/Data/Masks/Anomaly/00{i}.png" for i in (0, 1)
    }
    mask = found.samples[2].mask
    assert mask is not None
    assert int(read_mask(mask).sum()) == 1  # a class number marks it, however dark
    assert found.remarks == []


def test_visa_tells_of_images_in_no_row_and_of_other_files(visa: Path) -> None:
    write(visa, "candle/Data/Images/Normal/0009.JPG")
    (visa / "candle/Data/Images/Anomaly/notes.txt").write_text("x")
    found = read("visa", visa)
    assert len(found.samples) == 5
    assert remarks(found) == {"in_no_row": 1, "other_endings": 1}
    assert "1 images of Data/Images/Normal/ are in no row" in found.remarks[1].text
    assert "(0009.JPG)" in found.remarks[1].text
    assert not found.remarks[1].falsifies


@pytest.mark.parametrize("name", ["Images/Normal/0002.JPG", "Masks/Anomaly/001.png"])
def test_visa_refuses_a_row_whose_file_is_missing(visa: Path, name: str) -> None:
    (visa / "candle/Data" / name).unlink()
    assert str(visa / "candle/Data" / name) in refusal("visa", visa)
    assert len(read("visa", visa, "pcb1").samples) == 5


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("candle", "valid", "normal", "candle/Data/Images/Normal/0000.JPG", ""), "valid,normal,"),
        (("candle", "train", "fine", "candle/Data/Images/Normal/0000.JPG", ""), "train,fine,"),
        (("candle", "train", "normal", "pcb1/Data/Images/Normal/0000.JPG", ""), "pcb1/Data"),
        (("candle", "train"), "train,,"),
    ],
)
def test_visa_refuses_a_row_that_says_something_else(
    visa: Path, row: tuple[str, ...], told: str
) -> None:
    split_csv(visa, [*visa_rows("candle"), row])
    assert told in refusal("visa", visa)


def test_visa_refuses_a_table_without_a_column(visa: Path) -> None:
    split_csv(visa, visa_rows("candle"), header="object,split,kind,image,mask")
    message = refusal("visa", visa)
    assert message.startswith(
        f"{visa / 'split_csv/1cls.csv'} has the columns object, split, kind, image"
    )
    assert "needs object and split and label" in message


def test_visa_refuses_a_quote_that_is_never_closed(visa: Path) -> None:
    table = visa / "split_csv/1cls.csv"
    table.write_text(table.read_text().replace("train,", '"train,', 1))
    assert f"{table} is no CSV: line 11, unexpected end of data; give" in refusal("visa", visa)


ROW = "candle/Data/Images"
TRUTH = "candle/Data/Masks/Anomaly"


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (("test", "normal", f"{ROW}/Anomaly/002.JPG", ""), "contradicts the folder Anomaly"),
        (("train", "anomaly", f"{ROW}/Normal/0009.JPG", ""), "contradicts the folder Normal"),
        (("train", "normal", f"{ROW}/Normal/0001.JPG", ""), "Normal/0001.JPG in line 4 and in line 7"),
        (("train", "normal", f"{ROW}/x/../Normal/0001.JPG", ""), "in line 4 and in line 7"),
        (("test", "anomaly", f"{ROW}/Anomaly/002.JPG", f"{TRUTH}/001.png"), "in line 3 and in line 7"),
        (("test", "anomaly", f"{ROW}/Anomaly/002.JPG", f"{ROW}/Normal/0001.JPG"), "is no file of"),
        (("test", "anomaly", f"{TRUTH}/001.png", ""), "is no file of"),
    ],
)
def test_visa_refuses_a_row_that_contradicts_folders_or_others(
    visa: Path, row: tuple[str, ...], told: str
) -> None:
    write(visa, f"{ROW}/Anomaly/002.JPG", f"{ROW}/Normal/0009.JPG")
    split_csv(visa, [*visa_rows("candle"), ("candle", *row)])
    message = refusal("visa", visa)
    assert f"{visa / 'split_csv/1cls.csv'}" in message
    assert "line 7" in message
    assert told in message


def test_visa_tells_of_defects_in_no_row_and_of_masks_of_normal_images(visa: Path) -> None:
    write(visa, f"{ROW}/Anomaly/007.JPG", f"{ROW}/Anomaly/008.JPG")
    write(visa, f"{TRUTH}/n.png", spot=2)
    row = ("candle", "test", "normal", f"{ROW}/Normal/0009.JPG", f"{TRUTH}/n.png")
    write(visa, row[3])
    split_csv(visa, [*visa_rows("candle"), row])
    found = read("visa", visa)
    assert remarks(found) == {"defects_in_no_row": 2, "masks_of_normal": 1}
    assert all(remark.falsifies for remark in found.remarks)
    assert "2 images of Data/Images/Anomaly/ are in no row" in found.remarks[0].text


def test_visa_one_folder_too_deep_or_too_high(visa: Path) -> None:
    assert f"set data.root={visa}" in refusal("visa", visa.parent)
    assert f"set data.root={visa}" in refusal("visa", visa / "candle")


@pytest.mark.parametrize("below", ["", "visa_pytorch"])
def test_visa_rewritten_is_said_to_be_in_the_layout_of_mvtec(tmp_path: Path, below: str) -> None:
    folder = tmp_path / "rewritten" / below
    write(folder, "candle/train/good/0.JPG")
    assert f"set data=mvtec data.root={folder}" in refusal("visa", tmp_path / "rewritten")


def test_visa_without_its_table_shows_the_layout(tmp_path: Path) -> None:
    write(tmp_path / "visa", "candle/Data/Images/Normal/0000.JPG")
    assert f"{tmp_path / 'visa'} has no split_csv/1cls.csv; expected" in refusal(
        "visa", tmp_path / "visa"
    )


# MVTec AD 2


@pytest.fixture
def mvtec_ad2(tmp_path: Path) -> Path:
    root = tmp_path / "MVTec_AD_2"
    write(root / "can", *(f"train/good/{i:03d}_regular.png" for i in range(3)))
    write(root / "can", *(f"validation/good/{i:03d}_regular.png" for i in range(2)))
    write(root / "can", *(f"test_public/{kind}/000_{x}.png" for kind in ("good", "bad") for x in "ab"))
    write(root / "can", *(f"test_public/ground_truth/bad/000_{x}_mask.png" for x in "ab"), spot=255)
    write(root / "can", *(f"test_private/{i:03d}.png" for i in range(4)), "test_private_mixed/000.png")
    write(root / "rice", "train/good/000_regular.png")
    return root


def test_mvtec_ad2_reads_the_public_test(mvtec_ad2: Path) -> None:
    found = read("mvtec_ad2", mvtec_ad2)
    assert kinds(found.samples) == {"train/good": 3, "test/good": 2, "test/bad": 2}
    assert masks(mvtec_ad2, found.samples) == {
        f"test_public/bad/000_{x}.png": f"can/test_public/ground_truth/bad/000_{x}_mask.png"
        for x in "ab"
    }


def test_mvtec_ad2_tells_what_it_does_not_read(mvtec_ad2: Path) -> None:
    told = [remark.text.partition(":")[0] for remark in read("mvtec_ad2", mvtec_ad2).remarks]
    assert told == [
        "2 images of validation/good/ are not read",
        "4 images of test_private/ are not read",
        "1 images of test_private_mixed/ are not read",
    ]


def test_mvtec_ad2_does_not_read_mvtec_ad(tmp_path: Path) -> None:
    write(tmp_path, "can/train/good/0.png", "can/test/good/0.png")
    message = refusal("mvtec_ad2", tmp_path)
    assert f"{tmp_path / 'can'} has no test_public" in message
    assert "data=mvtec" in message


# Magnetic tiles


@pytest.fixture
def mtd(tmp_path: Path) -> Path:
    root = tmp_path / "MTD"
    write(root, *(f"MT_Free/Imgs/exp1_num_{i:02d}.jpg" for i in range(11)))
    for i in range(11):
        Image.new("L", (8, 12)).save(root / f"MT_Free/Imgs/exp1_num_{i:02d}.png")
    for kind in ("Blowhole", "Break", "Crack", "Fray", "Uneven"):
        write(root, *(f"MT_{kind}/Imgs/exp{i}_num_5.jpg" for i in (1, 2)))
        write(root, *(f"MT_{kind}/Imgs/exp{i}_num_5.png" for i in (1, 2)), spot=255)
    return root


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
    assert "1 images lie loose in the root and are not read (c.jpg)" in told[0]
    assert "1 images lie loose in MT_Break/ and are not read (b.jpg)" in told[1]
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
    assert "exp1_num_5.jpg have one mask" in refusal("mtd", mtd)


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


# All of them


@pytest.mark.parametrize(
    ("reader", "place"),
    [
        ("mvtec", "mvtec.com"),
        ("ksdd2", "vicos.si"),
        ("btad", "btad.zip"),
        ("visa", "VisA_20220922.tar"),
        ("mvtec_ad2", "mvtec-ad-2"),
        ("mtd", "abin24"),
    ],
)
def test_a_missing_root_is_named_with_where_to_get_the_dataset(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str, place: str
) -> None:
    monkeypatch.setenv("IRP_DATA", "/srv/images")
    message = refusal(reader, tmp_path / "nowhere", "x")
    assert message.startswith(f"root={tmp_path / 'nowhere'} is not a folder; looked for ROOT/")
    assert place in message
    assert message.endswith("the environment variable IRP_DATA (now /srv/images)")


@pytest.mark.parametrize(
    ("reader", "choices"), [("btad", "01, 02, 03"), ("visa", "candle, pcb1"), ("mvtec_ad2", "can, rice")]
)
def test_a_wrong_category_names_those_that_are_there(
    request: pytest.FixtureRequest, reader: str, choices: str
) -> None:
    message = refusal(reader, request.getfixturevalue(reader), "bottle")
    assert message.startswith("category=bottle is not in ")
    assert message.endswith(f"choose one of: {choices}")


def test_files_that_are_no_images_are_told(btad: Path, mvtec_ad2: Path, mtd: Path) -> None:
    for root, folder in ((btad, "01/train/ok"), (mvtec_ad2, "can/train/good"), (mtd, "MT_Free/Imgs")):
        (root / folder / "notes.txt").write_text("x")
    assert remarks(read("btad", btad)) == {"other_endings": 1}
    assert remarks(read("mtd", mtd)) == {"other_endings": 1}
    assert remarks(read("mvtec_ad2", mvtec_ad2))["other_endings"] == 1


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("*.yaml")))
def test_every_file_of_the_group_sets_the_same_values(name: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        data = compose("config", [f"data={name}"]).data
        assert list(data) == list(compose("config").data)
    assert data.reader == name
