import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from irp_lightning.evaluation.gap_closure import gap_closure
from irp_lightning.evaluation.metrics import (
    auroc,
    average_precision,
    best_f1_threshold,
    removal_counts,
    roc_curve,
)

scored = st.lists(st.tuples(st.floats(-1e6, 1e16), st.booleans()), min_size=2, max_size=40)


@given(scored)
def test_auroc_is_the_share_of_pairs_in_the_right_order(pairs: list[tuple[float, bool]]) -> None:
    scores, labels = zip(*pairs, strict=True)
    bad = [s for s, label in pairs if label]
    good = [s for s, label in pairs if not label]
    area = auroc(torch.tensor(scores, dtype=torch.float64), torch.tensor(labels).int())
    if not bad or not good:
        assert area is None
        return
    wins = sum((b > g) + 0.5 * (b == g) for b in bad for g in good)
    assert area == pytest.approx(wins / (len(bad) * len(good)), abs=1e-6)


@given(
    st.lists(
        st.tuples(st.floats(-1e6, 1e16) | st.sampled_from([0.0, 1.5, 1e9]), st.booleans()), min_size=2
    ).filter(lambda pairs: len({label for _, label in pairs}) == 2)
)
def test_figures_are_scikit_learns(pairs: list[tuple[float, bool]]) -> None:
    scores, labels = (torch.tensor(values) for values in zip(*pairs, strict=True))
    scores, labels = scores.float(), labels.int()
    truth, values = labels.numpy(), scores.double().numpy()
    # Closer than the seven digits of float32.
    close = {"abs": 2e-12}
    assert auroc(scores, labels) == pytest.approx(reference.roc_auc_score(truth, values), **close)
    assert average_precision(scores, labels) == pytest.approx(
        reference.average_precision_score(truth, values), **close
    )
    for found, rate in zip(
        roc_curve(scores, labels) or (),
        reference.roc_curve(truth, values, drop_intermediate=False),
        strict=False,
    ):
        np.testing.assert_allclose(found, rate, atol=1e-12)
    precision, recall, thresholds = reference.precision_recall_curve(truth, values)
    f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
    assert best_f1_threshold(scores, labels) == thresholds[f1[:-1].argmax()]
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("defects", range(1, 40))
def test_a_perfect_ranking_is_one(defects: int) -> None:
    scores, labels = torch.arange(124.0 + defects), torch.arange(124 + defects) >= 124
    assert auroc(scores, labels.int()) == 1
    assert average_precision(scores, labels.int()) == 1


def test_scores_that_a_sigmoid_would_saturate_keep_their_order() -> None:
    scores = torch.tensor([100.0, 101.0, 102.0, 103.0])
    assert auroc(scores, torch.tensor([0, 0, 1, 1])) == 1
    assert auroc(scores, torch.tensor([1, 1, 0, 0])) == 0
    assert average_precision(scores, torch.tensor([0, 1, 0, 1])) == pytest.approx(5 / 6)


def test_ties_count_half_and_scores_must_be_numbers() -> None:
    assert auroc(torch.tensor([5.0, 1.0, 5.0, 3.0]), torch.tensor([1, 0, 0, 0])) == pytest.approx(
        2.5 / 3
    )
    with pytest.raises(ValueError, match="1 of 2 scores are not finite"):
        auroc(torch.tensor([5.0, torch.nan]), torch.tensor([1, 0]))


def test_removal_counts() -> None:
    removed = torch.tensor([True, True, False, False])
    counts = removal_counts(removed, torch.tensor([1, 0, 1, 1]))
    assert counts == {
        "removed_good": 1,
        "removed_bad": 1,
        "removal_precision": 0.5,
        "removal_recall": pytest.approx(1 / 3),
    }
    nothing = removal_counts(torch.zeros(2, dtype=torch.bool), torch.zeros(2, dtype=torch.long))
    assert nothing["removal_precision"] is None
    assert nothing["removal_recall"] is None


@pytest.mark.parametrize(
    ("areas", "closed"),
    [
        ((0.8, 0.7, 0.9), 0.5),
        ((0.9, 0.7, 0.9), 1.0),
        ((0.65, 0.7, 0.9), -0.25),
        ((0.8, 0.9, 0.9), None),
        ((0.924, 0.913, 0.9136), None),  # a gap that any run's wander fills
        ((None, 0.7, 0.9), None),
        ((0.8, None, 0.9), None),
        ((0.8, 0.7, None), None),
    ],
)
def test_gap_closure(areas: tuple[float | None, ...], closed: float | None) -> None:
    found = gap_closure(*areas)
    assert found == (None if closed is None else pytest.approx(closed))
