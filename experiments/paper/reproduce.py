"""The paper's tables and figures: the commands, their cost, the runs, and what was measured.

python experiments/paper/reproduce.py table1 --dry-run
python experiments/paper/reproduce.py table1 --mvtec DIR --ksdd2 DIR [key=value ...]

Further overrides go to every run, as ``hydra/launcher=... backbone.weights=FILE contamination=pool``; a
value of the grid (``noise=0,0.3 data.category=tile seed=0``) takes the place of the grid's own.
A complete cell is skipped, whichever part of the paper it was run for.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from common import sweeps
from common.inputs import experiment
from common.tables import markdown
from cost import Device, Work, cpu, gigabytes, h200, hours, span
from grid import DATASETS, PARTS, SWEEP, cells, key, overrides_of
from hydra.errors import HydraException
from published import counts

from irp_lightning.config.experiment import Experiment
from irp_lightning.detectors.build import check_detector
from irp_lightning.detectors.contract import epochs_of
from irp_lightning.features.networks import architecture, smallest_image
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import load
from irp_lightning.refinement.config import InSampleConfig

MEASURED = Path(__file__).parent / "measured"

VARIED = ("data.category", "noise", "seed")
"""Keys of a cell that change its counts and nothing else."""


def plan(part: str, roots: Mapping[str, Path | None], extra: Sequence[str]) -> dict[str, list[str]]:
    """The overrides of a part's command for each dataset in ``roots``."""
    grid = PARTS[part]
    return {
        name: overrides_of(grid, name, str(roots[name] or f"{name.upper()}_ROOT"), extra)
        for name in grid.datasets
        if name in roots
    }


def unvaried(cell: Sequence[str]) -> tuple[str, ...]:
    """A cell's overrides without those that change its counts alone, or where it is computed."""
    return tuple(o for o in cell if _name(o) not in VARIED and not _name(o).startswith("hydra"))


@cache
def composed(overrides: tuple[str, ...]) -> Experiment:
    """The configuration of all cells with the same :func:`unvaried` overrides, but for what varies."""
    return experiment(*overrides)


@cache
def parameters(overrides: tuple[str, ...]) -> int:
    """Trainable parameters of the detector; built without memory."""
    e = composed(overrides)
    features = architecture(e.backbone.name, 0)
    side = smallest_image(e.backbone.name, 1)
    channels = features.eval()(torch.empty(1, 3, side, side)).shape[1]
    with torch.device("meta"):
        module = check_detector(e.model)(dim=channels * e.backbone.n_scales, **e.model.rest)
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def work(cell: Sequence[str], root: Path | None) -> tuple[Work, tuple[str, int]]:
    """What a cell does, and the category and number of images it wants features of."""
    values = {_name(override): override.split("=", 1)[1] for override in cell}
    e, category = composed(unvaried(cell)), values["data.category"]
    data = None if root is None else replace(e.data, category=category)
    found = counts(category, e.contamination.kind, float(values["noise"]), data)
    batches, detector = -(-found.train // e.batch_size), check_detector(e.model)
    refine, again, rounds = e.refine, 0, 0
    if refine.scoring is not None and refine.is_in_sample:
        scoring = load(InSampleConfig, refine.scoring.rest)
        again = e.epochs if scoring.retrain == "scratch" else scoring.round_epochs
        rounds = refine.max_rounds
    return Work(
        model=e.model.title,
        precision=e.model.rest.get("precision", "fp32"),
        parameters=parameters(unvaried(cell)),
        steps=epochs_of(detector, e.epochs) * batches,
        round_steps=epochs_of(detector, again) * batches if rounds else 0,
        max_rounds=rounds,
        vectors=e.batch_size * e.views.n_transforms,
        scored_vectors=(found.train + found.test) * e.views.n_transforms_test,
    ), (category, found.images)


def estimate(part: str, works: Sequence[Work], images: int, devices: Sequence[Device]) -> list[str]:
    """The cost of some cells: a Markdown table of one row, and where its times come from."""
    least, most = (
        sum(w.steps + (w.max_rounds if all_rounds else 0) * w.round_steps for w in works) / 1e6
        for all_rounds in (False, True)
    )
    head = ["part", "cells", "million steps", "images", "checkpoints"]
    row = [
        part,
        f"{len(works)}",
        f"{least:.3g} to {most:.3g}",
        f"{images}",
        f"{gigabytes(works):,.0f} GB",
    ]
    for device in devices:
        head.append(f"{device.name}: all (one cell)")
        try:
            one = [device.cell(w, n) / 3600 for w in works for n in (0, w.max_rounds)]
            total = span(*(hours(works, device, images, all_rounds) for all_rounds in (False, True)))
            row.append(f"{total} ({span(min(one), max(one))})")
        except InputError as error:
            row.append(f"not known: {error}")
    sources = "; ".join(f"{device.name}: {device.source}" for device in devices)
    return [*markdown(head, [row]).splitlines(), "", f"Seconds of a step: {sources}."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("overrides", nargs="*", help="for every run, as key=value")
    parser.add_argument("--mvtec", type=Path, metavar="DIR", help="MVTec-AD: holds bottle, cable, …")
    parser.add_argument("--ksdd2", type=Path, metavar="DIR", help="KSDD2: holds train and test")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--dry-run", action="store_true", help="print the commands and their cost")
    parser.add_argument("--out", type=Path, help="for the tables; default: measured/ beside this file")
    chosen = parser.parse_intermixed_args()
    try:
        status = reproduce(chosen)
    except (InputError, HydraException) as error:
        raise SystemExit(f"reproduce.py: {' '.join(str(error).split())}") from None
    sys.exit(status)


def reproduce(chosen: argparse.Namespace) -> int:
    """Print what is to be done and, but for a dry run, do it; returns the exit status."""
    part = chosen.part
    for text in chosen.overrides:
        key(text)  # refuse what is none
    roots = _roots(chosen)
    plans = plan(part, roots, chosen.overrides)
    found = [work(cell, roots[name]) for name, texts in plans.items() for cell in cells(texts)]
    images = sum(dict(asked for _, asked in found).values())
    out = chosen.out or _near(MEASURED / part)
    compare = ["irp_lightning", "compare", sweep_folder(chosen.overrides), "--out", str(out)]
    lines = [*map(sweeps.printable, plans.values()), f"python -m {shlex.join(compare)}"]
    devices = (h200(1), h200(8), cpu())
    table = estimate(part, [w for w, _ in found], images, devices)
    print("\n".join([PARTS[part].title, "", *lines, "", *table]), flush=True)
    if chosen.dry_run:
        return 0
    commands = [*map(sweeps.command, plans.values()), [sys.executable, "-m", *compare]]
    done = [subprocess.run(command, check=False) for command in commands]
    return int(any(result.returncode for result in done))


def _roots(chosen: argparse.Namespace) -> dict[str, Path | None]:
    """The folder of each dataset that is wanted; for a dry run it may be None."""
    wanted = PARTS[chosen.part].datasets
    roots = {name: getattr(chosen, name) for name in wanted if name in chosen.datasets}
    if not roots:
        raise InputError(f"{chosen.part} needs {' and '.join(wanted)}; see --datasets")
    for name, root in roots.items():
        if root is None and not chosen.dry_run:
            others = "" if len(roots) == 1 else ", or leave it out with --datasets"
            raise InputError(f"{chosen.part} needs {name}: give its folder with --{name} DIR{others}")
        if root is not None and not root.is_dir():
            raise InputError(f"--{name} {root} is not a folder; point it at the unpacked dataset")
    return roots


def sweep_folder(extra: Sequence[str]) -> str:
    """Where the cells go: the user's ``hydra.sweep.dir``, or the kit's."""
    given = [text.split("=", 1)[1] for text in extra if text.startswith("hydra.sweep.dir=")]
    return given[-1] if given else SWEEP


def _name(override: str) -> str:
    """The key of an override; parsed with Hydra's own grammar it would take seconds for all cells."""
    return override.lstrip("+~").split("=", 1)[0]


def _near(path: Path) -> Path:
    """A path below the working folder as seen from there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
