"""Complete results are believed only if they are still so, and what persons said is kept."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from run_files import rows as table

from irp_lightning.clean import main
from irp_lightning.runs.record import read_config

Clean = Callable[..., str]


@pytest.fixture
def own(
    photos: Path, cleaned: Path, small_overrides: list[str], tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> Clean:  # fmt: skip
    """Copies of the photographs and of their results, and the command for them: what it prints."""
    folder, out = tmp_path / "photos", tmp_path / "out"
    shutil.copytree(photos, folder)
    shutil.copytree(cleaned, out)

    def command(*arguments: object, of: Path = folder) -> str:
        given = [of, "--out", out, "--false-alarms", 0.05, *arguments, *small_overrides]
        main(list(map(str, given)))
        return capsys.readouterr().out

    return command


def kept(out: Path) -> list[str]:
    return [Path(row["image_path"]).name for row in table(out / "clean.csv")]


def write_review(file: Path, verdicts: dict[str, str]) -> Path:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("path", "verdict"), *verdicts.items()])
    return file


def test_a_folder_that_moved_has_its_new_paths_everywhere(own: Clean, tmp_path: Path) -> None:
    own()
    after = tmp_path / "elsewhere"
    (tmp_path / "photos").rename(after)
    out = tmp_path / "out"
    said = own("--link", tmp_path / "linked", "--yes", of=after)
    assert "complete already" in said
    assert "since then" not in said
    assert {Path(row["image_path"]).parent for row in table(out / "clean.csv")} == {after}
    assert (read_config(out) or {})["data"]["root"] == str(after)
    assert f"<dd>{after}</dd>" in (out / "report.html").read_text(encoding="utf-8")
    assert all(link.exists() for link in (tmp_path / "linked").rglob("*.png"))


def test_other_photographs_of_the_same_names_are_another_folder(own: Clean, tmp_path: Path) -> None:
    other = shutil.copytree(tmp_path / "photos", tmp_path / "other")
    shutil.copy(other / "02.png", other / "01.png")
    with pytest.raises(
        SystemExit, match=r"01\.png is another image of the same name; set another folder"
    ):
        own(of=other)


def test_a_plain_command_keeps_the_review_and_force_says_what_it_forgets(
    own: Clean, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    caught = kept(out)[0]
    review = write_review(tmp_path / "mine.csv", {caught: "defective"})
    own("--review", review)
    assert caught not in kept(out)
    review.unlink()  # the results have a copy
    assert "complete already" in own()
    assert "complete already" in own("--review", out / "review.csv")
    (tmp_path / "photos/07.png").rename(tmp_path / "photos/new.png")
    assert f"--force --review {out / 'review.csv'} cleans them anew" in own()
    assert caught not in kept(out)
    own("--force", "--review", out / "review.csv")
    assert caught not in kept(out)
    said = own("--force")
    assert (
        f"--force forgets the review of 1 photographs; it stays in {out / 'review.before.csv'}" in said
    )
    assert caught in kept(out)
    own("--review", out / "review.before.csv")
    assert caught not in kept(out)


def test_a_review_changed_behind_its_results_is_not_passed_over(own: Clean, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one, other = kept(out)[:2]
    own("--review", write_review(tmp_path / "mine.csv", {one: "defective"}))
    write_review(out / "review.csv", {one: "defective", other: "defective"})
    with pytest.raises(
        SystemExit, match=r"review\.csv was changed since it was followed; give --review"
    ):
        own()
    own("--review", out / "review.csv")
    assert other not in kept(out)


def test_a_missing_review_is_one_line_in_the_words_of_the_command(own: Clean, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"--review=.*nowhere\.csv is not a file"):
        own("--review", tmp_path / "nowhere.csv")


@pytest.mark.parametrize("how", ["copy", "link"])
def test_what_was_stopped_half_way_is_resumed_and_leaves_nothing_partial(
    own: Clean, tmp_path: Path, how: str
) -> None:
    to = tmp_path / "to"
    own(f"--{how}", to, "--yes")
    files = sorted(file for file in to.rglob("*") if not file.is_dir())
    for file in files[3:]:
        file.unlink()
    (files[0].parent / ".0123abcd.part.png").write_bytes(b"half a picture")
    said = own(f"--{how}", to, "--yes")
    assert "; 3 are there already" in said
    assert sorted(file for file in to.rglob("*") if not file.is_dir()) == files


def test_another_file_in_the_place_of_a_photograph_is_not_replaced(own: Clean, tmp_path: Path) -> None:
    to = tmp_path / "to"
    own("--copy", to, "--yes")
    file = next(file for file in to.rglob("*.png"))
    file.write_bytes(b"somebody's own")
    with pytest.raises(SystemExit, match="is there already; give an empty folder to --copy"):
        own("--copy", to, "--yes")
    assert file.read_bytes() == b"somebody's own"
