"""Scores that a detector gives: in evaluation mode, one an image, finite; the detector is left alone."""

import lightning as L
import pytest
import torch
from torch import Tensor, nn

from irp_lightning.detectors.scoring import evaluating, score_images
from irp_lightning.features.batches import ScoredBatches
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.foundation.errors import InputError


class Frozen(L.LightningModule):
    """Part of it is always in evaluation mode; its ``train`` says so too."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3).eval()
        self.head = nn.Sequential(nn.Dropout(0.5), nn.Linear(3, 3))

    def score(self, batch: Tensor) -> Tensor:
        return self.head(self.norm(batch.mean(dim=1))).square().sum(dim=1)


class Fixed(L.LightningModule):
    """Gives the given scores, whatever the features are."""

    def __init__(self, scores: Tensor) -> None:
        super().__init__()
        self.scores = scores

    def score(self, batch: Tensor) -> Tensor:
        return self.scores


def batches(images: int = 6, batch_size: int = 4) -> ScoredBatches:
    features = torch.randn(images, 2, 3, generator=torch.Generator().manual_seed(0))
    return ScoredBatches(ResidentFeatures(features), torch.arange(images), batch_size, 2)


def test_dropout_is_off_and_every_part_is_left_in_its_mode() -> None:
    module = Frozen()
    module.train()
    module.norm.eval()
    before = module.norm.running_mean.clone()  # type: ignore[union-attr]
    first, second = score_images(module, batches()), score_images(module, batches())
    assert torch.equal(first, second)
    assert first.dtype == torch.float32
    modes = {name: part.training for name, part in module.named_modules()}
    assert modes == {"": True, "norm": False, "head": True, "head.0": True, "head.1": True}
    assert torch.equal(module.norm.running_mean, before)  # type: ignore[arg-type]


def test_modes_come_back_after_an_error() -> None:
    module = Frozen().train()
    module.norm.eval()

    def fails() -> None:
        with evaluating(module):
            assert not any(part.training for part in module.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert module.training
    assert not module.norm.training


@pytest.mark.parametrize("bad", ["nan", "inf", "-inf"])
def test_scores_that_are_not_finite_are_refused(bad: str) -> None:
    module = Fixed(torch.tensor([1.0, float(bad), 2.0, float(bad)]))
    with pytest.raises(InputError, match=r"2 of 4 scores of Fixed are not finite numbers") as error:
        score_images(module, batches(4))
    assert "model." not in str(error.value)


@pytest.mark.parametrize("shape", [(4, 1), (3,), ()])
def test_one_score_an_image(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"one score per image, \(4,\)"):
        score_images(Fixed(torch.zeros(shape)), batches(4))


def test_scores_come_in_order_whatever_the_batches() -> None:
    module = Frozen()
    one = score_images(module, batches(7, batch_size=7))
    torch.testing.assert_close(score_images(module, batches(7, batch_size=2)), one)
    assert score_images(module, batches(0)).shape == (0,)
