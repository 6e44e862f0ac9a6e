"""Clean a folder of photographs: ``irp-lightning clean DIR --out OUT``."""

import argparse
import os
import sys
from pathlib import Path

from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.names import printable
from irp_lightning.foundation.spelling import spellings
from irp_lightning.pipeline.cleaned_folder import clean_folder, experiment_of_folder
from irp_lightning.runs.folder import REPORT
from irp_lightning.runs.summary import print_summary

__all__ = ["main"]

EPILOGUE = """\
OUT holds suspects.csv (images that do not belong, worst first), clean.csv (the others, in anomalib's
Tabular format), report.html (for the review), detector.ckpt (for irp-lightning predict
OUT/detector.ckpt IMAGES) and the files of a run. DIR is not touched. After a stop, the same command
resumes.

DIR/normal/ is trusted, DIR/defect/ and DIR/test/KIND/ are tested on, if they exist; all other
images are unlabelled. DIR may be a CSV image_path,label_index,split.

exit status: 0; 1 for bad input; 2 for wrong arguments; 130 if interrupted; 141 if the
reader exited.
"""

ARGUMENTS = {
    "data.root": "DIR {}",
    "data.groups": "--groups={}",
    "false_alarms": "--false-alarms={}",
    "review": "--review={}",
    "sweep.force": "--force",
    "hydra.run.dir": "--out={}",
    "refine.rule.remove": "--remove={}",
}
"""How the keys that this command has arguments for are given."""


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    chosen = _parser().parse_intermixed_args(arguments)
    with ends_in_one_line(), spellings(ARGUMENTS):
        try:
            _clean(chosen)
        except KeyboardInterrupt:
            print("irp_lightning: interrupted; the same command resumes", file=sys.stderr)
            raise


def _clean(chosen: argparse.Namespace) -> None:
    e = experiment_of_folder(
        chosen.folder,
        chosen.out,
        false_alarms=chosen.false_alarms,
        review=chosen.review,
        groups=chosen.groups,
        force=chosen.force,
        overrides=[
            *([f"refine.rule.remove={chosen.remove}"] if chosen.remove else []),
            *chosen.overrides,
        ],
    )
    metrics = clean_folder(e, chosen.out)
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
        help="share of good parts that may raise an alarm (default: %(default)s)",
    )
    parser.add_argument(
        "--review", type=_path, metavar="CSV", help="your labels, saved from the report (path,verdict)"
    )
    parser.add_argument(
        "--groups",
        default="none",
        metavar="none|auto|CSV",
        help="photographs of one part (default: %(default)s: near-duplicates are kept together)",
    )
    parser.add_argument(
        "--remove",
        choices=("sure", "likely"),
        help="leave out of training only suspects that are probably all defective (default), or also "
        "those of which one in three or more is",
    )
    how = parser.add_mutually_exclusive_group()
    for name in ("link", "copy", "move"):
        how.add_argument(
            f"--{name}",
            type=_path,
            metavar="DEST",
            help=f"{name} the photographs into DEST/train/good and DEST/test/suspect, MVTec's layout; "
            "prints what it would do; --yes does it",
        )
    parser.add_argument("--yes", action="store_true", help="carry out --link, --copy or --move")
    parser.add_argument("--force", action="store_true", help="start again, whatever OUT holds")
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
