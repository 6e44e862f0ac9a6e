"""``python -m irp_lightning.run`` as a user starts it: real processes, from another folder."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from irp_lightning.commands.compare import main as compare_command
from irp_lightning.foundation.pipes import READER_LEFT
from irp_lightning.runs.folder import RunFolder

Command = Callable[..., subprocess.CompletedProcess[str]]


def test_help_runs_from_any_folder(command: Command, tmp_path: Path) -> None:
    result = command("run", "--help", cwd=tmp_path)
    assert result.returncode == 0
    for word in (
        "+experiment=mvtec_noise",
        "  osr                  One-shot removal",
        "noise: 0.2                  # in [0, 0.5]",
    ):
        assert word in result.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("arguments", [["--help"], ["nosie=1"], ["noise=0.7"], ["refine=magic"]])
def test_help_and_refusals_do_not_wait_for_torch(arguments: list[str], tmp_path: Path) -> None:
    code = (
        "import sys, runpy; sys.argv = ['run', *sys.argv[1:]]\n"
        "try: runpy.run_module('irp_lightning.run', run_name='__main__')\n"
        "except SystemExit: pass\n"
        "print('imported', [m for m in ('torch', 'lightning', 'sklearn') if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert result.stdout.splitlines()[-1] == "imported []"


def test_a_refusal_is_one_line_and_leaves_nothing(command: Command, tmp_path: Path) -> None:
    result = command("run", "noise=0.7", cwd=tmp_path)
    assert result.returncode != 0
    assert result.stderr.strip().splitlines() == [
        "irp_lightning: noise=0.7 is not allowed; give a number in [0, 0.5]"
    ]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_run_logs_to_wandb_offline_without_a_key(
    small: list[str], command: Command, tmp_path: Path
) -> None:
    overrides = [s for s in small if not s.startswith("logger")]
    result = command("run", "+experiment=mvtec_noise", "noise=0.3", *overrides, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "W&B: offline (no key" in result.stdout
    (folder,) = (tmp_path / "outputs" / "mvtec_noise").iterdir()
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["status"] == "complete"
    assert metrics["noise_requested"] == 0.3
    assert str(folder) in result.stdout
    assert f"{metrics['image_auroc']:.3f}" in result.stdout
    assert list((folder / "wandb").glob("offline-run-*/*.wandb"))
    assert (folder / "logs" / "metrics.csv").stat().st_size > 0
    RunFolder(folder).clear()  # as sweep.force: all that W&B wrote, too
    assert not [file.name for file in folder.iterdir() if not file.name.startswith(".")]


@pytest.mark.slow
def test_a_sweep_goes_on_past_a_refused_job_and_compares(
    small: list[str], command: Command, tmp_path: Path
) -> None:
    result = command(
        "run", "-m", "+experiment=mvtec_noise", "noise=0,0.9,0.3", "lam=1.5,2", *small,
        "refine=irp_all", "hydra.sweep.dir=sweep", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode != 0
    assert "noise=0.9 is not allowed" in result.stderr
    assert "Traceback" not in result.stderr
    status = {
        file.parent.name: json.loads(file.read_text())["status"]
        for file in tmp_path.rglob("metrics.json")
    }
    assert len(status) == 6
    assert all((s == "failed") == ("noise=0.9" in name) for name, s in status.items())
    assert "6 cells: 4 complete, 2 failed" in result.stdout

    table = command("compare", "sweep", cwd=tmp_path)
    assert table.returncode == 0
    assert "4 finished runs" in table.stdout
    assert "irp_all (lam=1.5)" in table.stdout
    assert "irp_all (lam=2)" in table.stdout
    assert str(tmp_path / "sweep" / "comparison" / "index.html") in table.stdout
    again = command("compare", "sweep", "--out", "elsewhere", cwd=tmp_path)
    assert "4 finished runs" in again.stdout
    assert (tmp_path / "elsewhere" / "table1.tex").is_file()


@pytest.mark.parametrize(
    ("arguments", "named"),
    [(("compare", "nothing"), "holds no run"), (("predict", "nothing", "a.png"), "is not a file")],
)
def test_the_other_commands_refuse_in_one_line(
    arguments: tuple[str, ...], named: str, command: Command, tmp_path: Path
) -> None:
    result = command(*arguments, cwd=tmp_path)
    assert result.returncode != 0
    assert len(result.stderr.strip().splitlines()) == 1
    assert named in result.stderr


@pytest.mark.parametrize("content", ["{bad", "", "[]", "null", '{"status": "complete"}'])
def test_compare_names_what_it_cannot_read(
    content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "metrics.json").write_text(content)
    compare_command([str(tmp_path)])
    shown = capsys.readouterr().out
    assert f"failed or unreadable: {tmp_path / 'cell'}" in shown
    assert "0 finished runs" in shown
    assert (tmp_path / "comparison" / "index.html").is_file()


@pytest.mark.slow
def test_a_run_whose_reader_goes_away_ends_in_silence_and_goes_on(
    small: list[str], command: Command, tmp_path: Path
) -> None:
    overrides = ["+experiment=mvtec_noise", *small, "hydra.run.dir=here"]
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "irp_lightning.run", *overrides],
        cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.close()
    _, errors = process.communicate(timeout=120)
    assert process.returncode == READER_LEFT
    assert "Traceback" not in errors
    assert command("run", *overrides, cwd=tmp_path).returncode == 0
    assert json.loads((tmp_path / "here" / "metrics.json").read_text())["status"] == "complete"


def test_results_that_can_lie_nowhere_are_refused_in_a_line(command: Command, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = command("run", "+experiment=demo", "hydra.run.dir=file/run", cwd=tmp_path)
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"irp_lightning: {tmp_path / 'file'} is not a folder")


@pytest.mark.slow
def test_an_interrupted_run_says_so_and_keeps_its_features(small: list[str], tmp_path: Path) -> None:
    overrides = [s for s in small if not s.startswith(("epochs", "cache_dir"))]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "irp_lightning.run",
            "+experiment=mvtec_noise",
            *overrides,
            "epochs=100000",
            "cache_dir=cache",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # A shell's background jobs inherit "ignore"; a user at a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("outputs/*/*/logs/*")) and time.monotonic() < deadline:
        time.sleep(0.2)
    time.sleep(1)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert errors.strip().splitlines()[-1].startswith("irp_lightning: interrupted")
    assert "Traceback" not in errors
    (file,) = tmp_path.glob("outputs/*/*/metrics.json")
    assert json.loads(file.read_text()) == {"status": "failed", "error": "interrupted"}
    assert list(tmp_path.glob("cache/*/??/*.npy"))
