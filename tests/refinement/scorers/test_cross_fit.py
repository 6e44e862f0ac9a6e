"""Fold detectors, in real trainers on small tensors."""

from typing import ClassVar

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.detectors.gaussian import Gaussian
from irp_lightning.refinement.scorers.cross_fit import CrossFit
from irp_lightning.refinement.callback import IterativeRefinement

N, DIM = 30, 3
TRAINER = {"accelerator": "cpu", "devices": 1}


class Mean(L.LightningModule):
    """The distance to a centre that it learns; remembers whom it saw."""

    fits: ClassVar[list[set[int]]] = []

    def __init__(self) -> None:
        super().__init__()
        self.centre = torch.nn.Parameter(torch.zeros(DIM))

    def score(self, batch: Tensor) -> Tensor:
        return (batch - self.centre).square().mean(dim=(1, 2))

    def on_fit_start(self) -> None:
        self.fits.append(set())

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        self.fits[-1].update(batch[1].tolist())
        return self.score(batch[0]).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def data() -> RefinableData:
    features = 1 + 0.1 * torch.randn(N + 5, 2, DIM, generator=torch.Generator().manual_seed(0))
    features[:3] += 5
    return RefinableData(
        ResidentFeatures(features), list(range(N)), list(range(N, N + 5)),
        batch_size=8, n_transforms=1, n_transforms_test=2, seed=0,
    )  # fmt: skip


def scorer(epochs: int = 3) -> CrossFit:
    return CrossFit(torch.arange(N) // 2, folds=3, seed=0, epochs=epochs, trainer=TRAINER)


def test_no_fold_detector_sees_what_it_scores_or_what_was_removed() -> None:
    Mean.fits.clear()
    cross_fit, module = scorer(), Mean()
    active = torch.ones(N, dtype=torch.bool)
    active[4] = False
    scores = cross_fit(module, data(), active)
    assert len(Mean.fits) == 3
    for k, seen in enumerate(Mean.fits):
        expected = active & (cross_fit.fold != k)
        assert seen == set(expected.nonzero().flatten().tolist())
    assert scores.isfinite().all()  # what was removed is scored too
    assert torch.equal(module.centre, torch.zeros(DIM))  # the run's own detector is as it was
    assert scores[:3].min() > scores[3:].max()


def test_scores_repeat() -> None:
    active = torch.ones(N, dtype=torch.bool)
    first, second = (scorer()(Mean(), data(), active) for _ in range(2))
    assert torch.equal(first, second)


def test_the_callback_removes_first_and_fits_once() -> None:
    Mean.fits.clear()
    refinement = IterativeRefinement(
        epochs=3, max_rounds=4, rule="lower_mad", k=10, remove="all", out_of_sample=scorer()
    )
    trainer = L.Trainer(
        **TRAINER, max_epochs=refinement.max_epochs, reload_dataloaders_every_n_epochs=1,
        callbacks=[refinement], logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(Mean(), datamodule=data())
    first, second, last = refinement.rounds
    assert first.removed.nonzero().flatten().tolist() == [0, 1, 2]
    assert not second.removed.any()
    assert refinement.converged is True
    assert first.test_scores is None
    assert second.test_scores is None
    assert last.test_scores is not None
    assert torch.equal(last.scores.isnan(), ~last.active)
    assert trainer.current_epoch == 3
    assert Mean.fits[-1] == set(range(3, N))


def test_detectors_without_gradients_are_cross_fitted_too() -> None:
    scores = scorer(1)(Gaussian(DIM), data(), torch.ones(N, dtype=torch.bool))
    assert scores[:3].min() > scores[3:].max()
