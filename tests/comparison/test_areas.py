import pytest

from irp_lightning.comparison.areas import area_table, mean_over
from irp_lightning.comparison.removals import removal_table


def test_a_mean_over_classes_weighs_them_equally() -> None:
    values = {("a", 0): 0.9, ("a", 1): 0.7, ("b", 0): 0.5, ("b", 1): 0.6}
    mean = mean_over(values, values)
    assert mean is not None
    assert mean.mean == pytest.approx((0.8 + 0.55) / 2)
    assert mean.sd == pytest.approx(abs(0.7 - 0.65) / 2**0.5)  # of the seeds' means 0.7 and 0.65
    assert (mean.seeds, mean.classes, mean.missing) == (2, 2, ())


def test_a_seed_that_lacks_a_class_is_in_the_mean_but_not_in_the_sd() -> None:
    values = {("a", 0): 0.9, ("a", 1): 0.7, ("b", 0): 0.5}
    mean = mean_over(values, [*values, ("b", 1)])
    assert mean is not None
    assert mean.mean == pytest.approx((0.8 + 0.5) / 2)
    assert mean.sd is None
    assert mean.seeds == 1
    assert mean.missing == (("b", 1),)


def test_nothing_has_no_mean() -> None:
    assert mean_over({}, [("a", 0)]) is None


def texts(table) -> list[list[str]]:
    return [[cell.text for cell in row] for row in table.rows]


def test_table_1_has_classes_and_their_means(write_run, titled) -> None:
    for seed, (one, other) in enumerate([(0.9, 0.5), (0.7, 0.6)]):
        write_run(f"a{seed}", "none", noise=0, seed=seed, auroc=one, category="a")
        write_run(f"b{seed}", "none", noise=0, seed=seed, auroc=other, category="b")
    table = area_table(titled()).without_constant("dataset", "detector")
    assert list(table.columns) == ["class", "method", "seeds", "0 %"]
    assert texts(table) == [
        ["a", "vanilla", "2", "0.800 ± 0.141"],
        ["b", "vanilla", "2", "0.550 ± 0.071"],
        ["mean of 2 classes", "vanilla", "2", "0.675 ± 0.035"],
    ]
    assert "Dataset: mvtec. Detector: gaussian." in table.caption
    assert table.strong == {2}
    assert not table.notes


def test_unequal_classes_are_marked_and_named(write_run, titled) -> None:
    for category in ("a", "b"):
        write_run(f"n{category}", "none", category=category, auroc=0.5)
    write_run("i", "irp", category="a", auroc=0.9)
    table = area_table(titled())
    marked = [row for row in texts(table) if "†" in row[-1]]
    assert [row[2:] for row in marked] == [["mean of 2 classes", "irp", "1", "0.900†¶"]]
    assert table.notes[0].startswith("†")
    assert "mvtec, gaussian, irp, 20 %: b without seed 0" in table.notes
    records = {(r["part"], r["class"], r["method"]): r for r in table.records}
    assert records["models", "mean of 2 classes", "irp"]["missing"] == "b without seed 0"


def test_a_run_without_auroc_leaves_a_gap(write_run, titled) -> None:
    write_run("a", "none", auroc=0.5)
    write_run("b", "irp", auroc=None)
    assert [row[3] for row in texts(area_table(titled()))] == ["vanilla"]


def test_table_2_counts_good_and_bad_by_class_and_noise(write_run, titled) -> None:
    bad, good = ("test/crack/0.png", 1, "crack"), ("train/good/0.png", 0, "good")
    write_run("a", noise=0.1, seed=0, removed=[bad, bad, good])
    write_run("b", noise=0.1, seed=1, removed=[bad])
    write_run("c", noise=0, removed=[good], category="pill")
    write_run("d", "none")
    write_run("e", "oracle")
    table = removal_table(titled()).without_constant("dataset", "detector", "method")
    assert list(table.columns) == ["class", "0 % good", "0 % bad", "10 % good", "10 % bad"]
    assert texts(table) == [["pill", "1", "0 of 0", "–", "–"], ["tile", "–", "–", "0.5", "1.5 of 10"]]
    record = next(r for r in table.records if r["class"] == "tile")
    assert record["bad_sd"] == pytest.approx(0.5**0.5)
    assert record["seeds"] == 2
