"""Gaussians of patches."""

import torch
from refine_small import fitting, training_images
from torch import Tensor

from irp_lightning.evaluation.metrics import auroc
from irp_lightning.refinement.config import RefineConfig
from irp_lightning.refinement.scorers.local import Local

IMAGES, PATCHES, DIM, BAD = 120, 9, 6, 30
ALL = torch.ones(IMAGES, dtype=torch.bool)


def patches() -> Tensor:
    """The first images have one patch in nine that differs."""
    values = torch.randn(IMAGES, PATCHES, DIM, generator=torch.Generator().manual_seed(0))
    values[:BAD, 3] += 3
    return values


def scorer(values: Tensor, groups: Tensor | None = None) -> Local:
    test = values[:6]  # never looked at
    fits = fitting(torch.cat([values, test]), "nowhere.Detector")
    return Local(training_images(fits, groups), RefineConfig("x", scoring="local", max_rounds=1))


def test_a_single_patch_gives_an_image_away() -> None:
    values = patches()
    area = auroc(scorer(values)(ALL), (torch.arange(IMAGES) < BAD).int())
    assert area is not None
    assert area > 0.9


def test_an_image_has_no_part_in_its_own_score_nor_in_its_groups() -> None:
    groups = torch.arange(IMAGES) // 2  # pairs
    before, after = patches(), patches()
    after[1] += 100
    scores = [scorer(v, groups)(ALL) for v in (before, after)]
    local = scorer(before, groups)
    with_it, others = local.fold == local.fold[1], local.fold != local.fold[1]
    partners = with_it & (torch.arange(IMAGES) != 1)
    # Its fold is scored by a model without it: only the fold's median may have moved a little.
    ratio = scores[1][partners] / scores[0][partners]
    torch.testing.assert_close(ratio, ratio[:1].expand(len(ratio)))
    assert not torch.allclose(scores[1][others], scores[0][others], rtol=0.05)


def test_removed_images_are_forgotten_exactly() -> None:
    values = patches()
    active = torch.arange(IMAGES) >= BAD
    stepwise = scorer(values)
    stepwise(ALL)
    torch.testing.assert_close(stepwise(active), scorer(values)(active), rtol=1e-5, atol=0)


def test_patches_that_are_all_alike_can_be_scored() -> None:
    values = torch.ones(IMAGES, PATCHES, DIM) + 1e-3 * patches()[..., :1]
    assert scorer(values)(ALL).isfinite().all()
