"""Checkpoints: whole ones give the same detector back, and no file is obeyed."""

import resource
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoint_files import NEAREST, write_checkpoint

from irp_lightning.data.audit.appearance import appearance_of
from irp_lightning.data.files.bit_depth import BitDepth
from irp_lightning.data.files.headers import Header
from irp_lightning.detectors.build import check_detector
from irp_lightning.detectors.checkpoint import load_detector
from irp_lightning.detectors.config import ModelConfig
from irp_lightning.detectors.conformal import calibrate
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


def refusal(file: Path, *, own_code: bool = False) -> str:
    with pytest.raises(InputError) as error:
        load_detector(file, own_code=own_code)
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
    loaded: Any = load_detector(tmp_path / "a.ckpt", own_code=True)
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
    assert "not a complete checkpoint" in text
    assert canary.read_text() == "alive"
    assert not new.exists()


@pytest.mark.parametrize(
    "detector",
    [
        "builtins.open", "os.system", "subprocess.run", "pathlib.Path.touch", "torch.nn.Linear",
        "lightning.Trainer", "lightning.LightningModule", "irp_lightning.commands.predict.main",
        "{mine}.make",
    ],
)  # fmt: skip
def test_what_is_no_detector_is_not_called(
    detector: str, craft: Craft, mine: str, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    canary.write_text("alive")
    arguments = {"file": str(canary), "mode": "w"} if "open" in detector else {}
    file = craft(detector=detector.format(mine=mine), arguments=arguments)
    named = detector.format(mine=mine)
    assert f"its detector is a class, {named}, that is not imported by default" in refusal(file)
    assert mine not in sys.modules
    assert canary.read_text() == "alive"
    text = refusal(file, own_code=True)
    assert "not a LightningModule with score" in text or "cannot be imported" in text
    assert canary.read_text() == "alive"


def test_a_backbone_of_the_users_is_called_where_it_is_allowed(mine: str, tmp_path: Path) -> None:
    file = tmp_path / "last.ckpt"
    write_checkpoint(file, backbone=f"{mine}.backbone")
    calls = sys.modules[mine].calls
    calls.clear()
    text = refusal(file)
    assert f"its backbone is a function, {mine}.backbone, that is not called by default" in text
    assert not calls
    assert load_detector(file, own_code=True).extractor.dim == 4
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
    assert "not a complete checkpoint" in text or "its detector" in text


def test_a_detector_that_cannot_be_imported_is_said_to_be(mine: str, tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "a.ckpt", f"{mine}.Mine")
    saved = torch.load(tmp_path / "a.ckpt", weights_only=True)
    saved["irp_lightning"]["detector"] = "gone_away.Mine"
    torch.save(saved, tmp_path / "a.ckpt")
    text = refusal(tmp_path / "a.ckpt", own_code=True)
    assert "gone_away.Mine cannot be imported (No module named 'gone_away')" in text
    assert "start from the folder that holds" in text
    assert "complete checkpoint" not in text


def test_an_import_error_of_the_users_own_is_said(mine: str, craft: Craft, tmp_path: Path) -> None:
    (tmp_path / f"broken_{mine}.py").write_text("import no_such_library")
    text = refusal(craft(detector=f"broken_{mine}.Mine", arguments={}), own_code=True)
    assert "cannot be imported (No module named 'no_such_library')" in text


def test_a_detector_that_cannot_be_made_is_said_to_be(mine: str, craft: Craft) -> None:
    text = refusal(craft(detector=f"{mine}.Mine", arguments={"sign": 0}), own_code=True)
    assert f"its detector, {mine}.Mine, cannot be made (no sign, no detector)" in text


def test_a_detector_by_its_older_name_is_the_projects_own(craft: Craft) -> None:
    loaded = load_detector(craft(detector="irp_lightning.models.knn.KNN"))
    assert type(loaded.detector).__name__ == "Nearest"


def test_a_checkpoint_of_an_older_version_is_said_to_be(tmp_path: Path) -> None:
    old = {"state_dict": {}, "RefinableData": {"active": torch.ones(3), "carried": {"model": {}}}}
    torch.save(old, tmp_path / "old.ckpt")
    assert "is from an older version of irp_lightning" in refusal(tmp_path / "old.ckpt")


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


SIZES = "a state of other names or sizes"


def claimed(*shape: int) -> torch.Tensor:
    """A tensor of any shape in four bytes."""
    return torch.zeros(1).expand(shape)


def shared_lists(depth: int) -> list[Any]:
    """2 ** depth values in a few bytes."""
    found: list[Any] = [1]
    for _ in range(depth):
        found = [found, found]
    return found


def changed(file: Path, state: Any = None, **spec: Any) -> Path:
    """The same checkpoint with another state, or other values of its extractor."""
    saved = torch.load(file, weights_only=True)
    saved["irp_lightning"]["extractor"]["spec"] |= spec
    if state is not None:
        saved["state_dict"] = state
    torch.save(saved, file)
    return file


@pytest.mark.parametrize(
    ("contents", "reason"),
    [
        ({"dim": 10**9}, "dim=1000000000, and its state holds"),
        ({"dim": True}, "dim=True, which is no length"),
        ({"n_views": 0}, "n_views=0 of 3"),
        ({"n_views": 4}, "n_views=4 of 3"),
        ({"detector": DIFFERNET, "arguments": {"n_blocks": 10**6}, "dim": 2}, "n_blocks=1000000"),
        ({"detector": DIFFERNET, "arguments": {"n_blocks": 1, "hidden": 2**30}, "dim": 2}, SIZES),
        ({"detector": "irp_lightning.detectors.gaussian.Gaussian", "arguments": {}}, SIZES),
        ({"arguments": {"neighbours": shared_lists(60)}}, "more than 1000000 values"),
        ({"arguments": {"neighbours": 2**100}}, "more than 64 bits"),
    ],
)  # fmt: skip
def test_sizes_that_the_state_does_not_have_are_refused_before_memory_is_taken(
    contents: dict[str, Any], reason: str, craft: Craft
) -> None:
    assert reason in refusal(craft(**contents))


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"references": claimed(10**6, 128)}, "references of shape (1000000, 128), which the file does"),
        (dict.fromkeys(map(str, range(10_000)), torch.zeros(8, 128)), "which the file does not hold"),
        ({"references": torch.zeros(8, 128).to_sparse()}, "something else than plain tensors"),
        ({"references": torch.zeros(8, 128, device="meta")}, "something else than plain tensors"),
        ({"references": 5}, "something else than plain tensors"),
        ([torch.zeros(8, 128)], "no mapping"),
        ({"references": torch.zeros(0, 128)}, "its state holds 0 numbers"),
    ],
)
def test_states_that_hold_less_than_they_seem_to_are_refused(
    state: Any, reason: str, craft: Craft
) -> None:
    assert reason in refusal(changed(craft(), state))


def test_a_state_that_scores_no_picture_is_refused(craft: Craft) -> None:
    file = craft(detector="irp_lightning.detectors.patch_gaussian.PatchGaussian", arguments={})
    places = {"mean": torch.zeros(7, 128), "whitening": torch.zeros(5, 128, 128)}
    assert "a detector that scores nothing" in refusal(changed(file, places))


@pytest.mark.parametrize("way", ["compressed", "no archive"])
def test_a_file_that_may_unpack_to_more_than_itself_is_refused(way: str, craft: Craft) -> None:
    file = craft()
    if way == "no archive":
        saved = torch.load(file, weights_only=True)
        torch.save(saved, file, _use_new_zipfile_serialization=False)
        assert "no archive of PyTorch's" in refusal(file)
        return
    with zipfile.ZipFile(file) as archive:
        parts = {part: archive.read(part) for part in archive.namelist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert "it unpacks to more than its" in refusal(file)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("image_size", (0, 2**31, 10**7, 32.5, "32")),
        ("n_scales", (0, 7, 2**31)),
        ("grid", (0, 33, 2**31)),
        ("neighbourhood", (0, 2, 33)),
        ("width", (0, -1, 0.5)),
        ("mean", ((0.0, 0.0), (0.0, float("nan"), 0.0), "abc", None)),
        ("std", ((1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (float("inf"),) * 3)),
        ("angles", ((), (float("nan"),))),
        ("bit_depth", (0, 7, 2**31)),
        ("float_bit_depth", (-1, 33)),
        *((name, ("x", 1)) for name in ("crop", "fill", "autocast", "interpolation", "library", "more")),
    ],
)
def test_an_extractor_with_values_out_of_range_is_refused(
    field: str, values: tuple[Any, ...], craft: Craft
) -> None:
    file = craft()
    before = torch.load(file, weights_only=True)["irp_lightning"]["extractor"]["spec"]
    for value in values:
        assert f": extractor.{field}=" in refusal(changed(file, **{field: value}))
        if field in before:
            changed(file, **{field: before[field]})


def test_the_bit_depth_of_an_older_checkpoint_is_read(craft: Craft) -> None:
    file = craft()
    saved = torch.load(file, weights_only=True)
    spec = saved["irp_lightning"]["extractor"]["spec"]
    spec |= {"depth": 12, "float_depth": 8}
    del spec["bit_depth"], spec["float_bit_depth"]
    torch.save(saved, file)
    assert load_detector(file).extractor.spec.numbers == BitDepth(12, 8)


def test_views_that_no_memory_holds_are_refused(craft: Craft) -> None:
    text = refusal(changed(craft(), image_size=10_000, angles=(0.0,) * 100_000))
    assert "100000 views of 10000 px" in text


def test_a_large_network_is_not_built_for_a_small_state(craft: Craft) -> None:
    giant = {"backbone": "vit_giant_patch14_dinov2.lvd142m", "library": "timm", "image_size": 224}
    file = changed(craft(), **giant)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert SIZES in refusal(file)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB; it takes 4.5 GB


@pytest.mark.parametrize(
    "change",
    [
        *({"threshold": number} for number in (float("nan"), float("inf"), None)),
        {"low": float("nan")},
        {"scores": torch.empty(0), "weights": torch.empty(0)},
        *({"scores": torch.tensor(v)} for v in ([float("nan"), 1.0], [2.0, 1.0], 1.0)),
        {"scores": [1.0, 2.0]},
        *({"weights": torch.tensor(v)} for v in ([1.0], [0.0, 0.0])),
    ],
)
def test_a_calibration_that_no_score_can_be_held_against_is_refused(
    change: dict[str, Any], craft: Craft
) -> None:
    whole = calibrate(torch.tensor([1.0, 2.0]), ["a", "b"], 0.5).state()
    assert load_detector(craft(calibration=whole)).calibration is not None
    text = refusal(craft(calibration=whole | change))
    assert "calibrat" in text or "not a complete checkpoint" in text


def test_scores_of_a_calibration_that_the_file_does_not_hold_are_refused(craft: Craft) -> None:
    whole = calibrate(torch.tensor([1.0, 2.0]), ["a", "b"], 0.5).state()
    many = {name: torch.ones(1, dtype=torch.double).expand(10**9) for name in ("scores", "weights")}
    assert "which the file does not hold" in refusal(craft(calibration=whole | many))


@pytest.mark.parametrize(
    "change", [{"colours": ["blue"]}, {"numbers": []}, {"smallest": float("nan")}, {"widest": 0.0}]
)
def test_photographs_that_cannot_be_are_no_description(change: dict[str, Any], craft: Craft) -> None:
    header = Header(30, 20, 1, "8-bit", 1, True, "PNG")
    whole = appearance_of([header]).state()
    assert load_detector(craft(appearance=whole)).appearance == appearance_of([header])
    assert "not a complete checkpoint" in refusal(craft(appearance=whole | change))


def test_a_checkpoint_that_lost_some_bytes_has_no_scores(checkpoint: Path, tmp_path: Path) -> None:
    """PyTorch loads it without a word, and scores would be others."""
    content = bytearray(checkpoint.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 64] = bytes(255 - byte for byte in content[middle : middle + 64])
    (tmp_path / "x.ckpt").write_bytes(content)
    with pytest.raises(InputError, match=r"is not a complete checkpoint|not as it was written"):
        load_detector(tmp_path / "x.ckpt")
