"""The paper's Figs. 1, 3 and 4: AUROC against noise, a line for every method."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from irp_lightning.comparison.areas import Areas
from irp_lightning.comparison.runs import Run
from irp_lightning.comparison.values import KNOWN, Look, Method

__all__ = ["Picture", "class_curves", "dataset_curves"]

COLUMNS = 4
WIDTH = 40
"""Letters in a line of a panel's title."""

OTHERS = (Look("", "#CC79A7", "P"), Look("", "#8C6D31", "X"), Look("", "#6B4FA0", "p"))
"""Of methods that are not the project's."""

DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 3)), (0, (7, 2)))

LACKING = "A black cross marks a point without classes or seeds that others have."

UNEQUAL = "Not all methods were trained for as many epochs: see the remarks of the overview."


@dataclass(frozen=True)
class Picture:
    """A figure and what is said of it.

    Attributes:
        name: Of its files.
        title: Its heading.
        caption: What it shows.
        figure: The figure.
    """

    name: str
    title: str
    caption: str
    figure: Figure


@dataclass(frozen=True)
class _Panel:
    title: Sequence[str]
    areas: Areas
    categories: Sequence[str]


def dataset_curves(runs: Sequence[Run]) -> Picture | None:
    """Figs. 1 and 3: a panel for every dataset and detector; None without runs."""
    if not runs:
        return None
    each = Areas.of_each(runs)
    panels = [_Panel(_title(each, areas), areas, areas.categories) for areas in each]
    return Picture(
        "fig3",
        "Fig. 1 and 3: AUROC against noise",
        "Mean over the classes of a dataset; bars: sample standard deviation over seeds of a seed's "
        f"mean over all classes ({_seeds(panels)}; one seed has no bar). Points are offset sideways "
        f"for visibility. {LACKING} The panels' axes differ.{_unequal(runs)}",
        _draw(panels, _styles(runs)),
    )


def class_curves(runs: Sequence[Run]) -> list[Picture]:
    """Fig. 4: a figure for every detector, a panel for every class of every dataset."""
    each, styles = Areas.of_each(runs), _styles(runs)
    detectors = sorted({areas.detector for areas in each})
    pictures = []
    for number, detector in enumerate(detectors, 1):
        here = [areas for areas in each if areas.detector == detector]
        several = len({areas.dataset for areas in here}) > 1
        panels = [
            _Panel([str(areas.dataset), category] if several else [category], areas, [category])
            for areas in here
            for category in areas.categories
        ]
        pictures.append(
            Picture(
                "fig4" if len(detectors) == 1 else f"fig4_{number}",
                "Fig. 4: AUROC of every class" + (f", {detector}" if len(detectors) > 1 else ""),
                f"Mean over seeds; bars: sample standard deviation over seeds ({_seeds(panels)}; "
                f"one seed has no bar). {LACKING} The panels' axes differ."
                + _unequal([run for run in runs if run.detector == detector]),
                _draw(panels, styles),
            )
        )
    return pictures


def _unequal(runs: Sequence[Run]) -> str:
    return f" {UNEQUAL}" if any(run.budget.is_longer for run in runs) else ""


def _title(each: Sequence[Areas], areas: Areas) -> list[str]:
    # A dataset of one class is known by it.
    name = str(areas.dataset)
    if len(areas.categories) == 1 and areas.categories[0] != name:
        name = f"{name}: {areas.categories[0]}"
    return [name, str(areas.detector)] if len({a.detector for a in each}) > 1 else [name]


def _seeds(panels: Sequence[_Panel]) -> str:
    counts = [
        mean.seeds
        for panel in panels
        for method in panel.areas.methods
        for noise in panel.areas.levels
        if (mean := panel.areas.mean(method, noise, panel.categories))
    ]
    low, high = min(counts, default=0), max(counts, default=0)  # none where no run has an AUROC
    return f"n = {low}" if low == high else f"n = {low} to {high}"


def _draw(panels: Sequence[_Panel], styles: dict[Method, dict[str, Any]]) -> Figure:
    columns = min(COLUMNS, len(panels))
    lines = math.ceil(len(panels) / columns)
    methods = sorted({m for panel in panels for m in panel.areas.methods})
    legend_lines = math.ceil(len(methods) / _legend_columns(methods, columns))
    size = (max(4.6, 3.3 * columns), 2.7 * lines + 0.4 + 0.22 * legend_lines)
    # Names are data: a dollar sign in one must not start a formula.
    with matplotlib.rc_context({"text.parse_math": False, "font.size": 9}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(lines, columns, squeeze=False).flatten()
        for axis, panel in zip(axes, panels, strict=False):
            _fill(axis, panel, styles)
        for axis in axes[len(panels) :]:
            axis.remove()
        for row in range(lines):
            axes[row * columns].set_ylabel("image AUROC")
        for axis in axes[max(0, len(panels) - columns) : len(panels)]:
            axis.set_xlabel("noise in training (%)")
        handles = [axes[0].plot([], [], label=str(method), **styles[method])[0] for method in methods]
        figure.legend(
            handles=handles,
            loc="outside lower center",
            ncols=_legend_columns(methods, columns),
            frameon=False,
            handlelength=2.6,
        )
    return figure


def _legend_columns(methods: Sequence[Method], columns: int) -> int:
    longest = max((len(str(method)) for method in methods), default=1)
    return max(1, min(len(methods), int(46 * columns / (longest + 7))))


def _fill(axis: Axes, panel: _Panel, styles: dict[Method, dict[str, Any]]) -> None:
    levels = panel.areas.levels
    gaps = [b - a for a, b in pairwise(levels)]
    # Bars that would lie on each other, but no further than an eye takes for the same noise.
    apart = min(0.35 * min(gaps, default=0.1), 0.06 * (levels[-1] - levels[0] or 1))
    beyond = 0.06 * (levels[-1] - levels[0] or 1)
    axis.set_xlim(levels[0] - beyond, levels[-1] + beyond)
    step = apart / max(1, len(panel.areas.methods))
    for i, method in enumerate(panel.areas.methods):
        found = [(noise, panel.areas.mean(method, noise, panel.categories)) for noise in levels]
        points = [(noise, mean) for noise, mean in found if mean]
        shift = (i - (len(panel.areas.methods) - 1) / 2) * step
        lacking = [(noise + shift, mean.mean) for noise, mean in points if mean.missing]
        axis.errorbar(
            [noise + shift for noise, _ in points],
            [mean.mean for _, mean in points],
            yerr=[mean.sd or 0 for _, mean in points],
            elinewidth=1,
            **styles[method],
        )
        axis.plot(
            [noise for noise, _ in lacking], [mean for _, mean in lacking], "x", color="black", zorder=5
        )
    axis.set_title("\n".join(line for part in panel.title for line in wrap(part, WIDTH)), fontsize=9)
    axis.set_xticks(levels, [f"{100 * noise:.6g}" for noise in levels])
    axis.grid(axis="y", color="#999999", alpha=0.3, linewidth=0.6)
    axis.spines[["top", "right"]].set_visible(False)


def _styles(runs: Sequence[Run]) -> dict[Method, dict[str, Any]]:
    """A hue and a marker for each method, for all figures; its settings differ in dashes and fill."""
    methods = sorted({run.method for run in runs})
    names = list(dict.fromkeys(method.name for method in methods))
    others = [name for name in names if name not in KNOWN]
    styles: dict[Method, dict[str, Any]] = {}
    for name in names:
        look = KNOWN.get(name) or OTHERS[others.index(name) % len(OTHERS)]
        for k, method in enumerate(m for m in methods if m.name == name):
            styles[method] = {
                "color": look.hue,
                "marker": look.marker,
                "markersize": 8 if look.marker == "*" else 5,
                "markerfacecolor": "none" if k % 2 else look.hue,
                "linestyle": DASHES[k % len(DASHES)],
                "linewidth": 1.5,
            }
    return styles
