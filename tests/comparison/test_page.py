"""The page in a real browser."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from PIL import Image

from irp_lightning.comparison.page import link_to
from irp_lightning.comparison.report import write_report

EVIL = "<img src=x onerror=alert(1)>"
ODD = 'a&b "c"'


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory, write_run_to) -> Path:
    """The page of synthetic runs, whose folders, classes, defects and files have unkind names."""
    tmp_path = tmp_path_factory.mktemp("page")
    sweep, root = tmp_path / "sweep", tmp_path / "mvtec"
    removed = []
    for kind, name in (("crack", ODD), ("good", "'1' {{ 7*7 }}"), (EVIL.replace("/", ""), EVIL)):
        label = int(kind != "good")
        for category in (ODD, "tile"):
            file = root / category / "test" / kind / f"{name}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (90, 60), (90, 90, 120)).save(file)
        removed.append((f"test/{kind}/{name}.png", label, kind))
    for category in (ODD, "tile"):
        for noise in (0.0, 0.2, 0.4):
            for seed in (0, 1, 2) if noise else (0, 1):
                cell = f"{category},{noise},{seed}"
                common: Any = {"noise": noise, "seed": seed, "category": category, "root": str(root)}
                write_run_to(sweep / f"none,{cell}", "none", auroc=0.9 - noise + seed / 50, **common)
                write_run_to(
                    sweep / f"irp,{cell}", "irp", auroc=0.95 - 1.1 * noise, removed=removed, **common
                )
    (write_run_to(sweep / EVIL) / "metrics.json").write_text(
        f'{{"status": "failed", "error": "{EVIL}"}}'
    )
    (write_run_to(sweep / ODD, seed=9) / "metrics.json").unlink()
    write_report(sweep, tmp_path / "out")
    return tmp_path / "out" / "index.html"


class Watched:
    """A page that is opened, and all that it complained of or asked for."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, scheme: str = "light") -> None:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        self.page = context.new_page()
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append("dialog"), dialog.dismiss()))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri())

    def column(self, table: str, index: int) -> list[str]:
        cells = self.page.locator(f"#{table} tbody tr td:nth-child({index + 1})")
        return cells.all_text_contents()


@pytest.fixture
def watched(browser: Any, page_file: Path) -> Iterator[Watched]:
    opened = Watched(browser, page_file)
    yield opened
    opened.page.context.close()


def test_it_is_whole_by_itself(watched: Watched, page_file: Path) -> None:
    watched.page.wait_for_load_state("networkidle")
    assert watched.complaints == []
    assert [url for url in watched.requests if not url.startswith("data:")] == [page_file.as_uri()]
    widths = watched.page.eval_on_selector_all("img", "all => all.map(i => i.naturalWidth)")
    assert len(widths) > 2
    assert min(widths) > 0
    alts = watched.page.eval_on_selector_all("img", "all => all.map(i => i.alt)")
    assert all(alts)


def test_names_are_text(watched: Watched) -> None:
    text = watched.page.inner_text("body")
    for name in (EVIL, ODD, "{{ 7*7 }}"):
        assert name in text
    assert watched.page.locator("[onerror]").count() == 0
    assert watched.page.locator("img[src='x']").count() == 0
    assert watched.complaints == []


def test_a_click_sorts_and_another_reverses(watched: Watched) -> None:
    headings = watched.page.locator("#runs th").all_inner_texts()
    auroc = next(i for i, name in enumerate(headings) if "AUROC" in name)
    heading = watched.page.locator("#runs th").nth(auroc)
    before = watched.column("runs", auroc)
    assert before != sorted(before, key=float)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert watched.column("runs", auroc) == sorted(before, key=float)
    heading.locator("button").press("Enter")
    assert heading.get_attribute("aria-sort") == "descending"
    assert watched.column("runs", auroc) == sorted(before, key=float, reverse=True)
    watched.page.locator("#runs th").nth(0).locator("button").click()
    assert heading.get_attribute("aria-sort") == "none"
    names = watched.column("runs", 0)
    assert names[0].startswith("irp,")
    assert names[-1].startswith("none,")


def test_numbers_sort_by_value_and_gaps_stay_at_the_end(watched: Watched) -> None:
    headings = watched.page.locator("#paired th").all_inner_texts()
    column = next(i for i, name in enumerate(headings) if name.startswith("difference"))
    button = watched.page.locator("#paired th").nth(column).locator("button")
    button.click()
    differences = [float(cell.replace("−", "-")) for cell in watched.column("paired", column)]
    assert differences == sorted(differences)
    assert differences[0] < differences[-1]
    (p,) = (i for i, name in enumerate(headings) if name.split()[0] == "p" and "Holm" not in name)
    for _ in range(2):
        watched.page.locator("#paired th").nth(p).locator("button").click()
        first, last = watched.column("paired", p)
        assert float(first) < 1
        assert last == "– fewer than 6 pairs"


def test_runs_lead_to_their_folders(watched: Watched, page_file: Path) -> None:
    sweep = page_file.parent.parent / "sweep"
    links = watched.page.eval_on_selector_all("#not_compared td a", "all => all.map(a => a.href)")
    assert sorted(map(unquote, links)) == sorted(
        unquote(f"{(sweep / name).as_uri()}/") for name in (EVIL, ODD)
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone(scheme: str, browser: Any, page_file: Path) -> None:
    opened = Watched(browser, page_file, width=390, scheme=scheme)
    wide, inner = opened.page.evaluate("[document.scrollingElement.scrollWidth, innerWidth]")
    colours = opened.page.evaluate(
        "['color', 'background-color'].map(n => getComputedStyle(document.body).getPropertyValue(n))"
    )
    opened.page.context.close()
    assert wide <= inner
    ink, paper = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours)
    assert (ink < paper) == (scheme == "light")


def test_links_are_relative_and_quoted(tmp_path: Path) -> None:
    assert link_to(tmp_path / "a b?#", tmp_path / "out") == "../a%20b%3F%23/"


def test_no_name_is_in_the_source_unescaped(page_file: Path) -> None:
    source = page_file.read_text(encoding="utf-8")
    assert EVIL not in source
    assert "&lt;img src=x onerror=alert(1)&gt;" in source
    assert "http://" not in source
    assert "https://" not in source
