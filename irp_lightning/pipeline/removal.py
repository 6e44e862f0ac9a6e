"""Remove images before the detector is fitted, by a scorer that is built once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from irp_lightning.foundation.amounts import percent
from irp_lightning.foundation.errors import named
from irp_lightning.foundation.fields import load
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.inputs import Inputs
from irp_lightning.refinement.build import build_pruning, build_scorer
from irp_lightning.refinement.clean import Cleaning, clean
from irp_lightning.refinement.config import TWO_GROUPS, RefineConfig, TwoGroupsConfig
from irp_lightning.refinement.ranking import Ranking, follow, rank
from irp_lightning.refinement.scoring import TrainingImages
from irp_lightning.refinement.two_groups import TwoGroups, cutoff, describe_groups

__all__ = ["Removal", "remove"]


@dataclass(frozen=True, kw_only=True)
class Removal:
    """Images removed before the fit.

    Attributes:
        cleaning: The images that are left, and the rounds that removed the others; a review is followed.
        proposed: How many images the rule removes by itself, whatever a review says.
        groups: What the first scores say of defective images; None for rules that do not ask.
        sure: (N,), bool: images that are removed in any case, whatever ``refine.rule.remove`` adds.
        ranking: All training images by what is left; None where it was not asked for.
        scored: What the scorer knew of the images; None where there was no scorer.
    """

    cleaning: Cleaning
    proposed: int
    groups: TwoGroups | None = None
    sure: Tensor | None = None
    ranking: Ranking | None = None
    scored: TrainingImages | None = None

    @property
    def active(self) -> Tensor:
        """(N,), bool: the training images that are left."""
        return self.cleaning.active

    @property
    def likely(self) -> Tensor:
        """(N,), bool: images that are worth a look, but not removed in any case."""
        if self.groups is None or self.sure is None:
            return torch.zeros_like(self.active)
        return self.groups.likely & ~self.sure

    @property
    def estimate(self) -> str | None:
        """What is thought of the images, in one line; None for rules that do not ask."""
        if (found := self.groups) is None:
            return None
        count, more = len(self.active), int((self.likely & self.active).sum())
        look = f", {more} more to look at" if more else ""
        clean = percent(found.clean_probability)
        if found.is_clean and found.clean_probability < 0.5:
            return f"{count} images are too few to tell whether all are good (probability {clean}){look}"
        if found.is_clean:
            return f"the images look clean (probability {clean}){look}"
        low, high = (round(count * share) for share in found.interval)
        rough = "; a rough estimate, from few images" if found.is_few else ""
        return (
            f"about {round(count * found.share)} of {count} images are defective ({low} to {high})"
            f"{rough}: {self.proposed} removed{look}"
        )


def remove(
    inputs: Inputs,
    refine: RefineConfig,
    fitting: Fitting,
    *,
    ranked: bool = False,
    begun: Cleaning | None = None,
    after_round: Callable[[Cleaning], None] = lambda cleaning: None,
) -> Removal:
    """Remove what a method removes before the fit: nothing for one that refines in sample.

    Args:
        inputs: The images of the run.
        refine: The method.
        fitting: Fits detectors for scorers that need them.
        ranked: Rank all images by what is left, and follow the review.
        begun: How far a stopped run had come.
        after_round: Called after each round.
    """
    if refine.is_oracle:
        cleaning = Cleaning(fitting.without_injected)
        return Removal(cleaning=cleaning, proposed=int((~cleaning.active).sum()))
    if refine.scoring is None or not refine.is_out_of_sample or inputs.groups is None:
        return Removal(cleaning=Cleaning(fitting.everything), proposed=0)
    scored = training_images(inputs, inputs.groups, fitting)
    with named("refine.scoring"):
        scorer = build_scorer(refine.scoring, scored)
    with named("refine"):
        pruning = build_pruning(refine)
    cleaning = clean(
        scorer,
        pruning,
        begun or Cleaning(fitting.everything),
        copies=inputs.copies,
        trusted=inputs.trusted,
        after_round=after_round,
    )
    groups, sure = None, None
    if refine.rule is not None and refine.rule._target_ == TWO_GROUPS:
        first = cleaning.rounds[0].scores
        groups = describe_groups(first)
        sure = first > cutoff(groups, first, load(TwoGroupsConfig, refine.rule.rest).k)
    removal = Removal(
        cleaning=cleaning,
        proposed=int((~cleaning.active).sum()),
        groups=groups,
        sure=sure,
        scored=scored,
    )
    if not ranked:
        return removal
    ranking = rank(scorer, cleaning.active, inputs.copies)
    if inputs.verdicts:
        cleaning = follow(cleaning, ranking, inputs.verdicts, inputs.copies, inputs.trusted)
    return replace(removal, cleaning=cleaning, ranking=ranking)


def training_images(inputs: Inputs, groups: Sequence[int], fitting: Fitting) -> TrainingImages:
    """What a scorer may know of the training images."""
    spec = inputs.removal_extractor.spec
    return TrainingImages(
        features=inputs.features if inputs.patches is None else inputs.patches,
        patches=spec.patches if spec.grid > 1 else None,
        positions=torch.tensor(inputs.pool.train),
        groups=torch.tensor(groups),
        seed=fitting.seed,
        fit_and_score=fitting.fit_and_score,
    )
