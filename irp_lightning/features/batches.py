"""The data of a run as Lightning sees it: features by sample index, and which samples are active.

No label ever gets in here: batches are ``(features, index)`` and nothing else.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import lightning as L
import torch
from torch import Tensor

from irp_lightning.features.image_features import ImageFeatures

__all__ = ["NoBatches", "RefinableData", "ScoredBatches", "TrainingBatches"]


class TrainingBatches:
    """One epoch: the images shuffled, some views of each drawn anew.

    A plain iterable that gathers whole batches: no worker processes, no per-item collation.

    Args:
        features: Of all images.
        positions: Of the images among them: (N,).
        batch_size: Images in a batch; the last one may be smaller.
        n_transforms: Views drawn of each image.
        seed: Of the shuffling and the views; give each epoch another.
        rank: Of this process, among those that train together: it gets its share of every batch.
        count: How many there are. A last batch with an image for not even each of them is left out.
    """

    def __init__(
        self,
        features: ImageFeatures,
        positions: Tensor,
        batch_size: int,
        n_transforms: int,
        seed: int,
        rank: int = 0,
        count: int = 1,
    ) -> None:
        self.features, self.positions, self.batch_size = features, positions, batch_size
        self.n_transforms, self.seed = n_transforms, seed
        self.rank, self.count = rank, count

    def __len__(self) -> int:
        whole, rest = divmod(len(self.positions), self.batch_size)
        return whole + (rest >= self.count)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(self.seed)
        order = self.positions[torch.randperm(len(self.positions), generator=generator)]
        share = slice(self.rank, None, self.count)
        for batch in order.split(self.batch_size)[: len(self)]:
            yield self.features.drawn(batch, self.n_transforms, generator, share), batch[share]


class NoBatches:
    """One epoch of a detector that fits itself and reads no batch: a single empty one.

    Lightning trains for no epoch at all where there is no batch.

    Args:
        dim: Length D of a feature vector.
    """

    def __init__(self, dim: int) -> None:
        self.dim = dim

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        yield torch.empty(0, 1, self.dim), torch.empty(0, dtype=torch.long)


class ScoredBatches:
    """Images in order, with the fixed views they are scored on.

    Args:
        features: Of all images.
        positions: Of the images among them: (N,).
        batch_size: Images in a batch.
        n_transforms: How many of the fixed views: the first ones.
    """

    def __init__(
        self, features: ImageFeatures, positions: Tensor, batch_size: int, n_transforms: int
    ) -> None:
        self.features, self.positions = features, positions
        self.batch_size, self.n_transforms = batch_size, n_transforms

    def __len__(self) -> int:
        return -(-len(self.positions) // self.batch_size)

    def part(self, rank: int, count: int) -> "ScoredBatches":
        """Every ``count``-th image from ``rank`` on: what one of several processes scores."""
        return ScoredBatches(
            self.features, self.positions[rank::count], self.batch_size, self.n_transforms
        )

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.positions.split(self.batch_size)[: len(self)]:
            yield self.features.scored(batch)[:, : self.n_transforms], batch


class RefinableData(L.LightningDataModule):
    """Training images that can be pruned between rounds, and test images.

    The active mask is part of the state that checkpoints carry. The training loader is made from it
    anew in each epoch, so the trainer needs ``reload_dataloaders_every_n_epochs=1``; without it
    Lightning would keep using the old images, silently.

    Args:
        features: Of all images.
        train: Positions of the training images among them.
        test: Positions of the test images.
        batch_size: Images in a batch, of all processes together; beyond the number of images it is one
            smaller batch.
        n_transforms: Views drawn of each image in training.
        n_transforms_test: Fixed views that scores are averaged over.
        seed: Of the batches.

    Attributes:
        active: (len(train),), bool: the training images that have not been removed.
    """

    def __init__(
        self,
        features: ImageFeatures,
        train: Sequence[int],
        test: Sequence[int],
        *,
        batch_size: int,
        n_transforms: int,
        n_transforms_test: int,
        seed: int,
    ) -> None:
        super().__init__()
        self.features = features
        self.train_images = torch.tensor(train, dtype=torch.long)
        self.test_images = torch.tensor(test, dtype=torch.long)
        self.batch_size = batch_size
        self.n_transforms = n_transforms
        self.n_transforms_test = n_transforms_test
        self.seed = seed
        self.active = torch.ones(len(train), dtype=torch.bool)

    def keep(self, mask: Tensor) -> None:
        """Prune the training images; takes effect in the next epoch.

        Args:
            mask: (len(train),), bool: what to keep of the active images.

        Raises:
            ValueError: The mask has another shape, or would keep none.
        """
        if mask.shape != self.active.shape or mask.dtype != torch.bool:
            raise ValueError(
                f"keep wants a bool mask of shape {tuple(self.active.shape)}, "
                f"not {mask.dtype} of shape {tuple(mask.shape)}"
            )
        if not (self.active & mask).any():
            raise ValueError("keep would remove every training image")
        self.active = self.active & mask

    def train_dataloader(self) -> TrainingBatches | NoBatches:
        """The active images, shuffled by the seed and the epoch.

        A module with ``reads_batches = False`` fits itself: no feature is computed for its epochs.
        """
        module = self.trainer.lightning_module if self.trainer is not None else None
        if not getattr(module, "reads_batches", True):
            return NoBatches(self.features.dim)
        epoch = self.trainer.current_epoch if self.trainer is not None else 0
        return TrainingBatches(
            self.features,
            self.train_images[self.active],
            self.batch_size,
            self.n_transforms,
            # Any two (seed, epoch) pairs of a sensible size get different streams.
            seed=self.seed * 1_000_003 + epoch,
            rank=self.trainer.global_rank if self.trainer is not None else 0,
            count=self.trainer.world_size if self.trainer is not None else 1,
        )

    def active_batches(self) -> ScoredBatches:
        """The active training images, in order."""
        return self.scored_batches(self.train_images[self.active])

    def scored_batches(self, positions: Tensor) -> ScoredBatches:
        """The images at some positions, in order, with their fixed views."""
        return ScoredBatches(self.features, positions, self.batch_size, self.n_transforms_test)

    def predict_dataloader(self) -> ScoredBatches:
        """The test images, in order."""
        return self.scored_batches(self.test_images)

    def state_dict(self) -> dict[str, Any]:
        """The active mask."""
        return {"active": self.active}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the active mask.

        Raises:
            ValueError: The checkpoint was written for another number of training images.
        """
        if state_dict["active"].shape != self.active.shape:
            raise ValueError(
                f"the checkpoint has {len(state_dict['active'])} training images, "
                f"this run has {len(self.active)}"
            )
        self.active = state_dict["active"]
