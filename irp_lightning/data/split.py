"""The three sides of a dataset: normal training images, the defect pool, the test set."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from irp_lightning.data.samples import Sample

__all__ = ["Split", "draw_share", "split_samples"]


@dataclass(frozen=True)
class Split:
    """Indices into a dataset's list of samples.

    Attributes:
        train_normal: Normal images to train on.
        pool: Defective images that contamination may inject.
        test: Normal and defective images to test on. The same at every noise level of a seed.
        unused: Images on neither side, because their group would stand on both.
    """

    train_normal: list[int]
    pool: list[int]
    test: list[int]
    unused: list[int]


def split_samples(
    samples: list[Sample],
    groups: list[str],
    normals: str,
    seed: int,
    hashes: Sequence[str] | None = None,
    *,
    with_pool: bool = True,
) -> Split:
    """Draw the defect pool, and with it the test set.

    Where the dataset has defective training images (KSDD2) they are the pool. Otherwise (MVTec-AD)
    the pool is half of the defective test images, drawn by group and stratified by defect as far as
    groups allow; the other half stays in the test set.

    Args:
        samples: All images of the dataset.
        groups: Their groups. No group ends up in both the pool and the test set.
        normals: ``"published"`` leaves the normal images on the sides they were published on;
            ``"grouped"`` draws them anew, group by group, so that no group at all stands on both
            the training and the test side; the training side keeps its size as near as can be.
        seed: Of the draw.
        hashes: The digests of their files, where they are known: a normal training image that is
            identical to a test image is not used.
        with_pool: Whether defective test images are held back for the pool.
    """
    side = dict.fromkeys(range(len(samples)), "test")
    side.update({i: "train" for i, s in enumerate(samples) if s.side == "train" and not s.label})
    members: dict[str, list[int]] = defaultdict(list)
    for i, group in enumerate(groups):
        members[group].append(i)

    defective = [i for i, s in enumerate(samples) if s.label]
    pooled = {i for i in defective if samples[i].side == "train"}
    if not pooled and with_pool:
        candidates = {groups[i] for i in defective}
        if normals == "published":
            # A group with a normal test image is on the test side already.
            candidates -= {groups[i] for i in range(len(samples)) if _is_test_normal(samples[i])}
        pooled = {
            i
            for group in draw_share(_defects_by_group(samples, members, candidates), 0.5, seed)
            for i in members[group]
            if samples[i].label
        }
    side.update(dict.fromkeys(pooled, "pool"))
    if normals == "grouped":
        _draw_normals(samples, members, side, seed)

    tested = {groups[i] for i, s in side.items() if s == "test"}
    contents = {hashes[i] for i, s in side.items() if s == "test"} if hashes else set()
    for i, s in side.items():
        if (s == "pool" and groups[i] in tested) or (s == "train" and hashes and hashes[i] in contents):
            side[i] = "unused"
    return Split(
        *([i for i, s in side.items() if s == name] for name in ("train", "pool", "test", "unused"))
    )


def draw_share(contents: dict[str, Counter[str]], share: float, seed: int) -> list[str]:
    """Draw groups until each kind has its share, as far as groups allow.

    Groups are taken in a seeded random order, each one if it brings the drawn counts nearer to
    ``share`` × the total of every kind, summed over the kinds. Where kinds of an odd number leave
    more than one image wanting in all, groups that change nothing in that sum make it up.

    Args:
        contents: How many images of each kind each group holds.
        share: The wanted share of each kind, in [0, 1].
        seed: Of the order.

    Returns:
        The names of the groups drawn.
    """
    target = {kind: share * n for kind, n in sum(contents.values(), Counter()).items()}
    drawn: Counter[str] = Counter()
    taken, left = [], []
    order = sorted(contents)
    random.Random(seed).shuffle(order)
    for group in order:
        if _gain(drawn, contents[group], target) > 0:
            drawn += contents[group]
            taken.append(group)
        else:
            left.append(group)
    missing = sum(target.values()) - drawn.total()
    if missing <= 1:
        return taken
    # The odd image of a kind is as near on either side; were all left, kinds of one would never come.
    for group in left:
        size = contents[group].total()
        if size < 2 * missing and _gain(drawn, contents[group], target) == 0:
            drawn += contents[group]
            taken.append(group)
            missing -= size
    return taken


def _gain(drawn: Counter[str], held: Counter[str], target: dict[str, float]) -> float:
    """By how many images a group brings the kinds that it holds nearer to their targets."""
    return sum(
        abs(drawn[kind] - target[kind]) - abs(drawn[kind] + n - target[kind]) for kind, n in held.items()
    )


def _is_test_normal(sample: Sample) -> bool:
    return sample.side == "test" and not sample.label


def _defects_by_group(
    samples: list[Sample], members: dict[str, list[int]], candidates: set[str]
) -> dict[str, Counter[str]]:
    return {
        group: Counter(samples[i].defect for i in members[group] if samples[i].label)
        for group in candidates
    }


def _draw_normals(
    samples: list[Sample], members: dict[str, list[int]], side: dict[int, str], seed: int
) -> None:
    """Draw the normal images' sides by group; a group with defects follows its defects."""
    normals = {g: [i for i in held if not samples[i].label] for g, held in members.items()}
    wanted = sum(1 for i, s in side.items() if s == "train")
    free: dict[str, Counter[str]] = {}
    for group, held in members.items():
        defect_sides = {side[i] for i in held if samples[i].label}
        if defect_sides:
            new = "test" if "test" in defect_sides else "train"
            side.update(dict.fromkeys(normals[group], new))
            wanted -= len(normals[group]) if new == "train" else 0
        else:
            free[group] = Counter(normal=len(held))
    total = sum(c["normal"] for c in free.values())
    taken = set(draw_share(free, wanted / total if total else 0.0, seed))
    for group in free:
        side.update(dict.fromkeys(normals[group], "train" if group in taken else "test"))
