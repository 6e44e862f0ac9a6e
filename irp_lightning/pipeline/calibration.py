"""The threshold of a detector, from scores by detectors like it that never saw the image."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from irp_lightning.detectors.conformal import Calibration, calibrate
from irp_lightning.evaluation.metrics import best_f1_threshold
from irp_lightning.pipeline.fitting import Fitted, Fitting

__all__ = ["calibrated"]


def calibrated(
    fitting: Fitting,
    fitted: Fitted,
    active: Tensor,
    groups: Sequence[int],
    asked: float,
    test_labels: Sequence[int] = (),
    verdicts: Mapping[int, bool] | None = None,
) -> tuple[Calibration, Tensor]:
    """The threshold of a detector, and the scores that it comes from.

    Args:
        fitting: Fits others like it, each without a fold.
        fitted: The detector.
        active: (N,), bool: the training images that it was fitted to.
        groups: N, the object that each training image shows.
        asked: The false-alarm rate, a share in (0, 1).
        test_labels: T, of the test images.
        verdicts: By training image, whether a review marks it as defective. Those that are defective
            are not counted among the removed images that may be good.

    Returns:
        The threshold, and (N,) scores of all training images by detectors that never saw them.

    Raises:
        InputError: All active images are one group.
    """
    scores = fitting.out_of_sample(active, groups)
    scores[~active] = fitted.train_scores[~active]
    marked = torch.tensor([(verdicts or {}).get(i, False) for i in range(len(active))])
    doubtful = ~active & ~marked
    of_active, of_doubtful = (
        [group for group, is_one in zip(groups, those.tolist(), strict=True) if is_one]
        for those in (active, doubtful)
    )
    found = calibrate(scores[active], of_active, asked, scores[doubtful], of_doubtful)
    best = best_f1_threshold(fitted.test_scores, torch.tensor(test_labels))
    return replace(found, best_f1=best), scores
