"""What was measured of the paper: which run a row is of, and a run that is scored anew."""

import math
from pathlib import Path

import pytest
from common import sweeps
from common.tables import write_rows
from study_scripts import script, sweep

from irp_lightning.foundation.errors import InputError
from irp_lightning.runs.record import Record

pytestmark = pytest.mark.slow  # runs studies


def as_of_the_grid(swept: Path, **figures: object) -> Record:
    """A run that says it is one of the measured grid."""
    record = sweeps.records(swept)[0]
    record.config.update(epochs=60, batch_size=32)
    record.metrics.update(model="differnet_small", backbone="alexnet", category="screw", **figures)
    return record


def test_a_run_that_was_trained_otherwise_takes_no_place(
    swept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = script("paper/measured_rows")
    record = as_of_the_grid(swept)
    monkeypatch.setattr(sweeps, "records", lambda folder: [record])
    assert rows.records_of(swept) == [record]
    record.config.update(epochs=20)
    with pytest.raises(InputError, match="epochs=20; the grid's runs have 60"):
        rows.records_of(swept)


def test_rows_of_a_sweep_take_the_place_of_those_kept_before(
    swept: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = script("paper/measured_rows")
    record = as_of_the_grid(swept)
    row = rows.of_record(record)
    before, other = {**row, "image_auroc": "0.5"}, {**row, "seed": "7", "image_auroc": "0.6"}
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results.csv")
    write_rows(rows.RESULTS, [before, other])
    monkeypatch.setattr(rows, "STUDY", tmp_path / "study.csv")
    write_rows(rows.STUDY, [{"model": "gaussian"}])
    monkeypatch.setattr(sweeps, "records", lambda folder: [record])
    assert rows.collected([swept]) == [row, other]
    monkeypatch.setattr(sweeps, "records", lambda folder: [])
    with pytest.raises(InputError, match="holds no finished run of differnet_small"):
        rows.collected([swept])


def test_a_first_round_never_takes_the_place_of_a_vanilla_run(
    swept: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = script("paper/measured_rows")
    record = as_of_the_grid(swept, method="osr", k=1.2)
    first, osr = rows.of_first_round(record), rows.of_record(record)
    vanilla = {**first, "image_auroc": "0.5", "source": "sweep"}
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results.csv")
    monkeypatch.setattr(rows, "STUDY", tmp_path / "study.csv")
    write_rows(rows.STUDY, [{"model": "gaussian"}])
    monkeypatch.setattr(sweeps, "records", lambda folder: [record])
    for kept, expected in ((vanilla, vanilla), ({**vanilla, "source": "robustness"}, first)):
        write_rows(rows.RESULTS, [kept])
        assert rows.collected([swept]) == [expected, osr]


def test_means_are_of_the_seeds_that_vanilla_training_has() -> None:
    rows = script("paper/measured_rows")
    found = [
        {"method": method, "noise": noise, "seed": seed}
        for method, noise, seeds in (
            *(("none", "0.2", "012"), ("irp", "0.2", "012"), ("irp_all", "0.2", "0")),
            *(("none", "0.3", "0"), ("irp_all", "0.3", "0")),
        )
        for seed in seeds
    ]
    assert rows.of_vanillas_seeds(found) == [
        row for row in found if (row["method"], row["noise"]) != ("irp_all", "0.2")
    ]


@pytest.fixture(scope="module")
def flows(tmp_path_factory: pytest.TempPathFactory, images: Path, cache: Path) -> dict[str, Record]:
    """Two runs of a flow, by method."""
    folder = tmp_path_factory.mktemp("flows") / "cells"
    small = ("model=differnet_small", "model.n_blocks=1", "model.hidden=8", "epochs=2", "lam=1.01")
    sweep(folder, images, cache, *small, "refine=none,osr")
    return {record.metrics["method"]: record for record in sweeps.records(folder)}


def test_a_run_is_scored_anew_by_what_it_was_scored_by_and_by_the_rest(flows: dict[str, Record]) -> None:
    scores = script("paper/scores")
    row = scores.row_of(flows["none"])
    assert row["latent"] == flows["none"].metrics["image_auroc"]
    tested = scores.tested_by(flows["none"])
    found = {}
    for score in scores.SCORES:
        tested.detector.hparams["score"] = score
        found[score] = tested.score().tolist()
    parts = zip(found["latent"], found["determinant"], strict=True)
    whole = [z / 2 + det + math.log(2 * math.pi) / 2 for z, det in parts]
    assert found["nll"] == pytest.approx(whole, rel=1e-5)


def test_until_it_removes_something_a_run_is_a_vanilla_run(flows: dict[str, Record]) -> None:
    rows, found = script("paper/measured_rows"), flows
    assert found["osr"].metrics["rounds"] == 1
    vanilla, first = rows.of_record(found["none"]), rows.of_first_round(found["osr"])
    assert vanilla == {**first, "source": "sweep"}  # λ means nothing to it
