"""What the documentation shows: its extensions run, its commands compose, its links lead somewhere."""

import re
import shlex
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import open_dict
from run_files import metrics, rows

from irp_lightning.config.compose import CONF, checked
from irp_lightning.sweeps.idle import idle_overrides

REPO = Path(__file__).parent.parent
PAGES = [REPO / "README.md", REPO / "CONTRIBUTING.md", *sorted((REPO / "docs").glob("*.md"))]
EXTENDING = (REPO / "docs" / "extending.md").read_text(encoding="utf-8")

OWN = re.compile(r"\bmy_\w+|\bdata=belts")
"""What only an author of extensions has; the commands with it are run, and not only composed."""

NEEDS = {
    "model.average": "model=differnet_small",
    "refine.scoring.retrain": "refine=osr",
    "model=custom": "model._target_=module.Class",
    "hydra.launcher.partition": "hydra/launcher=slurm",
    "hydra.launcher.remote": "hydra/launcher=ray_gpu",
}
"""What an override that is named alone goes with."""

PLACEHOLDER = re.compile(r"(?:[A-Z_]+|FILE\.csv|[\w.]+\.pth)\Z")
"""A value that stands for one of the reader's, such as DIR."""


def blocks(text: str, *languages: str) -> list[str]:
    found: list[str] = re.findall(rf"```(?:{'|'.join(languages)})\n(.*?)```", text, re.DOTALL)
    return [block.replace("\\\n", " ") for block in found]


# What each extension must have changed in the run folder, besides the word in config.yaml.


def _photos(run: Path) -> None:
    found = rows(run / "manifest.csv")
    assert {row["file"].split("/")[1] for row in found} == {"train-ok", "test-ok", "test-hole"}
    assert {row["defect"] for row in found if row["label"] == "1"} == {"hole"}


def _backbone(run: Path) -> None:
    assert contents(run)["irp_lightning"]["dim"] == 3 * 32  # three scales of its last layer


def _rule(run: Path) -> None:
    first = contents(run)["callbacks"]["IterativeRefinement"]["rounds"][0]
    scores = first["scores"].double()
    assert first["threshold"] == pytest.approx(float(scores.mean() + 2 * scores.std()))


def _scorer(run: Path) -> None:
    median = float(rows(run / "rounds.csv")[0]["median"])
    assert abs(median - 1) > 1e-3  # the project's scorers call an ordinary image 1


def _detector(run: Path) -> None:
    saved = contents(run)
    assert saved["irp_lightning"]["detector"] == "my_detector.Centre"
    assert saved["state_dict"]["centre"].abs().sum() > 0  # it was trained


EFFECTS = {
    "data.reader": ("my_dataset.read", _photos),
    "data": ("my_dataset.read", _photos),
    "backbone.name": ("my_backbone.build", _backbone),
    "refine.rule._target_": ("my_rules.above_mean", _rule),
    "refine.scoring._target_": ("my_scorer.FarFromTheMean", _scorer),
    "model._target_": ("my_detector.Centre", _detector),
}
"""By the override that chooses the extension: its name in config.yaml, and what it must have done."""


def contents(run: Path) -> dict[str, Any]:
    saved: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return saved


def chosen_by(command: str) -> str:
    """The key that EFFECTS knows among those of a command."""
    keys = [word.partition("=")[0] for word in shlex.split(command)]
    (key,) = [key for key in keys if key in EFFECTS]
    return key


def test_each_extension_has_a_command() -> None:
    assert sorted(map(chosen_by, blocks(EXTENDING, "sh"))) == sorted(EFFECTS)


@pytest.mark.slow
@pytest.mark.parametrize("shown", blocks(EXTENDING, "sh"), ids=chosen_by)
def test_an_extension_runs_as_it_is_shown(
    shown: str, small: list[str], images: Path, command: Callable[..., Any], tmp_path: Path
) -> None:
    for text in blocks(EXTENDING, "python", "yaml"):
        file = tmp_path / text.splitlines()[0].removeprefix("# ")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    for folder, name in (
        ("train/good", "train-ok"),
        ("test/good", "test-ok"),
        ("test/hole", "test-hole"),
    ):
        shutil.copytree(images / "fabric" / folder, tmp_path / "photos" / "belts" / name)
    python, _, module, *arguments = shlex.split(shown)
    assert (python, module) == ("python", "irp_lightning.run")

    key = chosen_by(shown)
    taken = {
        "data.reader": ("data.root", "data.category"),
        "data": ("data.root", "data.category"),
        "model._target_": ("model", "model.hidden", "model.n_blocks"),
    }.get(key, ())
    rest = [text for text in small if text.partition("=")[0] not in taken]
    result = command("run", *arguments, *rest, "epochs=1", "hydra.run.dir=run", cwd=tmp_path)

    assert result.returncode == 0, result.stderr
    assert metrics(tmp_path / "run")["status"] == "complete"
    name, has_worked = EFFECTS[key]
    assert f": {name}\n" in (tmp_path / "run" / "config.yaml").read_text(encoding="utf-8")
    has_worked(tmp_path / "run")


def shown_commands(command: str) -> list[str]:
    """The lines of a command in the pages' blocks, each once."""
    found = set()
    for page in PAGES:
        for block in blocks(page.read_text(encoding="utf-8"), "sh"):
            lines = block.splitlines()
            found |= {re.split(r"\s#", line)[0].strip() for line in lines if f"{command} " in line}
    return sorted(line for line in found if not OWN.search(line))


def named_in_passing() -> list[str]:
    """Overrides in the pages' running text and tables; ``a·b`` are several values."""
    found = set()
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
        for code in re.findall(r"`([^`]+)`", text):
            words = code.split()
            if code == "weights_only=True":  # an argument of torch's
                continue
            if (
                all(re.fullmatch(r"(\+experiment|[a-z][\w./]*)=\S+", word) for word in words)
                and "…" not in code
            ):
                found.add(code.replace("·", ","))
    return sorted(code for code in found if not OWN.search(code))


def variants(overrides: list[str]) -> Iterator[list[str]]:
    """A command's overrides with every value of a sweep once, the others at their first."""
    values = []
    for override in OverridesParser.create().parse_overrides(overrides):
        key = str(override.input_line).partition("=")[0]
        several = override.sweep_string_iterator() if override.is_sweep_override() else None
        values.append([f"{key}={v}" for v in several] if several else [str(override.input_line)])
    yield [first for first, *_ in values]
    for i, (_, *others) in enumerate(values):
        for other in others:
            yield [other if i == j else first for j, (first, *_) in enumerate(values)]


def check_overrides(overrides: list[str]) -> None:
    """Compose them, placeholders too; check the values of all but those."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for variant in variants(overrides):
            needed = {
                with_it for start, with_it in NEEDS.items() if any(o.startswith(start) for o in variant)
            }
            whole = [*(needed - set(variant)), *variant]
            cfg = compose("config", whole, return_hydra_config=True)
            values = [text for text in whole if not PLACEHOLDER.match(text.partition("=")[2])]
            if values != whole:
                cfg = compose("config", values, return_hydra_config=True)
            with open_dict(cfg):
                del cfg["hydra"]
            checked(cfg)


def test_variants_are_all_values_of_a_sweep() -> None:
    assert list(variants(["noise=0,0.1", "refine=none,irp", "logger.wandb.tags=[a,b]"])) == [
        ["noise=0", "refine=none", "logger.wandb.tags=[a,b]"],
        ["noise=0.1", "refine=none", "logger.wandb.tags=[a,b]"],
        ["noise=0", "refine=irp", "logger.wandb.tags=[a,b]"],
    ]


@pytest.mark.parametrize("line", shown_commands("-m irp_lightning.run"))
def test_a_command_names_what_there_is(line: str) -> None:
    arguments = shlex.split(line)[3:]
    if "--help" in arguments:
        return
    overrides = [argument for argument in arguments if argument != "-m"]
    check_overrides(overrides)
    if "-m" not in arguments:  # and nothing that would be refused because it does nothing
        with initialize_config_dir(str(CONF), version_base="1.3"):
            assert idle_overrides(overrides, compose("config", overrides).refine) == []


@pytest.mark.parametrize("code", named_in_passing())
def test_an_override_in_passing_names_what_there_is(code: str) -> None:
    check_overrides(code.split())


@pytest.mark.slow
@pytest.mark.parametrize("verb", ["bank", "clean", "compare", "dashboard", "predict"])
def test_options_of_the_other_verbs_exist(
    verb: str, command: Callable[..., Any], tmp_path: Path
) -> None:
    lines = shown_commands(f"irp-lightning {verb}")
    assert lines
    for line in lines:
        words = shlex.split(line)[2:]
        which = words[:1] if verb == "bank" else []  # it has commands of its own
        known = command(verb, *which, "--help", cwd=tmp_path)
        assert known.returncode == 0, known.stderr
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        assert options <= set(re.findall(r"--[\w-]+", known.stdout))


@pytest.mark.parametrize("page", [*PAGES, REPO / "CHANGELOG.md"], ids=lambda page: page.name)
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert not missing


def test_every_page_is_linked_from_the_readme() -> None:
    text = (REPO / "README.md").read_text(encoding="utf-8")
    assert [p.name for p in (REPO / "docs").glob("*.md") if f"(docs/{p.name})" not in text] == []


def test_the_readme_stays_short() -> None:
    assert len((REPO / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_citation_is_whole() -> None:
    found = yaml.safe_load((REPO / "CITATION.cff").read_text(encoding="utf-8"))
    assert found["preferred-citation"]["year"] == 2025
    assert len(found["preferred-citation"]["authors"]) == 4


def test_every_module_says_what_it_offers() -> None:
    files = [f for f in (REPO / "irp_lightning").rglob("*.py") if not f.name.startswith("__")]
    assert [f for f in files if "__all__" not in f.read_text(encoding="utf-8")] == []
