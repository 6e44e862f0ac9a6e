"""How long a detector was trained and why its refinement ended, beside what it is compared with."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from irp_lightning.commands.compare import main
from irp_lightning.comparison.areas import area_table
from irp_lightning.comparison.budget import Budget, budget_of, remark
from irp_lightning.comparison.curves import dataset_curves
from irp_lightning.comparison.export import as_latex, as_markdown
from irp_lightning.comparison.overview import gap_closures, overview
from irp_lightning.comparison.paired import paired_table
from irp_lightning.detectors.config import DECLARED, ONE_PASS
from irp_lightning.detectors.one_pass import OnePass

FLOW = "irp_lightning.detectors.differnet.DifferNet"
# As an older run says it; today's says the same of its scoring.
IRP = {"name": "irp", "scoring": "in_sample", "max_rounds": 20, "round_epochs": 2, "remove": "worst"}
ROBUST = {"name": "robust", "scoring": "ensemble", "max_rounds": 3, "remove": "all"}


SCORING = {"_target_": "in_sample", "round_epochs": 2, "retrain": "continue"}
RULE = {"_target_": "irp_lightning.refinement.rules.lambda_median", "k": 1.5}
NOW = {"name": "irp", "scoring": SCORING, "rule": RULE, "max_rounds": 20, "remove": "worst"}


def budget(refine: dict[str, Any], target: str = FLOW, **metrics: Any) -> Budget:
    config = {"epochs": 10, "refine": refine, "model": {"_target_": target}}
    return budget_of(config, {"rounds": 20, "removed_bad": 1, "removed_good": 0, **metrics})


@pytest.mark.parametrize(
    ("refine", "target", "epochs", "references"),
    [
        (IRP, FLOW, 50, 10),
        (NOW, FLOW, 50, 10),
        (NOW | {"scoring": SCORING | {"retrain": "scratch"}}, FLOW, 10, 10),
        (IRP | {"retrain": "scratch"}, FLOW, 10, 10),
        (IRP, "irp_lightning.models.knn.KNN", 1, 1),
        (ROBUST, FLOW, 10, 10),
        ({"name": "none", "max_rounds": 0}, FLOW, 10, 10),
        (IRP, "mine.Detector", 50, 10),
    ],
)
def test_the_epochs_of_an_older_run(
    refine: dict[str, Any], target: str, epochs: int, references: int
) -> None:
    found = budget(refine, target)
    assert (found.epochs, found.references) == (epochs, references)


def test_a_run_that_says_its_epochs_is_believed() -> None:
    assert budget(IRP, "mine.Detector", epochs_trained=1).is_longer is False
    assert budget(IRP, epochs_trained=50).is_longer is True


@pytest.mark.parametrize(
    ("refine", "metrics", "used_up"),
    [
        (IRP, {"converged": False, "rounds": 20}, True),
        (IRP, {"converged": True, "rounds": 20}, False),
        (IRP, {"converged": False, "rounds": 9}, False),  # max_removed
        (IRP, {"rounds": 20}, False),  # an older run does not say
        (IRP | {"remove": "all", "max_rounds": 1}, {"converged": False, "rounds": 1}, False),  # osr
        (ROBUST, {"converged": False, "rounds": 3}, True),
        ({"name": "none", "max_rounds": 0}, {"converged": None, "rounds": 0}, False),
    ],
)
def test_rounds_that_were_used_up(
    refine: dict[str, Any], metrics: dict[str, Any], used_up: bool
) -> None:
    assert budget(refine, **metrics).used_up is used_up


def test_only_what_could_remove_can_have_removed_nothing() -> None:
    nothing = {"removed_bad": 0, "removed_good": 0}
    assert budget(ROBUST, **nothing).unchanged is True
    assert budget(ROBUST).unchanged is False
    assert budget({"name": "none", "max_rounds": 0}, **nothing).unchanged is False
    oracle = {"name": "oracle", "scoring": "labels", "max_rounds": 0}
    assert budget(oracle, **nothing).unchanged is False


def test_a_remark_counts_the_runs_that_it_is_of() -> None:
    one, other = Budget(50, 10, True, False), Budget(44, 10, False, True)
    plain = Budget(10, 10, False, False)
    assert remark([one, other, plain]) == (
        "2 of 3 runs trained 44 to 50 epochs, the oracle 10; 1 of 3 runs stopped by max_rounds; "
        "1 of 3 runs removed nothing"
    )
    assert remark([plain, plain]) == ""


def test_one_pass_detectors_are_named_without_importing_them() -> None:
    found = set()
    for target in DECLARED:
        module, _, name = target.rpartition(".")
        if issubclass(getattr(import_module(module), name), OnePass):
            found.add(target)
    assert found == ONE_PASS


@pytest.fixture
def unequal(write_run: Any) -> None:
    """A flow that gained by training five times as long what its removal did not."""
    for seed in (0, 1):
        common = {"model": "differnet_small", "seed": seed, "epochs": 10}
        write_run(f"n{seed}", "none", auroc=0.7, **common)
        write_run(f"o{seed}", "oracle", auroc=0.731, **common)
        folder = write_run(f"i{seed}", "irp", auroc=0.76, removed=[("a.png", 1, "crack")], **common)
        metrics = json.loads((folder / "metrics.json").read_text())
        (folder / "metrics.json").write_text(json.dumps(metrics | {"rounds": 20, "converged": False}))


@pytest.mark.usefixtures("unequal")
def test_a_gap_closed_never_stands_alone(titled: Any) -> None:
    table = overview(titled())
    row = {column: entry.text for column, entry in zip(table.columns, table.rows[1], strict=True)}
    assert row["method"] == "irp"
    assert row["gap closed"] == "1.935 ± 0.000‡§"
    assert row["image AUROC"] == "0.760 ± 0.000‡§"
    assert (row["epochs"], row["remarks"]) == (
        "50",
        "trained 50 epochs, the oracle 10; stopped by max_rounds",
    )
    assert [note[0] for note in table.notes] == ["‡", "§"]
    assert table.rows[0][-1].text == ""
    record = table.records[1]
    assert (record["epochs_trained_mean"], record["remarks"]) == (50, row["remarks"])
    for text in (as_markdown(table), as_latex(table)):
        assert "trained 50 epochs, the oracle 10" in text
        assert "references=matched" in text


@pytest.mark.usefixtures("unequal")
def test_every_place_where_methods_stand_side_by_side_says_it(
    titled: Any, capsys: Any, sweep: Path
) -> None:
    runs = titled()
    areas = area_table(runs)
    assert [row[-1].text for row in areas.rows if row[3].text == "irp"] == ["0.760 ± 0.000‡§"]
    assert [note[0] for note in areas.notes] == ["‡", "§"]
    pairs = {(row[3].text, row[4].text): row[6].text for row in paired_table(runs).rows}
    assert pairs["irp", "vanilla"] == "+0.0600‡"
    assert pairs["oracle", "vanilla"] == "+0.0310"
    picture = dataset_curves(runs)
    assert picture is not None
    assert "trained for as many epochs" in picture.caption
    main([str(sweep)])
    shown = capsys.readouterr().out
    (line,) = [line for line in shown.splitlines() if "trained 50 epochs, the oracle 10" in line]
    assert "1.935 ± 0.000‡§" in line
    page = (sweep / "comparison" / "index.html").read_text(encoding="utf-8")
    assert "trained 50 epochs, the oracle 10" in page


def test_where_all_is_equal_nothing_is_said(write_run: Any, titled: Any) -> None:
    write_run("n", "none")
    write_run("o", "oracle")
    write_run("i", "irp", removed=[("a.png", 1, "crack")])  # one pass fits it
    table = overview(titled())
    assert "remarks" not in table.columns
    assert not [*table.notes, *area_table(titled()).notes, *paired_table(titled()).notes]


def test_matched_references_close_the_gap(write_run: Any, titled: Any) -> None:
    common = {"model": "differnet_small", "references": "matched", "removed": [("a.png", 1, "crack")]}
    write_run("n", "none", auroc=0.7, **common | {"removed": ()})
    write_run("o", "oracle", auroc=0.731, **common)
    folder = write_run("i", "irp", auroc=0.76, **common)
    metrics = json.loads((folder / "metrics.json").read_text())
    own = {"vanilla_auroc": 0.72, "oracle_auroc": 0.8}
    (folder / "metrics.json").write_text(json.dumps(metrics | own))
    assert gap_closures(titled())[folder] == pytest.approx(0.5)
    row = overview(titled()).rows[1]
    assert (row[5].text, row[6].text) == ("0.760‡", "0.500")
