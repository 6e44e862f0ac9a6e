"""Gaussians of patches, fitted without the fold that they score; what all scorers of patches do."""

import pytest
import torch
from refine_small import fitting, training_images
from torch import Tensor

from irp_lightning.evaluation.metrics import auroc
from irp_lightning.refinement.scorers.ensemble import Ensemble
from irp_lightning.refinement.scorers.gaussian import Gaussian
from irp_lightning.refinement.scorers.mutual import Mutual

IMAGES, SIDE, DIM, BAD = 60, 4, 6, 12
ALL = torch.ones(IMAGES, dtype=torch.bool)
Scorers = type[Gaussian] | type[Ensemble] | type[Mutual]


def patches() -> Tensor:
    """The first images have one patch in sixteen that differs, each in a way of its own."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(IMAGES, SIDE**2, DIM, generator=generator)
    values[:BAD, 5] += 6 * torch.randn(BAD, DIM, generator=generator)
    return values


def scorer(
    of: Scorers, values: Tensor, groups: Tensor | None = None, **config: object
) -> Gaussian | Ensemble | Mutual:
    fits = fitting(torch.cat([values, values[:6]]), "nowhere.Detector")  # the last are for testing
    return of(training_images(fits, groups), **{"grid": SIDE, **config})


@pytest.mark.parametrize("of", [Mutual, Gaussian, Ensemble])
def test_a_single_patch_gives_an_image_away_and_the_map_shows_it(of: Scorers) -> None:
    scores = scorer(of, patches())
    area = auroc(scores(ALL), (torch.arange(IMAGES) < BAD).int())
    assert area is not None
    assert area > 0.95
    maps = scores.explain(torch.arange(BAD))
    assert maps.shape == (BAD, SIDE, SIDE)
    assert (maps.flatten(1).argmax(dim=1) == 5).float().mean() > 0.8


def test_distances_are_those_of_the_other_folds_gaussian() -> None:
    values = patches()[:, :1]  # a single patch: one grid, and the score is its distance
    made = scorer(Gaussian, values, folds=2)
    assert isinstance(made, Gaussian)
    found = made(ALL)
    for k in (0, 1):
        here = made.fold == k
        others = values[~here, 0].double()
        covariance = others.T.cov(correction=0)
        covariance += 0.01 * covariance.diagonal().mean() * torch.eye(DIM)
        apart = values[here, 0].double() - others.mean(dim=0)
        expected = torch.einsum("nd,de,ne->n", apart, covariance.inverse(), apart).sqrt()
        torch.testing.assert_close(found[here], expected / expected.median(), rtol=1e-4, atol=1e-4)


def test_a_part_photographed_twice_is_in_one_fold() -> None:
    groups = torch.arange(IMAGES) // 2
    made = scorer(Gaussian, patches(), groups)
    assert isinstance(made, Gaussian)
    assert torch.equal(made.fold[::2], made.fold[1::2])


def test_what_is_removed_is_not_fitted_to_and_nothing_else_matters() -> None:
    values = patches()
    values[:BAD, 5] = 8  # of one kind, so that they widen the Gaussian in its direction
    active = torch.arange(IMAGES) >= BAD
    stepwise = scorer(Gaussian, values)
    stepwise(ALL)
    found = stepwise(active)
    torch.testing.assert_close(found, scorer(Gaussian, values)(active))  # it depends on what is active
    assert found[:BAD].mean() > 1.5 * scorer(Gaussian, values)(ALL)[:BAD].mean()


@pytest.mark.parametrize("folds", [20, IMAGES])
def test_folds_of_a_few_images_are_compared_by_all(folds: int) -> None:
    # Their own median would be one of their scores: as ordinary as can be, whatever it is.
    scores = scorer(Gaussian, patches(), folds=folds)(ALL)
    area = auroc(scores, (torch.arange(IMAGES) < BAD).int())
    assert area is not None
    assert area > 0.95
    assert scores[BAD:].max() < 2


def test_a_removed_image_however_huge_leaves_no_trace() -> None:
    values = 1e-3 * patches() + 1
    values[:2] *= 1e6
    active = torch.arange(IMAGES) >= 2
    made = scorer(Gaussian, values)
    made(ALL)
    found = made(active)
    values[0] = 1
    torch.testing.assert_close(found[2:], scorer(Gaussian, values)(active)[2:])
    assert (found[:2] > 1e3).all()


def test_a_fold_of_which_all_was_removed_is_done_without() -> None:
    made = scorer(Gaussian, patches(), folds=2)
    assert isinstance(made, Gaussian)
    assert made(made.fold == 0).isfinite().all()


def test_equal_images_are_all_ordinary() -> None:
    scores = scorer(Gaussian, torch.ones(IMAGES, SIDE**2, DIM))(ALL)
    assert scores.isfinite().all()
    assert scores.unique().numel() == 1


def test_gaussians_of_other_views_know_the_poses() -> None:
    generator = torch.Generator().manual_seed(1)
    unrotated = torch.randn(IMAGES, SIDE**2, DIM, generator=generator)
    rotated = unrotated + 20
    unrotated[0] += 20  # it shows what the others show in their second view alone
    both = torch.cat([unrotated, rotated], dim=1)
    assert scorer(Gaussian, unrotated)(ALL)[0] > 5
    assert scorer(Gaussian, both, views=2)(ALL)[0] < 2


def test_the_ensemble_is_the_mean_of_both() -> None:
    both, mutual, gaussian = (scorer(of, patches())(ALL) for of in (Ensemble, Mutual, Gaussian))
    torch.testing.assert_close(both, (mutual + gaussian) / 2)
