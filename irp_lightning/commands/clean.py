"""Clean a folder of photographs: ``irp-lightning clean DIR --out OUT``."""

import argparse
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf, open_dict

from irp_lightning.cleaning.followed_review import (
    check_only_review_differs,
    is_new_review,
    kept_review,
)
from irp_lightning.config.compose import checked, composed
from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError
from irp_lightning.foundation.fields import plain
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.spelling import spellings, spelt_key
from irp_lightning.runs.folder import REPORT
from irp_lightning.runs.summary import print_summary

__all__ = ["clean_folder", "configured", "main"]

EPILOGUE = """\
OUT holds suspects.csv (what does not belong, the worst first), clean.csv (the rest, in anomalib's
Tabular format), report.html (look at it), detector.ckpt (for irp-lightning predict
OUT/detector.ckpt IMAGES) and the files of a run. DIR is not touched. Stopped half-way, the same command
goes on.

DIR/normal/ is trusted, DIR/defect/ and DIR/test/KIND/ are tested on, where they are there; all other
images are unlabelled. DIR may be a CSV image_path,label_index,split.

exit status: 0; 1 for bad input; 2 for wrong arguments; 130 where it was interrupted; 141 where the
reader went away.
"""

ARGUMENTS = {
    "data.root": "DIR {}",
    "data.groups": "--groups={}",
    "false_alarms": "--false-alarms={}",
    "review": "--review={}",
    "sweep.force": "--force",
    "hydra.run.dir": "--out={}",
}
"""How the keys that this command has arguments for are given."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    chosen = _parser().parse_intermixed_args(arguments)
    with ends_in_one_line(), spellings(ARGUMENTS):
        try:
            _clean(chosen)
        except KeyboardInterrupt:
            print("irp_lightning: interrupted; the same command goes on", file=sys.stderr)
            raise


def _clean(chosen: argparse.Namespace) -> None:
    cfg = configured(
        chosen.folder,
        chosen.out,
        false_alarms=chosen.false_alarms,
        review=chosen.review,
        groups=chosen.groups,
        force=chosen.force,
        overrides=chosen.overrides,
    )
    metrics = clean_folder(cfg, chosen.out)
    print_summary(metrics, chosen.out)
    for how in ("link", "copy", "move"):
        if (to := getattr(chosen, how)) is not None:
            from irp_lightning.cleaning.sorting import sort_photographs

            sort_photographs(chosen.out, how, to, really=chosen.yes)
    print(f" report           {printable((chosen.out / REPORT).absolute())}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="irp-lightning clean",
        description=__doc__,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=_path, metavar="DIR", help="any tree of photographs, or a CSV")
    parser.add_argument("--out", type=_path, required=True, help="a folder for the results")
    parser.add_argument(
        "--false-alarms",
        type=float,
        default=0.01,
        metavar="SHARE",
        help="of good parts that may raise an alarm (default: %(default)s)",
    )
    parser.add_argument(
        "--review", type=_path, metavar="CSV", help="what somebody said in the report (path,verdict)"
    )
    parser.add_argument(
        "--groups",
        default="none",
        metavar="none|auto|CSV",
        help="photographs of one part (default: %(default)s: near-duplicates are kept together)",
    )
    how = parser.add_mutually_exclusive_group()
    for name in ("link", "copy", "move"):
        how.add_argument(
            f"--{name}",
            type=_path,
            metavar="DEST",
            help=f"{name} the photographs into DEST/train/good and DEST/test/suspect, MVTec's layout; "
            "says what it would do, and does it with --yes",
        )
    parser.add_argument("--yes", action="store_true", help="do what --link, --copy or --move says")
    parser.add_argument("--force", action="store_true", help="begin anew, whatever OUT holds")
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="as for irp-lightning run: seed=1, refine.k=0.05; irp-lightning run --help shows all",
    )
    return parser


def _path(text: str) -> Path:
    # The shell leaves the tilde of --out=~/out; Path.expanduser raises for users that there are not.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def configured(
    folder: Path,
    out: Path,
    *,
    false_alarms: float = 0.01,
    review: Path | None = None,
    groups: str = "none",
    force: bool = False,
    overrides: Sequence[str] = (),
) -> DictConfig:
    """The configuration of a cleaning: experiment ``folder``.

    Args:
        folder: The photographs, or a table of them.
        out: Where the results will lie.
        false_alarms: The share of good parts that may raise an alarm.
        review: What somebody said of them: another review than that of ``out`` begins anew. None: the
            review that ``out`` holds, if any.
        groups: ``none``, ``auto`` or a CSV.
        force: Begin anew, whatever ``out`` holds; without ``review`` its review is not followed.
        overrides: As of ``python -m irp_lightning.run``.

    Raises:
        InputError: There is no such folder, the results would lie in it, or an override is wrong or said
            by an argument.
    """
    root = _resolved(folder)
    if not root.exists():
        raise InputError(f"{printable(folder)} is not there; give a folder of photographs")
    _check_out(out, folder, root)
    is_new = False
    if review is None and not force:
        review = kept_review(out)
    elif review is not None:
        is_new = not force and is_new_review(review, out)
    _check_overrides(overrides)
    cfg = composed(["+experiment=folder", "data.root=.", *overrides])
    with open_dict(cfg):
        # Not as overrides: a path may hold what means something in Hydra's grammar.
        for key, value in (("data.root", root), ("data.groups", groups), ("review", review)):
            OmegaConf.update(cfg, key, None if value is None else _literal(str(value)))
        cfg.false_alarms, cfg.sweep.force = false_alarms, force or is_new
    if is_new:
        check_only_review_differs(out, plain(checked(cfg)))
    return cfg


def _check_overrides(overrides: Sequence[str]) -> None:
    for override in overrides:
        if (key := override.lstrip("+~").partition("=")[0]) in ARGUMENTS:
            with spellings(ARGUMENTS):
                raise InputError(f"{override} is what {spelt_key(key)} says here; leave it out")


def _check_out(out: Path, folder: Path, root: Path) -> None:
    if root.is_dir() and _resolved(out).is_relative_to(root):
        raise InputError(
            f"--out {printable(out)} lies in {printable(folder)}: its pictures would be taken for "
            "photographs; give a folder beside it"
        )
    if os.path.lexists(out) and not out.is_dir():
        raise InputError(f"--out {printable(out)} is a file or leads nowhere; give a folder")


def _resolved(path: Path) -> Path:
    return Path(os.path.realpath(_path(str(path))))  # Path.resolve raises for links in a circle


def _literal(text: str) -> str:
    """As OmegaConf takes it for itself and no interpolation."""
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", text)


def clean_folder(cfg: DictConfig, out: Path) -> Mapping[str, Any]:
    """Run it, unless it is complete.

    Returns:
        What ``metrics.json`` holds.
    """
    from irp_lightning.cleaning.changes import changes_since
    from irp_lightning.foundation.quiet import quiet
    from irp_lightning.pipeline.recipe import run
    from irp_lightning.sweeps.command_line import complete_run
    from irp_lightning.sweeps.made import remember, remove_if_made

    remember(out)
    try:
        metrics = complete_run(out, cfg)
        if metrics is not None:
            print(f"complete already: {printable(out)}")
            for line in changes_since(out, checked(cfg).data):
                print(f"! {line}")
            return metrics
        with quiet():
            return run(checked(cfg), out)
    finally:
        remove_if_made(out)
