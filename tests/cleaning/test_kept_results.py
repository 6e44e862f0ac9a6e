"""Complete results are believed only if they are still so, and what persons said is kept."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from run_files import rows as table

from irp_lightning.commands.clean import main
from irp_lightning.runs.record import read_config

pytestmark = pytest.mark.slow  # folders that are cleaned several times

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
    assert f"--force --review {out / 'review.csv'} cleans again" in own()
    assert caught not in kept(out)
    own("--force", "--review", out / "review.csv")
    assert caught not in kept(out)
    said = own("--force")
    aside = out / "review.before-1.csv"
    assert f"another review was there; it stays in {aside}" in said
    assert caught in kept(out)
    own("--review", aside)
    assert caught not in kept(out)
    assert "complete already" in own("--review", aside)


def test_a_review_changed_behind_its_results_is_not_passed_over(own: Clean, tmp_path: Path) -> None:
    out = tmp_path / "out"
    one, other = kept(out)[:2]
    own("--review", write_review(tmp_path / "mine.csv", {one: "defective"}))
    write_review(out / "review.csv", {one: "defective", other: "defective"})
    with pytest.raises(SystemExit, match=r"review\.csv has changed since it was applied; give --review"):
        own()
    own("--review", out / "review.csv")
    assert other not in kept(out)


def test_reviews_that_others_replace_are_all_kept(own: Clean, tmp_path: Path) -> None:
    out = tmp_path / "out"
    reviews = [
        write_review(tmp_path / f"{i}.csv", {name: "defective"}) for i, name in enumerate(kept(out)[:3])
    ]
    shutil.copy(reviews[0], out / "review.csv")  # saved there, and not followed yet
    assert "review.csv is not applied; give --review" in own()
    own("--review", reviews[1])
    own("--review", reviews[2])
    aside = [file.read_text() for file in sorted(out.glob("review.before-*.csv"))]
    assert aside == [review.read_text() for review in reviews[:2]]


def test_a_new_review_changes_no_other_setting_unseen(
    photos: Path, own: Clean, small_overrides: list[str], tmp_path: Path
) -> None:
    review = write_review(tmp_path / "mine.csv", {kept(tmp_path / "out")[0]: "defective"})
    command = [str(tmp_path / "photos"), "--out", str(tmp_path / "out"), "--review", str(review)]
    with pytest.raises(
        SystemExit, match=r"--false-alarms=0\.05, not 0\.01; give the review with the same"
    ):
        main([*command, *small_overrides])


def test_a_review_that_marks_many_leaves_enough_to_train_on(own: Clean, tmp_path: Path) -> None:
    out = tmp_path / "out"
    names = sorted(file.name for file in (tmp_path / "photos").iterdir() if file.name[0].isdigit())
    own("--review", write_review(tmp_path / "mine.csv", dict.fromkeys(names[:20], "defective")))
    assert len(kept(out)) >= 3
    assert not set(kept(out)) & set(names[:20])


def test_labels_and_groups_that_changed_are_reported(
    photos: Path, small_overrides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = sorted(file.name for file in photos.iterdir() if file.name[0].isdigit())
    table_, groups = tmp_path / "images.csv", tmp_path / "groups.csv"

    def write(labels: dict[str, str], group: dict[str, str]) -> None:
        rows = [f"{photos / name},{labels.get(name, '')},train" for name in names]
        table_.write_text("\n".join(["image_path,label_index,split", *rows]))
        rows = [f"{photos / name},{group.get(name, name)}" for name in names]
        groups.write_text("\n".join(["path,group", *rows]))

    command = [str(table_), "--out", str(tmp_path / "out"), "--groups", str(groups), *small_overrides]
    write({}, {})
    main(command)
    capsys.readouterr()
    main(command)
    assert "since then" not in capsys.readouterr().out
    write({names[3]: "0"}, {names[0]: "x", names[1]: "x"})
    main(command)
    said = capsys.readouterr().out
    assert f"1 photographs are labelled otherwise since then ({photos / names[3]})" in said
    assert "photographs are grouped otherwise since then" in said


def test_a_table_that_moved_alone_keeps_whole_paths(
    photos: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    files = sorted(file for file in photos.iterdir() if file.name[0].isdigit())
    before, after = photos.parent / "whole.csv", tmp_path / "whole.csv"
    before.write_text("\n".join(["image_path", *map(str, files)]))
    command = ["--out", str(tmp_path / "out"), *small_overrides]
    main([str(before), *command])
    before.rename(after)
    main([str(after), *command])
    assert all(Path(row["image_path"]).is_file() for row in table(tmp_path / "out/clean.csv"))


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
    with pytest.raises(SystemExit, match="exists already; give an empty folder to --copy"):
        own("--copy", to, "--yes")
    assert file.read_bytes() == b"somebody's own"


def test_places_of_another_list_are_refused(own: Clean, tmp_path: Path) -> None:
    """A photograph marked defective must not stay where good ones are trained on."""
    out, to = tmp_path / "out", tmp_path / "to"
    own("--link", to, "--yes")
    review = write_review(tmp_path / "mine.csv", {kept(out)[0]: "defective"})
    with pytest.raises(SystemExit, match="is not from this list; give an empty folder"):
        own("--review", review, "--link", to, "--yes")


def test_a_link_to_a_photograph_that_moves_too_leads_to_its_new_place(
    photos: Path, small_overrides: list[str], tmp_path: Path
) -> None:
    folder = shutil.copytree(photos, tmp_path / "photos")
    (folder / "links").mkdir()
    (folder / "links/link.png").symlink_to("../05.png")
    main(
        [
            str(folder),
            "--out",
            str(tmp_path / "out"),
            "--move",
            str(tmp_path / "to"),
            "--yes",
            *small_overrides,
        ]
    )
    files = list((tmp_path / "to").rglob("*.png"))
    assert len(files) == len(list(photos.iterdir())) + 1
    assert all(file.is_file() for file in files)
