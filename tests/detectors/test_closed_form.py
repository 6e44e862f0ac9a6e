"""The detectors that one pass fits: all held to the same properties."""

from pathlib import Path

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.detectors.closed_form import ClosedForm
from irp_lightning.detectors.gaussian import Gaussian
from irp_lightning.detectors.knn import KNN
from irp_lightning.refinement.callback import IterativeRefinement

N, TEST, DIM = 40, 10, 5
DETECTORS = [Gaussian, KNN]


def features() -> Tensor:
    values = torch.randn(N + TEST, 3, DIM, generator=torch.Generator().manual_seed(0))
    values[:4] += 8 * torch.eye(4, DIM)[:, None]  # each off in a direction of its own
    values[-5:] += 8
    return values


def fitted(
    kind: type[ClosedForm], *, batch_size: int = 16, **settings: object
) -> tuple[ClosedForm, IterativeRefinement, L.Trainer]:
    module = kind(DIM)
    refinement = IterativeRefinement(epochs=1, **settings)  # type: ignore[arg-type]
    data = RefinableData(
        ResidentFeatures(features()), list(range(N)), list(range(N, N + TEST)),
        batch_size=batch_size, n_transforms=3, n_transforms_test=3, seed=0,
    )  # fmt: skip
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=refinement.max_epochs, reload_dataloaders_every_n_epochs=1,
        callbacks=[refinement], logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    return module.eval(), refinement, trainer


@pytest.mark.parametrize("kind", DETECTORS)
def test_outliers_score_higher(kind: type[ClosedForm]) -> None:
    module, _, _ = fitted(kind)
    scores = module.score(features()[N:])
    assert scores.shape == (TEST,)
    assert scores[-5:].min() > scores[:-5].max()
    assert (scores >= 0).all()


@pytest.mark.parametrize("kind", DETECTORS)
def test_scores_do_not_depend_on_batches(kind: type[ClosedForm]) -> None:
    module, other = fitted(kind)[0], fitted(kind, batch_size=7)[0]
    x = features()[N:]
    alone = torch.cat([module.score(one[None]) for one in x])
    torch.testing.assert_close(module.score(x), alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(module.score(x), other.score(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", DETECTORS)
def test_state_is_saved_and_loaded(kind: type[ClosedForm], tmp_path: Path) -> None:
    module, _, trainer = fitted(kind)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    twin = kind(DIM)
    twin.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"])
    x = features()[N:]
    assert torch.equal(twin.score(x), module.score(x))


@pytest.mark.parametrize("kind", DETECTORS)
def test_each_round_forgets_what_was_removed(kind: type[ClosedForm]) -> None:
    module, refinement, _ = fitted(kind, max_rounds=3, rule="iqr", k=1.5, remove="all")
    removed = torch.stack([r.removed for r in refinement.rounds]).any(dim=0)
    assert removed[:4].all()
    clean = kind(DIM)
    clean.fit(features()[:N].mean(dim=1)[~removed])
    x = features()[N:]
    torch.testing.assert_close(module.score(x), clean.score(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", DETECTORS)
def test_gradients_reach_the_features(kind: type[ClosedForm]) -> None:
    module, _, _ = fitted(kind)
    x = features()[N:].requires_grad_()
    (gradient,) = torch.autograd.grad(module.score(x).sum(), x)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


def test_the_gaussian_is_mahalanobis_where_images_abound() -> None:
    x = torch.randn(5000, 3, generator=torch.Generator().manual_seed(1)) @ torch.diag(
        torch.tensor([1.0, 2.0, 3.0])
    )
    module = Gaussian(3)
    module.fit(x)
    centred = x - x.mean(dim=0)
    expected = (centred @ torch.cov(x.T).inverse() * centred).sum(dim=1) / 3
    torch.testing.assert_close(module.distance(x), expected, rtol=0.05, atol=0.05)


def test_equal_features_do_not_break_the_gaussian() -> None:
    module = Gaussian(3)
    module.fit(torch.ones(6, 3))
    assert module.distance(torch.zeros(1, 3)).isfinite().all()


def test_an_image_is_no_neighbour_of_itself() -> None:
    module = KNN(2)
    module.fit(torch.tensor([[0.0, 100.0], [0.0, 103.0], [50.0, 100.0]]))
    assert module.distance(torch.tensor([[0.0, 100.0]])).tolist() == pytest.approx([3.0])
    assert module.distance(torch.tensor([[0.0, 100.5]])).tolist() == pytest.approx([0.5])
    alone = KNN(2)
    alone.fit(torch.tensor([[1.0, 2.0]]))
    assert alone.distance(torch.tensor([[1.0, 2.0]])).tolist() == [0.0]


def test_more_neighbours_than_images() -> None:
    module = KNN(1, neighbours=5)
    module.fit(torch.tensor([[1.0], [3.0]]))
    assert module.distance(torch.tensor([[0.0]])).tolist() == pytest.approx([2.0])


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_checkpoint_before_the_first_score_is_fitted(kind: type[ClosedForm], tmp_path: Path) -> None:
    module = kind(DIM)
    trainer = L.Trainer(
        accelerator="cpu", max_epochs=1, logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip
    images = TensorDataset(features(), torch.arange(N + TEST))
    trainer.fit(module, DataLoader(images, batch_size=16))
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    twin = kind(DIM)
    twin.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"])
    x = torch.randn(3, 2, DIM)
    assert torch.equal(twin.score(x), module.score(x))
