"""Behaviour of pruning: what is removed stays away, and a checkpoint knows what is still active."""

import io

import pytest
import torch
from numbered_features import TEST, TRAIN, all_but, images_of, refinable_data, views_of
from torch import Tensor


def test_all_training_images_are_active_at_first() -> None:
    data = refinable_data()
    assert data.active.tolist() == [True] * len(TRAIN)
    assert sorted(images_of(data.train_dataloader())) == sorted(TRAIN)


def test_removed_images_are_missing_from_the_next_training_loader() -> None:
    data = refinable_data()
    data.keep(all_but(0, 4))
    assert sorted(images_of(data.train_dataloader())) == sorted(set(TRAIN) - {TRAIN[0], TRAIN[4]})
    assert len(data.train_dataloader()) == 3
    assert data.active.tolist() == all_but(0, 4).tolist()


def test_removed_images_do_not_come_back() -> None:
    data = refinable_data()
    data.keep(all_but(0))
    data.keep(all_but(1))  # Would keep image 0.
    assert data.active.tolist() == all_but(0, 1).tolist()


def test_pruning_does_not_touch_the_test_images() -> None:
    data = refinable_data()
    data.keep(all_but(*range(1, 11)))
    assert images_of(data.predict_dataloader()) == TEST


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (
            torch.ones(len(TRAIN) - 1, dtype=torch.bool),
            rf"\({len(TRAIN)},\).*\({len(TRAIN) - 1},\)",
        ),
        (torch.ones(len(TRAIN), 1, dtype=torch.bool), "shape"),
        (torch.ones(len(TRAIN)), "bool.*float32"),
        (torch.arange(len(TRAIN)), "bool.*int64"),  # Positions are not a mask.
        (torch.zeros(len(TRAIN), dtype=torch.bool), "every training image"),
    ],
)
def test_unfit_mask_is_refused_and_changes_nothing(mask: Tensor, message: str) -> None:
    data = refinable_data()
    data.keep(all_but(2))
    with pytest.raises(ValueError, match=message):
        data.keep(mask)
    assert data.active.tolist() == all_but(2).tolist()


def test_removing_the_last_active_images_is_refused() -> None:
    data = refinable_data()
    data.keep(all_but(*range(1, len(TRAIN))))
    with pytest.raises(ValueError, match="every training image"):
        data.keep(all_but(0))


def test_state_survives_a_checkpoint_read_with_weights_only() -> None:
    data = refinable_data()
    data.keep(all_but(1, 5))
    file = io.BytesIO()
    torch.save(data.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)

    restored = refinable_data()
    restored.load_state_dict(state)
    assert restored.active.tolist() == all_but(1, 5).tolist()
    assert views_of(restored.train_dataloader()) == views_of(data.train_dataloader())
    assert state.keys() == {"active"}


def test_state_is_a_snapshot_that_later_pruning_does_not_change() -> None:
    data = refinable_data()
    state = data.state_dict()
    data.keep(all_but(3))
    data.load_state_dict(state)
    assert data.active.all()


def test_state_of_another_number_of_images_is_refused_and_changes_nothing() -> None:
    data = refinable_data()
    data.keep(all_but(3))
    with pytest.raises(ValueError, match=f"5 training images.*{len(TRAIN)}"):
        data.load_state_dict({"active": torch.ones(5, dtype=torch.bool)})
    assert data.active.tolist() == all_but(3).tolist()
