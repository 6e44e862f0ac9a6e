"""Report what a run would read, without running it: ``irp-lightning inspect data.root=DIR``."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.table import Table

from irp_lightning.config.compose import checked, composed
from irp_lightning.config.experiment import Experiment
from irp_lightning.data.audit.remarks import Remark
from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError, named
from irp_lightning.foundation.names import printable
from irp_lightning.runs.summary import print_wide

__all__ = ["inspect", "main"]

EPILOGUE = """\
exit status: 0, or 1 if something would falsify a run's results or stop it (lines that begin with !).
Headers, masks, deep images and digests are read; images of 8 bits are decoded only with --decode, which
finds damaged and one-colour images.
"""


def main(arguments: list[str] | None = None) -> None:
    """The command line; the status is 1 if a run would be stopped, or its figures be false."""
    parser = argparse.ArgumentParser(
        prog="irp-lightning inspect",
        description=__doc__,
        epilog=EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="key=value",
        help="as for irp-lightning run: data=..., noise=...; irp-lightning run --help shows all",
    )
    parser.add_argument("--decode", action="store_true", help="decode every image to its end")
    chosen = parser.parse_args(arguments)
    with ends_in_one_line():
        sound = inspect(checked(composed(chosen.overrides)), decode=chosen.decode)
    if not sound:
        raise SystemExit(1)


def inspect(e: Experiment, *, decode: bool = False) -> bool:
    """Print what a run of an experiment would read, and what it would make of it.

    Args:
        e: The experiment; its data, contamination, noise and seed matter.
        decode: Decode images of 8 bits, too.

    Returns:
        Whether a run would go on, and its figures mean what they seem to.

    Raises:
        InputError: The images cannot be told apart from what is none, or there are none.
    """
    # Here and not above: --help and refusals need not wait for torch.
    from irp_lightning.data.audit.inspection import groups_line, kinds, noise_line
    from irp_lightning.data.audit.survey import survey
    from irp_lightning.data.contamination import draw_pool
    from irp_lightning.data.dataset import KNOWN_IMAGES, read_surveyed
    from irp_lightning.data.files.known_images import KnownImages

    begun = time.perf_counter()
    with named("data"):
        found = survey(e.data)
        known = KnownImages(Path(e.cache_dir) / KNOWN_IMAGES)
        # What cannot be read is listed here, whatever a run does with it.
        images = read_surveyed(found, replace(e.data, on_bad_image="skip"), known, deep_only=not decode)
    print(f"{e.data.reader}: {printable(e.data.category)} in {printable(e.data.root)}\n")
    table = Table(box=None, pad_edge=False)
    for column, side in (("side", "left"), ("kind", "left"), ("images", "right"), ("masks", "right")):
        table.add_column(column, justify=side)  # type: ignore[arg-type]
    table.add_column("pixels")
    table.add_column("files")
    for kind in kinds(found, images.bit_depth):
        masks = "" if kind.masks is None else str(kind.masks)
        table.add_row(kind.side, kind.defect, str(kind.images), masks, kind.sizes, kind.files)
    print_wide(table)
    rows = [("groups", groups_line(images))]
    remarks = list(images.remarks)
    wrong = [remark.text for remark in remarks if remark.falsifies]
    try:
        pool = draw_pool(images, e.data.split, e.contamination.kind, e.noise, e.seed)
    except InputError as error:
        wrong.append(str(error))
    else:
        rows.append((f"noise={e.noise}", noise_line(images, pool)))
        if len({images.samples[i].label for i in pool.test}) < 2:
            text = "the test images have one label only, or none: there will be no AUROC"
            remarks.append(Remark("one_label", len(pool.test), text))
    if e.data.on_bad_image == "error":
        wrong += [f"{problem}; repair it, or on_bad_image=skip" for problem in images.skipped.values()]
    _print_lines(rows, wrong, remarks)
    seconds = time.perf_counter() - begun
    decoded = "every image decoded" if decode else "images of 8 bits not decoded"
    verdict = f"{len(wrong)} of these would falsify or stop a run" if wrong else "nothing that falsifies"
    print(f"\n{verdict} ({seconds:.1f} s, {decoded})")
    return not wrong


def _print_lines(
    rows: Sequence[tuple[str, str]], wrong: Sequence[str], remarks: Sequence[Remark]
) -> None:
    print()
    for name, text in rows:
        print(f"{name:12}{text}")
    if wrong or any(remark.kind != "groups" for remark in remarks):
        print()
    for text in wrong:
        print(f"! {printable(text)}")
    for remark in remarks:
        if not remark.falsifies and remark.kind != "groups":  # there is a line of them
            print(f"- {remark.text}")
