"""Behaviour of the BTAD reader: what is normal, where the images lie, and what it asks."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from published_layouts import kinds, masks, read, refusal, write

from irp_lightning.config.compose import CONF, checked


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
    assert "normal=clena is not a folder" in refusal("btad", btad, normal=("clena",))


def test_a_number_as_the_name_of_a_category_arrives_as_it_is_written() -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert checked(compose("config", ["data=btad"])).data.category == "01"
        assert checked(compose("config", ["data=btad", "data.category=03"])).data.category == "03"
