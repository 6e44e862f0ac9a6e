"""Bad input: one line that names the value and the remedy, before any heavy work, nothing written."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torchvision
from hydra.errors import ConfigCompositionException
from omegaconf import DictConfig
from PIL import Image

from irp_lightning.commands.run import run_composed as run
from irp_lightning.features import preparation
from irp_lightning.foundation.errors import InputError

Config = Callable[..., DictConfig]


@pytest.fixture(autouse=True)
def no_heavy_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def heavy(*args: object, **kwargs: object) -> None:
        raise AssertionError("features were asked for")

    monkeypatch.setattr(preparation, "prepare_features", heavy)


@pytest.fixture
def refused(config: Config, tmp_path: Path) -> Callable[..., str]:
    """Run with overrides and return the message of the refusal."""

    def message(*overrides: str) -> str:
        folder = tmp_path / "run"
        with pytest.raises(InputError) as error:
            run(config("+experiment=mvtec_noise", *overrides), folder)
        assert not folder.exists()
        text = str(error.value)
        assert "\n" not in text
        return text

    return message


@pytest.fixture
def copied(images: Path, tmp_path: Path) -> Path:
    """A copy of the small category that may be spoilt."""
    shutil.copytree(images / "fabric", tmp_path / "data" / "fabric")
    return tmp_path / "data"


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("noise=0.51", "[0, 0.5]"),
        ("noise=-0.1", "[0, 0.5]"),
        ("noise=nan", "[0, 0.5]"),
        ("noise=much", "[0, 0.5]"),
        ("noise=true", "[0, 0.5]"),
        ("noise=null", "[0, 0.5]"),
        ("lam=0", "above 0"),
        ("lam=-1.5", "above 0"),
        ("lam=nan", "above 0"),
        ("lam=inf", "above 0"),
        ("lam=high", "above 0"),
        ("epochs=0", "at least 1"),
        ("epochs=1.5", "at least 1"),
        ("max_rounds=0", "at least 1"),
        ("round_epochs=0", "at least 1"),
        ("batch_size=0", "at least 1"),
        ("views.count=0", "at least 1"),
        ("views.n_transforms=0", "at least 1"),
        ("views.n_transforms_test=0", "at least 1"),
        ("views.n_transforms=4", "more than the 3 views"),
        ("views.n_transforms_test=4", "more than the 3 views"),
        ("seed=-1", "at least 0"),
        ("refine.max_removed=0", "share between 0 and 1"),
        ("refine.max_removed=1", "share between 0 and 1"),
        ("refine.remove=some", "worst, all"),
        ("refine.scoring.folds=1", "at least 2"),
        ("refine.scoring.grid=0", "at least 1"),
        ("refine.scoring.bank_share=2", "a share above 0"),
        ("refine.scoring.references=1", "at least 2"),
        ("patches.neighbourhood=2", "give an odd number"),
        ("patches.grid=1", "at least 2"),
        ("backbone.layers=[1.5]", "a list of layers"),
        ("backbone.library=keras", "torchvision, timm"),
        ("refine.rule.k=0", "a share between 0 and 1"),
        ("refine.scoring.bank_share=0", "a share above 0"),
        ("refine.rule.k=-1", "a share between 0 and 1"),
        ("refine.rule.k=wide", "a share between 0 and 1"),
        ("model.average=1", "a decay below 1"),
        ("localise=-1", "at least 0"),
        ("localise=some", "at least 0"),
        ("references=perhaps", "True, False"),
        ("data.on_bad_image=ignore", "error, skip"),
        ("data.crop=left", "none, center"),
        ("model.score=entropy", "latent, nll"),
        ("features.cache=disk", "bank, memory, live"),
        ("views.fill=white", "zeros, border, reflection"),
        ("backbone.weights=/no/such/file.pth", "is not a file"),
        ("trainer.devices=2", "one device"),
        ("data.root=null", "a name or a path"),
        ("cache_dir=null", "a name or a path"),
        ("name=''", "a name or a path"),
        ("seed=99999999999", "below 4294967296"),
        ("data.on_bad_image=null", "error, skip"),
        ("model.score=null", "latent, nll"),
        ("model.compile=maybe", "True, False"),
        ("model.betas=0.8", "two numbers"),
        ("model.betas=[1.5,0.8]", "two numbers"),
        ("model.weight_decay=-1", "at least 0"),
        ("model._target_=foo.bar", "cannot be imported"),
        ("model._target_=torch.nn.Linear", "LightningModule"),
        ("trainer.accelerator=foo", "auto, cpu"),
        ("trainer.precision=foo", "32-true"),
        ("trainer.precision=bf16-mixed", "model.precision=bf16"),
        ("model.precision=fp16", "fp32, bf16"),
        ("backbone.weights=5", "is not a file"),
        ("backbone.name=nonsense", "is not a torchvision network"),
        ("data.category=123", "fabric"),
        ("data.category=fabric/", "give fabric"),
        ("data.category=./fabric", "give fabric"),
    ],
)
def test_a_value_out_of_range(refused: Callable[..., str], override: str, named: str) -> None:
    message = refused(override)
    key, value = override.split("=")
    assert key in message
    shown = "none" if value == "null" else value.strip("'").replace(",", ", ")
    assert shown.lower() in message.lower()
    assert named in message


@pytest.mark.parametrize(
    ("override", "reason"),
    [("+trainer.max_epochs=3", "the run sets it itself"), ("+trainer.foo=3", "no such argument")],
)
def test_a_trainer_argument_that_cannot_be_set(
    refused: Callable[..., str], override: str, reason: str
) -> None:
    message = refused(override)
    assert override.strip("+").split("=")[0] in message
    assert reason in message


def test_a_remedy_is_not_what_is_set_already(refused: Callable[..., str]) -> None:
    message = refused("model.precision=bf16", "trainer.precision=bf16-mixed")
    assert message.endswith("leave it out")


def test_a_share_must_be_one(refused: Callable[..., str]) -> None:
    assert "refine.rule.k=1.5" in refused("refine/rule=top_share", "refine.rule.k=1.5")
    # As spreads, the share of robust's rule would remove half of all.
    assert "refine.rule.k=0.1 is not" in refused("refine/rule=lower_mad", "refine.rule.k=0.1")
    retrain = "refine.scoring.retrain=again"
    assert "choose one of: continue, scratch" in refused("refine=irp", retrain)


def test_more_folds_than_groups(refused: Callable[..., str]) -> None:
    message = refused("refine/scoring=cross_fit", "refine.scoring.folds=500")
    assert "refine.scoring.folds=500" in message
    assert "refine/scoring=in_sample" in message


def test_a_detector_without_a_name(refused: Callable[..., str]) -> None:
    assert "model._target_ is not set" in refused("model=custom")


@pytest.mark.parametrize(
    ("overrides", "reason"),
    [
        (("model._target_=lightning.LightningModule",), "not a LightningModule with score"),
        (("model._target_=irp_lightning.detectors.nearest.Nearest", "+model.width=3"), "width"),
    ],
)
def test_a_detector_that_cannot_be_made(
    refused: Callable[..., str], overrides: tuple[str, ...], reason: str
) -> None:
    assert reason in refused("model=custom", *overrides)


def test_too_few_neighbours(refused: Callable[..., str]) -> None:
    assert "model.neighbours=0" in refused("model=knn", "model.neighbours=0")


def test_lambda_is_checked_for_every_method(refused: Callable[..., str]) -> None:
    assert "lam=0" in refused("refine=none", "lam=0")


@pytest.mark.parametrize(
    ("backbone", "size", "least"),
    [("alexnet", 250, 252), ("squeezenet1_1", 64, 68), ("random", 63, 64)],
)
def test_an_image_size_below_the_backbones_smallest_scale(
    refused: Callable[..., str], backbone: str, size: int, least: int
) -> None:
    message = refused(f"backbone={backbone}", f"data.image_size={size}")
    assert f"data.image_size={size}" in message
    assert f"take {least} or more" in message


def test_pictures_beyond_the_memory(refused: Callable[..., str]) -> None:
    assert "data.image_size=1000000 is too large: 8 views take" in refused("data.image_size=1000000")
    message = refused("model=patch_nn", "patches.image_size=1000000")
    assert message.startswith("patches.image_size=1000000 is too large")


def test_a_reader_that_takes_something_else(refused: Callable[..., str]) -> None:
    message = refused("data.reader=shutil.copyfile")
    assert "data.reader=shutil.copyfile does not take the group data alone" in message


def test_a_missing_root_says_how_to_get_the_dataset(refused: Callable[..., str]) -> None:
    message = refused("data.root=/no/such/folder")
    assert "/no/such/folder" in message
    assert "mvtec.com" in message
    assert "train/good" in message


def test_a_category_that_is_not_generated(refused: Callable[..., str]) -> None:
    message = refused("data=generated", "data.category=marble")
    assert "data.category=marble" in message
    assert "fabric, grain, washer, tablet" in message


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_gpu_that_is_not_there(refused: Callable[..., str]) -> None:
    assert "no CUDA device" in refused("trainer.accelerator=gpu")


def test_a_missing_ksdd2_root_says_how_to_get_the_dataset(refused: Callable[..., str]) -> None:
    message = refused("data=ksdd2", "data.root=/no/such/folder")
    assert "KolektorSDD2" in message
    assert "ID_GT.png" in message


def test_a_missing_category_lists_those_that_are_there(refused: Callable[..., str]) -> None:
    message = refused("data.category=bottle")
    assert "data.category=bottle" in message
    assert "fabric" in message


def test_no_training_images(refused: Callable[..., str], copied: Path) -> None:
    shutil.rmtree(copied / "fabric" / "train" / "good")
    (copied / "fabric" / "train" / "good").mkdir()
    assert str(copied / "fabric" / "train" / "good") in refused(f"data.root={copied}")


def test_noise_without_defective_test_images(refused: Callable[..., str], copied: Path) -> None:
    for kind in (copied / "fabric" / "test").iterdir():
        if kind.name != "good":
            shutil.rmtree(kind)
    assert "set noise=0" in refused(f"data.root={copied}", "noise=0.1")


def test_a_single_defective_image_stays_in_the_test_set(
    refused: Callable[..., str], copied: Path
) -> None:
    kinds = [kind for kind in sorted((copied / "fabric" / "test").iterdir()) if kind.name != "good"]
    for kind in kinds[1:]:
        shutil.rmtree(kind)
    for file in sorted(kinds[0].iterdir())[1:]:
        file.unlink()
    assert "none of the 1 defects can join the pool" in refused(f"data.root={copied}", "noise=0.1")


def test_fewer_training_images_than_the_rule_can_judge(
    refused: Callable[..., str], copied: Path
) -> None:
    for file in sorted((copied / "fabric" / "train" / "good").iterdir())[2:]:
        file.unlink()
    message = refused(f"data.root={copied}", "noise=0", "batch_size=1")
    assert "cannot judge 2 training images" in message


@pytest.mark.parametrize("damage", ["cut", "empty", "text"])
def test_an_image_that_cannot_be_decoded_is_named(
    refused: Callable[..., str], copied: Path, damage: str
) -> None:
    file = sorted((copied / "fabric" / "train" / "good").iterdir())[3]
    data = file.read_bytes()
    file.write_bytes({"cut": data[: len(data) // 2], "empty": b"", "text": b"no image"}[damage])
    message = refused(f"data.root={copied}")
    assert str(file) in message
    assert "on_bad_image=skip" in message


def test_groups_file_that_is_not_there(refused: Callable[..., str]) -> None:
    assert "data.groups=/no/groups.csv" in refused("data.groups=/no/groups.csv")


def test_weights_of_another_architecture(refused: Callable[..., str], tmp_path: Path) -> None:
    torch.save(torchvision.models.squeezenet1_1().state_dict(), tmp_path / "squeezenet.pth")
    message = refused(
        "backbone=alexnet", "data.image_size=256", f"backbone.weights={tmp_path}/squeezenet.pth"
    )
    assert f"backbone.weights={tmp_path}/squeezenet.pth does not fit alexnet" in message


@pytest.mark.parametrize(
    "override", ["nosie=0.1", "refine.lambda=2", "data.rooot=x", "refine=magic", "refine/rule=magic"]
)
def test_unknown_keys_and_choices_are_hydras_own_errors(config: Config, override: str) -> None:
    with pytest.raises(ConfigCompositionException):
        config(override)


def test_skipped_images_are_listed_in_the_manifest(
    config: Config, copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()  # this one does run
    bad = sorted((copied / "fabric" / "train" / "good").iterdir())[3]
    bad.write_bytes(b"no image")
    Image.new("RGB", (40, 30)).save(copied / "fabric" / "test" / "good" / "fine.png")
    run(config("+experiment=mvtec_noise", f"data.root={copied}", "data.on_bad_image=skip"), tmp_path)
    lines = (tmp_path / "manifest.csv").read_text().splitlines()
    assert [line for line in lines if f"train/good/{bad.name}" in line] == [
        f"train/good/{bad.name},unused,skipped,,,,,,"
    ]
    assert any(line.startswith("test/good/fine.png,test,normal") for line in lines)
