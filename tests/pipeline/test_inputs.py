"""What is read before anything is removed or fitted."""

from collections.abc import Callable
from pathlib import Path

import pytest

from irp_lightning.config.experiment import Experiment
from irp_lightning.features import backbone
from irp_lightning.foundation.errors import InputError
from irp_lightning.pipeline.inputs import read_inputs


def test_images_are_looked_for_before_weights_are_loaded(
    experiment: Callable[..., Experiment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded: list[str] = []
    monkeypatch.setattr(backbone, "load_weights", lambda network, config: loaded.append(config.name))
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(InputError, match=r"data\.root|data\.category"):
            read_inputs(experiment(f"data.root={root}", "backbone=resnet18"))
    assert not loaded
    read_inputs(experiment("refine=none"))
    assert loaded == ["random"]
