"""Fold detectors, in real trainers on small tensors."""

import torch
from refine_small import DIM, Mean, N, fitting, outliers, training_images

from irp_lightning.refinement.scorers.cross_fit import CrossFit

ALL = torch.ones(N, dtype=torch.bool)


def scorer(model: str = "refine_small.Mean") -> CrossFit:
    fits = fitting(outliers(), model, epochs=3)
    images = training_images(fits, groups=torch.arange(N) // 2)
    return CrossFit(images)


def test_no_fold_detector_sees_what_it_scores_or_what_was_removed() -> None:
    Mean.fits.clear()
    cross_fit, active = scorer(), ALL.clone()
    active[4] = False
    scores = cross_fit(active)
    assert len(Mean.fits) == 3
    for k, seen in enumerate(Mean.fits):
        expected = active & (cross_fit.fold != k)
        assert seen == set(expected.nonzero().flatten().tolist())
    assert scores.isfinite().all()  # what was removed is scored too
    assert scores[:3].min() > scores[3:].max()
    assert len(cross_fit.fold.view(-1, 2).diff().unique()) == 1  # pairs stay together


def test_scores_depend_on_what_is_active_alone() -> None:
    first = scorer()(ALL)
    torch.manual_seed(99)
    again = scorer()
    again(ALL & (torch.arange(N) > 5))
    assert torch.equal(again(ALL), first)


def test_detectors_without_gradients_are_cross_fitted_too() -> None:
    assert DIM < N
    scores = scorer("irp_lightning.detectors.gaussian.Gaussian")(ALL)
    assert scores[:3].min() > scores[3:].max()
