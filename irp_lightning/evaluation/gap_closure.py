"""Share of the cost of noise that a method wins back; needs no torch, so that comparisons are quick."""

__all__ = ["LEAST_GAP", "gap_closure"]

LEAST_GAP = 0.01
"""AUROC that noise must cost before a share of it means anything: less is within a run's own wander."""


def gap_closure(area: float | None, vanilla: float | None, oracle: float | None) -> float | None:
    """Share of the cost of noise that a method wins back: (AUROC − vanilla) / (oracle − vanilla).

    Args:
        area: The method's AUROC.
        vanilla: Of training on everything, same seeds.
        oracle: Of training without the injected defects, same seeds.

    Returns:
        1 for the oracle's AUROC, 0 for vanilla's, below 0 for less. None where a figure is missing,
        or where noise costs less than ``LEAST_GAP``.
    """
    if area is None or vanilla is None or oracle is None or oracle - vanilla < LEAST_GAP:
        return None
    return (area - vanilla) / (oracle - vanilla)
