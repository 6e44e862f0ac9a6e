"""All fits of a run."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from refine_small import TEST, Mean, N, fitting, inputs, method, outliers

from irp_lightning.foundation.errors import InputError
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.removal import remove
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.config import RefineConfig

GAUSSIAN = "irp_lightning.detectors.gaussian.Gaussian"
NONE = RefineConfig(name="none")
ALL = torch.ones(N, dtype=torch.bool)


@pytest.fixture
def fits() -> Fitting:
    Mean.fits.clear()
    return fitting(outliers(), "refine_small.Mean", injected=frozenset({0, 1, 2}))


def cleaned(fits: Fitting, refine: RefineConfig, **rest: Any) -> Cleaning:
    groups = list(range(N)) if refine.is_out_of_sample else None
    return remove(inputs(fits, groups), refine, fits, **rest).cleaning


def test_vanilla_is_one_round_without_a_threshold(fits: Fitting) -> None:
    found = fits.fit(NONE, cleaned(fits, NONE))
    (only,) = found.rounds
    assert not only.removed.any()
    assert only.threshold is None
    assert found.converged is None
    assert only.active.all()
    assert found.test_scores.shape == (TEST,)
    assert found.steps == 3 * 4  # 30 images in batches of 8


def test_the_oracle_trains_without_exactly_the_injected(fits: Fitting) -> None:
    oracle = method("labels")
    found = fits.fit(oracle, cleaned(fits, oracle))
    (only,) = found.rounds
    assert only.removed.nonzero().flatten().tolist() == [0, 1, 2]
    assert only.active.sum() == N - 3
    assert found.train_scores.isfinite().all()  # the removed are scored in the end, too
    assert found.train_scores[:3].min() > found.train_scores[3:].max()


def test_out_of_sample_removes_first_and_fits_once(fits: Fitting) -> None:
    refine = method(scoring="cross_fit", rule="lower_mad", k=10, remove="all", max_rounds=4)
    told: list[Cleaning] = []
    cleaning = cleaned(fits, refine, after_round=told.append)
    before = len(Mean.fits)
    found = fits.fit(refine, cleaning)
    assert len(Mean.fits) == before + 1
    first, second, last = found.rounds
    assert first.removed.nonzero().flatten().tolist() == [0, 1, 2]
    assert not second.removed.any()
    assert found.converged is True
    assert (first.test_scores, second.test_scores) == (None, None)
    assert last.test_scores is not None
    assert torch.equal(last.scores.isnan(), ~last.active)
    assert len(told) == 2


def test_in_sample_refines_between_rounds(fits: Fitting) -> None:
    refine = method(rule="lambda_median", k=5.0, remove="all", max_rounds=4, round_epochs=1)
    found = fits.fit(refine, Cleaning(ALL))
    assert found.rounds[0].removed.nonzero().flatten().tolist() == [0, 1, 2]
    assert all(r.test_scores is not None for r in found.rounds)
    assert torch.equal(found.rounds[-1].test_scores, found.test_scores)
    assert found.converged is True


def test_every_fit_begins_alike(fits: Fitting) -> None:
    first = fits.fit(NONE, Cleaning(ALL)).test_scores
    torch.rand(5)
    assert torch.equal(fits.fit(NONE, Cleaning(ALL)).test_scores, first)


def test_references_use_what_is_fitted_already(fits: Fitting) -> None:
    found = fits.fit(NONE, Cleaning(ALL))
    references = fits.references(NONE, Cleaning(ALL), found)
    assert len(Mean.fits) == 2  # the run, and the oracle
    assert torch.equal(references["vanilla"], found.test_scores)
    assert not torch.equal(references["oracle"], found.test_scores)

    oracle = method("labels")
    cleaning = Cleaning(fits.without_injected)
    assert torch.equal(fits.references(oracle, cleaning, found)["oracle"], found.test_scores)

    irp = method(max_rounds=1)
    before = len(Mean.fits)
    fits.references(irp, Cleaning(ALL), found)
    assert len(Mean.fits) == before + 2  # what changed on the way is neither


def test_a_detector_fitted_in_one_pass_takes_one_epoch_a_round() -> None:
    refine = method(k=3.0, remove="all", max_rounds=2, round_epochs=5)
    found = fitting(outliers(), GAUSSIAN, epochs=400).fit(refine, Cleaning(ALL))
    plain = fitting(outliers(), GAUSSIAN, epochs=1).fit(refine, Cleaning(ALL))
    assert torch.equal(found.test_scores, plain.test_scores)


@pytest.mark.parametrize(
    ("refine", "epochs"),
    [
        (NONE, 3),
        (method(k=1e9, max_rounds=2, round_epochs=5, patience=3), 3 + 2 * 5),
        (method(k=1e9, max_rounds=2, round_epochs=5, patience=3, retrain="scratch"), 3),
    ],
)
def test_a_fit_says_how_long_it_was_and_references_may_match(
    fits: Fitting, refine: RefineConfig, epochs: int
) -> None:
    found = fits.fit(refine, Cleaning(ALL))
    assert found.epochs == epochs
    matched = fits.references(refine, Cleaning(ALL), found, "matched")
    alike = replace(fits, epochs=epochs).fit(NONE, Cleaning(ALL))
    assert torch.equal(matched["vanilla"], alike.test_scores)


def test_one_pass_is_one_epoch_however_often_it_is_done() -> None:
    refine = method(k=1e9, max_rounds=2, round_epochs=5, patience=3)
    found = fitting(outliers(), GAUSSIAN, epochs=400).fit(refine, Cleaning(ALL))
    assert (len(found.rounds), found.epochs) == (3, 1)


def test_scores_that_are_no_numbers_end_the_run() -> None:
    features = outliers()
    features[-1] = torch.inf
    with pytest.raises(InputError, match="diverged"):
        fitting(features, "refine_small.Mean").fit(NONE, Cleaning(ALL))


def test_nothing_of_a_stopped_cleaning_is_lost(fits: Fitting) -> None:
    refine = method(scoring="cross_fit", rule="lower_mad", k=10, max_rounds=4)
    told: list[Cleaning] = []
    whole = cleaned(fits, refine, after_round=told.append)
    again = cleaned(fits, refine, begun=told[0])
    assert torch.equal(again.active, whole.active)
