"""Detectors that look at the places of a picture."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from irp_lightning.detectors import patch_gaussian
from irp_lightning.detectors.build import check_size
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.detectors.contract import ScoresPatches, wants_patches
from irp_lightning.detectors.patch_gaussian import PatchGaussian
from irp_lightning.detectors.patch_nearest import PatchNearest, _reservoir, coreset
from irp_lightning.detectors.patches import PatchDetector
from irp_lightning.foundation.errors import WrongValue

DIM, PLACES = 4, 25
DETECTORS: list[tuple[type[PatchDetector], dict[str, Any]]] = [
    (PatchNearest, {}),
    (PatchNearest, {"patches": 200, "neighbours": 3}),
    (PatchGaussian, {}),
    (PatchGaussian, {"places": "own"}),
]


def pictures(count: int, seed: int) -> Tensor:
    """Each place has a mean of its own."""
    places = 3 * torch.randn(PLACES, DIM, generator=torch.Generator().manual_seed(0))
    return places + 0.3 * torch.randn(count, PLACES, DIM, generator=torch.Generator().manual_seed(seed))


def fitted(kind: type[PatchDetector], arguments: dict[str, Any]) -> PatchDetector:
    detector = kind(dim=DIM, **arguments)
    detector.fit(pictures(60, 1).split(7))
    return detector.eval()


@pytest.mark.parametrize(("kind", "arguments"), DETECTORS)
def test_a_defect_is_found_where_it_is(kind: type[PatchDetector], arguments: dict[str, Any]) -> None:
    detector = fitted(kind, arguments)
    assert wants_patches(detector)
    assert isinstance(detector, ScoresPatches)
    test = pictures(20, 2)
    test[10:, 7] += 6
    scores, maps = detector.score(test), detector.score_map(test)
    assert scores.shape == (20,)
    assert maps.shape == (20, PLACES)
    assert (maps >= 0).all()
    assert scores[10:].min() > scores[:10].max()
    assert (maps[10:].argmax(dim=1) == 7).all()
    alone = torch.cat([detector.score(one[None]) for one in test])
    torch.testing.assert_close(alone, scores, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(("kind", "arguments"), DETECTORS)
def test_its_state_is_all_it_needs(
    kind: type[PatchDetector], arguments: dict[str, Any], tmp_path: Path
) -> None:
    detector = fitted(kind, arguments)
    torch.save(detector.state_dict(), tmp_path / "state.pt")
    twin = kind(dim=DIM, **arguments)
    twin.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    assert torch.equal(twin.score(pictures(9, 3)), detector.score(pictures(9, 3)))


@pytest.mark.parametrize(("kind", "arguments"), DETECTORS)
def test_fitting_again_forgets(kind: type[PatchDetector], arguments: dict[str, Any]) -> None:
    again = fitted(kind, arguments)
    again.fit([pictures(40, 5) + 50])
    fresh = kind(dim=DIM, **arguments)
    fresh.fit([pictures(40, 5) + 50])
    torch.testing.assert_close(again.score(pictures(5, 6)), fresh.score(pictures(5, 6)))


@pytest.mark.parametrize(("kind", "arguments"), DETECTORS)
def test_batches_make_no_difference(kind: type[PatchDetector], arguments: dict[str, Any]) -> None:
    one, many = kind(dim=DIM, **arguments), kind(dim=DIM, **arguments)
    one.fit([pictures(30, 1)])
    many.fit(pictures(30, 1).split(4))
    torch.testing.assert_close(
        one.score(pictures(5, 2)), many.score(pictures(5, 2)), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize("kind", [PatchNearest, PatchGaussian])
def test_equal_patches_do_not_break_it(kind: type[PatchDetector]) -> None:
    detector = kind(dim=DIM)
    detector.fit([torch.ones(5, PLACES, DIM)])
    assert detector.score(torch.zeros(2, PLACES, DIM)).isfinite().all()
    assert detector.score(torch.ones(2, PLACES, DIM)).tolist() == [0.0, 0.0]


def test_the_nearest_is_the_nearest() -> None:
    detector = PatchNearest(DIM)
    train, test = pictures(20, 1), pictures(4, 2)
    detector.fit([train])
    expected = torch.cdist(test.flatten(0, 1), train.flatten(0, 1)).amin(dim=1).view(4, PLACES)
    torch.testing.assert_close(detector.score_map(test), expected, rtol=1e-3, atol=1e-3)


def test_a_training_image_is_not_its_own_neighbour() -> None:
    detector = PatchNearest(DIM)
    train = pictures(20, 1)
    detector.fit([train])
    assert (detector.score_map(train) > 0.01).all()


def test_the_gaussian_is_mahalanobis() -> None:
    train = torch.randn(400, PLACES, DIM, generator=torch.Generator().manual_seed(4)) @ torch.diag(
        torch.arange(1.0, DIM + 1)
    )
    detector = PatchGaussian(DIM)
    detector.fit(train.split(50))
    flat = train.flatten(0, 1)
    centred = flat - flat.mean(dim=0)
    expected = (centred @ torch.cov(flat.T).inverse() * centred).sum(dim=1) / DIM
    torch.testing.assert_close(detector.score_map(train).flatten(), expected, rtol=0.05, atol=0.1)


def test_own_gaussians_know_what_belongs_where() -> None:
    swapped = pictures(1, 7)
    swapped[0, 3] = pictures(1, 8)[0, 9]
    shared, own = (fitted(PatchGaussian, {"places": places}) for places in ("shared", "own"))
    assert own.score_map(swapped)[0].argmax() == 3
    ratio = own.score_map(swapped)[0, 3] / own.score_map(swapped)[0].median()
    assert ratio > 5 * shared.score_map(swapped)[0, 3] / shared.score_map(swapped)[0].median()


def test_gaussians_that_do_not_fit_into_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patch_gaussian, "free_memory", lambda device: 1000.0)
    own = ModelConfig(f"{PatchGaussian.__module__}.PatchGaussian", rest={"places": "own"})
    with pytest.raises(WrongValue, match=r"^places=own takes .* GiB for 25 Gaussians"):
        check_size(own, DIM, PLACES)


@given(st.integers(2, 60), st.integers(1, 60), st.integers(0, 99))
def test_a_coreset_covers(count: int, asked: int, seed: int) -> None:
    vectors = torch.randn(count, 5, generator=torch.Generator().manual_seed(seed))
    chosen = coreset(vectors, asked)
    assert len(chosen) == min(count, asked)
    assert all((vectors == row).all(dim=1).any() for row in chosen)
    if asked < count:
        assert torch.equal(chosen[0], vectors[0])
        assert len(chosen.unique(dim=0)) == asked


def test_a_coreset_reaches_what_a_random_draw_misses() -> None:
    crowd = torch.randn(5000, 8, generator=torch.Generator().manual_seed(0))
    far = 40 * torch.eye(8)
    chosen = coreset(torch.cat([crowd, far]), 50)
    assert all((chosen == row).all(dim=1).any() for row in far)


def test_candidates_are_a_fair_draw_in_little_memory() -> None:
    batches = [torch.full((10, 5, 1), float(i)) for i in range(40)]
    drawn = _reservoir(iter(batches), 400, seed=3).flatten()
    assert len(drawn) == 400
    assert len(drawn.unique()) == 40
    assert drawn.mean().item() == pytest.approx(19.5, abs=1.5)
    assert torch.equal(drawn, _reservoir(iter(batches), 400, seed=3).flatten())
    few = _reservoir(iter(batches), 10_000, seed=3)
    assert len(few) == 2000
