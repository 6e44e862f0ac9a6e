"""The callback, in a real ``trainer.fit`` on small tensors."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import lightning as L
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.features.batches import RefinableData
from irp_lightning.features.image_features import ResidentFeatures
from irp_lightning.foundation.errors import InputError
from irp_lightning.refinement.callback import IterativeRefinement
from irp_lightning.refinement.judgement import Pruning
from irp_lightning.refinement.rounds import Round
from irp_lightning.refinement.rules import lambda_median

N, TEST, DIM = 24, 6, 4


class Distance(L.LightningModule):
    """A detector of somebody else's: the squared distance to a centre that it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(DIM))
        self.seen: list[set[int]] = []

    def score(self, batch: Tensor) -> Tensor:
        return (batch - self.centre).square().mean(dim=(1, 2))

    def on_train_epoch_start(self) -> None:
        self.seen.append(set())

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        self.seen[-1] |= set(batch[1].tolist())
        return self.score(batch[0]).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def features(outliers: int = 4) -> Tensor:
    """Images around 1; the first few training images lie further off, each further than the last."""
    values = 1 + 0.1 * torch.randn(N + TEST, 3, DIM, generator=torch.Generator().manual_seed(1))
    for i in range(outliers):
        values[i] += 5 + i
    return values


def fit(
    module: L.LightningModule | None = None,
    outliers: int = 4,
    resume: Path | None = None,
    keep: Callable[[L.Trainer], None] = lambda trainer: None,
    rule: Callable[..., float] = lambda_median,
    k: float = 1.5,
    round_epochs: int = 2,
    from_scratch: bool = False,
    **settings: Any,
) -> tuple[IterativeRefinement, L.LightningModule, RefinableData, L.Trainer]:
    torch.manual_seed(0)
    module = Distance() if module is None else module
    refinement = IterativeRefinement(
        Pruning(rule=partial(rule, k=k), **settings),
        epochs=3,
        round_epochs=round_epochs,
        from_scratch=from_scratch,
        after_round=keep,
    )
    data = RefinableData(
        ResidentFeatures(features(outliers)),
        list(range(N)),
        list(range(N, N + TEST)),
        batch_size=8,
        n_transforms=2,
        n_transforms_test=3,
        seed=0,
    )
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=refinement.max_epochs,
        reload_dataloaders_every_n_epochs=1,
        callbacks=[refinement],
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
    )
    trainer.fit(module, datamodule=data, ckpt_path=resume)
    return refinement, module, data, trainer


def removed_per_round(rounds: list[Round]) -> list[list[int]]:
    return [r.removed.nonzero().flatten().tolist() for r in rounds]


def test_irp_removes_the_worst_one_per_round_until_nothing_exceeds() -> None:
    refinement, _, data, trainer = fit(max_rounds=10, round_epochs=2, k=3.0)
    assert removed_per_round(refinement.rounds) == [[3], [2], [1], [0], []]
    assert refinement.converged is True
    assert trainer.current_epoch == 3 + 4 * 2  # converged: the other rounds were not fitted
    assert data.active.sum() == N - 4


def test_what_was_removed_is_not_trained_on_again() -> None:
    _, module, _, _ = fit(max_rounds=2, round_epochs=2, k=3.0)
    assert isinstance(module, Distance)
    assert [len(epoch) for epoch in module.seen] == [N] * 3 + [N - 1] * 2 + [N - 2] * 2
    assert 3 not in module.seen[3]


def test_all_removes_everything_above_at_once() -> None:
    refinement, _, _, _ = fit(max_rounds=10, round_epochs=1, k=3.0, remove="all")
    assert removed_per_round(refinement.rounds)[0] == [0, 1, 2, 3]
    assert refinement.converged is True


def test_one_shot_removal_prunes_once_and_fits_on() -> None:
    refinement, _, _, trainer = fit(max_rounds=1, round_epochs=2, k=3.0, remove="all")
    assert removed_per_round(refinement.rounds) == [[0, 1, 2, 3], []]
    assert trainer.current_epoch == 3 + 2


def test_max_rounds_ends_an_unfinished_process() -> None:
    refinement, _, _, trainer = fit(max_rounds=2, round_epochs=1, k=3.0)
    assert removed_per_round(refinement.rounds) == [[3], [2], []]
    assert refinement.converged is False
    assert trainer.current_epoch == 3 + 2


def test_the_guard_stops_removals() -> None:
    # 10 % of 24 images: two may go, however many exceed the threshold.
    refinement, _, data, _ = fit(max_rounds=10, round_epochs=1, k=3.0, remove="all", max_removed=0.1)
    assert removed_per_round(refinement.rounds) == [[2, 3], []]
    assert data.active.sum() == N - 2
    assert refinement.converged is False


@pytest.mark.parametrize(("patience", "rounds"), [(1, 1), (2, 2), (3, 3)])
def test_patience_asks_for_quiet_rounds_in_a_row(patience: int, rounds: int) -> None:
    refinement, _, _, trainer = fit(outliers=0, max_rounds=10, round_epochs=1, k=50.0, patience=patience)
    assert len(refinement.rounds) == rounds
    assert trainer.current_epoch == 3 + rounds - 1
    assert refinement.converged is True


def test_scratch_starts_each_round_from_the_first_weights_and_a_new_optimiser() -> None:
    class Watched(DifferNet):
        def on_train_epoch_start(self) -> None:
            state = self.optimizers().optimizer.state  # type: ignore[union-attr]
            first = next(p for p in self.parameters() if p.requires_grad)
            self.starts = [*getattr(self, "starts", []), (first.detach().clone(), len(state))]

    _, module, _, trainer = fit(
        Watched(DIM, n_blocks=1, hidden=4), max_rounds=1, k=1.01, from_scratch=True
    )
    assert trainer.current_epoch == 3 + 3  # each round for the full number of epochs
    weights, moments = zip(*module.starts, strict=True)  # type: ignore[arg-type]
    assert torch.equal(weights[3], weights[0])
    assert not torch.equal(weights[2], weights[0])
    assert (moments[0], moments[3]) == (0, 0)
    assert moments[2] > 0


def test_continue_goes_on_with_the_weights_at_hand() -> None:
    refinement, module, _, _ = fit(max_rounds=1, round_epochs=1, k=3.0)
    assert isinstance(module, Distance)
    first, second = (r.test_scores.mean() for r in refinement.rounds)
    assert second < first  # nearer to the normal images, not back at the beginning


def test_scores_are_of_the_active_images_by_the_rounds_own_model() -> None:
    refinement, module, _, _ = fit(max_rounds=1, round_epochs=1, k=3.0)
    last = refinement.rounds[-1]
    assert torch.equal(last.scores.isnan(), ~last.active)
    with torch.no_grad():
        expected = module.score(features()[:N])  # type: ignore[operator]
    torch.testing.assert_close(last.scores[last.active], expected[last.active])


def test_scoring_leaves_training_mode_on() -> None:
    class Modes(Distance):
        def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
            assert self.training

        def score(self, batch: Tensor) -> Tensor:
            self.scored_in_training = self.training
            return super().score(batch)

    _, module, _, _ = fit(Modes(), max_rounds=2, k=3.0)
    assert module.scored_in_training is False


def test_scores_that_the_rule_cannot_judge_end_the_run() -> None:
    class Negative(Distance):
        def score(self, batch: Tensor) -> Tensor:
            return super().score(batch) - 1e6

    with pytest.raises(InputError, match="median"):
        fit(Negative(), max_rounds=2)


def test_a_detector_that_diverged_ends_the_run() -> None:
    class Diverged(Distance):
        def score(self, batch: Tensor) -> Tensor:
            return super().score(batch) * torch.nan

    with pytest.raises(InputError, match="diverged"):
        fit(Diverged(), max_rounds=2)


def test_a_checkpoint_carries_rounds_and_active_images(tmp_path: Path) -> None:
    refinement, _, data, trainer = fit(max_rounds=2, round_epochs=1, k=3.0)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    twin = IterativeRefinement(Pruning(rule=lambda_median, max_rounds=2), epochs=3, round_epochs=1)
    twin.load_state_dict(state["callbacks"]["IterativeRefinement"])
    assert removed_per_round(twin.rounds) == removed_per_round(refinement.rounds)
    assert torch.equal(state["RefinableData"]["active"], data.active)


def test_a_score_per_view_is_refused() -> None:
    class PerView(Distance):
        def score(self, batch: Tensor) -> Tensor:
            return batch.square().mean(dim=2)

        def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
            return (batch[0] - self.centre).square().mean()

    with pytest.raises(InputError, match=r"PerView\.score gave \(8, 3\)"):
        fit(PerView(), max_rounds=2)


class Noisy(Distance):
    """A detector whose training draws random numbers, as one with dropout does."""

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self.score(batch[0] + 0.1 * torch.randn_like(batch[0])).mean()


def test_a_fit_that_goes_on_from_a_round_draws_the_same_random_numbers(tmp_path: Path) -> None:
    file = tmp_path / "round.ckpt"

    def keep(trainer: L.Trainer) -> None:
        if not file.exists():
            trainer.save_checkpoint(file)

    whole, module, _, _ = fit(Noisy(), max_rounds=3, round_epochs=2, k=3.0, keep=keep)
    torch.manual_seed(99)
    resumed, twin, _, _ = fit(Noisy(), max_rounds=3, round_epochs=2, k=3.0, resume=file)
    assert removed_per_round(resumed.rounds) == removed_per_round(whole.rounds)
    assert torch.equal(twin.centre, module.centre)  # type: ignore[arg-type]


def test_what_ended_is_not_fitted_again(tmp_path: Path) -> None:
    _, module, _, trainer = fit(max_rounds=1, round_epochs=1, k=3.0)
    trainer.save_checkpoint(tmp_path / "last.ckpt")
    refinement, again, _, _ = fit(max_rounds=1, round_epochs=1, k=3.0, resume=tmp_path / "last.ckpt")
    assert torch.equal(again.centre, module.centre)  # type: ignore[arg-type]
    assert len(refinement.rounds) == 2


class TheirData(L.LightningDataModule):
    """A DataModule of somebody else's: rows of a table, and three members for the callback."""

    def __init__(self, rows: Tensor) -> None:
        super().__init__()
        self.rows, self.active = rows, torch.ones(len(rows), dtype=torch.bool)

    def train_dataloader(self) -> DataLoader[Tensor]:
        return DataLoader(self.rows[self.active], batch_size=8, shuffle=True)  # type: ignore[arg-type]

    def active_batches(self) -> list[Tensor]:
        return list(self.rows[self.active].split(5))

    def keep(self, mask: Tensor) -> None:
        self.active = self.active & mask


class Theirs(L.LightningModule):
    """A LightningModule of somebody else's, which is given rows and no index."""

    def __init__(self) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.zeros(DIM))

    def score(self, rows: Tensor) -> Tensor:
        return (rows - self.centre).square().mean(dim=1)

    def training_step(self, rows: Tensor, batch_idx: int) -> Tensor:
        return self.score(rows).mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def test_it_refines_a_module_and_data_of_somebody_elses() -> None:
    rows = features()[:N].mean(dim=1)
    pruning = Pruning(rule=partial(lambda_median, k=3.0), remove="all", max_rounds=4)
    refinement = IterativeRefinement(pruning, epochs=2, round_epochs=1)
    data = TheirData(rows)
    L.Trainer(
        accelerator="cpu", max_epochs=refinement.max_epochs, callbacks=[refinement], logger=False,
        reload_dataloaders_every_n_epochs=1, enable_checkpointing=False, enable_progress_bar=False,
    ).fit(Theirs(), datamodule=data)  # fmt: skip
    assert data.active.tolist() == [False] * 4 + [True] * (N - 4)
    assert refinement.converged
    assert all(r.test_scores is None for r in refinement.rounds)
