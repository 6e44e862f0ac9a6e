"""Decide whether the scores of images are of one kind or of two, and which belong to the upper kind.

Scores are turned into ``z``: their logarithms, in spreads of the lower half about the median. Two
descriptions of ``z`` compete:

- *one group* (all images are normal): a log-gamma distribution (Prentice: *A log gamma model and its
  maximum likelihood estimation*, Biometrika 1974), skewed to the right by q < 0. Scores of normal images
  are skewed by nature, and a symmetric description would take their tail for defects.
- *two groups*: a share π ≤ ½ of the images is defective; their scores follow a gamma distribution that
  begins at the mode of the normal ones.

Location, scale and π are at their maximum of likelihood for each shape; π is integrated by Laplace's
approximation, and the shapes are averaged by their posterior weight. Prior weights of the two
descriptions are equal.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special, stats
from torch import Tensor

from irp_lightning.foundation.shares import whole_share
from irp_lightning.refinement.rules import logs_of, lower_half

__all__ = ["FEW", "TwoGroups", "cutoff", "describe_groups", "two_groups"]

Values = NDArray[np.float64]

SKEWS_ALONE = (-0.15, -0.35, -0.55, -0.8, -1.1)
"""The shapes q that one group may have; 0 is a normal distribution, -1 a Gumbel distribution."""

SKEWS_OF_TWO = (-0.15, -0.35, -0.55)
"""The shapes q that the normal images may have where there are two groups."""

SKEW, SPREAD_ALONE, SPREAD_OF_TWO = -0.35, 0.4, 0.12
"""Mean and spreads of the prior of q. Two groups leave the skew less room, or it would explain them."""

REACHES = (1.0, 1.4, 2.2, 3.5, 6.0)
"""The scales that the defective images' gamma distribution may have, in spreads of normal images."""

REACH, SPREAD_OF_REACH, SHAPE = 1.4, 1.0, 2.0
"""Median and logarithmic spread of the prior of that scale, and the distribution's fixed shape."""

MOST = 0.5
"""The largest share of defective images; beyond it nobody could tell which kind is the normal one."""

WIDENED = 1.5
"""How much less a score tells of π than the image's label would."""

FEWEST = 8
"""Fewer scores are always one group: they do not determine the parameters of two."""

FEW, FEW_CERTAINTY, FEW_REMOVED = 100, 0.2, 0.1
"""With so many images or fewer, one kind must be less likely than the second number before anything is
removed, and at most the third, a share, is: in single draws such scores look like anything."""

LIKELY = 2 / 3
"""Images that are normal with at most this probability are worth a look: one in three is defective."""

COVERED = 0.9
"""Posterior probability that the interval of the share holds."""

SEARCH = {"xatol": 4e-3, "fatol": 4e-2, "maxfev": 160}
"""Precision of the search for the maximum. Likelihoods are compared by their logarithms, to about 1."""


@dataclass(frozen=True, kw_only=True)
class TwoGroups:
    """What the scores of images say of defective images among them; estimates, without a guarantee.

    Attributes:
        clean_probability: That all images are of one kind, in [0, 1].
        share: Expected share of defective images, in [0, 0.5]; that there are none counts with its
            probability.
        interval: Of that share: the middle 90 % of its posterior distribution.
        normal_chances: (N,), float64, in [0, 1]: the probability that an image is normal, given that
            there are two groups. A higher score never has a higher one.
    """

    clean_probability: float
    share: float
    interval: tuple[float, float]
    normal_chances: Tensor

    @property
    def is_clean(self) -> bool:
        """Whether one kind of image is at least as likely as two; of few images, likely enough."""
        return self.clean_probability >= (FEW_CERTAINTY if self.is_few else 0.5)

    @property
    def is_few(self) -> bool:
        """Whether there are so few images that more certainty is asked for."""
        return len(self.normal_chances) <= FEW

    @property
    def likely(self) -> Tensor:
        """(N,), bool: images that are worth a look; of the least suspicious one in three is defective.

        The possibility that all images are of one kind counts with its probability.
        """
        return self.clean_probability + (1 - self.clean_probability) * self.normal_chances <= LIKELY


def two_groups(scores: Tensor, k: float, remove: str = "sure") -> float:
    """The threshold above which a share ``k`` is expected to be normal, if there are two kinds of image.

    Nothing exceeds it where one kind is at least as likely as two. With 100 images or fewer, two kinds
    must be four times as likely, and at most a tenth of the images exceeds it. Scale-equivariant.

    Args:
        scores: (N,), positive.
        k: The expected share of normal images among those above the threshold, in (0, 1).
        remove: ``sure``; or ``likely``: a threshold that all images worth a look exceed, too, whatever
            share of them is normal.

    Raises:
        InputError: A score is not positive: it has no logarithm.
    """
    return cutoff(describe_groups(scores), scores, k, remove)


def cutoff(found: TwoGroups, scores: Tensor, k: float, remove: str = "sure") -> float:
    """The threshold of :func:`two_groups` for scores that were described before."""
    ordered, order = scores.double().sort(descending=True, stable=True)
    count = 0
    if not found.is_clean:
        expected = found.normal_chances[order].cumsum(0)
        enough = (expected <= k * torch.arange(1, len(order) + 1)).nonzero().flatten()
        count = int(enough[-1]) + 1 if len(enough) else 0
        if found.is_few:
            count = min(count, whole_share(FEW_REMOVED, len(order)))
    if remove == "likely":
        count = max(count, int(found.likely.sum()))
    return ordered[min(count, len(ordered) - 1)].item()


def describe_groups(scores: Tensor) -> TwoGroups:
    """Compare one group of images with two, and estimate the share of defective images.

    Args:
        scores: (N,), positive, higher is more anomalous.

    Raises:
        InputError: A score is not positive: it has no logarithm.
    """
    logs = logs_of(scores, "two_groups")
    median, spread = lower_half(logs)
    if len(logs) < FEWEST or not spread:  # equal scores have no spread
        return TwoGroups(
            clean_probability=1.0,
            share=0.0,
            interval=(0.0, 0.0),
            normal_chances=torch.ones(len(logs), dtype=torch.double),
        )
    z = ((logs - median) / spread).cpu().numpy()
    alone = _normalised(
        [(_log_prior(q, SPREAD_ALONE), _one_group(z, q)) for q in SKEWS_ALONE],
    )
    fits = [(q, reach, _two_kinds(z, q, reach)) for q in SKEWS_OF_TWO for reach in REACHES]
    both = _normalised(
        [
            (_log_prior(q, SPREAD_OF_TWO) + _log_prior_of(reach), fit.log_evidence)
            for q, reach, fit in fits
        ],
    )
    log_odds = special.logsumexp(alone) - special.logsumexp(both)
    clean = float(special.expit(log_odds))
    weights = special.softmax(both)
    shares = np.array([fit.share for *_, fit in fits])
    chances = weights @ np.array([fit.normal_chances for *_, fit in fits])
    return TwoGroups(
        clean_probability=clean,
        share=(1 - clean) * float(weights @ shares),
        interval=_interval(clean, weights, shares, len(z)),
        normal_chances=torch.from_numpy(chances),
    )


@dataclass(frozen=True)
class _Fit:
    """Two groups of fixed shapes, at their maximum of likelihood."""

    log_evidence: float
    share: float
    normal_chances: Values = field(repr=False)


def _one_group(z: Values, q: float) -> float:
    """The largest log likelihood of one group of skew ``q``."""
    return -_least(lambda t: -_log_gamma(_standard(z, t), t[1], q).sum(), [0.0, 0.2])[1]


def _two_kinds(z: Values, q: float, reach: float) -> _Fit:
    """Two groups, the normal one of skew ``q``, the defective one of scale ``reach``."""
    parts = partial(_parts, z, q=q, reach=reach)

    def loss(t: Values) -> float:
        normal, defective, _ = parts(t)
        return float(-np.logaddexp(normal, defective).sum() + 0.5 * (t[2] / 6) ** 2)

    best, least = _least(loss, [-0.1, 0.0, -2.0], [-0.6, -0.3, 1.0])
    normal, defective, share = parts(best)
    width = min(1.0, np.sqrt(2 * np.pi) * _deviation(share, len(z)) / MOST)
    chances = special.expit(np.clip(normal - defective, -50, 50))
    return _Fit(float(np.log(width)) - least, share, _falling(chances, z))


def _parts(z: Values, t: Values, *, q: float, reach: float) -> tuple[Values, Values, float]:
    """Log densities of being normal and of being defective, weighted by the share: (N,), (N,), share."""
    w, share = _standard(z, t), MOST * float(special.expit(t[2]))
    above = np.maximum(w, 1e-9)
    defective = (SHAPE - 1) * np.log(above) - above / reach - SHAPE * np.log(reach)
    defective -= special.gammaln(SHAPE) + t[1]
    return _log_gamma(w, t[1], q) + np.log1p(-share), defective + np.log(share), share


def _standard(z: Values, t: Values) -> Values:
    """In units of the fitted location and logarithmic scale."""
    return (z - t[0]) / np.exp(t[1])


def _log_gamma(w: Values, log_scale: float, q: float) -> Values:
    """Log density of Prentice's log-gamma distribution at standardised values."""
    a = q**-2
    constant = np.log(abs(q)) + a * np.log(a) - special.gammaln(a) - log_scale
    found: Values = constant + a * (q * w - np.exp(q * w))
    return found


def _least(loss: Callable[[Values], float], *starts: list[float]) -> tuple[Values, float]:
    """Where a loss is least, from the best of several starts, and that loss."""
    found = [optimize.minimize(loss, start, method="Nelder-Mead", options=SEARCH) for start in starts]
    best = min(found, key=lambda result: float(result.fun))
    return best.x, float(best.fun)


def _falling(chances: Values, z: Values) -> Values:
    """The same, but no higher for a higher score."""
    order = np.argsort(z, kind="stable")
    found = np.empty_like(chances)
    found[order] = np.minimum.accumulate(chances[order])
    return found


def _log_prior(q: float, spread: float) -> float:
    return -0.5 * ((q - SKEW) / spread) ** 2


def _log_prior_of(reach: float) -> float:
    return float(-0.5 * (np.log(reach / REACH) / SPREAD_OF_REACH) ** 2)


def _normalised(terms: list[tuple[float, float]]) -> Values:
    """Log prior and log evidence to log joint, the prior's sum brought to 1."""
    prior, evidence = np.array(terms).T
    found: Values = prior - special.logsumexp(prior) + evidence
    return found


def _deviation(share: float, count: int) -> float:
    """The standard deviation of an estimated share."""
    return float(WIDENED * np.sqrt(max(share * (1 - share), 1 / count) / count))


def _interval(clean: float, weights: Values, shares: Values, count: int) -> tuple[float, float]:
    """Quantiles of the share: 0 with probability ``clean``, else a mixture of normal distributions."""
    deviations = np.array([_deviation(share, count) for share in shares])
    grid = np.linspace(0, MOST, 501)
    # Each part is cut off at 0 and at MOST.
    ends = [stats.norm.cdf(end, shares, deviations) for end in (0.0, MOST)]
    inside = stats.norm.cdf(grid[:, None], shares, deviations) - ends[0]
    reached = clean + (1 - clean) * (inside / (ends[1] - ends[0])) @ weights
    low, high = (1 - COVERED) / 2, (1 + COVERED) / 2
    places = [min(int(np.searchsorted(reached, level)), len(grid) - 1) for level in (low, high)]
    return float(grid[places[0]]), float(grid[places[1]])
