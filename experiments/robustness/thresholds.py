"""Rules of pythresh, on robust's scores: for comparison only.

Each is used as a user's own: ``refine/rule=custom refine.rule._target_=thresholds.karch``. pythresh is
no dependency of this project: ``pip install pythresh`` into an environment of its own (1.1.1 here).
"""

from functools import partial

from pythresh.thresholds.base import BaseThresholder
from pythresh.thresholds.filter import FILTER
from pythresh.thresholds.iqr import IQR
from pythresh.thresholds.karch import KARCH
from pythresh.thresholds.mad import MAD
from pythresh.thresholds.mtt import MTT
from pythresh.thresholds.yj import YJ
from torch import Tensor


def _highest_inlier(kind: type[BaseThresholder], scores: Tensor) -> float:
    outlying = kind().eval(scores.double().numpy()).astype(bool)
    lowest = scores[outlying].min() if outlying.any() else scores.max() + 1
    below = scores[scores < lowest]
    return float(below.max() if len(below) else scores.min())


filtered, iqr, karch, mad, mtt, yj = (
    partial(_highest_inlier, kind) for kind in (FILTER, IQR, KARCH, MAD, MTT, YJ)
)
