"""Imports go down the layers of docs/architecture.md, and never up."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "irp_lightning"

LAYERS = (
    ("__main__", "run", "commands", "api"),
    ("pipeline",),
    ("sweeps", "comparison", "tracking"),
    ("cleaning",),
    ("runs",),
    ("config",),
    ("evaluation",),
    ("localisation",),
    ("refinement",),
    ("detectors",),
    ("features",),
    ("data",),
    ("foundation",),
)
"""From above to below; those of one line may know each other."""

LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts}

GROUPS = {"config.experiment", "config.checks"}
"""The whole configuration is made of every group's ``config.py``, those above it too."""


def imports(file: Path) -> set[str]:
    """What a file imports of the package, also inside functions: ``data.samples``."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("irp_lightning."):
            found.add(str(node.module).removeprefix("irp_lightning."))
    return found


@pytest.mark.parametrize("part", [p for p in LEVEL if p not in ("__main__", "run")])
def test_imports_go_down(part: str) -> None:
    upward = []
    for file in (PACKAGE / part).rglob("*.py"):
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts)
        for module in imports(file):
            above = LEVEL[module.partition(".")[0]] < LEVEL[part]
            if above and not (name in GROUPS and module.endswith(".config")):
                upward.append(f"{name} imports {module}")
    assert not upward


def test_there_are_no_circles() -> None:
    modules = {
        ".".join(file.relative_to(PACKAGE).with_suffix("").parts): imports(file)
        for file in PACKAGE.rglob("*.py")
    }
    done: set[str] = set()

    def walk(module: str, way: tuple[str, ...]) -> None:
        assert module not in way, " -> ".join((*way, module))
        if module not in done:
            for other in modules.get(module, ()):
                walk(other, (*way, module))
            done.add(module)

    for module in modules:
        walk(module, ())


def test_the_whole_configuration_stops_at_the_pipeline() -> None:
    below = {"cleaning", "evaluation", "localisation", "refinement", "detectors", "features", "data"}
    whole = [
        str(file.relative_to(PACKAGE))
        for part in below
        for file in (PACKAGE / part).rglob("*.py")
        if "config.experiment" in imports(file)
    ]
    assert not whole


def test_refinement_knows_no_checkpoint_and_no_trainer() -> None:
    known = {m for file in (PACKAGE / "refinement").rglob("*.py") for m in imports(file)}
    assert known.isdisjoint({"detectors.checkpoint", "detectors.fit", "detectors.saving"})
