"""Pictures in a folder: names that never collide, and originals that stay."""

from collections.abc import Callable
from pathlib import Path

import lightning as L
import numpy as np
import pytest
from omegaconf import DictConfig
from PIL import Image
from torch import Tensor

from irp_lightning.commands.predict import main
from irp_lightning.commands.run import run_composed as run
from irp_lightning.detectors.checkpoint import Loaded
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.features.config import BackboneConfig, ViewsConfig
from irp_lightning.features.extractor import build_extractor
from irp_lightning.foundation.errors import InputError
from irp_lightning.localisation.heat_map_folder import (
    check_heat_map_folder,
    heat_map_names,
    write_heat_maps,
)


@pytest.mark.parametrize(
    ("images", "names"),
    [
        (["a.png"], ["a.png"]),
        (["x/a.jpg", "x/b.jpg"], ["a.png", "b.png"]),
        (["x/a.jpg", "y/a.jpg"], ["x/a.png", "y/a.png"]),
        (["x/a.jpg", "x/y/a.jpg"], ["a.png", "y/a.png"]),
        (["a.jpg", "a.png", "a-2.png", "a.jpg"], ["a.png", "a-2.png", "a-2-2.png", "a.png"]),
        (["x/../a.png", "./a.png"], ["a.png", "a.png"]),
        (["A.png", "a.png"], ["A.png", "a-2.png"]),
    ],
)
def test_different_images_have_different_names(images: list[str], names: list[str]) -> None:
    assert heat_map_names([Path(image) for image in images]) == names


def test_a_folder_is_refused_before_it_is_made(tmp_path: Path) -> None:
    image = tmp_path / "a.png"
    image.touch()
    for folder in (image, image / "below"):
        with pytest.raises(InputError, match=r"a\.png is not a folder"):
            check_heat_map_folder(folder, [image])
    with pytest.raises(InputError, match=r"would replace .*a\.png"):
        check_heat_map_folder(tmp_path, [image])
    with pytest.raises(InputError, match="cannot be written"):
        check_heat_map_folder(Path("/proc/heat"), [image])
    check_heat_map_folder(tmp_path / "new" / "folder", [image])
    assert [*tmp_path.iterdir()] == [image]


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(path)
    return path


def loaded(detector: L.LightningModule) -> Loaded:
    backbone = BackboneConfig(name="random", weights=None, n_scales=1, seed=0)
    views = ViewsConfig(
        count=2, seed=0, n_transforms=1, n_transforms_test=1, interpolation="bilinear", fill="zeros"
    )
    extractor = build_extractor(backbone, views, image_size=32, crop="none", autocast="none")
    model = ModelConfig("my_detector.Mine")
    return Loaded(model=model, detector=detector, extractor=extractor, n_views=2)


class MeanSquare(L.LightningModule):
    def score(self, features: Tensor) -> Tensor:
        return features.square().mean(dim=(1, 2))


class Detached(MeanSquare):
    def score(self, features: Tensor) -> Tensor:
        return super().score(features.detach())


def test_each_image_has_its_picture(tmp_path: Path) -> None:
    images = [picture(tmp_path / "images" / name) for name in ("x/a.png", "y/a.png")]
    out = tmp_path / "new" / "maps"
    write_heat_maps(loaded(MeanSquare()), images, out)
    files = sorted(path for path in out.rglob("*") if path.is_file())
    assert files == [out / "x" / "a.png", out / "y" / "a.png"]
    assert [Image.open(file).size for file in files] == [(60, 40)] * 2


def test_an_image_is_never_replaced(tmp_path: Path) -> None:
    """Not either where fewer images are written than were looked at: the names get shorter."""
    images = [picture(tmp_path / name) for name in ("x/a.png", "y/a.png")]
    before = images[0].read_bytes()
    check_heat_map_folder(tmp_path / "x", images)
    with pytest.raises(InputError, match=r"would replace .*a\.png"):
        write_heat_maps(loaded(MeanSquare()), images[:1], tmp_path / "x")
    assert images[0].read_bytes() == before


def test_no_half_picture_stays_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(self: Image.Image, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    images, out = [picture(tmp_path / "a.png")], tmp_path / "maps"
    monkeypatch.setattr(Image.Image, "save", fails)
    with pytest.raises(InputError, match=r"maps cannot be written \(No space left on device\)"):
        write_heat_maps(loaded(MeanSquare()), images, out)
    assert not list(out.iterdir())


def test_a_score_without_gradient_gives_no_pictures(tmp_path: Path) -> None:
    images = [picture(tmp_path / "a.png")]
    with pytest.raises(InputError, match=r"no heat maps: .* no gradient"):
        write_heat_maps(loaded(Detached()), images, tmp_path / "maps")
    assert not (tmp_path / "maps").exists()


def test_predict_writes_a_picture_per_image(
    config: Callable[..., DictConfig],
    images: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run_folder = tmp_path / "run"
    run(config("+experiment=demo", "refine=none", "epochs=1"), run_folder)
    test = images / "fabric" / "test"
    kinds = sorted(p for p in test.iterdir() if p.is_dir() and p.name != "good")[:2]
    first = [min(kind.glob("*.png")) for kind in kinds]
    assert first[0].name == first[1].name
    capsys.readouterr()
    main([str(run_folder), *map(str, first)])
    plain = capsys.readouterr().out
    out = tmp_path / "maps"
    main([str(run_folder), *map(str, first), "--heat-maps", str(out)])
    assert capsys.readouterr().out == plain
    files = sorted(p for p in out.rglob("*") if p.is_file())
    assert files == [out / kind.name / image.name for kind, image in zip(kinds, first, strict=True)]
    for image, file in zip(first, files, strict=True):
        before, after = (np.asarray(Image.open(p).convert("RGB")).astype(int) for p in (image, file))
        assert before.shape == after.shape
        changed = (abs(before - after).max(-1) > 30).mean()
        assert 0.001 < changed < 0.9  # heat somewhere, not everywhere


def test_predict_looks_at_the_folder_before_the_detector(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = picture(tmp_path / "images" / "a.png")
    for bad in (image, image / "x", image.parent):
        with pytest.raises(SystemExit, match=r"^irp_lightning: --heat-maps [^\n]*$"):
            main([str(tmp_path / "no_run"), str(image), "--heat-maps", str(bad)])
    assert capsys.readouterr().out == ""
