"""Fit the detector of a run, and others like it: without a fold, or as a reference."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import lightning as L
import torch
from lightning.pytorch.loggers import Logger
from torch import Tensor
from tqdm import tqdm

from irp_lightning.config.experiment import Experiment
from irp_lightning.data.audit.appearance import Appearance, appearance_of
from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.files.headers import Header
from irp_lightning.detectors.build import build_detector
from irp_lightning.detectors.checkpoint import CheckpointContents, Loaded
from irp_lightning.detectors.config import ModelConfig, TrainerConfig
from irp_lightning.detectors.conformal import Calibration
from irp_lightning.detectors.contract import epochs_of
from irp_lightning.detectors.devices import choose_device
from irp_lightning.detectors.fit import Checkpoints, fit
from irp_lightning.detectors.scoring import score_images
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.config import ViewsConfig
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.features.image_features import ImageFeatures
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import load
from irp_lightning.pipeline.inputs import Inputs
from irp_lightning.refinement.build import build_pruning
from irp_lightning.refinement.callback import IterativeRefinement
from irp_lightning.refinement.clean import Cleaning
from irp_lightning.refinement.config import InSampleConfig, RefineConfig
from irp_lightning.refinement.folds import draw_folds
from irp_lightning.refinement.rounds import Round

__all__ = ["Fitted", "Fitting"]

CALIBRATION_FOLDS = 5
"""Detectors that are each fitted without a fold of what is kept: more know more, and take longer."""

NOTHING_REMOVED = RefineConfig(name="none")


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A detector after its fit, and how it came about.

    Attributes:
        detector: On the device that it was fitted on.
        rounds: What happened, the fit of this detector last.
        converged: Whether the last scoring found nothing to remove; None where there was none.
        train_scores: (N,), of all training images by this detector, removed ones too.
        test_scores: (T,), of the test images.
        steps: How many the optimiser took.
        epochs: That the detector was trained for; of one that a single pass fits, 1.
    """

    detector: L.LightningModule
    rounds: list[Round]
    converged: bool | None
    train_scores: Tensor
    test_scores: Tensor
    steps: int
    epochs: int


@dataclass(frozen=True, kw_only=True)
class Fitting:
    """All fits of a run: each begins with the same weights and draws the same batches.

    Attributes:
        extractor: Turns images into features; checkpoints carry it.
        features: Of all images, as the detector wants them.
        pool: Which of them are trained and tested on.
        model: The detector.
        trainer: What it is fitted on.
        views: How many are drawn in training, and scored.
        epochs: Of a fit.
        batch_size: Images in a batch.
        seed: Of weights and batches.
        headers: N, of the files of the training images: checkpoints carry what they are like.
    """

    extractor: FeatureExtractor
    features: ImageFeatures
    pool: TrainingPool
    model: ModelConfig
    trainer: TrainerConfig
    views: ViewsConfig
    epochs: int
    batch_size: int
    seed: int
    headers: Sequence[Header] = ()

    @property
    def everything(self) -> Tensor:
        """(N,), bool: all training images."""
        return torch.ones(len(self.pool.train), dtype=torch.bool)

    @property
    def without_injected(self) -> Tensor:
        """(N,), bool: the normal training images. Labels: for the ceiling and nothing else."""
        return torch.tensor([i not in self.pool.injected for i in self.pool.train], dtype=torch.bool)

    @classmethod
    def of(cls, inputs: Inputs, e: Experiment) -> "Fitting":
        """The fits of an experiment on the images that were prepared for it."""
        return cls(
            extractor=inputs.extractor,
            features=inputs.features,
            pool=inputs.pool,
            model=e.model,
            trainer=e.trainer,
            views=inputs.views,
            epochs=e.epochs,
            batch_size=e.batch_size,
            seed=e.seed,
            headers=inputs.pool.of(inputs.images.headers),
        )

    def fit_and_score(self, fitted_on: Tensor, scored: Tensor) -> Tensor:
        """Scores of some training images by a detector fitted to others: (N,), (N,), bool → (M,)."""
        data, detector = self._data(fitted_on), self._detector()
        fit(detector, data, self.trainer, epochs=epochs_of(detector, self.epochs))
        return score_images(
            detector.to(choose_device(self.trainer)), data.scored_batches(data.train_images[scored])
        )

    def fit(
        self,
        refine: RefineConfig,
        cleaning: Cleaning,
        *,
        loggers: Sequence[Logger] = (),
        checkpoints: Checkpoints | None = None,
        resume: Path | None = None,
        folder: Path | None = None,
    ) -> Fitted:
        """Fit the detector to what cleaning has left, refining between rounds if that is in sample.

        Args:
            refine: The method.
            cleaning: What was removed before.
            loggers: Where curves go.
            checkpoints: Keeps the state of each round, and the last.
            resume: A checkpoint to resume from.
            folder: Where Lightning may put things.
        """
        began = time.perf_counter()
        data, detector = self._data(cleaning.active), self._detector()
        refinement = self._in_sample(detector, refine, checkpoints)
        contents = CheckpointContents(
            self.model,
            self.extractor,
            self.views.n_transforms_test,
            self._appearance(cleaning.active),
        )
        steps = fit(
            detector,
            data,
            self.trainer,
            epochs=refinement.max_epochs if refinement else epochs_of(detector, self.epochs),
            callbacks=[refinement, contents] if refinement else [contents],
            loggers=loggers,
            checkpoints=checkpoints,
            resume=resume,
            folder=folder,
            progress=True,
        )
        detector.to(choose_device(self.trainer))
        if refinement:
            rounds, converged = refinement.rounds, refinement.converged
            epochs = epochs_of(detector, refinement.epochs_trained)
        else:
            rounds = [*cleaning.rounds, _last_round(detector, data, cleaning, began)]
            converged = cleaning.converged
            epochs = epochs_of(detector, self.epochs)
        last = rounds[-1]
        assert last.test_scores is not None  # a detector was fitted
        scores, gone = last.scores.clone(), ~data.active
        scores[gone] = score_images(detector, data.scored_batches(data.train_images[gone]))
        return Fitted(
            detector=detector,
            rounds=rounds,
            converged=converged,
            train_scores=scores,
            test_scores=last.test_scores,
            steps=steps,
            epochs=epochs,
        )

    def loaded(self, fitted: Fitted, active: Tensor, calibration: Calibration) -> Loaded:
        """A fitted detector with its threshold, as a checkpoint would give it.

        Args:
            fitted: The detector.
            active: (N,), bool: the training images that it was fitted to.
            calibration: Its threshold.
        """
        device = choose_device(self.trainer)
        return Loaded(
            model=self.model,
            detector=fitted.detector.to(device).eval(),
            extractor=self.extractor.to(device).eval(),
            n_views=self.views.n_transforms_test,
            calibration=calibration,
            appearance=self._appearance(active),
        )

    def out_of_sample(self, active: Tensor, groups: Sequence[int]) -> Tensor:
        """Scores of what is kept by detectors that were fitted to the rest of it, by fold and group.

        Args:
            active: (N,), bool: what is kept, of at least two groups.
            groups: The object that each training image shows.

        Returns:
            (N,), NaN for what is not kept.

        Raises:
            InputError: What is kept is one group.
        """
        kept = torch.tensor(groups)[active]
        if len(kept.unique()) < 2:
            raise InputError(
                "all kept photographs show one object: no detector can score them unseen; give "
                "photographs of other objects, or leave out false_alarms"
            )
        folds = min(CALIBRATION_FOLDS, len(kept.unique()))
        fold = torch.full((len(active),), -1)
        fold[active] = draw_folds(kept, folds, self.seed)
        scores = torch.full((len(active),), torch.nan)
        for k in tqdm(range(folds), desc="calibrate", unit="fold", disable=None, leave=False):
            scores[fold == k] = self.fit_and_score(active & (fold != k), fold == k)
        return scores

    def references(
        self, refine: RefineConfig, cleaning: Cleaning, fitted: Fitted, which: bool | str = True
    ) -> Mapping[str, Tensor]:
        """Test scores of training on everything (``vanilla``) and without the injected (``oracle``).

        Args:
            refine: The run's method.
            cleaning: What it removed before the fit.
            fitted: Its detector, which serves where it was fitted on the same from first to last.
            which: ``True``: train both for ``epochs``. ``"matched"``: for as many epochs as the run's
                detector. ``False``: neither.

        Returns:
            (T,) each; nothing for ``False``.
        """
        if not which:
            return {}
        known = [] if refine.is_in_sample else [(cleaning.active, fitted.test_scores)]
        alike = replace(self, epochs=fitted.epochs) if which == "matched" else self
        found = {}
        for name, active in (("vanilla", self.everything), ("oracle", self.without_injected)):
            scores = next((s for a, s in known if torch.equal(a, active)), None)
            if scores is None:
                scores = alike.fit(NOTHING_REMOVED, Cleaning(active)).test_scores
                known.append((active, scores))
            found[name] = scores
        return found

    def _appearance(self, active: Tensor) -> Appearance | None:
        kept = [header for header, left in zip(self.headers, active, strict=False) if left]
        return appearance_of(kept) if kept else None

    def _detector(self) -> L.LightningModule:
        return build_detector(self.model, self.features.dim, self.seed)

    def _data(self, active: Tensor) -> RefinableData:
        data = RefinableData(
            self.features,
            self.pool.train,
            self.pool.test,
            batch_size=self.batch_size,
            n_transforms=self.views.n_transforms,
            n_transforms_test=self.views.n_transforms_test,
            seed=self.seed,
        )
        data.keep(active)
        return data

    def _in_sample(
        self, detector: L.LightningModule, refine: RefineConfig, checkpoints: Checkpoints | None
    ) -> IterativeRefinement | None:
        if refine.scoring is None or not refine.is_in_sample:
            return None
        scoring = load(InSampleConfig, refine.scoring.rest)
        return IterativeRefinement(
            build_pruning(refine),
            epochs=epochs_of(detector, self.epochs),
            round_epochs=epochs_of(detector, scoring.round_epochs),
            from_scratch=scoring.retrain == "scratch",
            seed=self.seed,
            after_round=checkpoints.keep if checkpoints else lambda trainer: None,
        )


def _last_round(
    detector: L.LightningModule, data: RefinableData, cleaning: Cleaning, began: float
) -> Round:
    """The round in which a detector is fitted to what was left before: nothing is removed after it."""
    active = data.active
    scores = torch.full((len(active),), torch.nan)
    scores[active] = score_images(detector, data.scored_batches(data.train_images[active]))
    test_scores = score_images(detector, data.predict_dataloader())
    # What went by the labels, without a round of its own, is told in the only round there is.
    removed = torch.zeros_like(active) if cleaning.rounds else ~active
    seconds = time.perf_counter() - began
    return Round(
        number=len(cleaning.rounds),
        active=active,
        scores=scores,
        test_scores=test_scores,
        removed=removed,
        seconds=seconds,
    )
