"""The paper's tables and figures: the commands, their cost, the runs, and what was measured.

python experiments/reproduce.py table1 --dry-run
python experiments/reproduce.py table1 --mvtec DIR --ksdd2 DIR [key=value ...]

Further overrides go to every run, as ``hydra/launcher=... backbone.weights=FILE contamination=pool``; a
value of the grid (``noise=0,0.3 data.category=tile seed=0``) takes the place of the grid's own.
A complete cell is skipped, whichever folder it was run for.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from cost import Device, Work, cpu, gigabytes, h200, hours, span
from grid import DATASETS, FOLDERS, SWEEP, cells, command, key, printable, read_grid
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig
from published import counts

from irp_lightning.sweeps.command_line import CONF
from irp_lightning.foundation.errors import InputError
from irp_lightning.features.backbone import architecture, smallest_image

HERE = Path(__file__).parent

ELSEWHERE = (
    *("data.root", "cache_dir", "backbone.weights", "features.workers", "features.memory_limit_gb"),
    *("checkpoint_seconds", "logger", "trainer", "hydra", "sweep"),
)
"""Keys, and what lies below them, that do not tell one cell from another."""

VARIED = ("data.category", "noise", "seed")
"""Keys of a cell that change its counts and nothing else."""


def plan(folder: str, roots: dict[str, Path | None], extra: Sequence[str]) -> dict[str, list[str]]:
    """The overrides of a folder's command for each dataset in ``roots``."""
    grid = read_grid(folder)
    return {
        name: command(grid, name, str(roots[name] or f"{name.upper()}_ROOT"), extra)
        for name in grid.datasets
        if name in roots
    }


@cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    """The project's configuration, without what says where things are and on what they run."""
    kept = [text for text in overrides if not _below(text, ELSEWHERE)]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return compose("config", kept)


def work(cell: Sequence[str], root: Path | None) -> tuple[Work, tuple[str, int]]:
    """What a cell does, and the category and number of images it wants features of."""
    values = dict(text.lstrip("+").split("=", 1) for text in cell)
    same = tuple(text for text in cell if not _below(text, VARIED))
    cfg = composed(same)
    category = values["data.category"]
    found = counts(category, cfg.contamination.kind, float(values["noise"]), root)
    batches = -(-found.train // cfg.batch_size)
    in_sample = cfg.refine.get("scoring", "in_sample") == "in_sample" and cfg.refine.max_rounds
    again = cfg.epochs if cfg.refine.get("retrain") == "scratch" else cfg.refine.get("round_epochs", 0)
    return Work(
        model=cfg.model.name,
        parameters=parameters(same),
        steps=cfg.epochs * batches,
        round_steps=again * batches if in_sample else 0,
        max_rounds=cfg.refine.max_rounds if in_sample else 0,
        vectors=cfg.batch_size * cfg.views.n_transforms,
        scored_vectors=(found.train + found.test) * cfg.views.n_transforms_test,
    ), (category, found.images)


@cache
def parameters(overrides: tuple[str, ...]) -> int:
    """Trainable parameters of the detector; built without memory."""
    cfg = composed(overrides)
    features = architecture(cfg.backbone.name, 0)
    side = smallest_image(cfg.backbone.name, 1)
    channels = features.eval()(torch.empty(1, 3, side, side)).shape[1]
    arguments: Any = {k: v for k, v in cfg.model.items() if k != "name"}
    with torch.device("meta"):
        module = instantiate(arguments, dim=channels * cfg.backbone.n_scales)
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def estimate(works: Sequence[Work], images: int, devices: Sequence[Device]) -> list[str]:
    """The cost of some cells as a Markdown table and a line on disk."""
    least, most = (
        sum(w.steps + (w.max_rounds if all_rounds else 0) * w.round_steps for w in works) / 1e6
        for all_rounds in (False, True)
    )
    lines = [
        f"{len(works)} cells, {least:.3g} to {most:.3g} million steps, features of {images} images.",
        "",
        "| on | one cell | all cells | seconds are |",
        "| --- | --- | --- | --- |",
    ]
    for device in devices:
        try:
            one = [device.cell(w, n) / 3600 for w in works for n in (0, w.max_rounds)]
            total = span(*(hours(works, device, images, all_rounds) for all_rounds in (False, True)))
        except InputError as error:
            lines.append(f"| {device.name} | | | not known: {error} |")
            continue
        lines.append(f"| {device.name} | {span(min(one), max(one))} | {total} | {device.source} |")
    disk = f"{gigabytes(works):,.0f} GB, {gigabytes(works[:1]):.2f} GB a cell"
    return [
        *lines,
        "",
        f"Checkpoints: {disk} (float32; while a cell trains, three times as much: Adam's moments).",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", choices=FOLDERS)
    parser.add_argument("overrides", nargs="*", help="for every run, as key=value")
    parser.add_argument("--mvtec", type=Path, metavar="DIR", help="MVTec-AD: holds bottle, cable, …")
    parser.add_argument("--ksdd2", type=Path, metavar="DIR", help="KSDD2: holds train and test")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--dry-run", action="store_true", help="print the commands and their cost")
    parser.add_argument("--out", type=Path, help="for the tables; default: the folder's measured/")
    chosen = parser.parse_intermixed_args()
    try:
        status = reproduce(chosen)
    except (InputError, HydraException) as error:
        raise SystemExit(f"reproduce.py: {' '.join(str(error).split())}") from None
    sys.exit(status)


def reproduce(chosen: argparse.Namespace) -> int:
    """Print what is to be done and, but for a dry run, do it; returns the exit status."""
    grid = read_grid(chosen.folder)
    for text in chosen.overrides:
        key(text)  # refuse what is none
    roots = {name: getattr(chosen, name) for name in grid.datasets if name in chosen.datasets}
    if not roots:
        raise InputError(f"{chosen.folder} needs {' and '.join(grid.datasets)}; see --datasets")
    for name, root in roots.items():
        if root is None and not chosen.dry_run:
            others = "" if len(roots) == 1 else ", or leave it out with --datasets"
            raise InputError(f"{chosen.folder} needs {name}: give its folder with --{name} DIR{others}")
        if root is not None and not root.is_dir():
            raise InputError(f"--{name} {root} is not a folder; point it at the unpacked dataset")
    plans = plan(chosen.folder, roots, chosen.overrides)
    found = [work(cell, roots[name]) for name, texts in plans.items() for cell in cells(texts)]
    images = sum(dict(asked for _, asked in found).values())
    compare = ["irp_lightning.compare", sweep_folder(chosen.overrides), "--out"]
    compare.append(str(chosen.out or _near(HERE / chosen.folder / "measured")))
    print(f"{grid.title}\n")
    for overrides in plans.values():
        print(printable(overrides))
    print(f"python -m {shlex.join(compare)}\n")
    devices = (h200(1), h200(8), cpu())
    print("\n".join(estimate([w for w, _ in found], images, devices)), flush=True)
    if chosen.dry_run:
        return 0
    jobs = [["irp_lightning.run", "-m", *overrides] for overrides in plans.values()]
    done = [subprocess.run([sys.executable, "-m", *job], check=False) for job in (*jobs, compare)]
    return int(any(result.returncode for result in done))


def sweep_folder(extra: Sequence[str]) -> str:
    """Where the cells go: the user's ``hydra.sweep.dir``, or the kit's."""
    given = [text.split("=", 1)[1] for text in extra if text.startswith("hydra.sweep.dir=")]
    return given[-1] if given else SWEEP


def _near(path: Path) -> Path:
    """A path below the working folder as seen from there."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _below(override: str, keys: Sequence[str]) -> bool:
    key = override.lstrip("+~").split("=", 1)[0]
    return any(key == other or key.startswith((f"{other}.", f"{other}/")) for other in keys)


if __name__ == "__main__":
    main()
