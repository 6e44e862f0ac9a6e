"""Names of a sweep's cells: readable, stable, and never two cells under one."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.foundation.errors import InputError
from irp_lightning.sweeps.cells import LONGEST, cell_name, list_cells


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        (["noise=0.10", "seed=1"], "noise=0.1,seed=1"),
        (["seed=1", "noise=.1"], "noise=0.1,seed=1"),
        (["lam=2.0"], "lam=2"),
        (["noise=0.30000000000000004"], "noise=0.3"),  # what range(0,0.5,0.1) has
        (["+experiment=demo", "logger=csv", "logger.wandb.tags=[a]", "data.root=/a/b"], "default"),
        (["epochs=4", "noise=0", "refine=irp"], "refine=irp,noise=0,epochs=4"),
        (["model.betas=[0.8,0.9]"], "model.betas=%5B0.8%2C0.9%5D"),
        (["data.groups=/a b/g.csv"], "data.groups=%2Fa%20b%2Fg.csv"),
        (["data.category='Fließ'"], "data.category=Fließ"),
        (["data.category=.."], "data.category=.."),
        (["+model.width=3"], "model.width=3"),
        (["localise=null"], "localise=None"),
        (["trainer=ddp", "trainer.devices=4", "backbone.weights=/w.pth", "sweep.name=x"], "default"),
        (["trainer.precision=bf16-mixed"], "trainer.precision=bf16-mixed"),
    ],
)
def test_names(overrides: list[str], name: str) -> None:
    assert cell_name(overrides) == name


words = st.text(string.ascii_letters + string.digits + "_.-/ ü'", min_size=1, max_size=120)


@given(st.dictionaries(st.sampled_from(["a", "b.c", "d"]), words, min_size=1))
def test_a_name_is_one_folder_that_a_file_system_takes(values: dict[str, str]) -> None:
    quoted = {k: "'" + v.replace("\\", "\\\\").replace("'", "\\'") + "'" for k, v in values.items()}
    name = cell_name([f"{key}={value}" for key, value in quoted.items()])
    assert "/" not in name
    assert name not in (".", "..")
    assert len(name.encode()) <= LONGEST


@given(st.lists(st.integers(0, 5000), min_size=2, max_size=5, unique=True))
def test_other_values_other_names(numbers: list[int]) -> None:
    values = [number / 10_000 for number in numbers]
    assert len({cell_name([f"noise={value!r}"]) for value in values}) == len(values)


def test_long_names_that_differ_at_their_end_differ() -> None:
    first, second = (cell_name([f"a={'x' * 300}{end}"]) for end in "yz")
    assert first != second


def test_a_sweep_has_one_cell_for_each_combination() -> None:
    sweep = ["+experiment=demo", "noise=0,0.1", "seed=range(3)", "refine=irp"]
    names = list(list_cells(sweep, lambda job: []))
    assert len(names) == 6
    assert names[0] == "refine=irp,noise=0,seed=0"


@pytest.mark.parametrize(
    ("sweep", "named"),
    [("data.root=/a,/b", r"data\.root is left out of names"), ("noise=0.1,0.10", "swept twice")],
)
def test_cells_that_would_share_a_folder_are_refused(sweep: str, named: str) -> None:
    with pytest.raises(InputError, match=named):
        list_cells([sweep, "seed=0,1"], lambda job: [])


def lam_is_idle(job: list[str]) -> list[str]:
    return [o for o in job if o.startswith("lam=") and "refine=none" in job]


def test_a_cell_stands_for_all_that_differ_by_what_does_nothing() -> None:
    cells = list_cells(["refine=none,irp", "lam=1.5,2"], lam_is_idle)
    assert cells == {
        "refine=none": [["lam=1.5"], ["lam=2"]],
        "refine=irp,lam=1.5": [[]],
        "refine=irp,lam=2": [[]],
    }


def test_what_does_nothing_anywhere_is_refused() -> None:
    with pytest.raises(InputError, match="lam has no effect in any cell"):
        list_cells(["refine=none", "lam=1.5,2", "seed=0,1"], lam_is_idle)
