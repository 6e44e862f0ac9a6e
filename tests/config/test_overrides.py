"""Values that need quotes are refused with them."""

import os
import subprocess

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.config.compose import check_names
from irp_lightning.config.overrides import check_overrides
from irp_lightning.foundation.errors import InputError


def remedy(argument: str) -> str | None:
    """The argument with the quotes that the message gives, as a shell reads it; None: it was fine."""
    try:
        check_overrides([argument])
    except InputError as error:
        text = str(error)
    else:
        return None
    assert argument in text
    command = text.rpartition("for the shell: ")[2].rpartition("within quotes: ")[2]
    result = subprocess.run(["bash", "-c", f"printf %s {command}"], capture_output=True, check=True)
    return os.fsdecode(result.stdout)


def value(argument: str) -> object:
    return OverridesParser.create().parse_overrides([argument])[0].value()


@pytest.mark.parametrize(
    "path",
    [
        "/a=b",
        "~/x",
        "/lot (1)",
        "/it's",
        '/the "x"',
        "/{x}",
        "/a[1]",
        "/50%&#",
        "/price=$1",
    ],
)
def test_paths_come_with_the_quotes_that_they_need(path: str) -> None:
    given_back = remedy(f"data.root={path}")
    assert given_back is not None
    assert value(given_back) == path
    check_overrides([given_back])


@pytest.mark.parametrize("value", ["null", "true", "3", "1.5", "{a:1}"])
def test_a_group_chooses_a_file(value: str) -> None:
    with pytest.raises(InputError, match=r"is empty; name a file of conf/data"):
        check_overrides([f"data={value}"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosie=0.3"], "nosie=0.3 is unknown; did you mean noise?"),
        (["image_size=64"], "image_size=64 is unknown; did you mean data.image_size?"),
        (["data.depth=12"], "data.depth=12 is unknown; did you mean data.bit_depth?"),
        (["modle=knn"], "modle=knn is unknown; did you mean model?"),
        (["model.lrr=1"], "model.lrr=1 is unknown; did you mean model.lr?"),
        (["hydra.run.dirr=x"], "hydra.run.dirr=x is unknown; did you mean hydra.run.dir?"),
        (["data=mvtek"], "data=mvtek is unknown; did you mean mvtec?"),
        (["-m", "refine=irp,ors"], "refine=ors is unknown; did you mean osr?"),
        (["+experiment=[demo,foldr]"], "experiment=foldr is unknown; did you mean folder?"),
        (["logger=x"], "logger=x is unknown; choose one of: csv, wandb"),
        (
            ["backbone@refine.scoring.backbone=resnet"],
            "backbone@refine.scoring.backbone=resnet is unknown; did",
        ),
        (
            ["refine.scoring.fold=2"],
            "refine.scoring.fold=2 is unknown; did you mean refine.scoring.folds?",
        ),
        (["-m", "refine/rule=mad,mda"], "refine/rule=mda is unknown; did you mean mad?"),
        (["zzz=1"], "zzz=1 is unknown; irp-lightning run --help shows all keys"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError) as error:
        check_names(arguments)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["-m", "noise=0,0.1", "data=mvtec,visa", "seed=range(3)"],
        ["-m", "+experiment=glob(*)", "noise=interval(0, 0.3)"],
        ["~logger", "hydra.run.dir=/x", "+model.width=64", "--cfg", "job"],
        ["--config-dir", "/mine", "nosie=0.3"],  # a key of the user's own
    ],
)
def test_what_hydra_takes_is_let_through(arguments: list[str]) -> None:
    check_names(arguments)


def test_a_path_that_is_no_utf_8_can_be_printed() -> None:
    with pytest.raises(InputError, match=r"Gr\\xfcn=1"):
        check_overrides(["data.root=/Gr\udcfcn=1"])


@pytest.mark.parametrize("name", ["1e1", "1_000", "true", "1.50", "-0"])
def test_categories_that_look_like_numbers_too(name: str) -> None:
    given_back = remedy(f"data.category={name}")
    assert given_back is not None
    assert value(given_back) == name


@pytest.mark.parametrize(
    "argument",
    [
        *("data.root=/a b", "data.category=5", "data.category=010", "lam=1e1", "noise=0,0.1", "+x=1e1"),
        *("-m", "--config-dir=/a=b", "hydra.sweep.dir=x", "refine=none", "data.normal=[ok,normal]"),
        *("~data", 'data.root="/a=b"', "data.category=a,b", "noise=range(0,0.5,step=0.1)"),
    ],
)
def test_what_hydra_reads_rightly_is_left_alone(argument: str) -> None:
    assert remedy(argument) is None


@pytest.mark.parametrize("argument", ["lam=[1", "lam='1", 'data.root="a'])
def test_whoever_quotes_gets_the_parsers_reason_in_one_line(argument: str) -> None:
    with pytest.raises(InputError, match=r"^\S+ cannot be read: \S") as error:
        check_overrides([argument])
    assert "\n" not in str(error.value)


@given(st.text(st.characters(min_codepoint=33, max_codepoint=255), min_size=1))
def test_no_path_is_read_as_another(path: str) -> None:
    try:
        check_overrides([f"data.root=/{path}"])
    except InputError:
        return
    override = OverridesParser.create().parse_overrides([f"data.root=/{path}"])[0]
    if not override.is_sweep_override():  # without -m Hydra refuses a comma, and says what it may mean
        assert override.value() == f"/{path}"


@pytest.mark.parametrize(
    ("older", "now"),
    [
        ("refine.k=0.2", "refine.rule.k=0.2"),
        ("refine.k=0.2,0.3", "refine.rule.k=0.2,0.3"),
        ("refine.folds=3", "refine.scoring.folds=3"),
        ("refine.retrain=scratch", "refine.scoring.retrain=scratch"),
        ("refine.scoring=mutual", "refine/scoring=mutual"),
        ("refine.scoring=my.Scorer", "refine/scoring=custom refine.scoring._target_=my.Scorer"),
        ("refine.rule=mad,otsu", "refine/rule=mad,otsu"),
        ("refine.backbone.layers=[2]", "refine.scoring.backbone.layers=[2]"),
        ("backbone@refine.backbone=timm", "backbone@refine.scoring.backbone=timm"),
    ],
)
def test_an_older_spelling_is_answered_with_todays(older: str, now: str) -> None:
    with pytest.raises(InputError) as error:
        check_overrides([older])
    assert str(error.value) == f"{older} is spelt {now} now; write it so"
    check_overrides(now.split())
