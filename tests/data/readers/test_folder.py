"""Any tree of photographs, and tables of them."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.data.config import DataConfig
from irp_lightning.data.readers.folder import read
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError


def config(root: Path, **values: object) -> DataConfig:
    place = ("folder", str(root), "x", "published", "none", 64, "none", "skip")
    return DataConfig(*place, recursive=True, **values)  # type: ignore[arg-type]


def photo(file: Path, shade: int = 0) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (8, 8), shade).save(file)
    return file


def by_name(root: Path) -> dict[str, Sample]:
    return {sample.name: sample for sample in read(config(root)).samples}


def test_a_tree_is_unlabelled_but_for_three_folders(tmp_path: Path) -> None:
    for name in (
        "a.png",
        "line 1/b.png",
        "Normal/c.png",
        "defect/d.png",
        "test/ok/e.png",
        "test/cut/f.png",
    ):
        photo(tmp_path / name)
    found = by_name(tmp_path)
    kinds = {name: (s.side, s.defect, s.label, s.trusted) for name, s in found.items()}
    assert kinds == {
        "a.png": ("train", "unlabelled", 0, False),
        "line 1/b.png": ("train", "unlabelled", 0, False),
        "Normal/c.png": ("train", "good", 0, True),
        "defect/d.png": ("test", "defective", 1, False),
        "test/ok/e.png": ("test", "good", 0, False),
        "test/cut/f.png": ("test", "cut", 1, False),
    }


def test_names_that_are_taken_for_normal_are_said_and_can_be_answered(tmp_path: Path) -> None:
    for name in ("a.png", "test/0/b.png", "test/1/c.png", "test/good/d.png"):
        photo(tmp_path / name)

    def kinds(**values: object) -> dict[str, str]:
        found = read(config(tmp_path, **values)).samples
        return {s.name: s.defect for s in found if s.side == "test"}

    assert kinds() == {"test/0/b.png": "good", "test/1/c.png": "1", "test/good/d.png": "good"}
    (remark,) = read(config(tmp_path)).remarks
    assert "images of test/0/ are taken for normal because" in remark.text
    assert kinds(normal=("good",))["test/0/b.png"] == "0"
    answered = {"test/0/b.png": "0", "test/1/c.png": "good", "test/good/d.png": "good"}
    assert kinds(normal=("1",)) == answered
    assert read(config(tmp_path, normal=("0",))).remarks == []
    with pytest.raises(InputError, match="normal=2 is not a folder of images in"):
        kinds(normal=("2",))


def test_what_is_not_read_or_not_trusted_is_said(tmp_path: Path) -> None:
    for name in ("a.png", "good/b.png", "test/c.png"):
        photo(tmp_path / name)
    remarks = {remark.kind: remark for remark in read(config(tmp_path)).remarks}
    assert remarks["loose"].falsifies
    assert "good/ are unlabelled" in remarks["not_trusted"].text


def test_a_table_says_what_is_known(tmp_path: Path) -> None:
    for name in "abcd":
        photo(tmp_path / f"{name}.png")
    table = tmp_path / "t.csv"
    rows = "a.png,,\nb.png,0,train\nc.png,1,train\nd.png,0,test\n"
    table.write_text(f"image_path,label_index,split\n{rows}", encoding="utf-8")
    found = by_name(table)
    kinds = {name: (s.side, s.label, s.trusted) for name, s in found.items()}
    assert kinds == {
        "a.png": ("train", 0, False),
        "b.png": ("train", 0, True),
        "c.png": ("test", 1, False),
        "d.png": ("test", 0, False),
    }


@pytest.mark.parametrize(
    ("header", "labels"),
    [
        ("Image_Path, Label_Index, Split", ("0", "1", "-1")),
        ("image_path,label_index,split", ("0.0", "1.0", "-1.0")),  # pandas, where a label is missing
        ("IMAGE_PATH,LABEL_INDEX,SPLIT", ("0.", " 1", "")),
    ],
)
def test_labels_are_read_however_they_are_spelt(
    tmp_path: Path, header: str, labels: tuple[str, ...]
) -> None:
    rows = "".join(f"{n}.png,{label},\n" for n, label in zip("abc", labels, strict=True))
    (tmp_path / "t.csv").write_text(f"{header}\n{rows},,\n", encoding="utf-8")
    reading = read(config(tmp_path / "t.csv"))
    found = {s.name: (s.side, s.label, s.trusted) for s in reading.samples}
    assert list(found.values()) == [("train", 0, True), ("test", 1, False), ("train", 0, False)]
    assert [remark.kind for remark in reading.remarks] == ["defective_to_train_on"]


@pytest.mark.parametrize("column", ["label", "Labels", "is_anomaly"])
def test_a_column_that_may_hold_labels_is_named_with_its_right_name(tmp_path: Path, column: str) -> None:
    (tmp_path / "t.csv").write_text(f"image_path,{column}\na.png,1\n", encoding="utf-8")
    (remark,) = read(config(tmp_path / "t.csv")).remarks
    assert f"call {column} label_index" in remark.text
    assert remark.falsifies
    (tmp_path / "t.csv").write_text(f"image_path,{column},label_index\na.png,1,0\n", encoding="utf-8")
    (remark,) = read(config(tmp_path / "t.csv")).remarks
    assert column in remark.text
    assert not remark.falsifies


def test_rows_that_are_not_trained_on_are_said(tmp_path: Path) -> None:
    for name in "abc":
        photo(tmp_path / f"{name}.png")
    table = tmp_path / "t.csv"
    table.write_text(
        "image_path,label_index,split\na.png,,\na.png,-1,train\nb.png,1,train\nc.png,,test\n"
    )
    reading = read(config(table))
    assert [sample.name for sample in reading.samples] == ["a.png", "b.png"]
    said = {remark.kind: remark.text for remark in reading.remarks}
    assert "(c.png)" in said["unlabelled_tests"]
    assert "(b.png)" in said["defective_to_train_on"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path\na.png\n", "has the columns"),
        (
            "image_path,label_index\na.png,0\n./a.png,1\n",
            "train/good in line 2 and as test/defective in line 3",
        ),
        ("image_path,label_index\na.png,0\n,0\n", "line 3: image_path=,"),
        ("image_path,label_index\na.png,bad\n", "line 2: image_path=a.png, label_index=bad"),
        ("image_path,label_index\na.png,1\n", "has no images to train on"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read(config(tmp_path / "t.csv"))


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="no images to train on"):
        read(config(tmp_path / "in"))
    shutil.rmtree(tmp_path / "in")
