"""A small cleaned folder, whose names hurt."""

import os
from pathlib import Path

import pytest
from PIL import Image

from irp_lightning.commands.clean import main
from irp_lightning.data.generated.category import write_category

EVIL = "<img src=x onerror=alert(1)>.png"
QUOTED = "it's \"50%\", 'a';b.png"


@pytest.fixture(scope="session")
def small_overrides(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What makes a cleaning quick."""
    return [
        *("patches.image_size=64", "patches.grid=4", "model.patches=100", "refine.rule.k=0.3"),
        # Bolder with so few images than the default.
        *("refine/rule=false_discovery", "refine.max_rounds=3"),
        *("trainer.accelerator=cpu", f"cache_dir={tmp_path_factory.mktemp('cache')}"),
    ]


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """24 normal and 4 defective generated images in one flat folder; a third of the names are unkind."""
    made = tmp_path_factory.mktemp("made")
    write_category(made, "fabric", size=64, train_good=24, test_good=1, per_defect=1)
    folder = tmp_path_factory.mktemp("in") / "photos"
    folder.mkdir()
    for i, file in enumerate(sorted((made / "fabric/train/good").iterdir())):
        Image.open(file).save(folder / f"{i:02d}.png")
    kinds = [d for d in sorted((made / "fabric/test").iterdir()) if d.name != "good"]
    for i, kind in enumerate(kinds):
        picture = Image.open(next(kind.iterdir()))
        picture.save(folder / [EVIL.replace("/", ""), QUOTED, "b3.png", "=b4.png", "b5.png"][i])
    Image.open(folder / "b3.png").save(os.fsencode(folder) + b"/Gr\xfcn.png", format="PNG")
    return folder


@pytest.fixture(scope="session")
def cleaned(photos: Path, small_overrides: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of results."""
    out = tmp_path_factory.mktemp("cleaned") / "out"
    main([str(photos), "--out", str(out), "--false-alarms", "0.05", *small_overrides])
    return out
