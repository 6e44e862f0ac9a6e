import json
from pathlib import Path

import pytest

from irp_lightning.comparison.runs import read_runs
from irp_lightning.foundation.errors import InputError


def test_a_finished_run_is_read(write_run, sweep: Path) -> None:
    removed = [("test/crack/0.png", 1, "crack"), ("train/good/1.png", 0, "good")]
    folder = write_run("a", noise=0.2, seed=3, auroc=0.75, train_images=50, removed=removed)
    ((run,), _) = read_runs(sweep)
    assert (run.folder, run.category, run.noise, run.seed, run.auroc) == (folder, "tile", 0.2, 3, 0.75)
    assert (run.injected, run.normal, run.removed_bad, run.removed_good) == (10, 40, 1, 1)
    assert run.seconds == 2


def test_the_folder_itself_may_be_a_run(write_run) -> None:
    folder = write_run("a")
    assert [run.folder for run in read_runs(folder)[0]] == [folder]


def test_failed_and_unfinished_runs_are_told_apart(write_run, sweep: Path) -> None:
    (write_run("failed") / "metrics.json").write_text('{"status": "failed", "error": "out of\\nmemory"}')
    (write_run("killed") / "metrics.json").unlink()
    write_run("whole")
    runs, unusable = read_runs(sweep)
    assert [run.folder.name for run in runs] == ["whole"]
    assert [(u.folder.name, u.status) for u in unusable] == [
        ("failed", "failed"),
        ("killed", "unfinished"),
    ]
    assert unusable[0].reason == "out of memory"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"image_auroc": "high"}, "image_auroc is 'high', not a number"),
        ({"image_auroc": True}, "image_auroc is True, not a number"),
        ({"image_auroc": float("nan")}, "image_auroc is nan"),
        ({"removed_bad": 1.5}, "removed_bad is 1.5, not a count"),
        ({"noise_requested": None}, "noise_requested is None"),
        ({"status": "done"}, "status 'done'"),
        ({"rounds": -1}, "rounds is -1.0, not a count"),
    ],
)
def test_wrong_figures_are_named(change: dict, said: str, write_run, sweep: Path) -> None:
    file = write_run("a") / "metrics.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    (_, (unusable,)) = read_runs(sweep)
    assert unusable.status == "unreadable"
    assert said in unusable.reason


@pytest.mark.parametrize("key", ["image_auroc", "noise_requested", "train_images", "rounds"])
def test_missing_figures_are_named(key: str, write_run, sweep: Path) -> None:
    file = write_run("a") / "metrics.json"
    file.write_text(json.dumps({k: v for k, v in json.loads(file.read_text()).items() if k != key}))
    (_, (unusable,)) = read_runs(sweep)
    assert unusable.reason == f"{key} is missing"


@pytest.mark.parametrize(
    "content", ["", "a: [", "- 1", "refine: 3", "!!python/object:os.system x", "\x00", "data: {}"]
)
def test_no_configuration_crashes_it(content: str, write_run, sweep: Path) -> None:
    (write_run("a") / "config.yaml").write_text(content)
    write_run("b")
    runs, unusable = read_runs(sweep)
    assert [u.status for u in unusable] == ["unreadable"]
    assert len(runs) == 1


def test_what_wandb_keeps_in_a_run_folder_is_no_run(write_run, sweep: Path) -> None:
    inner = write_run("a") / "wandb" / "offline-run-1" / "files"
    inner.mkdir(parents=True)
    (inner / "config.yaml").write_text("wandb_version: 1")
    runs, unusable = read_runs(sweep)
    assert len(runs) == 1
    assert not unusable


def test_a_run_on_unlabelled_images_is_not_compared(write_run, sweep: Path) -> None:
    file = write_run("a") / "metrics.json"
    unknown = dict.fromkeys(("noise_achieved", "removed_good", "removed_bad"))
    file.write_text(json.dumps(json.loads(file.read_text()) | unknown))
    (runs, (unusable,)) = read_runs(sweep)
    assert not runs
    assert unusable.status == "unlabelled"
    assert unusable.reason.startswith("its training images are unlabelled")


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no run"):
        read_runs(tmp_path)
