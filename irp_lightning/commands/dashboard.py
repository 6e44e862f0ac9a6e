"""A W&B page that compares the runs of a sweep: ``irp-lightning dashboard --project P``."""

import argparse
import json
from importlib.util import find_spec

from irp_lightning.foundation.commands import ends_in_one_line
from irp_lightning.foundation.errors import InputError

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> None:
    """The command line: prints a workspace and a report as JSON, or saves them in W&B."""
    parser = argparse.ArgumentParser(prog="irp-lightning dashboard", description=__doc__)
    parser.add_argument("--project", required=True, help="the W&B project: logger.wandb.project")
    parser.add_argument("--entity", help="the W&B user or team; by default the key's own")
    parser.add_argument("--group", help="one sweep, as NAME/SWEEP; by default all runs of the project")
    parser.add_argument(
        "--save",
        action="store_true",
        help="save both in W&B; otherwise print them as JSON, without a login",
    )
    chosen = parser.parse_args(arguments)
    with ends_in_one_line():
        if find_spec("wandb_workspaces") is None:
            raise InputError(
                "the dashboard needs wandb-workspaces; pip install 'irp-lightning[wandb-workspaces]'"
            )
        if chosen.save:
            _save(chosen.entity, chosen.project, chosen.group)
        else:
            _print(chosen.entity or "", chosen.project, chosen.group)


def _print(entity: str, project: str, group: str | None) -> None:
    from irp_lightning.tracking.dashboard import build_report, build_workspace, serialise

    pages = {
        "workspace": serialise(build_workspace(entity, project, group)),
        "report": serialise(build_report(entity, project, group)),
    }
    print(json.dumps(pages, indent=2))


def _save(entity: str | None, project: str, group: str | None) -> None:
    from irp_lightning.tracking.dashboard import save
    from irp_lightning.tracking.wandb_key import has_wandb_key

    if not has_wandb_key():
        raise InputError(
            "--save needs a W&B key; `wandb login` or set WANDB_API_KEY, or leave --save out"
        )
    workspace, report = save(entity, project, group)
    print(f"workspace: {workspace}\nreport: {report}")
