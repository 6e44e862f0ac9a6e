from pathlib import Path

import pytest

from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.fields import load
from irp_lightning.refinement.checks import check_explains
from irp_lightning.refinement.config import SCORERS, RefineConfig

OWN = """
class Mute:
    wants = "patches"
    def __init__(self, images): ...

class Whole:
    wants = "views"
    def __init__(self, images): ...
    def explain(self, images): ...

class Explaining(Mute):
    def explain(self, images): ...
"""


def refine(scoring: str) -> RefineConfig:
    own = {target.split(".")[-2]: target for target in SCORERS if "." in target}
    rule = {"_target_": "irp_lightning.refinement.rules.otsu"}
    nodes = {"scoring": {"_target_": own.get(scoring, scoring)}, "rule": rule}
    return load(RefineConfig, {"name": "own", "max_rounds": 1, **nodes})


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"scorers_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.mark.parametrize("scoring", ["mutual", "gaussian", "ensemble"])
def test_scorers_of_patches_say_where_suspects_differ(scoring: str) -> None:
    check_explains(refine(scoring))


def test_so_may_a_users(own: str) -> None:
    check_explains(refine(f"{own}.Explaining"))


@pytest.mark.parametrize("kind", ["Mute", "Whole"])
def test_one_that_does_not_is_refused(own: str, kind: str) -> None:
    with pytest.raises(WrongValue, match=rf"^scoring={own}\.{kind} does not show where"):
        check_explains(refine(f"{own}.{kind}"))


def test_so_is_a_scorer_of_whole_pictures() -> None:
    with pytest.raises(WrongValue, match=r"^scoring=cross_fit does not show where"):
        check_explains(refine("cross_fit"))
