import pytest

from irp_lightning.comparison.curves import class_curves, dataset_curves


def drawn(axis) -> dict[str, list[float]]:
    """The heights of each colour's points."""
    return {c.lines[0].get_color(): list(c.lines[0].get_ydata()) for c in axis.containers}


def test_a_panel_for_every_dataset_and_detector(write_run, titled) -> None:
    for noise in (0.0, 0.5):
        for seed, area in enumerate((0.6, 0.8)):
            write_run(f"n{noise}{seed}", "none", noise=noise, seed=seed, auroc=area)
        write_run(f"i{noise}", "irp", noise=noise, auroc=0.9)
        write_run(f"k{noise}", "none", noise=noise, model="knn", reader="ksdd2", root="data/ksdd2")
    picture = dataset_curves(titled())
    assert picture is not None
    axes = picture.figure.axes
    assert [axis.get_title() for axis in axes] == ["ksdd2: tile\nknn", "mvtec: tile\ngaussian"]
    vanilla, irp = drawn(axes[1]).values()
    assert vanilla == pytest.approx([0.7, 0.7])
    assert irp == pytest.approx([0.9, 0.9])
    assert "n = 1 to 2" in picture.caption


def test_a_figure_for_every_detector_with_a_panel_for_every_class(write_run, titled) -> None:
    for category in ("a", "b", "$x$", "d", "e"):
        for model in ("gaussian", "knn"):
            write_run(f"{category}{model}", "none", category=category, model=model)
    pictures = class_curves(titled())
    assert [picture.name for picture in pictures] == ["fig4_1", "fig4_2"]
    titles = [axis.get_title() for axis in pictures[0].figure.axes]
    assert titles == ["$x$", "a", "b", "d", "e"]


def test_a_method_looks_the_same_in_every_figure(write_run, titled) -> None:
    for lam in (1.5, 2):
        write_run(f"g{lam}", "irp", lam=lam)
    write_run("k", "irp", lam=2, model="knn")
    gaussian, knn = class_curves(titled())
    line = gaussian.figure.axes[0].containers[1].lines[0]
    same = knn.figure.axes[0].containers[0].lines[0]
    assert (line.get_color(), line.get_linestyle(), line.get_markerfacecolor()) == (
        same.get_color(),
        same.get_linestyle(),
        same.get_markerfacecolor(),
    )


def test_without_runs_there_is_no_figure() -> None:
    assert dataset_curves([]) is None
    assert class_curves([]) == []
