"""New photographs are asked what training photographs were asked."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from checkpoint_files import write_checkpoint
from PIL import Image

from irp_lightning.commands.predict import main
from irp_lightning.data.audit.appearance import Appearance, appearance_of
from irp_lightning.data.files.headers import Header, read_header
from irp_lightning.detectors.checkpoint import Loaded, load_detector
from irp_lightning.detectors.new_photograph import Differences, load_photograph
from irp_lightning.foundation.errors import InputError
from irp_lightning.localisation.heat_map_folder import write_heat_maps

GREYS = np.random.default_rng(0).integers(0, 256, (40, 60), np.uint8)
COLOURS = np.random.default_rng(1).integers(0, 256, (40, 60, 3), np.uint8)


def save(file: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(file)
    return file


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> Appearance:
    """Of photographs in colour, 8 bits a channel, 60 x 40 pixels."""
    file = save(tmp_path_factory.mktemp("usual") / "a.png", COLOURS)
    return appearance_of([read_header(file)])


@pytest.fixture(scope="module")
def checkpoint_of_usual(usual: Appearance, tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("checkpoint") / "last.ckpt"
    write_checkpoint(file, appearance=usual)
    return file


@pytest.fixture(scope="module")
def loaded(checkpoint_of_usual: Path) -> Loaded:
    return load_detector(checkpoint_of_usual)


def differences(loaded: Loaded, file: Path) -> set[str]:
    return set(load_photograph(loaded, file, 10**6).differences)


def test_the_checkpoint_holds_what_training_photographs_were_like(
    loaded: Loaded, usual: Appearance
) -> None:
    assert loaded.appearance == usual


def test_a_photograph_like_those_of_training_differs_in_nothing(loaded: Loaded, tmp_path: Path) -> None:
    assert differences(loaded, save(tmp_path / "a.png", 255 - COLOURS)) == set()


@pytest.mark.parametrize(
    ("pixels", "kinds"),
    [
        (GREYS, {"colour"}),
        (COLOURS.repeat(2, axis=1), {"size", "aspect"}),
        (COLOURS.repeat(2, axis=0).repeat(2, axis=1), {"size"}),
        (COLOURS.swapaxes(0, 1), {"aspect"}),
        (np.full_like(COLOURS, 7), {"constant"}),
        (np.concatenate([COLOURS, GREYS[..., None]], axis=2), {"transparent"}),
    ],
)
def test_what_differs_is_named(
    loaded: Loaded, tmp_path: Path, pixels: np.ndarray, kinds: set[str]
) -> None:
    assert differences(loaded, save(tmp_path / "a.png", pixels)) == kinds


def test_deep_photographs_are_refused_where_training_had_none(loaded: Loaded, tmp_path: Path) -> None:
    file = save(tmp_path / "deep.png", GREYS.astype(np.uint16) * 16)
    with pytest.raises(InputError, match="16 bits a channel, and the detector was trained on 8 bits"):
        load_photograph(loaded, file, 10**6)


def test_values_beyond_the_bit_depth_of_training_are_refused(loaded: Loaded, tmp_path: Path) -> None:
    deep = replace(loaded.extractor.spec, bit_depth=12)
    extractor = type(loaded.extractor)(loaded.extractor.backbone, deep)
    assert loaded.appearance is not None
    appearance = replace(loaded.appearance, numbers=("integers",), colours=("grey",))
    of_12_bits = replace(loaded, extractor=extractor, appearance=appearance)
    fits = save(tmp_path / "fits.png", GREYS.astype(np.uint16) * 16)
    beyond = save(tmp_path / "beyond.png", GREYS.astype(np.uint16) * 200)
    assert differences(of_12_bits, fits) == set()
    with pytest.raises(InputError, match=r"beyond\.png holds values from 0 to 51000.* 0 to 4095"):
        load_photograph(of_12_bits, beyond, 10**6)


def test_heat_maps_refuse_what_has_no_score(loaded: Loaded, tmp_path: Path) -> None:
    file = save(tmp_path / "deep.png", GREYS.astype(np.uint16) * 16)
    with pytest.raises(InputError, match="16 bits a channel"):
        write_heat_maps(loaded, [file], tmp_path / "maps")


def test_predict_reports_each_kind_once_and_scores_all(
    checkpoint_of_usual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    for i in range(3):
        save(folder / f"{i}.png", GREYS)
    save(folder / "3.png", COLOURS)
    main([str(checkpoint_of_usual), str(folder)])
    out, said = capsys.readouterr()
    assert len(out.splitlines()) == 5
    first, count = said.splitlines()
    assert "0.png is grey, and the detector was trained on colour" in first
    assert count.endswith("by kind: colour 3")


def test_predict_says_where_an_older_checkpoint_cannot_compare(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_checkpoint(tmp_path / "older.ckpt", appearance=None)
    main([str(tmp_path / "older.ckpt"), str(save(tmp_path / "a.png", GREYS))])
    assert "does not describe its training photographs" in capsys.readouterr().err


def test_predict_reads_sub_folders_and_counts_what_it_leaves_out(
    checkpoint_of_usual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tree"
    (folder / "lot1").mkdir(parents=True)
    for name in ("a.png", "lot1/b.png", "lot1/b_mask.png"):
        save(folder / name, COLOURS)
    (folder / "raw.heic").write_bytes(b"a photograph that cannot be read")
    main([str(checkpoint_of_usual), str(folder)])
    out, said = capsys.readouterr()
    assert [line.split(",")[0] for line in out.splitlines()[1:]] == [
        str(folder / "a.png"),
        str(folder / "lot1/b.png"),
    ]
    assert "1 files ending in .heic are not read" in said
    assert "1 files beside the images are taken for their masks" in said


def test_names_come_back_from_tables(
    checkpoint_of_usual: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    save(tmp_path / "=1.png", COLOURS)
    monkeypatch.chdir(tmp_path)
    main([str(checkpoint_of_usual), "=1.png"])
    cell = capsys.readouterr().out.splitlines()[1].split(",")[0]
    assert cell == "'=1.png"
    main([str(checkpoint_of_usual), cell])
    assert capsys.readouterr().out.splitlines()[1].startswith("'=1.png,")


def test_differences_count_photographs_by_kind() -> None:
    lines: list[str] = []
    found = Differences(lines.append)
    for name in ("a.png", "b.png"):
        found.note(Path(name), {"colour": "is grey"})
    found.note(Path("c.png"), {"size": "is large"})
    found.close()
    assert len(lines) == 3
    assert lines[-1].endswith("colour 2")


def test_the_appearance_survives_a_checkpoint() -> None:
    headers = [
        Header(40, 60, 6, "8-bit", 1, True, "JPEG"),
        Header(90, 60, 1, "integers", 1, False, "PNG"),
    ]
    seen = appearance_of(headers)
    assert Appearance.of_state(seen.state()) == seen
    assert (seen.narrowest, seen.widest) == (1.5, 1.5)  # the first is turned
    assert seen.colours == ("colour", "grey")
