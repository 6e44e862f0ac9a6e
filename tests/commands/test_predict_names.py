"""What somebody may hand to predict in place of an image's name, or of a checkpoint."""

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.commands.predict import main

pytestmark = pytest.mark.slow  # a process for each name

POWERLESS = (
    "setpriv",
    "--bounding-set=-dac_override,-dac_read_search",
    "--inh-caps=-dac_override,-dac_read_search",
)
"""Root may enter any folder; without these it is as others are."""


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.linear_gradient("L").resize((40, 40)).convert("RGB").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def score(*arguments: object, stdin: bytes = b"", before: tuple[str, ...] = ()) -> tuple[int, str, str]:
    command = [*before, sys.executable, "-m", "irp_lightning", "predict", *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_names_that_zero_bytes_part_are_told_and_stop_no_others(checkpoint: Path, picture: Path) -> None:
    name = os.fsencode(picture)
    status, out, error = score(checkpoint, "-", stdin=name + b"\0" + name + b"\n" + name + b"\n")
    assert status == 1
    assert len(out.splitlines()) == 2
    assert len(error.splitlines()) == 1
    assert "zero byte" in error


def test_nothing_is_no_name(checkpoint: Path, picture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(picture.parent)
    with pytest.raises(SystemExit, match="empty image path"):
        main([str(checkpoint), "a.png", ""])


def test_a_pattern_that_matches_nothing_is_told(
    checkpoint: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pattern = picture.with_name("*.jpg")
    with pytest.raises(SystemExit, match=r"\*\.jpg is not a readable image"):
        main([str(checkpoint), str(picture), str(pattern)])
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_name_that_a_spreadsheet_would_run_is_no_formula(
    checkpoint: Path, picture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(picture.parent)
    picture.rename("=1+1.png")
    main([str(checkpoint), "=1+1.png"])
    assert capsys.readouterr().out.splitlines()[1].startswith("'=1+1.png,")
    main([str(checkpoint), "=1+1.png", "--json"])
    assert json.loads(capsys.readouterr().out)["path"] == "=1+1.png"


def test_each_complaint_is_one_line_whatever_the_name(checkpoint: Path, picture: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(picture.parent) + b"/two\nlines \xfc.png"))
    odd.write_bytes(b"no image")
    status, _, error = score(checkpoint, odd, picture)
    assert status == 1
    assert error.count("irp_lightning: ") == len(error.splitlines()) == 1
    assert error.count(r"two\x0alines \xfc.png is not") == 1


def test_a_folder_that_may_not_be_entered_stops_no_others(checkpoint: Path, picture: Path) -> None:
    locked = picture.parent / "locked"
    locked.mkdir()
    locked.chmod(0)
    before = POWERLESS if os.geteuid() == 0 else ()
    status, out, error = score(checkpoint, locked / "b.png", picture, before=before)
    locked.chmod(0o700)
    assert status == 1
    assert len(out.splitlines()) == 2
    assert "Permission denied" in error
    assert "Traceback" not in error


def test_a_reader_that_leaves(checkpoint: Path, picture: Path) -> None:
    pipe = 'set -o pipefail; "$0" -m irp_lightning predict "$1" $(yes "$2" | head -200) | head -n 1'
    command = ["bash", "-c", pipe, sys.executable, str(checkpoint), str(picture)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (141, "path,score\n", "")


@pytest.mark.filterwarnings("error")
def test_a_pickle_of_something_else_is_one_line(picture: Path) -> None:
    foreign = picture.with_name("foreign.ckpt")
    foreign.write_bytes(pickle.dumps({"a": 1}, protocol=4))
    with pytest.raises(SystemExit, match=r"^irp_lightning: [^\n]*is not a complete checkpoint[^\n]*$"):
        main([str(foreign), str(picture)])


@pytest.mark.parametrize("share", ["abc", "0", "1", "nan", "-1", "inf"])
def test_what_is_no_share(
    checkpoint: Path, picture: Path, share: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(checkpoint), str(picture), f"--false-alarms={share}"])
    assert stopped.value.code == 2
    assert f"{share} is not a share between 0 and 1" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_outputs_encoding_lacks_is_escaped(
    checkpoint: Path,
    picture: Path,
    encoding: str,
    command: Callable[..., "subprocess.CompletedProcess[str]"],
) -> None:
    picture.rename(picture.with_name("日.png"))
    (picture.parent / "本.png").write_bytes(b"no image")
    done = command(
        "predict", str(checkpoint), str(picture.parent), cwd=picture.parent, PYTHONIOENCODING=encoding
    )
    paths = [line.split(",")[0] for line in done.stdout.splitlines()]
    assert paths == ["path", rf"{picture.parent}/\u65e5.png"]
    (complaint,) = done.stderr.splitlines()
    assert rf"{picture.parent}/\u672c.png is not a readable image" in complaint
    assert done.returncode == 1
