"""Behaviour of the VisA reader: its table decides, and rows that contradict it are refused."""

from pathlib import Path

import pytest
from published_layouts import masks, read, refusal, remarks, split_csv, visa_rows, write

from irp_lightning.data.files.masks import read_mask


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
    assert f"{table} is not a CSV: line 11, unexpected end of data; give" in refusal("visa", visa)


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
        (("test", "anomaly", f"{ROW}/Anomaly/002.JPG", f"{ROW}/Normal/0001.JPG"), "is not a file of"),
        (("test", "anomaly", f"{TRUTH}/001.png", ""), "is not a file of"),
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
