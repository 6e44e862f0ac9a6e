"""Preview of a dataset and of a run on it, in rows of text."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from irp_lightning.data.audit.survey import Survey
from irp_lightning.data.contamination import TrainingPool
from irp_lightning.data.dataset import Dataset
from irp_lightning.data.files.bit_depth import UNIT, BitDepth
from irp_lightning.data.files.headers import Header
from irp_lightning.data.samples import GOOD, SIDES, UNLABELLED, Sample

__all__ = ["Kind", "groups_line", "kinds", "noise_line"]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """The images of one kind on one side, one row of the table.

    Attributes:
        side: ``train`` or ``test``.
        defect: Its name, ``good`` for normal images.
        images: How many there are.
        masks: How many of them have a mask; None where none needs one.
        sizes: Their pixels, as ``900 x 900`` or from the smallest to the largest side.
        files: Formats and bit depths, the most frequent first.
    """

    side: str
    defect: str
    images: int
    masks: int | None
    sizes: str
    files: str


def kinds(found: Survey, bit_depth: BitDepth) -> list[Kind]:
    """Count the images by side and kind.

    Args:
        found: The images; one that cannot be opened counts, too.
        bit_depth: What the numbers of deep images mean.

    Returns:
        Training images first, normal images before defects.
    """
    members: defaultdict[tuple[str, str], list[tuple[Sample, Header | None]]] = defaultdict(list)
    for sample, header in zip(found.samples, found.headers, strict=True):
        members[sample.side, sample.defect].append((sample, header))
    order = sorted(members, key=lambda key: (SIDES.index(key[0]), key[1] != GOOD, key[1]))
    return [_kind(side, defect, members[side, defect], bit_depth) for side, defect in order]


def _kind(
    side: str, defect: str, found: Sequence[tuple[Sample, Header | None]], bit_depth: BitDepth
) -> Kind:
    masks = sum(sample.mask is not None for sample, _ in found)
    headers = [header for _, header in found if header]
    return Kind(
        side=side,
        defect=defect,
        images=len(found),
        masks=None if defect in (GOOD, UNLABELLED) else masks,
        sizes=_sizes([header.upright for header in headers]),
        files=_most(_file(header, bit_depth) for header in headers),
    )


def _sizes(sizes: Sequence[tuple[int, int]]) -> str:
    if not sizes:
        return "-"
    widths, heights = zip(*sizes, strict=True)
    return f"{_range(widths)} x {_range(heights)}"


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low}-{high}"


def _file(header: Header, bit_depth: BitDepth) -> str:
    bits = {"8-bit": 8, "integers": bit_depth.integers, "floats": bit_depth.floats}[header.numbers]
    said = "in [0, 1]" if bits == UNIT else f"{bits} bits"
    return f"{header.format} {'of floats ' if header.numbers == 'floats' else ''}{said}"


def _most(values: Iterable[Hashable]) -> str:
    counts = Counter(values).most_common()
    if len(counts) == 1:
        return str(counts[0][0])
    return ", ".join(f"{count} {value}" for value, count in counts) or "-"


def groups_line(images: Dataset) -> str:
    """How many groups there are, and how many files are there twice."""
    facts = images.facts()
    same = f"{facts['identical']} files are copies of another" if facts["identical"] else "no file twice"
    if facts["groups"] == facts["images"]:
        return f"each image a group of its own; {same}"
    return (
        f"{facts['images']} images in {facts['groups']}, the largest of {facts['largest_group']}; {same}"
    )


def noise_line(images: Dataset, pool: TrainingPool) -> str:
    """Describe the training and test images of a run."""
    bad = len(pool.injected)
    tested = sum(images.samples[i].label for i in pool.test)
    tests = f"tests on {len(pool.test) - tested} normal and {tested} defective"
    if not pool.test:
        tests = "tests on no image"
    unlabelled = sum(images.samples[i].known_label is None for i in pool.train)
    if unlabelled:
        trusted = len(pool.train) - unlabelled - bad
        injected = f" and {bad} injected defective" if bad else ""
        return f"trains on {unlabelled} unlabelled and {trusted} trusted{injected} images, {tests}"
    return (
        f"trains on {len(pool.train) - bad} normal and {bad} defective images (noise {pool.noise:.3f}), "
        f"{tests}; {len(pool.dropped)} not used"
    )
