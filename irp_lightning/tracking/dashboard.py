"""W&B pages that compare the runs of a sweep: a workspace, and a report of the same panels."""

from itertools import chain
from typing import Any

import wandb

from irp_lightning.foundation.errors import InputError, one_line

__all__ = ["build_report", "build_workspace", "save", "serialise"]

TITLE = "Methods against noise"

INTRODUCTION = (
    "Training images were contaminated with defects; each method trained on the same images of each "
    "seed. Lines and bars are means over the runs shown (categories, seeds), bands one standard "
    "deviation. All AUROCs are of the last epoch: a best epoch would be chosen on the test set."
)

SECTIONS = {
    "AUROC by method and noise": (
        "Image AUROC on the test set, which is the same at every noise level of a seed. `none` is "
        "vanilla training; `oracle` trains without the injected defects: the ceiling. Gap closure is "
        "how much of what noise costs a method wins back, (AUROC - vanilla) / (oracle - vanilla) with "
        "the same seeds: 1 is the oracle, 0 vanilla, below 0 worse than doing nothing. Runs have it "
        "with references=true; `irp-lightning compare` works it out over runs."
    ),
    "Removals": (
        "Precision: the share of the removed images that were defective. Recall: the share of the "
        "injected defects that were removed. Detection AUROC: how well the first round's training "
        "scores tell the injected defects from the rest, whatever the threshold."
    ),
    "Rounds": "Round by round: what was trained on, what was removed after it, what it was worth.",
    "Training": "The loss over the training steps.",
    "Removed images": "The first images that each run removed; its removed.csv has all.",
}
"""Titles of the sections, and what the report says of them."""

PANELS = {
    "AUROC by method and noise": (
        ("noise_requested", "image_auroc", "image AUROC against noise"),
        ("", "image_auroc", "image AUROC"),
        ("noise_requested", "gap_closure", "gap closure against noise"),
    ),
    "Removals": (
        ("", "removal_precision", "removal precision"),
        ("", "removal_recall", "removal recall"),
        ("noise_requested", "removal_precision", "removal precision against noise"),
        ("noise_requested", "removal_recall", "removal recall against noise"),
        ("noise_requested", "detection_auroc", "detection AUROC against noise"),
    ),
    "Rounds": (
        ("round", "round/image_auroc", "image AUROC, round by round"),
        ("round", "round/active", "images trained on, round by round"),
        ("round", "round/removed", "images removed, round by round"),
        ("round", "round/removed_bad", "defective images removed, round by round"),
        ("round", "round/removed_good", "normal images removed, round by round"),
        ("round", "round/threshold", "threshold, round by round"),
        ("round", "round/detection_auroc", "detection AUROC, round by round"),
    ),
    "Training": (("trainer/global_step", "train/loss", "training loss"),),
    "Removed images": (),
}
"""Per section its figures: what they stand against (nothing: bars), which they are, and a title."""

COLUMNS = (
    *("run:displayName", "run:jobType", "config:noise.value", "config:data.value.category"),
    *("config:model.value.name", "config:seed.value", "summary:image_auroc", "summary:gap_closure"),
    *("summary:removal_precision", "summary:removal_recall", "summary:rounds"),
)
"""Of the runs' table, pinned."""

MOST_RUNS = 1000

UNFILTERABLE = "'\"\\=<>"
"""Characters that the package's filters garble, quoted or not."""


def build_workspace(entity: str, project: str, group: str | None) -> Any:
    """The workspace: sections of panels over the runs, grouped by method.

    Args:
        entity: The W&B user or team; empty where it does not matter yet.
        project: The W&B project.
        group: A sweep, as ``NAME/SWEEP``; None: all runs of the project.

    Returns:
        A ``wandb_workspaces.workspaces.Workspace``; nothing is sent.
    """
    from wandb_workspaces import expr
    from wandb_workspaces import workspaces as ws

    return ws.Workspace(
        entity=entity,
        project=project,
        name=_title(group),
        sections=[
            ws.Section(name=title, panels=panels, is_open=True) for title, panels in _panels().items()
        ],
        settings=ws.WorkspaceSettings(max_runs=MOST_RUNS),
        runset_settings=ws.RunsetSettings(
            filters=_filters(group), groupby=[expr.Metric("JobType")], pinned_columns=list(COLUMNS)
        ),
        auto_generate_panels=True,  # histograms have no panel that could be asked for
    )


def build_report(entity: str, project: str, group: str | None) -> Any:
    """The report: the workspace's panels, with what they mean.

    Args:
        entity: As for :func:`build_workspace`.
        project: As there.
        group: As there.

    Returns:
        A ``wandb_workspaces.reports.v2.Report``; nothing is sent.
    """
    from wandb_workspaces.reports import v2 as wr

    def section(title: str, panels: list[Any]) -> list[Any]:
        for i, panel in enumerate(panels):  # two side by side
            panel.layout = wr.Layout(x=12 * (i % 2), y=8 * (i // 2), w=12, h=8)
        # Of the report's own project: naming it would have the package look it up online.
        runs = wr.Runset(name="by method", filters=_filters(group), groupby=["run.JobType"])
        return [wr.H2(title), wr.P(SECTIONS[title]), wr.PanelGrid(runsets=[runs], panels=panels)]

    return wr.Report(
        entity=entity,
        project=project,
        title=_title(group)[:128],
        description=INTRODUCTION,
        blocks=[
            wr.P(INTRODUCTION),
            *chain.from_iterable(section(title, panels) for title, panels in _panels().items()),
        ],
        width="fluid",
    )


def serialise(page: Any) -> dict[str, Any]:
    """A workspace or report as the JSON that W&B stores.

    The package has no public way to it that does not send it off.
    """
    return page._to_model().model_dump(mode="json", by_alias=True, exclude_none=True)


def _panels() -> dict[str, list[Any]]:
    """The panels of each section, new ones with each call."""
    from wandb_workspaces.reports import v2 as wr

    by_method: Any = {
        "groupby": wr.Metric("JobType"),
        "groupby_aggfunc": "mean",
        "groupby_rangefunc": "stddev",
    }

    def panel(x: str, y: str, title: str) -> Any:
        if not x:
            return wr.BarPlot(title=title, metrics=[y], orientation="v", **by_method)
        return wr.LinePlot(title=title, x=x, y=[y], max_runs_to_show=MOST_RUNS, **by_method)

    found = {section: [panel(*figure) for figure in figures] for section, figures in PANELS.items()}
    found["AUROC by method and noise"].append(
        wr.ScatterPlot(
            title="image AUROC of each run", x=wr.Config("noise"), y=wr.SummaryMetric("image_auroc")
        )
    )
    found["Removed images"].append(wr.WeavePanelSummaryTable(table_name="removed_images"))
    return found


def _filters(group: str | None) -> Any:
    from wandb_workspaces import expr

    if group is not None and set(group) & set(UNFILTERABLE):
        raise InputError(
            f"the group {group} cannot be filtered by: W&B's package takes none of {UNFILTERABLE}; show "
            "all runs and filter on the page, or give the sweep another name"
        )
    return "" if group is None else expr.And(expr.Metric("Group") == group)


def _title(group: str | None) -> str:
    return TITLE if group is None else f"{TITLE}: {group}"


def save(entity: str | None, project: str, group: str | None) -> tuple[str, str]:
    """Save both pages in W&B; a key must be at hand.

    Returns:
        The addresses of the workspace and the report.

    Raises:
        InputError: W&B did not take them.
    """
    try:
        owner = entity or wandb.Api().default_entity or ""
        workspace = build_workspace(owner, project, group).save()
        report = build_report(owner, project, group)
        report.save()
    except InputError:
        raise
    except Exception as error:  # the package raises bare ones, too
        raise InputError(
            f"W&B did not take the page ({one_line(error)}); try again, or print it as JSON"
        ) from error
    return workspace.url, report.url
