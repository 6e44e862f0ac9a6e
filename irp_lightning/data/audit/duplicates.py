"""Images whose files are identical, whatever they are called."""

from collections import defaultdict
from collections.abc import Sequence

from irp_lightning.data.audit.remarks import Remark, remarked
from irp_lightning.data.samples import UNLABELLED, Sample

__all__ = ["duplicate_remarks", "identical"]


TWO_LABELS = (
    "{count} photographs are labelled both normal and defective, byte for byte ({names}); remove the "
    "wrong ones"
)
BOTH_SIDES = (
    "the training copies are left out. data.groups=auto finds near-duplicates",
    "data.split=grouped draws all copies of an image to the same side",
)
REPEATED = "{count} photographs are there several times, byte for byte ({names}); they stay together"


def identical(hashes: Sequence[str]) -> list[list[int]]:
    """Positions of the images of each content that several have, in order of first appearance."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for i, digest in enumerate(hashes):
        found[digest].append(i)
    return [positions for positions in found.values() if len(positions) > 1]


def duplicate_remarks(samples: Sequence[Sample], hashes: Sequence[str], split: str) -> list[Remark]:
    """Say where identical files would make figures wrong: on both sides, under two labels, repeated.

    Args:
        samples: The images.
        hashes: The digest of each one's file.
        split: ``published`` or ``grouped``, which draws copies to one side.
    """
    sides, labels, repeated = [], [], []
    for positions in identical(hashes):
        those = [samples[i] for i in positions]
        labelled = [s for s in those if s.defect != UNLABELLED]
        if len({s.label for s in labelled}) > 1:
            other = next(s for s in labelled if s.label != labelled[0].label)
            labels += [f"{labelled[0].name} = {other.name}"]
        elif len({s.side for s in those}) > 1:
            other = next(s for s in those if s.side != those[0].side)
            sides += [f"{those[0].name} = {other.name}"]
        else:
            repeated += [f"{those[0].name} = {those[1].name}"]
    drawn = split == "grouped"
    both = "{count} photographs are on both sides, byte for byte ({names}); " + BOTH_SIDES[drawn]
    return [
        *remarked("identical_under_two_labels", labels, TWO_LABELS, falsifies=True),
        *remarked("identical_on_both_sides", sides, both, falsifies=not drawn),
        *remarked("identical_on_one_side", repeated, REPEATED),
    ]
