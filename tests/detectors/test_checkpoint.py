"""Checkpoints: whole ones give the same detector back, and no file is obeyed."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import NEAREST, write_checkpoint

from irp_lightning.detectors.build import check_detector
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.foundation.errors import InputError, WrongValue

DIFFERNET = "irp_lightning.detectors.differnet.DifferNet"

MINE = """
import lightning as L
import torch

class Mine(L.LightningModule):
    def __init__(self, dim, widths=None, sign=1.0):
        super().__init__()
        if sign == 0:
            raise RuntimeError("no sign,\\nno detector")
        self.centre = torch.nn.Parameter(torch.full((dim,), sign))
        self.widths = widths

    def score(self, batch):
        return (batch - self.centre).square().mean(dim=(1, 2))

    def training_step(self, batch, batch_idx):
        return self.score(batch[0]).mean()

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)

def make(**arguments):
    raise AssertionError("called")

calls = []

def backbone():
    calls.append(1)
    return torch.nn.Conv2d(3, 4, 3)
"""

Craft = Callable[..., Path]


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user's module, in the folder that is started from; each test gets one of another name."""
    name = f"mine_{abs(hash(tmp_path))}"
    (tmp_path / f"{name}.py").write_text(MINE)
    monkeypatch.syspath_prepend(tmp_path)
    return name


@pytest.fixture
def craft(tmp_path: Path) -> Craft:
    """A checkpoint whose contents are changed by hand."""

    def changed(**contents: Any) -> Path:
        file = tmp_path / "last.ckpt"
        write_checkpoint(file)
        saved = torch.load(file, weights_only=True)
        saved["irp_lightning"] |= contents
        torch.save(saved, file)
        return file

    return changed


def refusal(file: Path) -> str:
    with pytest.raises(InputError) as error:
        load_detector(file)
    text = str(error.value)
    assert text.startswith(str(file))
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("detector", "arguments"),
    [
        (NEAREST, {"neighbours": 2}),
        ("irp_lightning.detectors.gaussian.Gaussian", {}),
        (DIFFERNET, {"n_blocks": 1, "hidden": 8, "betas": [0.7, 0.8], "average": 0.9}),
    ],
)
def test_a_detector_comes_back_with_all_that_it_needs(
    detector: str, arguments: dict[str, Any], tmp_path: Path
) -> None:
    file = tmp_path / "run" / "checkpoints" / "last.ckpt"
    module, extractor = write_checkpoint(file, detector, **arguments)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    angles = extractor.angles.expand(2, -1)
    for path in (file, tmp_path / "run"):
        loaded = load_detector(path)
        assert type(loaded.detector) is type(module)
        assert loaded.n_views == 2
        assert not loaded.detector.training
        assert not loaded.extractor.training
        assert torch.equal(loaded.extractor(images, angles), extractor(images, angles))
        features = torch.randn(4, 2, extractor.dim)
        assert torch.equal(loaded.detector.score(features), module.score(features))


def test_a_users_detector_comes_back(mine: str, tmp_path: Path) -> None:
    arguments = {"widths": [[1, 2], {"a": None, "b": "c"}], "sign": -1.0}
    write_checkpoint(tmp_path / "a.ckpt", f"{mine}.Mine", **arguments)
    loaded: Any = load_detector(tmp_path / "a.ckpt")
    assert type(loaded.detector).__name__ == "Mine"
    assert loaded.detector.widths == arguments["widths"]
    assert (loaded.detector.centre < 0).all()


@pytest.mark.parametrize("value", [{"_target_": "os.getcwd"}, [{"a": {"_target_": "x.Y"}}], {1, 2}, 1j])
def test_arguments_that_no_checkpoint_can_keep_are_refused_before_the_fit(value: object) -> None:
    model = ModelConfig("my_module.Mine", rest={"net": value})
    with pytest.raises(WrongValue, match=r"^net=.* plain values"):
        check_detector(model)


@pytest.mark.parametrize("depth", ["argument", "list", "dict"])
@pytest.mark.parametrize("call", ["open", "touch", "remove"])
def test_a_crafted_file_calls_nothing(depth: str, call: str, craft: Craft, tmp_path: Path) -> None:
    canary, new = tmp_path / "canary", tmp_path / "new"
    canary.write_text("alive")
    place = {"_target_": "pathlib.Path", "_args_": [str(new)]}
    order: Any = {
        "open": {"_target_": "builtins.open", "file": str(canary), "mode": "w"},
        "touch": {"_target_": "pathlib.Path.touch", "_args_": [place]},
        "remove": {"_target_": "os.remove", "path": str(canary)},
    }[call]  # fmt: skip
    arguments = {"argument": {"neighbours": order}, "list": {"neighbours": [1, [order]]}, "dict": order}
    text = refusal(craft(arguments=arguments[depth]))
    assert "not a whole checkpoint" in text
    assert canary.read_text() == "alive"
    assert not new.exists()


@pytest.mark.parametrize(
    "detector",
    [
        "builtins.open", "os.system", "subprocess.run", "pathlib.Path.touch", "torch.nn.Linear",
        "lightning.Trainer", "lightning.LightningModule", "irp_lightning.predict.main", "{mine}.make",
    ],
)  # fmt: skip
def test_what_is_no_detector_is_not_called(
    detector: str, craft: Craft, mine: str, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    arguments = {"file": str(canary), "mode": "w"} if "open" in detector else {}
    file = craft(detector=detector.format(mine=mine), arguments=arguments)
    text = refusal(file)
    assert "no LightningModule with score" in text or "cannot be imported" in text
    assert canary.read_text() == "alive"


def test_a_backbone_of_the_users_is_called_where_it_is_allowed(mine: str, tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    write_checkpoint(file, backbone=f"{mine}.backbone")
    calls = sys.modules[mine].calls
    calls.clear()
    text = refusal(file)
    assert f"its backbone is a function, {mine}.backbone, that is not called unasked" in text
    assert not calls
    assert load_detector(file, own_backbone=True).extractor.dim == 4
    assert calls


@pytest.mark.parametrize(
    "contents",
    [
        {"detector": 5}, {"detector": {"_target_": "os.getcwd"}}, {"arguments": 3}, {"arguments": None},
        {"dim": "x"}, {"dim": 7}, {"n_views": None}, {"extractor": {}}, {"extractor": {"spec": 3}},
        {"arguments": {"neighbours": 0}}, {"arguments": {"width": 3}},
        {"extractor": {"_target_": "os.getcwd"}},
    ],
)  # fmt: skip
def test_contents_that_make_no_sense(contents: dict[str, Any], craft: Craft) -> None:
    text = refusal(craft(**contents))
    assert "not a whole checkpoint" in text or "its detector" in text


def test_a_detector_that_cannot_be_imported_is_said_to_be(mine: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.ckpt", f"{mine}.Mine")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)
    saved["irp_lightning"]["detector"] = "gone_away.Mine"
    torch.save(saved, tmp_path / "a.ckpt")
    text = refusal(tmp_path / "a.ckpt")
    assert "gone_away.Mine cannot be imported (No module named 'gone_away')" in text
    assert "start from the folder that holds" in text
    assert "whole checkpoint" not in text


def test_an_import_error_of_the_users_own_is_said(mine: str, craft: Craft, tmp_path: Path) -> None:
    (tmp_path / f"broken_{mine}.py").write_text("import no_such_library")
    text = refusal(craft(detector=f"broken_{mine}.Mine", arguments={}))
    assert "cannot be imported (No module named 'no_such_library')" in text


def test_a_detector_that_cannot_be_made_is_said_to_be(mine: str, craft: Craft) -> None:
    text = refusal(craft(detector=f"{mine}.Mine", arguments={"sign": 0}))
    assert f"its detector, {mine}.Mine, cannot be made (no sign, no detector)" in text


def test_a_checkpoint_of_an_older_version_is_said_to_be(tmp_path: Path) -> None:
    old = {"state_dict": {}, "RefinableData": {"active": torch.ones(3), "carried": {"model": {}}}}
    torch.save(old, tmp_path / "old.ckpt")
    assert "is of an older version of irp_lightning" in refusal(tmp_path / "old.ckpt")


@pytest.mark.parametrize("damage", ["cut", "empty", "text", "pickle", "list", "other"])
def test_damaged_files_and_other_things(damage: str, tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    write_checkpoint(file)
    whole = file.read_bytes()
    if damage in ("cut", "empty", "text"):
        file.write_bytes({"cut": whole[: len(whole) // 2], "empty": b"", "text": b"hello"}[damage])
    else:
        torch.save({"pickle": Path("x"), "list": [1], "other": {"state_dict": {}}}[damage], file)
    text = refusal(file)
    assert "checkpoint of irp_lightning" in text
    assert "give a run folder or its checkpoints/last.ckpt" in text


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"last\.ckpt is not a file; give a run folder"):
        load_detector(tmp_path)
