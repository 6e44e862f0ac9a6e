"""Patches held against those of all other images."""

import math
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from refine_small import fitting, training_images
from torch import Tensor

from irp_lightning.evaluation.metrics import auroc
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.judgement import Pruning
from irp_lightning.refinement.rules import false_discovery
from irp_lightning.refinement.scorers import mutual
from irp_lightning.refinement.scorers.mutual import Mutual, nearest_in_each, principal_axes, weights

IMAGES, SIDE, DIM, BAD = 60, 4, 6, 12
ALL = torch.ones(IMAGES, dtype=torch.bool)


def patches() -> Tensor:
    """The first images have one patch in sixteen that differs, each in a way of its own."""
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(IMAGES, SIDE**2, DIM, generator=generator)
    values[:BAD, 5] += 6 * torch.randn(BAD, DIM, generator=generator)
    return values


def scorer(values: Tensor, groups: Tensor | None = None, **config: object) -> Mutual:
    fits = fitting(torch.cat([values, values[:6]]), "nowhere.Detector")  # the last are for testing
    return Mutual(training_images(fits, groups), **{"grid": SIDE, "bank_share": 0.3, **config})


@given(st.integers(1, 300), st.floats(0.01, 1), st.integers(1, 300))
def test_weights_are_the_mean_over_all_random_banks(others: int, share: float, count: int) -> None:
    found = weights(others, share, min(count, others))
    assert found.sum().item() == pytest.approx(1, abs=1e-5)
    assert (found >= 0).all()
    assert (found.diff() <= 1e-6).all()  # nearer ones count more


def test_weights_agree_with_drawn_banks() -> None:
    others, size = 12, 4
    distances = torch.arange(1.0, others + 1)
    generator = torch.Generator().manual_seed(0)
    drawn = [
        distances[torch.randint(others, (size,), generator=generator)].min().item()
        for _ in range(20_000)
    ]
    expected = weights(others, size / others, others) @ distances
    assert expected.item() == pytest.approx(sum(drawn) / len(drawn), rel=0.02)


@given(st.integers(0, 1000), st.integers(1, 7), st.integers(1, 5), st.integers(1, 9))
def test_the_nearest_patch_of_each_image(seed: int, queries: int, images: int, length: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    asked = torch.randn(queries, 3, generator=generator)
    others = torch.randn(images, length, 3, generator=generator)
    expected = torch.cdist(asked, others.flatten(0, 1)).view(queries, images, length).amin(dim=2)
    found = nearest_in_each(asked, mutual.table_of(others.flatten(0, 1)), length)
    torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)


def test_blocks_do_not_change_the_distances(monkeypatch: pytest.MonkeyPatch) -> None:
    values = patches()
    whole = scorer(values)(ALL)
    monkeypatch.setitem(mutual.PLACES, "cpu", 1)
    torch.testing.assert_close(scorer(values)(ALL), whole)


def test_principal_axes_hold_the_variance() -> None:
    values = torch.randn(500, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor(
        [9, 1, 5, 1, 1]
    )
    axes = principal_axes(values, 2)
    torch.testing.assert_close(axes.T @ axes, torch.eye(2), atol=1e-5, rtol=0)
    assert axes.abs().sum(dim=1).argsort(descending=True)[:2].sort().values.tolist() == [0, 2]
    assert principal_axes(values, 64).shape == (5, 5)


def test_photographs_of_one_part_do_not_excuse_each_other() -> None:
    values = patches()
    values[1] = values[0]  # a defect, photographed twice
    pairs = torch.arange(IMAGES)
    pairs[1] = 0
    apart, together = (scorer(values, groups, bank_share=1.0)(ALL) for groups in (None, pairs))
    assert apart[0] < 0.6 * together[0]  # it is its own likeness
    torch.testing.assert_close(apart[5:], together[5:], rtol=0.02, atol=0)


def test_a_twin_excuses_a_defect_less_in_a_small_bank() -> None:
    values = patches()
    values[1] = values[0] + 0.01
    small, large = (scorer(values, bank_share=share)(ALL)[0] for share in (0.05, 1.0))
    assert small > 1.5 * large


def test_removed_images_are_no_references_any_more_and_nothing_else_changes() -> None:
    values = patches()
    values[1] = values[0] + 0.01
    active = torch.arange(IMAGES) != 1
    stepwise = scorer(values)
    stepwise(ALL)
    found = stepwise(active)
    torch.testing.assert_close(found, scorer(values)(active))  # it depends on what is active alone
    assert found[0] > 1.1 * scorer(values)(ALL)[0]
    # All kept distances suffice: as if the removed one had never been there.
    others = values[active]
    fits = fitting(torch.cat([others, others[:6]]), "nowhere.Detector")
    without = Mutual(training_images(fits), grid=SIDE, bank_share=0.3)
    assert torch.corrcoef(torch.stack([found[active], without(ALL[active])]))[0, 1] > 0.99


def test_references_are_a_seeded_draw() -> None:
    one, again = scorer(patches(), references=20), scorer(patches(), references=20)
    assert torch.equal(one.references, again.references)
    assert len(one.references.unique()) == 20
    assert torch.equal(one(ALL), again(ALL))
    area = auroc(one(ALL), (torch.arange(IMAGES) < BAD).int())
    assert area is not None
    assert area > 0.9


def test_an_image_needs_a_reference_of_another_group() -> None:
    found = scorer(patches(), torch.tensor([0] * 59 + [1]), references=2)
    assert 59 in found.references
    assert len(found.references) == 2
    assert found(ALL).isfinite().all()


def test_references_seen_in_other_views_know_the_poses() -> None:
    generator = torch.Generator().manual_seed(1)
    unrotated = torch.randn(IMAGES, SIDE**2, DIM, generator=generator)
    # The first image shows what the others show in their second view alone.
    rotated = unrotated + 20
    unrotated[0] += 20
    both = torch.cat([unrotated, rotated], dim=1)
    assert scorer(unrotated)(ALL)[0] > 5
    assert scorer(both, views=2)(ALL)[0] < 2


def test_finer_patches_are_averaged() -> None:
    coarse = patches()
    fine = coarse.view(IMAGES, SIDE, SIDE, DIM).repeat_interleave(2, 1).repeat_interleave(2, 2)
    found = scorer(fine.reshape(IMAGES, -1, DIM))(ALL)
    torch.testing.assert_close(found, scorer(coarse)(ALL), rtol=1e-3, atol=1e-3)


def test_images_that_are_all_alike_can_be_scored() -> None:
    found = scorer(torch.ones(IMAGES, SIDE**2, DIM))(ALL)
    assert found.isfinite().all()
    assert (found > 0).all()


def test_the_maps_of_the_removed_are_kept_in_their_order() -> None:
    pruning = Pruning(rule=partial(false_discovery, k=0.1), remove="all", max_rounds=3)
    done = clean(scorer(patches()), pruning, Cleaning(ALL))
    gone = set((~done.active).nonzero().flatten().tolist())
    # The rule is bold on so few images; what is bad goes first.
    assert set(range(BAD)) <= gone
    first = done.rounds[0]
    assert set(first.scores.topk(BAD).indices.tolist()) == set(range(BAD))
    assert done.maps is not None
    assert done.maps.shape == (len(gone), SIDE, SIDE)
    removed = first.removed.nonzero().flatten()
    worst = removed[first.scores[removed].argmax()]
    fresh = scorer(patches())
    fresh(ALL)
    torch.testing.assert_close(done.maps[0], fresh.explain(worst[None])[0])


def test_enough_distances_are_kept_for_half_of_the_references_to_go() -> None:
    kept = mutual._kept(1000, 0.1)
    assert kept < 200
    assert weights(500, 0.2, 500)[kept // 2 :].sum() < 2e-3
    assert mutual._kept(5, 0.1) == 5
    assert math.isclose(weights(5, 0.1, 5).sum().item(), 1, abs_tol=1e-6)
