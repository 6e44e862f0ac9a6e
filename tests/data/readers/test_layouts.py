"""Published layouts: what every reader says of a missing root, a wrong category and other files."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from published_layouts import read, refusal, remarks

from irp_lightning.config.compose import CONF


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


@pytest.mark.parametrize("name", sorted(path.stem for path in (CONF / "data").glob("[!_]*.yaml")))
def test_every_file_of_the_group_sets_the_same_values(name: str) -> None:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        data = compose("config", [f"data={name}"]).data
        assert list(data) == list(compose("config").data)
    assert data.reader == name
