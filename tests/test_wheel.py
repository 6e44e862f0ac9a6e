"""An installed wheel works as well as the checkout."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # builds and installs a wheel

REPO = Path(__file__).parent.parent


def test_the_wheel_carries_the_configuration_and_runs_from_any_folder(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")]
    subprocess.run(build, cwd=REPO, check=True, capture_output=True, timeout=120)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    installed = tmp_path / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(installed)
    assert not (installed / "tests").exists()
    empty = tmp_path / "elsewhere"
    empty.mkdir()
    # First on the path: what is imported is the wheel's content, not the checkout's.
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    code = (
        "import irp_lightning.commands.run as r; from irp_lightning.config.files import CONF;"
        "print(CONF); r.main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, "--help"],
        cwd=empty,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert str(installed / "irp_lightning" / "conf") in result.stdout
    assert "mvtec_noise" in result.stdout
    assert not list(empty.iterdir())
