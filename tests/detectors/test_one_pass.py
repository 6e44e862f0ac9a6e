"""The detectors that one look at the images fits: all held to the same properties."""

import warnings
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, TensorDataset

from irp_lightning.detectors.contract import epochs_of, has_gradient
from irp_lightning.detectors.gaussian import Gaussian
from irp_lightning.detectors.nearest import Nearest
from irp_lightning.detectors.one_pass import OnePass
from irp_lightning.detectors.scoring import score_images
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures

N, TEST, DIM = 40, 10, 5
DETECTORS = [Gaussian, Nearest]


def features() -> Tensor:
    values = torch.randn(N + TEST, 3, DIM, generator=torch.Generator().manual_seed(0))
    values[:4] += 8 * torch.eye(4, DIM)[:, None]  # each off in a direction of its own
    values[-5:] += 8
    return values


class Prune(L.Callback):
    """At the end of each epoch: score the training images, remove the two worst."""

    def __init__(self) -> None:
        self.scores: list[Tensor] = []

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        data = trainer.datamodule  # type: ignore[attr-defined]
        scores = score_images(pl_module, data.scored_batches(data.train_images))
        self.scores.append(scores)
        keep = torch.ones(N, dtype=torch.bool)
        keep[scores.masked_fill(~data.active, -1).topk(2).indices] = False
        data.keep(keep)


def make_trainer(*, epochs: int = 1, callbacks: Any = ()) -> L.Trainer:
    return L.Trainer(
        accelerator="cpu", max_epochs=epochs, reload_dataloaders_every_n_epochs=1,
        callbacks=list(callbacks), logger=False, enable_checkpointing=False,
        enable_model_summary=False, enable_progress_bar=False,
    )  # fmt: skip


def data_of(batch_size: int = 16, n_views: int = 3) -> RefinableData:
    return RefinableData(
        ResidentFeatures(features()), list(range(N)), list(range(N, N + TEST)),
        batch_size=batch_size, n_transforms=2, n_transforms_test=n_views, seed=0,
    )  # fmt: skip


def fitted(kind: type[OnePass], **settings: Any) -> tuple[OnePass, L.Trainer]:
    module, trainer = kind(DIM), make_trainer()
    trainer.fit(module, datamodule=data_of(**settings))
    return module.eval(), trainer


@pytest.mark.parametrize("kind", DETECTORS)
def test_outliers_score_higher(kind: type[OnePass]) -> None:
    module, _ = fitted(kind)
    scores = module.score(features()[N:])
    assert scores.shape == (TEST,)
    assert scores[-5:].min() > scores[:-5].max()
    assert (scores >= 0).all()


@pytest.mark.parametrize("kind", DETECTORS)
def test_scores_do_not_depend_on_batches(kind: type[OnePass]) -> None:
    module, other = fitted(kind)[0], fitted(kind, batch_size=7)[0]
    x = features()[N:]
    alone = torch.cat([module.score(one[None]) for one in x])
    torch.testing.assert_close(module.score(x), alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(module.score(x), other.score(x), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", DETECTORS)
@pytest.mark.parametrize("n_views", [1, 3])
def test_it_is_fitted_on_the_views_that_are_scored(kind: type[OnePass], n_views: int) -> None:
    module, _ = fitted(kind, n_views=n_views)
    other = kind(DIM)
    other.fit([features()[:N, :n_views]])
    x = features()[N:, :n_views]
    assert torch.equal(module.score(x), other.score(x))


@pytest.mark.parametrize("kind", DETECTORS)
def test_state_is_saved_and_loaded(kind: type[OnePass], tmp_path: Path) -> None:
    """Nothing was scored before: the fit does not wait for it."""
    module, trainer = fitted(kind)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    twin = kind(DIM)
    twin.load_state_dict(torch.load(tmp_path / "last.ckpt", weights_only=True)["state_dict"])
    x = features()[N:]
    assert torch.equal(twin.score(x), module.score(x))


@pytest.mark.parametrize("kind", DETECTORS)
def test_each_epoch_forgets_what_was_removed(kind: type[OnePass]) -> None:
    module, data, prune = kind(DIM), data_of(), Prune()
    make_trainer(epochs=3, callbacks=[prune]).fit(module, datamodule=data)
    assert len(prune.scores) == 3
    assert int(data.active.sum()) == N - 6
    active = torch.ones(N, dtype=torch.bool)
    for scores in prune.scores:
        clean = kind(DIM)
        clean.fit([features()[:N][active]])
        torch.testing.assert_close(scores, clean.score(features()[:N]))
        active[scores.masked_fill(~active, -1).topk(2).indices] = False
    assert not active[:4].any()  # the outliers went, in an order of their own


class Keep(Prune):
    """Keeps a checkpoint, too, after the first epoch's removals, as refinement does."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file = file

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        super().on_train_epoch_end(trainer, pl_module)
        if trainer.current_epoch == 0:
            trainer.save_checkpoint(self.file)


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_fit_that_was_stopped_goes_on_as_if_it_had_not(kind: type[OnePass], tmp_path: Path) -> None:
    whole, resumed = Keep(tmp_path / "a.ckpt"), Prune()
    make_trainer(epochs=3, callbacks=[whole]).fit(kind(DIM), datamodule=data_of())
    trainer = make_trainer(epochs=3, callbacks=[resumed])
    trainer.fit(kind(DIM), datamodule=data_of(), ckpt_path=tmp_path / "a.ckpt")
    assert len(resumed.scores) == 2
    assert all(map(torch.equal, resumed.scores, whole.scores[1:]))


class ReadOnce(ResidentFeatures):
    """Notes which images' features are computed."""

    def __init__(self) -> None:
        super().__init__(features())
        self.read: list[int] = []

    def scored(self, positions: Tensor) -> Tensor:
        self.read += positions.tolist()
        return super().scored(positions)

    def drawn(self, *arguments: Any) -> Tensor:
        raise AssertionError("features of a batch that nobody reads")


@pytest.mark.parametrize("kind", DETECTORS)
def test_a_fit_computes_the_features_of_each_image_once(kind: type[OnePass]) -> None:
    data = data_of()
    data.features = ReadOnce()
    make_trainer().fit(kind(DIM), datamodule=data)
    assert sorted(data.features.read) == list(range(N))


@pytest.mark.parametrize("kind", DETECTORS)
def test_lightning_trains_without_a_complaint(kind: type[OnePass]) -> None:
    """But for two remarks on what is meant: the step and the optimiser are None."""
    module, trainer = kind(DIM), make_trainer(epochs=2)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        trainer.fit(module, datamodule=data_of())
    texts = [str(w.message) for w in seen if issubclass(w.category, UserWarning)]
    meant = ("returned `None`", "does not have many workers")
    assert [t for t in texts if not any(m in t for m in meant)] == []
    assert trainer.global_step == 2  # loggers go by it


def test_it_has_no_gradient_and_one_epoch() -> None:
    assert not has_gradient(Gaussian(DIM))
    assert has_gradient(torch.nn.Linear(2, 2))
    assert not has_gradient(torch.nn.Linear(2, 2).requires_grad_(False))
    assert epochs_of(Nearest, 60) == epochs_of(Nearest(DIM), 60) == 1
    assert epochs_of(torch.nn.Linear(2, 2), 60) == 60


def test_it_needs_data_that_know_what_is_active() -> None:
    images = DataLoader(TensorDataset(features(), torch.arange(N + TEST)))
    with pytest.raises(TypeError, match="Gaussian needs a RefinableData"):
        make_trainer().fit(Gaussian(DIM), images)


@pytest.mark.parametrize("kind", DETECTORS)
def test_gradients_reach_the_features(kind: type[OnePass]) -> None:
    module, _ = fitted(kind)
    x = features()[N:].requires_grad_()
    (gradient,) = torch.autograd.grad(module.score(x).sum(), x)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0


@pytest.mark.parametrize("kind", DETECTORS)
def test_lightning_predicts(kind: type[OnePass]) -> None:
    module, trainer = fitted(kind)
    scores = trainer.predict(module, datamodule=data_of(batch_size=4))
    assert scores is not None
    torch.testing.assert_close(torch.cat(scores), module.score(features()[N:]))  # type: ignore[arg-type]


def test_the_gaussian_is_mahalanobis_where_images_abound() -> None:
    x = torch.randn(5000, 3, generator=torch.Generator().manual_seed(1)) @ torch.diag(
        torch.tensor([1.0, 2.0, 3.0])
    )
    module = Gaussian(3)
    module.fit([x[:, None]])
    centred = x - x.mean(dim=0)
    expected = (centred @ torch.cov(x.T).inverse() * centred).sum(dim=1) / 3
    torch.testing.assert_close(module.score(x[:, None]), expected, rtol=0.05, atol=0.05)


def test_equal_features_do_not_break_the_gaussian() -> None:
    module = Gaussian(3)
    module.fit([torch.ones(6, 1, 3)])
    assert module.score(torch.zeros(1, 3)[:, None]).isfinite().all()


def test_an_image_is_no_neighbour_of_itself() -> None:
    module = Nearest(2)
    module.fit([torch.tensor([[0.0, 100.0], [0.0, 103.0], [50.0, 100.0]])[:, None]])
    assert module.score(torch.tensor([[0.0, 100.0]])[:, None]).tolist() == pytest.approx([3.0])
    assert module.score(torch.tensor([[0.0, 100.5]])[:, None]).tolist() == pytest.approx([0.5])
    alone = Nearest(2)
    alone.fit([torch.tensor([[1.0, 2.0]])[:, None]])
    assert alone.score(torch.tensor([[1.0, 2.0]])[:, None]).tolist() == [0.0]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_features_that_are_no_numbers_are_no_normal_image(bad: float) -> None:
    module = Nearest(2, neighbours=2)
    module.fit([torch.tensor([[0.0, 100.0], [0.0, 103.0], [50.0, 100.0]])[:, None]])
    assert not module.score(torch.tensor([[0.0, bad]])[:, None]).isfinite().any()


def test_more_neighbours_than_images() -> None:
    module = Nearest(1, neighbours=5)
    module.fit([torch.tensor([[1.0], [3.0]])[:, None]])
    assert module.score(torch.tensor([[0.0]])[:, None]).tolist() == pytest.approx([2.0])
