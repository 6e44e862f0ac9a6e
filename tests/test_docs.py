"""What the documentation shows: its extensions run, its commands compose, its links lead somewhere."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hydra import compose, initialize_config_dir
from run_files import metrics

from irp_lightning.config.compose import CONF

REPO = Path(__file__).parent.parent
PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").glob("*.md"))]


def sections() -> Iterator[Any]:
    """Each extension: its heading, its file's name and text, and the command."""
    text = (REPO / "docs" / "extending.md").read_text(encoding="utf-8")
    for part in text.split("\n## ")[1:]:
        (code,) = re.findall(r"```python\n(.*?)```", part, re.DOTALL)
        (command,) = re.findall(r"```sh\n(.*?)```", part, re.DOTALL)
        name = code.splitlines()[0].removeprefix("# ")
        yield pytest.param(name, code, command, id=name.removesuffix(".py"))


@pytest.mark.parametrize(("name", "code", "shown"), sections())
def test_an_extension_runs_as_it_is_shown(
    name: str,
    code: str,
    shown: str,
    small: list[str],
    images: Path,
    command: Callable[..., Any],
    tmp_path: Path,
) -> None:
    (tmp_path / name).write_text(code, encoding="utf-8")
    python, _, module, *arguments = shlex.split(shown)
    assert (python, module) == ("python", "irp_lightning.run")
    own = {argument.lstrip("+").partition("=")[0] for argument in arguments}
    if "data.root" in own:
        for folder, kind in (("train", "good"), ("test", "good"), ("test", "hole")):
            target = tmp_path / "photos" / "belts" / f"{folder}-{'ok' if kind == 'good' else kind}"
            shutil.copytree(images / "fabric" / folder / kind, target)
    rest = [
        text
        for text in small
        if text.partition("=")[0] not in own
        and not ("model" in own and text.startswith("model"))
        and not (text.startswith("backbone") and "backbone.name" in own)
    ]
    result = command(
        "run", *arguments, *rest, "epochs=1", "hydra.run.dir=run", cwd=tmp_path, OMP_NUM_THREADS="1"
    )
    assert result.returncode == 0, result.stderr
    assert metrics(tmp_path / "run")["status"] == "complete"
    config = (tmp_path / "run" / "config.yaml").read_text()
    assert name.removesuffix(".py") in config  # it was this one that ran


def commands() -> list[str]:
    found = []
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
            lines = block.replace("\\\n", " ").splitlines()
            found += [line.split(" #")[0].strip() for line in lines if "irp_lightning.run" in line]
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_a_command_names_what_there_is(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = shlex.split(command)[3:]
    if any(a in ("--help", "--hydra-help") for a in arguments):
        return
    # A sweep's first values; extras' launchers are not installed everywhere.
    first = [
        argument.partition("=")[0] + "=" + argument.partition("=")[2].split(",")[0]
        for argument in arguments
        if argument != "-m" and not argument.startswith("hydra")
    ]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        compose("config", first)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_the_readme_stays_short() -> None:
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_citation_is_whole() -> None:
    found = yaml.safe_load((REPO / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["preferred-citation"]["year"] == 2025
    assert len(found["preferred-citation"]["authors"]) == 4


def test_every_module_says_what_it_offers() -> None:
    files = [f for f in (REPO / "irp_lightning").rglob("*.py") if f.name != "__init__.py"]
    assert [f for f in files if "__all__" not in f.read_text(encoding="utf-8")] == []
