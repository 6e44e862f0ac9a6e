"""An extractor from a checkpoint: restored as it was, or refused."""

import io
from pathlib import Path

import pytest
import torch
from small_backbones import extractor

from irp_lightning.features.bank import FeatureBank
from irp_lightning.features.config import PatchesConfig
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.foundation.errors import InputError


def test_an_exported_extractor_is_restored() -> None:
    found = extractor("random").of_patches(
        PatchesConfig(image_size=32, grid=2, neighbourhood=3, width=40), 2
    )
    file = io.BytesIO()
    torch.save(found.export(), file)
    file.seek(0)
    restored = FeatureExtractor.restore(torch.load(file, weights_only=True))
    assert FeatureBank(Path(), restored.spec, "float32").folder == (
        FeatureBank(Path(), found.spec, "float32").folder
    )
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert torch.equal(restored(images, torch.zeros(2, 1)), found(images, torch.zeros(2, 1)))


@pytest.mark.parametrize("name", ["nonsense", "fasterrcnn_resnet50_fpn"])
def test_a_checkpoint_with_another_network_is_refused(name: str) -> None:
    exported = extractor("random").export()
    exported["spec"]["backbone"] = name
    with pytest.raises(InputError, match="is not a torchvision network"):
        FeatureExtractor.restore(exported)
