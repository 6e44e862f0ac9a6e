"""Sweeps that several of the tests read."""

from pathlib import Path

import pytest
from study_scripts import sweep


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory, images: Path, cache: Path) -> Path:
    """Two cells of one detector."""
    folder = tmp_path_factory.mktemp("swept") / "cells"
    return sweep(folder, images, cache, "model=gaussian", "refine=none,robust")
