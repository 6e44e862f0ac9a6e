"""The notebook of the documentation: it runs as it stands, and is kept without what it printed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow  # runs a notebook

REPO = Path(__file__).parent.parent
NOTEBOOK = REPO / "docs" / "cleaning.ipynb"


@pytest.fixture(scope="module")
def cells() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    return found


def test_its_cells_run_one_after_the_other(cells: list[dict[str, Any]], tmp_path: Path) -> None:
    # They are plain Python: a kernel would cost two dozen packages, to run one script.
    script = tmp_path / "cells.py"
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    script.write_text("\n\n".join(code), encoding="utf-8")
    places = {"TMPDIR": str(tmp_path), "IRP_CACHE": str(tmp_path / "default"), "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**os.environ, **places, "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = done.stdout
    before, after = re.findall(r"(\d+) suspects, (\d+) of the 6 defects", told)
    assert int(before[0]) >= int(before[1]) >= 5
    assert after[0] == after[1] >= before[1]  # after the review each suspect is a defect
    assert "and 4 of 4 defective" in told
    assert not (tmp_path / "default").exists()


def test_it_is_kept_without_outputs(cells: list[dict[str, Any]]) -> None:
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")
    assert {cell.get("execution_count") for cell in cells} == {None}


def test_it_is_linked() -> None:
    assert "(docs/cleaning.ipynb)" in (REPO / "README.md").read_text(encoding="utf-8")
    assert "(cleaning.ipynb)" in (REPO / "docs" / "cleaning.md").read_text(encoding="utf-8")
