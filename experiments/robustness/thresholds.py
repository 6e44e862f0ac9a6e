"""Rules of pythresh, on robust's scores: for comparison only, ``refine.rule=thresholds.karch``.

pythresh is no dependency of this project: ``pip install pythresh`` into an environment of its own (1.1.1
here).
"""

from pythresh.thresholds.base import BaseThresholder
from pythresh.thresholds.filter import FILTER
from pythresh.thresholds.iqr import IQR
from pythresh.thresholds.karch import KARCH
from pythresh.thresholds.mad import MAD
from pythresh.thresholds.mtt import MTT
from pythresh.thresholds.yj import YJ
from torch import Tensor


def _highest_inlier(scores: Tensor, thresholder: BaseThresholder) -> float:
    outlying = thresholder.eval(scores.double().numpy()).astype(bool)
    lowest = scores[outlying].min() if outlying.any() else scores.max() + 1
    below = scores[scores < lowest]
    return float(below.max() if len(below) else scores.min())


def filtered(scores: Tensor, k: float) -> float:
    """Wiener and Savitzky-Golay filters."""
    return _highest_inlier(scores, FILTER())


def iqr(scores: Tensor, k: float) -> float:
    """Tukey's fence."""
    return _highest_inlier(scores, IQR())


def karch(scores: Tensor, k: float) -> float:
    """Karcher mean."""
    return _highest_inlier(scores, KARCH())


def mad(scores: Tensor, k: float) -> float:
    """Median absolute deviations."""
    return _highest_inlier(scores, MAD())


def mtt(scores: Tensor, k: float) -> float:
    """Modified Thompson tau test."""
    return _highest_inlier(scores, MTT())


def yj(scores: Tensor, k: float) -> float:
    """Yeo-Johnson transformation."""
    return _highest_inlier(scores, YJ())
