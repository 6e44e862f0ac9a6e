"""Features as the backbone gives them: compiled or not the same, and finite numbers."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from prepared_features import CPU, extractor

from irp_lightning.config.experiment import Experiment
from irp_lightning.extractors import extractors_of
from irp_lightning.features.extraction import extract
from irp_lightning.foundation.errors import InputError


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_a_compiled_backbone_finds_the_same(paths: list[Path]) -> None:
    plain, compiled = (
        torch.stack([v for _, v in extract(paths, extractor(1), workers=0, device=CPU, compile=c)])
        for c in (False, True)
    )
    torch.testing.assert_close(compiled, plain, atol=1e-5, rtol=1e-4)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] >= 1


@pytest.mark.parametrize("key", ["features.compile", "model.compile"])
def test_without_a_compiler_nothing_begins(
    experiment: Callable[..., Experiment], monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=f"{key}=true needs a C.. compiler, and no-such-compiler"):
        extractors_of(experiment("+experiment=demo", f"{key}=true"))


def test_features_that_are_no_numbers_are_refused(paths: list[Path], tmp_path: Path) -> None:
    broken = extractor()
    next(broken.backbone.parameters()).data.fill_(torch.nan)
    with pytest.raises(InputError, match=r"png: the backbone's features of it are no finite numbers"):
        next(extract(paths, broken, workers=0, device=CPU))
