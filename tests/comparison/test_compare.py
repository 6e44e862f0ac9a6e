import json
from pathlib import Path

import pytest

from irp_lightning.commands.compare import main
from irp_lightning.commands.run import run_composed as run

TABLES = ("overview", "table1", "table2", "paired", "runs", "not_compared")


def test_everything_is_written_below_the_sweep(write_run, sweep: Path, capsys) -> None:
    write_run("a", "none", auroc=0.6)
    write_run("b", "irp", auroc=0.7)
    main([str(sweep)])
    files = {file.name for file in (sweep / "comparison").iterdir()}
    tables = {f"{name}.{suffix}" for name in TABLES for suffix in ("csv", "md", "tex")}
    assert files == {"index.html", *tables, "fig3.png", "fig3.svg", "fig4.png", "fig4.svg"}
    shown = capsys.readouterr().out
    assert f"page, tables and figures: {sweep.resolve() / 'comparison' / 'index.html'}" in shown
    assert "2 finished runs" in shown


def test_its_own_files_are_no_runs(write_run, sweep: Path, capsys) -> None:
    write_run("a")
    main([str(sweep)])
    first = capsys.readouterr().out
    main([str(sweep)])
    assert capsys.readouterr().out == first


def test_out_sets_the_place(write_run, sweep: Path, tmp_path: Path) -> None:
    write_run("a")
    main([str(sweep), "--out", str(tmp_path / "x" / "y")])
    assert (tmp_path / "x" / "y" / "index.html").is_file()
    assert not (sweep / "comparison").exists()


def test_a_place_that_cannot_be_written_is_refused(write_run, sweep: Path, tmp_path: Path) -> None:
    write_run("a")
    (tmp_path / "file").write_text("")
    with pytest.raises(SystemExit, match=r"irp_lightning: .*file/out cannot be written .*; set --out"):
        main([str(sweep), "--out", str(tmp_path / "file" / "out")])


def test_rows_stay_on_a_line(write_run, sweep: Path, capsys) -> None:
    long = "a_method_with_quite_a_long_name"
    mad = "irp_lightning.refinement.rules.mad"
    write_run("a", model="differnet_small", refine__name=long, refine__rule__k=1)
    write_run("b", model="differnet_small", refine__name=long, refine__rule={"_target_": mad, "k": 2})
    main([str(sweep)])
    shown = capsys.readouterr().out
    assert sum(long in line for line in shown.splitlines()) == 2
    assert f"{long} (rule=lambda_median, lam=1)" in shown
    assert f"{long} (rule=mad, k=2)" in shown


def test_others_are_listed(write_run, sweep: Path, capsys) -> None:
    write_run("a", "none", lam=1.5)
    write_run("b", "none", lam=2)
    (write_run("c") / "metrics.json").unlink()
    (write_run("[d]") / "metrics.json").write_text('{"status": "failed", "error": "noise=9 is refused"}')
    main([str(sweep)])
    lines = capsys.readouterr().out.splitlines()
    assert any(line.startswith(f"unfinished: {sweep / 'c'}") for line in lines)
    assert f"failed or unreadable: {sweep / '[d]'} (noise=9 is refused)" in lines
    assert f"repeated: {sweep / 'b'} (same settings as {sweep / 'a'}, which counts)" in lines
    page = (sweep / "comparison" / "index.html").read_text()
    assert "1 failed, 1 unfinished, 1 repeated" in page


def test_a_sweep_of_which_nothing_finished_still_has_a_page(write_run, sweep: Path, capsys) -> None:
    (write_run("a") / "metrics.json").unlink()
    main([str(sweep)])
    assert "0 finished runs" in capsys.readouterr().out
    assert "Nothing to show." in (sweep / "comparison" / "index.html").read_text()


@pytest.mark.slow
def test_real_runs_compare(config, tmp_path: Path, capsys) -> None:
    for refine in ("none", "irp_all", "oracle"):
        overrides = (f"refine={refine}", "lam=1.01", "model=gaussian", "noise=0.3")
        run(config(*overrides), tmp_path / "sweep" / f"refine={refine}")
    capsys.readouterr()
    main([str(tmp_path / "sweep")])
    shown = capsys.readouterr().out
    metrics = json.loads((tmp_path / "sweep" / "refine=irp_all" / "metrics.json").read_text())
    (line,) = [line for line in shown.splitlines() if "irp_all" in line]
    assert f"{metrics['image_auroc']:.3f}" in line
    assert "3 finished runs" in shown
    assert "failed" not in shown
    out = tmp_path / "sweep" / "comparison"
    assert metrics["removed_bad"] + metrics["removed_good"] > 0
    assert (out / "fig5.png").is_file()
    assert (out / "fig5.svg").is_file()
    assert "data:image/jpeg" in (out / "index.html").read_text()
