"""From a folder to suspects, a clean list, a threshold, a report; and back with a review."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from run_files import rows as table

from irp_lightning.commands import predict
from irp_lightning.commands.clean import main
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.pipeline.cleaned_folder import experiment_of_folder


def test_every_photograph_is_a_suspect_or_kept(photos: Path, cleaned: Path) -> None:
    suspects, kept = table(cleaned / "suspects.csv"), table(cleaned / "clean.csv")
    assert len(suspects) + len(kept) == len(list(photos.iterdir()))
    assert suspects
    scores = [float(row["final_score"]) for row in suspects]
    assert scores == sorted(scores, reverse=True)
    names = {row["path"] for row in suspects}
    assert names.isdisjoint(Path(row["image_path"]).name for row in kept)
    assert all(row["look_alike"] not in names for row in suspects)
    assert {(row["label_index"], row["split"]) for row in kept} == {("0", "train")}


def test_without_labels_nothing_is_called_normal(
    photos: Path, cleaned: Path, small_overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    gone = len(table(cleaned / "suspects.csv"))
    metrics = json.loads((cleaned / "metrics.json").read_text())
    assert (metrics["removed"], metrics["removed_good"], metrics["removed_bad"]) == (gone, None, None)
    assert metrics["unlabelled_images"] == metrics["train_images"]
    rounds = table(cleaned / "rounds.csv")
    assert sum(int(row["removed"]) for row in rounds) == gone
    for column in ("removed_good", "removed_bad", "detection_auroc"):
        assert {row[column] for row in rounds} == {""}
    assert {(row["label"], row["defect"]) for row in table(cleaned / "removed.csv")} == {
        ("", "unlabelled")
    }
    assert {(row["role"], row["label"]) for row in table(cleaned / "manifest.csv")} == {
        ("unlabelled", "")
    }
    assert {file.name for file in (cleaned / "figures").iterdir()} == {"scores.png", "removed.png"}
    main([str(photos), "--out", str(cleaned), "--false-alarms", "0.05", *small_overrides])
    told = " ".join(capsys.readouterr().out.split())
    assert f"removed {gone} of {metrics['train_images']} unlabelled images" in told
    for word in ("AUROC", "image AP", "noise", "None", "normal"):
        assert word not in told


def test_the_detector_judges_without_the_photographs_it_learnt_from(
    cleaned: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    calibration = load_detector(cleaned / "detector.ckpt").calibration
    assert calibration is not None
    predict.main([str(cleaned / "detector.ckpt"), str(photos / "0*.png"), "--json"])
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(rows) == 10
    for row in rows:
        assert row["threshold"] == calibration.threshold
        assert row["decision"] == ("defective" if row["score"] > row["threshold"] else "normal")
        expected = 100 * (calibration.scores < row["score"]).double().mean()
        assert row["percentile"] == pytest.approx(expected.item(), abs=0.01)


@pytest.mark.parametrize("part", [".", "detector.ckpt", "checkpoints/last.ckpt"])
def test_the_folder_of_a_cleaning_judges_as_its_detector(
    cleaned: Path, photos: Path, capsys: pytest.CaptureFixture[str], part: str
) -> None:
    predict.main([str(cleaned / part), str(photos / "00.png")])
    judged = ",percentile,decision,threshold" if part != "checkpoints/last.ckpt" else ""
    assert capsys.readouterr().out.splitlines()[0] == f"path,score{judged}"


def test_names_on_standard_input_are_scored_and_one_bad_file_stops_nothing(
    cleaned: Path, photos: Path
) -> None:
    names = f"{photos / '00.png'}\nnowhere.png\n{photos / '01.png'}\n"
    command = [
        sys.executable,
        "-m",
        "irp_lightning",
        "predict",
        str(cleaned / "detector.ckpt"),
        "-",
    ]
    done = subprocess.run(command, input=names, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line.rpartition("/")[2][:6] for line in done.stdout.splitlines()[1:]] == ["00.png", "01.png"]
    assert "nowhere.png" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_rate_moves_the_threshold(
    cleaned: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = str(photos / "00.png")
    predict.main([str(cleaned / "detector.ckpt"), image, "--false-alarms", "0.5"])
    bold = float(capsys.readouterr().out.splitlines()[1].split(",")[-1])
    calibration = load_detector(cleaned / "detector.ckpt").calibration
    assert calibration is not None
    assert bold < calibration.threshold


def test_a_rate_that_cannot_be_promised_is_told(
    cleaned: Path, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = [str(cleaned / "detector.ckpt"), str(photos / "00.png"), "--false-alarms"]
    predict.main([*command, "0.5"])
    assert capsys.readouterr().err == ""
    predict.main([*command, "0.0001"])
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith(
        "irp_lightning: --false-alarms 0.0001: false alarms of 0.01 % cannot be guaranteed"
    )
    calibration = load_detector(cleaned / "detector.ckpt").calibration
    assert calibration is not None
    assert f"(1 in {calibration.groups + 1})" in line
    assert float(said.out.splitlines()[1].split(",")[-1]) == calibration.at(0.0001).threshold


def test_the_same_command_again_computes_nothing(
    photos: Path, cleaned: Path, small_overrides: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    before = (cleaned / "report.html").stat().st_mtime_ns
    main([str(photos), "--out", str(cleaned), "--false-alarms", "0.05", *small_overrides])
    assert "complete already" in capsys.readouterr().out
    assert (cleaned / "report.html").stat().st_mtime_ns == before


def test_of_a_complete_cleaning_is_told_what_has_changed(
    photos: Path, small_overrides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    command = [str(folder), "--out", str(tmp_path / "out"), *small_overrides]
    main(command)
    capsys.readouterr()
    main(command)
    assert "since then" not in capsys.readouterr().out
    later = (tmp_path / "out/metrics.json").stat().st_mtime + 9
    for file in folder.iterdir():  # a camera's or file server's clock
        os.utime(file, (later, later))
    main(command)
    assert "since then" not in capsys.readouterr().out
    (folder / "00.png").rename(folder / "new.png")
    shutil.copy(folder / "02.png", folder / "01.png")
    os.utime(folder / "01.png", (1, 1))
    main(command)
    told = [line for line in capsys.readouterr().out.splitlines() if "since then" in line]
    assert [line.partition(";")[0] for line in told] == [
        "! 1 photographs are new since then (new.png)",
        "! 1 photographs are gone since then (00.png)",
        "! 1 photographs are changed since then (01.png)",
    ]


def test_another_cleaning_in_the_folder_is_told_in_the_words_of_the_command(
    photos: Path, cleaned: Path, small_overrides: list[str]
) -> None:
    with pytest.raises(SystemExit) as error:
        main([str(photos), "--out", str(cleaned), *small_overrides])
    assert str(error.value) == (
        f"irp_lightning: {cleaned} holds a run with --false-alarms=0.05, not 0.01; set another folder "
        "(--out), or --force to replace it"
    )


def test_an_empty_folder_of_ones_own_stays(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(SystemExit, match="--false-alarms=2"):
        main([str(photos), "--out", str(tmp_path / "mine"), "--false-alarms", "2"])
    assert (tmp_path / "mine").is_dir()


def test_a_review_is_followed(
    photos: Path,
    cleaned: Path,
    small_overrides: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    suspects, kept = table(cleaned / "suspects.csv"), table(cleaned / "clean.csv")
    spared, caught = suspects[0]["path"], Path(kept[0]["image_path"]).name
    review = tmp_path / "review.csv"
    with review.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("path", "verdict"), (spared, "normal"), (caught, "defective")])
    out = tmp_path / "out"
    main([str(photos), "--out", str(out), "--review", str(review), *small_overrides])
    gone = {row["path"] for row in table(out / "suspects.csv")}
    assert caught in gone
    assert spared not in gone
    said = json.loads((out / "metrics.json").read_text())["cleaning"]
    assert said["looks"] == 2
    checked = said["review"]
    assert (checked["confirmed_defective"], checked["confirmed_normal"]) == (1, 1)
    scores = {row["path"]: float(row["detector_score"]) for row in table(out / "suspects.csv")}
    assert checked["caught"] == int(scores[caught] > said["threshold"])
    told = " ".join(capsys.readouterr().out.split())
    assert f"{checked['caught']} of 1 marked defective score above the threshold" in told
    page = " ".join((out / "report.html").read_text(encoding="utf-8").split())
    assert f"the threshold catches {checked['caught']} of the 1 image marked defective" in page
    assert "If every suspect that nobody marked defective were a good part after all" in page
    # What is confirmed as defective is not counted among those that may be good, and copies once.
    doubtful = {score for name, score in scores.items() if name != caught}
    count, above = said["calibration_groups"] + 1, sum(s > said["threshold"] for s in doubtful)
    expected = (said["false_alarms_promised"] * count + above) / (count + len(doubtful))
    assert said["false_alarms_at_most"] == pytest.approx(expected)
    (row,) = [row for row in table(out / "suspects.csv") if row["path"] == caught]
    assert row["why"] == "marked defective in the review"


def test_trusted_photographs_stay(photos: Path, small_overrides: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "in"
    (folder / "normal").mkdir(parents=True)
    names = [p for p in sorted(photos.iterdir()) if p.suffix == ".png"]
    for i, file in enumerate(names):
        # What would be removed first is trusted.
        place = folder / "normal" if file.name.startswith(("b", "<", "it")) else folder
        (place / f"{i}.png").write_bytes(file.read_bytes())
    main([str(folder), "--out", str(tmp_path / "out"), *small_overrides])
    assert not [row for row in table(tmp_path / "out/suspects.csv") if row["path"].startswith("normal/")]


@pytest.mark.parametrize("how", ["copy", "link"])
def test_photographs_are_sorted_when_asked_twice(
    photos: Path, cleaned: Path, small_overrides: list[str], tmp_path: Path, how: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    command = [str(photos), "--out", str(cleaned), "--false-alarms", "0.05", f"--{how}"]
    command += [str(tmp_path / "sorted")]
    main([*command, *small_overrides])
    assert not (tmp_path / "sorted").exists()
    main([*command, "--yes", *small_overrides])
    good = list((tmp_path / "sorted/train/good").iterdir())
    suspects = list((tmp_path / "sorted/test/suspect").iterdir())
    assert len(suspects) == len(table(cleaned / "suspects.csv"))
    assert len(good) + len(suspects) == len(list(photos.iterdir()))
    assert good[0].is_symlink() == (how == "link")
    capsys.readouterr()
    main([*command, "--yes", *small_overrides])
    assert f"; {len(list(photos.iterdir()))} are there already" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["${a}", "\\${a}", "~nobody", "a=b, (c)"])
def test_a_folder_of_any_name_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    found = experiment_of_folder(tmp_path / name, tmp_path / "out")
    assert found.data.root == str(tmp_path / name)


def test_bad_input_is_one_line_and_leaves_nothing(photos: Path, tmp_path: Path) -> None:
    review = tmp_path / "review.csv"
    review.write_text("path,verdict\nnowhere.png,normal\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    for arguments, message in (
        ([str(tmp_path / "no"), "--out", str(tmp_path / "o")], "is not there"),
        ([str(photos), "--out", str(photos / "o")], "is inside"),
        ([str(photos), "--out", str(review)], "is a file"),
        (
            [str(photos), "--out", str(tmp_path / "o"), "data.root=x"],
            "data.root=x is set by DIR here",
        ),
        ([str(photos), "--out", str(tmp_path / "o"), "cache_dir=${no.such}"], "no.such"),
        (
            [str(photos), "--out", str(tmp_path / "o"), "--false-alarms", "2"],
            "--false-alarms=2.0 is not",
        ),
        ([str(photos), "--out", str(tmp_path / "o"), "refine=irp"], "refine=robust"),
        (
            [str(photos), "--out", str(tmp_path / "o"), "refine/scoring=cross_fit"],
            r"refine\.scoring=cross_fit does not show where",
        ),
        (
            [str(photos), "--out", str(tmp_path / "o"), "--review", str(review)],
            r"none of the .* \(nowhere.png\)",
        ),
        ([str(photos), "--out", str(tmp_path / "o"), "--review", "no.csv"], "--review=.* is not a file"),
        ([str(photos), "--out", str(tmp_path / "o"), "--groups", "no.csv"], "--groups=.* is not a file"),
        ([str(tmp_path / "empty"), "--out", str(tmp_path / "o")], "DIR .*empty has no images"),
    ):
        with pytest.raises(SystemExit, match=message) as error:
            main(arguments)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "o").exists()


def test_photographs_where_a_run_clears_are_refused(
    photos: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    inside = tmp_path / "out/figures/photos"
    shutil.copytree(photos, inside)
    with pytest.raises(SystemExit, match="which a run replaces"):
        main([str(inside), "--out", str(tmp_path / "out"), "--force", *small_overrides])
    assert len(list(inside.iterdir())) == len(list(photos.iterdir()))


@pytest.mark.slow
def test_beginning_anew_leaves_a_folder_that_only_has_the_name_of_one_of_ours(
    photos: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    mine = tmp_path / "out/wandb/offline-run-20260101_000000-abcd/run-abcd.wandb"
    mine.parent.mkdir(parents=True)
    mine.write_text("not uploaded yet")
    command = [str(photos), "--out", str(tmp_path / "out"), *small_overrides]
    main(command)
    main([*command, "--force"])
    assert mine.read_text() == "not uploaded yet"


def test_scores_of_kept_photographs_are_out_of_sample(cleaned: Path) -> None:
    calibration = load_detector(cleaned / "detector.ckpt").calibration
    assert calibration is not None
    listed = torch.tensor([float(row["detector_score"]) for row in table(cleaned / "clean.csv")])
    torch.testing.assert_close(listed.sort().values, calibration.scores.float())
