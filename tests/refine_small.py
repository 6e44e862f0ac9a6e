"""What tests of refinement share: a small run's features, and all that is fitted in it."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import lightning as L
import torch
from torch import Tensor

from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.samples import Sample
from irp_lightning.detectors.config import ModelConfig, TrainerConfig
from irp_lightning.features.config import ViewsConfig
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.foundation.fields import load
from irp_lightning.pipeline.extractors import Extractors
from irp_lightning.pipeline.fitting import Fitting
from irp_lightning.pipeline.inputs import Inputs
from irp_lightning.refinement.config import SCORERS, RefineConfig
from irp_lightning.refinement.scoring import TrainingImages

N, TEST, VIEWS, DIM = 30, 6, 2, 3


class Mean(L.LightningModule):
    """The distance to a centre that it learns; remembers whom it saw in each fit."""

    fits: ClassVar[list[set[int]]] = []

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.centre = torch.nn.Parameter(torch.zeros(dim))

    def score(self, batch: Tensor) -> Tensor:
        return (batch - self.centre).square().mean(dim=(1, 2))

    def on_fit_start(self) -> None:
        self.fits.append(set())

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        self.fits[-1].update(batch[1].tolist())
        return self.score(batch[0]).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class NoExtractor:
    """Stands where a checkpoint would take the extractor from."""

    dim = DIM
    spec = SimpleNamespace(grid=1, patches=(1, 1))

    def export(self) -> dict[str, Any]:
        return {}


def outliers(count: int = 3) -> Tensor:
    """Images around 1; the first few lie far off."""
    features = 1 + 0.1 * torch.randn(N + TEST, VIEWS, DIM, generator=torch.Generator().manual_seed(0))
    features[:count] += 5
    return features


def fitting(
    features: Tensor, model: str, epochs: int = 3, injected: frozenset[int] = frozenset(), **rest: Any
) -> Fitting:
    count = len(features) - TEST
    return Fitting(
        extractor=NoExtractor(),  # type: ignore[arg-type]
        features=ResidentFeatures(features),
        pool=TrainingPool(list(range(count)), injected, list(range(count, count + TEST)), []),
        model=ModelConfig(model, rest=rest),
        trainer=TrainerConfig(accelerator="cpu", devices=1, precision="32-true"),
        views=ViewsConfig(
            count=VIEWS,
            seed=0,
            n_transforms=1,
            n_transforms_test=VIEWS,
            interpolation="bilinear",
            fill="zeros",
        ),
        epochs=epochs,
        batch_size=8,
        seed=0,
    )


def inputs(fits: Fitting, groups: list[int] | None = None) -> Inputs:
    """The images that a fitting is of; without groups nothing is scored out of sample."""
    names = [f"{i}.png" for i in range(len(fits.pool.train) + TEST)]
    images = Dataset([Sample(Path(name), name, "train") for name in names], names, names, {}, 0)
    return Inputs(
        images=images,
        pool=fits.pool,
        groups=groups,
        copies=torch.arange(len(fits.pool.train)),
        verdicts={},
        shared_verdicts={},
        extractors=Extractors(
            detector=fits.extractor,
            dtype="float32",
            own_views=fits.views,
            removal=None,
            patches_dtype="float32",
            views_part="whole",
            patches_part="whole",
        ),
        parts={},
        features=fits.features,
        patches=None,
        device=torch.device("cpu"),
    )


def method(
    scoring: str = "in_sample", rule: str = "lambda_median", k: float = 1.5, **values: Any
) -> RefineConfig:
    """A method in short: a few of its arguments are those of its scoring."""
    own = {target.split(".")[-2]: target for target in SCORERS if "." in target}
    arguments = {key: values.pop(key) for key in ("round_epochs", "retrain") if key in values}
    return load(
        RefineConfig,
        {
            "name": "x",
            "scoring": {"_target_": own.get(scoring, scoring), **arguments},
            "rule": {"_target_": f"irp_lightning.refinement.rules.{rule}", "k": k},
            **values,
        },
    )


def training_images(fits: Fitting, groups: Tensor | None = None) -> TrainingImages:
    positions = torch.tensor(fits.pool.train)
    groups = torch.arange(len(positions)) if groups is None else groups
    return TrainingImages(
        features=fits.features,
        positions=positions,
        groups=groups,
        seed=fits.seed,
        fit_and_score=fits.fit_and_score,
    )
