"""Refinement of somebody else's features, without an image."""

from typing import Any

import pytest
import torch
from torch import Tensor

from irp_lightning import refine
from irp_lightning.foundation.errors import InputError

N = 30


def features(vectors: int = 4, outliers: int = 3) -> Tensor:
    """Images around 0; the first few are further off."""
    found = torch.randn(N, vectors, 8, generator=torch.Generator().manual_seed(0))
    found[:outliers] += 20
    return found


@pytest.mark.parametrize("scoring", ["ensemble", "mutual"])
@pytest.mark.parametrize("vectors", [1, 4, 9])
def test_what_lies_far_off_is_removed(scoring: str, vectors: int) -> None:
    # The default rule is careful with thirty images of one vector each.
    rule = ["refine/rule=false_discovery", "refine.max_rounds=3"]
    removal = refine(features(vectors), overrides=[f"refine/scoring={scoring}", *rule])
    gone = removal.removed.tolist()
    assert (removal.active.dtype, removal.active.shape) == (torch.bool, (N,))
    assert sorted(gone) == (~removal.active).nonzero().flatten().tolist()
    # The rule finds most of them; some that are ordinary may go with them.
    assert set(gone[:3]) == {0, 1, 2}
    assert removal.scores[gone].tolist() == sorted(removal.scores[gone].tolist(), reverse=True)


def test_a_matrix_is_one_vector_an_image_and_any_float_will_do() -> None:
    matrix = features(1)[:, 0]
    expected = refine(matrix[:, None])
    for same in (matrix, matrix.double()):
        assert torch.equal(refine(same).active, expected.active)


def test_images_of_one_object_do_not_excuse_each_other() -> None:
    twins = features(outliers=1)
    twins[1] = twins[0] + 0.01  # the same defect of the same part
    groups = ["part", "part", *map(str, range(N - 2))]
    scoring = ["refine/scoring=mutual"]
    apart, together = (refine(twins, g, overrides=scoring).rounds[0].scores for g in (groups, None))
    assert (apart[:2] > together[:2]).all()


def test_what_is_trusted_stays_and_the_callers_random_numbers_too() -> None:
    torch.manual_seed(3)
    expected = torch.rand(2)
    torch.manual_seed(3)
    removal = refine(features(), trusted=[True] + [False] * (N - 1), seed=1)
    assert removal.active[0]
    assert not removal.active[1]
    assert torch.equal(torch.rand(2), expected)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            {"features": features(2)},
            "K=2 vectors an image, which do not form a square of patches; give 1, 4",
        ),
        ({"features": features()[:2]}, "features have 2 images; give at least"),
        ({"features": features().int()}, "features are torch.int32; give a torch tensor of floats"),
        ({"features": [[1.0]]}, "features are list; give a torch tensor"),
        ({"features": torch.rand(3)}, r"have the shape \(3,\); give \(N, K, D\) or \(N, D\)"),
        ({"features": features().index_fill(0, torch.tensor([7]), torch.nan)}, "the first is image 7"),
        ({"groups": [1, 2]}, "groups has 2 values for 30 images"),
        ({"groups": [1] * N}, "groups has only one group"),
        ({"trusted": [True]}, "trusted has 1 values for 30 images"),
        ({"overrides": ["refine=irp"]}, "refine=irp needs a detector for its scores between rounds"),
        ({"overrides": ["refine/rule=madd"]}, "did you mean mad\\?"),
    ],
)
def test_what_cannot_be_refined_is_refused(given: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        refine(**{"features": features(), **given})
