"""Features as the backbone gives them: the same however they are computed, and finite numbers."""

import multiprocessing
import shutil
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
import torch
from prepared_features import CPU, extractor, write_images

from irp_lightning.config.experiment import Experiment
from irp_lightning.features import extraction
from irp_lightning.features.extraction import extract
from irp_lightning.features.extractor import FeatureExtractor
from irp_lightning.foundation.errors import InputError
from irp_lightning.pipeline.extractors import extractors_of


@pytest.mark.slow
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


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_images(tmp_path_factory.mktemp("many"), 40)


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_change_neither_order_nor_values(
    many: list[Path], monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    network = extractor()
    plain = list(extract(many, network, workers=0, device=CPU))
    # As in a worker of a pool, which may have no children.
    monkeypatch.setitem(multiprocessing.current_process()._config, "daemon", True)  # type: ignore[attr-defined]
    ahead = list(extract(many, network, workers=threads, device=CPU, done=lambda i: i % 4 == 1))
    assert [i for i, _ in ahead] == [i for i in range(len(many)) if i % 4 != 1]
    assert all(torch.equal(vectors, plain[i][1]) for i, vectors in ahead)


def test_who_stops_has_few_images_decoded_and_leaves_no_thread(
    many: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    load, decoded = FeatureExtractor.load, []

    def counted(self: FeatureExtractor, path: Path) -> torch.Tensor:
        decoded.append(path)
        return load(self, path)

    monkeypatch.setattr(FeatureExtractor, "load", counted)
    features = extract(many, extractor(), workers=2, device=CPU)
    for _ in range(3):
        next(features)
    assert isinstance(features, Generator)
    features.close()  # as at an interrupt
    assert len(decoded) <= 3 + 1 + extraction.AHEAD * 2 + 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("decode")]


def test_an_image_that_cannot_be_decoded_by_a_thread_is_named(many: list[Path], tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"^\S+broken\.png is not a readable image \("):
        list(extract([*many[:5], tmp_path / "broken.png"], extractor(), workers=2, device=CPU))
