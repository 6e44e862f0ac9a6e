"""What the paper's parts cost: steps that follow from the data, times that are measured or a floor."""

import dataclasses
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "experiments" / "paper"))

import cost
import pytest
import reproduce
from paper_cells import planned


def works(part: str, *extra: str) -> list[cost.Work]:
    return [reproduce.work(cell, None)[0] for cell in planned(part, *extra)]


def test_steps_of_a_cell_follow_from_the_data() -> None:
    (vanilla, irp, osr) = works(
        "table1", "data.category=tile", "noise=0.1", "seed=0", "refine=none,irp,osr"
    )[:3]
    assert vanilla.steps == irp.steps == 400 * 3  # 256 images in batches of 96
    assert (vanilla.max_rounds, osr.max_rounds, irp.max_rounds) == (0, 1, 20)
    assert irp.round_steps == 2 * 3
    assert irp.full_steps(20) > irp.full_steps(0) > irp.steps
    assert vanilla.parameters == 172_077_056


def test_more_devices_and_fewer_cells_cost_less() -> None:
    some = works("fig5")
    for most in (False, True):
        one, eight = (cost.hours(some, cost.h200(n), 1000, most) for n in (1, 8))
        assert one / 8 <= eight < one
        assert cost.hours(some[:5], cost.h200(1), 1000, most) < one
        assert one < cost.hours(some, cost.cpu(), 1000, most)
    assert cost.hours(some, cost.cpu(), 0, False) < cost.hours(some, cost.cpu(), 1000, False)
    assert cost.hours(some, cost.cpu(), 0, False) < cost.hours(some, cost.cpu(), 0, True)


def test_the_floor_of_an_h200() -> None:
    # 6 · 172.1e6 · 384 / 67e12 s of arithmetic, then 7 · 4 · 172.1e6 / 4.8e12 s of Adam's traffic.
    assert cost.step_floor(172_077_056, 384, "fp32") == pytest.approx(5.918e-3 + 1.004e-3, rel=1e-3)
    # Where few vectors pass, the parameters' traffic is what takes time.
    assert cost.step_floor(172_077_056, 1, "fp32") == pytest.approx(10 * 4 * 172_077_056 / 4.8e12)


def test_a_measured_card_takes_the_place_of_the_data_sheet(tmp_path: Path) -> None:
    (tmp_path / "sweep.csv").write_text((cost.RESULTS / "sweep.csv").read_text())
    columns = "preset,device,compile,batch,precision,bare ms/step,lightning ms/step,ratio,TF32"
    header = f"{columns},floor ms/step,card\n"
    faster = "differnet,cuda,False,96,fp32,4,5,1.1,True,1.4,NVIDIA H200\n"
    file = tmp_path / "gpu_step.csv"
    file.write_text(f"{header}{faster}differnet,cuda,False,96,fp32,10,11,1.1,False,1.4,NVIDIA H200\n")
    assert cost.h200(1, tmp_path).source == "measured"
    (work, *_) = works("fig5", "noise=0")
    assert work.vectors == 96 * 4
    assert cost.h200(1, tmp_path).step(work) == pytest.approx(0.011)
    file.write_text(f"{header}differnet,cuda,False,96,fp32,10,11,1.1,False,1.4,NVIDIA T4\n")
    assert cost.h200(1, tmp_path).source == "calculated, a floor"


def test_a_smaller_batch_counts_as_a_full_step() -> None:
    (work, *_) = works("fig5", "noise=0")
    device = cost.Device("some", "measured", {("differnet", "fp32"): 2.0}, 0, None)
    seconds = [device.step(dataclasses.replace(work, vectors=4 * batch)) for batch in (24, 48, 96, 192)]
    assert seconds == pytest.approx([2.0, 2.0, 2.0, 4.0])
    assert cost.cpu().step(work) == pytest.approx(2.073, abs=0.001)  # as measured at batch 96
    assert cost.cpu().step(dataclasses.replace(work, precision="bf16")) == pytest.approx(
        0.763, abs=0.001
    )


def test_a_detector_that_nobody_timed_has_no_estimate() -> None:
    (work, *_) = works("fig5", "noise=0")
    lines = reproduce.estimate("fig5", [dataclasses.replace(work, model="knn")], 10, [cost.cpu()])
    assert "model=knn has no measured step time" in "\n".join(lines)


def test_spans_read_well() -> None:
    assert cost.span(0.001, 0.02) == "3.6 to 72 s"
    assert cost.span(1.0, 1.0) == "60 min"
    assert cost.span(1.0, 100.0) == "60 min to 4.2 days"
