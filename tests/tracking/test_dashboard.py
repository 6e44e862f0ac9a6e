"""The W&B pages, built and checked without a login or a network."""

import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from irp_lightning.commands import dashboard
from irp_lightning.commands.dashboard import main
from irp_lightning.evaluation.tables import ROUND_COLUMNS
from irp_lightning.tracking.wandb_run import FINAL


@pytest.fixture(autouse=True)
def no_key_and_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    def refuse(*_: Any) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def pages(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    pytest.importorskip("wandb_workspaces", reason="needs the extra [wandb-workspaces]")
    main(["--project", "p", "--entity", "team", "--group", "mvtec_noise/sweep"])
    return json.loads(capsys.readouterr().out)


def sections(pages: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    found = pages["workspace"]["spec"]["section"]["panelBankConfig"]["sections"]
    return {section["name"]: [panel["config"] for panel in section["panels"]] for section in found}


def test_the_workspace_compares_methods(pages: dict[str, Any]) -> None:
    assert (pages["workspace"]["entity"], pages["workspace"]["project"]) == ("team", "p")
    (runs,) = pages["workspace"]["spec"]["section"]["runSets"]
    assert runs["grouping"] == [{"section": "run", "name": "jobType"}]
    (only,) = runs["filters"]["filters"]
    assert only["key"]["name"] == "group"
    assert only["value"] == "mvtec_noise/sweep"
    panels = sections(pages)
    against_noise = panels["AUROC by method and noise"][0]
    assert against_noise["xAxis"] == "noise_requested"
    assert against_noise["metrics"] == ["image_auroc"]
    assert against_noise["groupBy"] == "jobType"
    assert (against_noise["groupAgg"], against_noise["groupArea"]) == ("mean", "stddev")
    assert {panel["xAxis"] for panel in panels["Rounds"]} == {"round"}
    assert ["removal_recall"] in [panel["metrics"] for panel in panels["Removals"]]


def test_every_panel_shows_what_a_run_logs(pages: dict[str, Any]) -> None:
    logged = {*FINAL, *(f"round/{name}" for name in ROUND_COLUMNS), "train/loss"}
    shown = {m for panels in sections(pages).values() for p in panels for m in p.get("metrics", ())}
    assert shown
    assert shown <= logged
    assert "removed_images" in json.dumps(sections(pages)["Removed images"])


def test_the_report_has_the_same_panels_and_says_what_they_mean(pages: dict[str, Any]) -> None:
    blocks = pages["report"]["spec"]["blocks"]
    grids = [b["metadata"]["panelBankSectionConfig"]["panels"] for b in blocks if "metadata" in b]
    assert [[p["config"] for p in panels] for panels in grids] == list(sections(pages).values())
    places = [(p["layout"]["x"], p["layout"]["y"]) for p in grids[0]]
    assert len(set(places)) == len(places)
    text = json.dumps(blocks)
    assert "(AUROC - vanilla) / (oracle - vanilla)" in text
    assert "mvtec_noise/sweep" in pages["report"]["displayName"]


def test_without_a_group_all_runs_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb_workspaces", reason="needs the extra [wandb-workspaces]")
    main(["--project", "p"])
    (runs,) = json.loads(capsys.readouterr().out)["workspace"]["spec"]["section"]["runSets"]
    assert not runs["filters"]["filters"]


@pytest.mark.parametrize("group", ["a=b", "it's", '"', "a<b"])
def test_a_group_that_cannot_be_filtered_by(group: str) -> None:
    pytest.importorskip("wandb_workspaces", reason="needs the extra [wandb-workspaces]")
    with pytest.raises(SystemExit, match="cannot be filtered by") as refusal:
        main(["--project", "p", "--group", group])
    assert len(str(refusal.value).splitlines()) == 1


def test_saving_needs_a_key() -> None:
    pytest.importorskip("wandb_workspaces", reason="needs the extra [wandb-workspaces]")
    with pytest.raises(SystemExit, match="--save needs a W&B key; `wandb login`"):
        main(["--project", "p", "--save"])


def test_saving_sends_both(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("wandb_workspaces", reason="needs the extra [wandb-workspaces]")
    from wandb_workspaces.reports import v2 as wr
    from wandb_workspaces.workspaces import Workspace

    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    for page in (Workspace, wr.Report):
        monkeypatch.setattr(page, "save", lambda self: self)
        monkeypatch.setattr(page, "url", property(lambda self: f"https://{self.entity}/{self.project}"))
    main(["--project", "p", "--entity", "team", "--save"])
    assert capsys.readouterr().out.split() == [
        *("workspace:", "https://team/p"),
        *("report:", "https://team/p"),
    ]

    def fails(self: Any) -> None:
        raise ConnectionError("no\nroute")

    monkeypatch.setattr(wr.Report, "save", fails)
    with pytest.raises(SystemExit, match=r"W&B did not take the page \(no route\)"):
        main(["--project", "p", "--entity", "team", "--save"])


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dashboard, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pip install 'irp-lightning\[wandb-workspaces\]'"):
        main(["--project", "p"])


def test_help_and_a_refusal_import_nothing_large() -> None:
    code = (
        "import sys\nfrom irp_lightning.commands.dashboard import main\n"
        "try: main(sys.argv[1:])\nexcept SystemExit: pass\n"
        "print(sorted({'torch', 'lightning', 'wandb', 'wandb_workspaces'} & sys.modules.keys()))"
    )
    for arguments in (["--help"], ["--projekt", "p"]):
        command = [sys.executable, "-c", code, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        assert "--project" in done.stdout + done.stderr
        assert done.stdout.splitlines()[-1] == "[]"


def test_saving_needs_no_lightning() -> None:
    code = "import sys, irp_lightning.tracking.dashboard, irp_lightning.tracking.wandb_key\n"
    code += "print(sorted({'torch', 'lightning'} & sys.modules.keys()))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"
