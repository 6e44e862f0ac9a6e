"""Figures of what was measured, the paper's own figures beside them as dashed lines."""

import statistics
from collections.abc import Sequence
from pathlib import Path

import matplotlib

matplotlib.use("agg")

from matplotlib import pyplot
from matplotlib.axes import Axes
from measured_rows import CATEGORIES, METHODS, NOISES, TITLES, Row, areas, printed

__all__ = ["draw_curves", "draw_epochs"]

matplotlib.rcParams["svg.hashsalt"] = "measured"  # the same figures make the same file

NOISE = [float(noise) for noise in NOISES]
COLOURS = dict(zip(METHODS, pyplot.colormaps["tab10"].colors, strict=False))  # type: ignore[attr-defined]
MEANS = {"none": "Vanilla", "osr": "OSR", "irp": "IRP on MVTec-AD"}
"""The rows of the paper's Table 1 that are means of its ten classes."""


def draw_curves(rows: Sequence[Row], retrained: Sequence[Row], folder: Path) -> None:
    """Write the figures, each as SVG and PNG.

    Args:
        rows: The usual runs, of one λ.
        retrained: Runs at noise 0.2 and seed 0, of several λ, trained on and from scratch.
        folder: Where to write.
    """
    _categories(rows, folder / "auroc")
    _means(rows, ("none", "irp"), folder / "fig1")
    _means(rows, ("none", "osr", "irp"), folder / "fig3")
    _classes(rows, folder / "fig4")
    _lambdas(retrained, rows, folder / "lambda")


def draw_epochs(rows: Sequence[Row], folder: Path) -> None:
    """Write the AUROC of vanilla training after each epoch, a panel a category."""
    figure, axes = pyplot.subplots(1, 4, figsize=(14, 3.8), sharey=True, layout="constrained")
    for axis, category in zip(axes, CATEGORIES, strict=True):
        for noise, style in (("0", "--"), ("0.2", "-")):
            found = areas(rows, category=category, noise=noise)
            axis.plot(range(1, len(found) + 1), found, style, color="C0", label=f"noise {noise}")
        axis.set(title=category, xlabel="epoch")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("image AUROC of vanilla training")
    axes[0].legend()
    _save(figure, folder / "epochs")


def _categories(rows: Sequence[Row], file: Path) -> None:
    """All methods, a panel a category."""
    figure, axes = pyplot.subplots(1, 4, figsize=(14, 3.8), sharey=True, layout="constrained")
    for axis, category in zip(axes, CATEGORIES, strict=True):
        for method in METHODS:
            _line(axis, [r for r in rows if r["category"] == category], method)
        paper = printed(category)
        axis.plot(NOISE, [paper[n] for n in NOISES], "k--", label="irp, as the paper prints")
        axis.set(title=category, xlabel="noise (share of the training images)")
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("image AUROC")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    _save(figure, file)


def _means(rows: Sequence[Row], methods: Sequence[str], file: Path) -> None:
    """Means of the four categories; dashed, the paper's means of its ten."""
    figure, axis = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    for method in methods:
        _line(axis, rows, method)
        paper = printed(MEANS[method])
        label = f"{TITLES.get(method, method)}, the paper's ten classes"
        axis.plot(NOISE, [paper[n] for n in NOISES], "--", color=COLOURS[method], label=label)
    axis.set(xlabel="noise (share of the training images)", ylabel="image AUROC, mean of four classes")
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, file)


def _classes(rows: Sequence[Row], file: Path) -> None:
    """IRP, a line a category."""
    figure, axis = pyplot.subplots(figsize=(6.4, 4.2), layout="constrained")
    for category, colour in zip(CATEGORIES, COLOURS.values(), strict=False):
        of = [r for r in rows if r["category"] == category]
        _line(axis, of, "irp", color=colour, label=category)
        paper = printed(category)
        axis.plot(NOISE, [paper[n] for n in NOISES], "--", color=colour, label=f"{category}, the paper")
    axis.set(xlabel="noise (share of the training images)", ylabel="image AUROC of irp")
    axis.grid(alpha=0.3)
    figure.legend(loc="outside lower center", fontsize=8, ncols=4)
    _save(figure, file)


def _lambdas(rows: Sequence[Row], usual: Sequence[Row], file: Path) -> None:
    """AUROC against λ, a panel a category; solid: trained on, dotted: from scratch."""
    figure, axes = pyplot.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
    for axis, category in zip(axes, CATEGORIES, strict=True):
        for method in ("osr", "irp", "irp_all"):
            for retrain, style in (("continue", "o-"), ("scratch", "s:")):
                found = {
                    float(r["lam"]): float(r["image_auroc"])
                    for r in rows
                    if (r["category"], r["method"], r["retrain"]) == (category, method, retrain)
                }
                x = sorted(found)
                label = method if retrain == "continue" else f"{method}, from scratch"
                axis.plot(x, [found[i] for i in x], style, color=COLOURS[method], label=label)
        for vanilla in areas(usual, category=category, method="none", noise="0.2", seed="0"):
            axis.axhline(vanilla, color=COLOURS["none"], linestyle="--", label="vanilla")
        axis.set(title=category, xlabel="λ", xlim=(1.1, 3.1))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("image AUROC, noise 0.2, seed 0")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7)
    _save(figure, file)


def _line(axis: Axes, rows: Sequence[Row], method: str, **given: object) -> None:
    found = {noise: areas(rows, method=method, noise=noise) for noise in NOISES}
    x = [float(noise) for noise, values in found.items() if values]
    y = [statistics.fmean(values) for values in found.values() if values]
    axis.plot(
        x,
        y,
        "o-",
        markersize=4,
        **{"color": COLOURS[method], "label": TITLES.get(method, method), **given},
    )


def _save(figure: pyplot.Figure, file: Path) -> None:
    figure.savefig(file.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(file.with_suffix(".png"), dpi=110)
    pyplot.close(figure)
