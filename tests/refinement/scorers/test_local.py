import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.refinement.scorers.local import LocalScoring
from irp_lightning.evaluation.metrics import auroc

IMAGES, CELLS, DIM, BAD = 120, 9, 6, 30


def cells() -> Tensor:
    """The first images have one cell in nine that differs."""
    values = torch.randn(IMAGES, CELLS, DIM, generator=torch.Generator().manual_seed(0))
    values[:BAD, 3] += 3
    return values


def scorer(values: Tensor, groups: Tensor | None = None) -> LocalScoring:
    groups = torch.arange(len(values)) if groups is None else groups
    return LocalScoring(ResidentFeatures(values), groups, folds=3, seed=0)


def data(values: Tensor) -> RefinableData:
    images = list(range(len(values)))
    return RefinableData(
        ResidentFeatures(values), images, [0], batch_size=8, n_transforms=1, n_transforms_test=1, seed=0
    )


def score(local: LocalScoring, values: Tensor, active: Tensor) -> Tensor:
    return local(None, data(values), active)  # type: ignore[arg-type]


ALL = torch.ones(IMAGES, dtype=torch.bool)


def test_a_single_cell_gives_an_image_away() -> None:
    values = cells()
    area = auroc(score(scorer(values), values, ALL), (torch.arange(IMAGES) < BAD).int())
    assert area is not None
    assert area > 0.9


def test_an_image_has_no_part_in_its_own_score_nor_in_its_groups() -> None:
    groups = torch.arange(IMAGES) // 2  # pairs
    before, after = cells(), cells()
    after[1] += 100
    scores = [scorer(v, groups)(None, data(v), ALL) for v in (before, after)]  # type: ignore[arg-type]
    local = scorer(before, groups)
    with_it, others = local.fold == local.fold[1], local.fold != local.fold[1]
    partners = with_it & (torch.arange(IMAGES) != 1)
    # Its fold is scored by a model without it: only the fold's median may have moved a little.
    ratio = scores[1][partners] / scores[0][partners]
    torch.testing.assert_close(ratio, ratio[:1].expand(len(ratio)))
    assert not torch.allclose(scores[1][others], scores[0][others], rtol=0.05)


def test_removed_images_are_forgotten_exactly() -> None:
    values = cells()
    active = torch.arange(IMAGES) >= BAD
    stepwise = scorer(values)
    score(stepwise, values, ALL)
    torch.testing.assert_close(
        score(stepwise, values, active), score(scorer(values), values, active), rtol=1e-5, atol=0
    )


def test_cells_that_are_all_alike_can_be_scored() -> None:
    values = torch.ones(IMAGES, CELLS, DIM) + 1e-3 * cells()[..., :1]
    assert score(scorer(values), values, ALL).isfinite().all()
