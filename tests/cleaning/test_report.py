"""The report in a real browser."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from irp_lightning.foundation.cells import as_cell
from irp_lightning.refinement.looks import best_cut, next_look
from irp_lightning.runs.folder import csv_rows


@pytest.fixture
def page(browser: Any, cleaned: Path) -> Iterator[Any]:
    made = browser.new_page()
    problems: list[str] = []
    made.on("pageerror", lambda error: problems.append(str(error)))
    made.on("dialog", lambda dialog: problems.append("a name was run as a script"))
    made.on(
        "request", lambda r: None if r.url[:5] in ("file:", "data:", "blob:") else problems.append(r.url)
    )
    made.goto((cleaned / "report.html").as_uri())
    yield made
    made.close()
    assert problems == []


def data(cleaned: Path) -> dict[str, Any]:
    found = re.search(
        r'id="data">(.*?)</script>', (cleaned / "report.html").read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return dict(json.loads(found[1]))


def test_suspects_are_shown_with_what_they_are_like(page: Any, cleaned: Path) -> None:
    names = [row["path"] for row in csv_rows(cleaned / "suspects.csv")]
    shown = page.locator(".item .name").all_inner_texts()
    assert [" ".join(n.split()) for n in shown] == [" ".join(n.split()) for n in names[:24]]
    assert page.locator(".item").first.locator("img").count() == 3
    for image in page.locator(".item img").all()[:6]:
        image.scroll_into_view_if_needed()
        assert image.evaluate("i => i.decode().then(() => i.naturalWidth)") > 0


def test_what_is_proposed_and_saved_is_what_the_command_follows(
    page: Any, cleaned: Path, tmp_path: Path
) -> None:
    known = data(cleaned)
    rank = {item["path"]: item["rank"] for item in known["items"]}
    looks: dict[int, bool] = {}
    for defective in (True, False, True):
        page.click("#propose")
        focused = page.evaluate("document.activeElement.dataset.path")
        assert rank[focused] == next_look(known["count"], known["expected"], looks)
        page.keyboard.press("d" if defective else "n")
        looks[rank[focused]] = defective
    cut = best_cut(known["count"], known["expected"], looks)
    # As follow() does: all before the cut goes, but for what is marked.
    going = sum(looks.get(place, place < cut) for place in range(known["count"]))
    assert f"{going} of {known['count']} images would be removed" in page.inner_text("#progress")
    with page.expect_download() as download:
        page.click("#save")
    download.value.save_as(tmp_path / "review.csv")
    saved = csv_rows(tmp_path / "review.csv")
    assert {rank[row["path"]]: row["verdict"] == "defective" for row in saved} == looks


def test_what_a_spreadsheet_would_run_is_saved_as_tables_write_it(page: Any) -> None:
    texts = ["=1.png", "'=1.png", "+a", "-a", "@a", "\ta", "a=1", "'a", "", "＝a"]
    assert page.evaluate("(texts) => texts.map(asCell)", texts) == [as_cell(text) for text in texts]


def test_a_threshold_can_be_tried(page: Any) -> None:
    before = page.inner_text("#alarms")
    page.focus("#slider")
    page.keyboard.press("Home")
    assert page.inner_text("#alarms") != before
    everything = re.search(r"alarms for (\d+) of (\d+) kept", page.inner_text("#alarms"))
    assert everything is not None
    assert int(everything[1]) >= int(everything[2]) - 1  # the lowest is not above itself


def test_the_page_fits_a_phone(page: Any) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
