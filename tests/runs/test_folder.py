import csv
import errno
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.folder import RunFolder, csv_rows, csv_text, read_json


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    assert folder.text("a.txt", "ä") == tmp_path / "run" / "a.txt"
    folder.csv("t.csv", ("a", "b"), [{"a": 1, "b": None}, {"a": "x,y"}])
    folder.write("figures/x.png", lambda path: path.write_bytes(path.suffix.encode()))
    assert (tmp_path / "run" / "a.txt").read_bytes() == "ä".encode()
    assert (tmp_path / "run" / "t.csv").read_bytes() == b'a,b\n1,\n"x,y",\n'
    assert (tmp_path / "run" / "figures" / "x.png").read_text() == ".png"


def test_json_knows_no_nan(tmp_path: Path) -> None:
    content = {"a": float("nan"), "b": [float("inf"), 1.5, {"c": -float("inf")}]}
    file = RunFolder(tmp_path).json("m.json", content)
    assert json.loads(file.read_text()) == {"a": None, "b": [None, 1.5, {"c": None}]}


@pytest.mark.parametrize("content", ["", "{", "[1]", "\xff"])
def test_what_is_no_json_object_reads_as_empty(content: str, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(content.encode("latin-1"))
    assert read_json(tmp_path / "m.json") == read_json(tmp_path / "none.json") == {}


def test_a_table_without_rows_has_a_header() -> None:
    assert csv_text(("a", "b"), []) == "a,b\n"


@given(
    st.lists(st.fixed_dictionaries({"-a": st.text(), "b": st.text() | st.integers()}), max_size=3),
)
def test_texts_that_a_spreadsheet_would_run_come_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str | int]]
) -> None:
    folder = RunFolder(tmp_path_factory.mktemp("table"))
    file = folder.csv("t.csv", ("-a", "b"), rows)
    assert csv_rows(file) == [{key: str(value) for key, value in row.items()} for row in rows]
    with file.open(newline="", encoding="utf-8") as stream:
        cells = [cell for line in csv.reader(stream) for cell in line]
    assert not any(cell.startswith(tuple("=+-@\t\r")) and not cell[1:].isdecimal() for cell in cells)


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    folder.text("a.txt", "before")

    def half(path: Path) -> None:
        path.write_text("aft")
        raise RuntimeError("died")

    with pytest.raises(RuntimeError, match="died"):
        folder.write("a.txt", half)
    assert {file.name: file.read_text() for file in tmp_path.iterdir()} == {"a.txt": "before"}


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, InputError), (errno.EACCES, OSError)])
def test_a_full_disk_is_the_users_to_mend(number: int, kind: type, tmp_path: Path) -> None:
    def fails(path: Path) -> None:
        raise OSError(number, "no")

    with pytest.raises(kind) as caught:
        RunFolder(tmp_path).write("a.txt", fails)
    assert isinstance(caught.value, InputError) == (number == errno.ENOSPC)
    if number == errno.ENOSPC:
        assert str(caught.value).startswith(f"the disk of {tmp_path} is full; free some space")
    assert not list(tmp_path.iterdir())


def test_the_lock_keeps_others_out_and_goes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        with (
            pytest.raises(InputError, match="in use by another process"),
            RunFolder(tmp_path / "run").locked(),
        ):
            pass
        folder.text("a.txt", "")
    assert [file.name for file in (tmp_path / "run").iterdir()] == ["a.txt"]
    with folder.locked():  # it is free again
        pass


def test_a_folder_that_only_the_lock_made_goes_with_it(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run").locked():
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()


def test_the_lock_clears_away_half_written_checkpoints(tmp_path: Path) -> None:
    checkpoints = tmp_path / "checkpoints"
    checkpoints.mkdir()
    partial = None

    def dying(path: Path) -> None:
        nonlocal partial
        partial = path
        path.write_bytes(b"half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        RunFolder(tmp_path).write("checkpoints/last.ckpt", dying)
    assert partial is not None
    for file in (partial, checkpoints / "last.ckpt", checkpoints / ".mine.ckpt"):
        file.write_bytes(b"half")  # as a death leaves it
    with RunFolder(tmp_path).locked():
        found = sorted(file.name for file in checkpoints.iterdir())
    assert found == [".mine.ckpt", "last.ckpt"]


def test_clearing_removes_a_runs_files_and_no_others(tmp_path: Path) -> None:
    names = (
        *("config.yaml", "metrics.json", "manifest.csv", "rounds.csv", "removed.csv", "scores.csv"),
        *("checkpoints/last.ckpt", "checkpoints/cleaning.ckpt", "figures/roc.png", "wandb/run_id"),
        *("logs/metrics.csv", "logs-1/metrics.csv"),
    )
    for name in (*names, "notes.txt", "mine/figures/roc.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    RunFolder(tmp_path).clear()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["mine", "notes.txt"]
    assert (tmp_path / "mine" / "figures" / "roc.png").exists()


def test_clearing_leaves_what_others_log(tmp_path: Path) -> None:
    ours = (
        *("logs/metrics.csv", "logs/hparams.yaml"),
        *("wandb/offline-run-20260101_000000-abcd/x", "wandb/run-20260102_000000-abcd/x"),
        *("wandb/artifacts/staging/x", "wandb/cache/wandb/logs/x"),
    )
    others = ("logs/mine.txt", "wandb/offline-run-20260101_000000-efgh/x", "wandb/mine/x")
    for name in (*ours, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    (tmp_path / "config.yaml").write_text("")
    (tmp_path / "wandb/run_id").write_text("abcd\n")
    (tmp_path / "wandb/latest-run").symlink_to("run-20260102_000000-abcd")
    RunFolder(tmp_path).clear()
    left = [file for file in tmp_path.rglob("*") if not file.is_dir()]
    assert sorted(str(file.relative_to(tmp_path)) for file in left) == sorted(others)
    assert {file.name for file in (tmp_path / "wandb").iterdir()} == {
        "mine",
        "offline-run-20260101_000000-efgh",
    }


def test_links_in_the_place_of_a_runs_folders_lead_to_what_stays(tmp_path: Path) -> None:
    run, disk = tmp_path / "run", tmp_path / "disk"
    for folder in (run, disk):
        folder.mkdir()
    (disk / "last.ckpt").write_text("")
    (run / "config.yaml").write_text("")
    for name in ("checkpoints", "wandb"):
        (run / name).symlink_to(disk)
    RunFolder(run).clear()
    assert [file.name for file in run.iterdir()] == ["wandb"]
    assert (disk / "last.ckpt").exists()


def test_without_a_configuration_nothing_is_cleared(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    RunFolder(tmp_path).clear()
    assert (tmp_path / "metrics.json").exists()


def test_what_a_killed_process_left_half_written_goes_with_the_next(tmp_path: Path) -> None:
    half = [tmp_path / place for place in (".0a1b2c3d.part.csv", "figures/.0a1b2c3d.part.png",
                                           "checkpoints/.0a1b2c3d.part.ckpt")]  # fmt: skip
    mine = [tmp_path / place for place in (".mine.part.csv", "figures/x.png", "own/.0a1b2c3d.part.csv")]
    for file in (*half, *mine):
        file.parent.mkdir(exist_ok=True)
        file.write_text("half")
    with RunFolder(tmp_path).locked():
        assert [file for file in (*half, *mine) if file.exists()] == mine
