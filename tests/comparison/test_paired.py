import numpy as np
import pytest
from scipy import stats

from irp_lightning.comparison.overview import gap_closures, overview
from irp_lightning.comparison.paired import compare_differences, holm, paired_table


def test_the_figures_are_scipy_s() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.8, 0.05, 9), rng.normal(0.77, 0.05, 9)
    found = compare_differences((one - other).tolist())
    low, high = stats.ttest_rel(one, other).confidence_interval(0.95)
    assert found.n == 9
    assert found.interval == pytest.approx((low, high))
    assert found.p == pytest.approx(stats.wilcoxon(one, other).pvalue)


@pytest.mark.parametrize(
    ("differences", "reason"),
    [
        ([0.1] * 5, "fewer than 6 pairs"),
        ([0.1] * 5 + [0.0] * 5, "fewer than 6 pairs differ"),
        ([0.1], "f"),
    ],
)
def test_too_few_pairs_are_not_tested(differences: list[float], reason: str) -> None:
    found = compare_differences(differences)
    assert found.p is None
    assert found.reason.startswith(reason)
    assert (found.interval is None) == (len(differences) == 1)


def test_holm_is_monotone_and_at_most_one() -> None:
    assert holm([0.04, 0.01, 0.5, 0.6]) == pytest.approx([0.12, 0.04, 1, 1])
    assert holm([]) == []


def rows(table) -> dict[tuple[str, str, str], list[str]]:
    texts = [[cell.text for cell in row] for row in table.rows]
    return {(noise, method, against): rest for _, _, noise, method, against, *rest in texts}


def test_runs_pair_across_lambda_and_noise_0_stands_apart(write_run, titled) -> None:
    for seed in range(6):
        for noise in (0.0, 0.1, 0.2):
            write_run(f"n{seed}{noise}", "none", noise=noise, seed=seed, auroc=0.5)
            area = 0.5 if noise == 0 else 0.6 + seed / 100 + noise / 7
            write_run(f"i{seed}{noise}", "irp", noise=noise, seed=seed, auroc=area, lam=2)
    found = rows(paired_table(titled()))
    clean, noisy = found["0 %", "irp", "vanilla"], found["> 0 %", "irp", "vanilla"]
    assert clean[:2] == ["6 classes × seeds", "+0.0000"]
    assert clean[3] == "– fewer than 6 pairs differ"
    assert noisy[0] == "6 classes × seeds"
    assert noisy[1] == f"+{0.125 + 0.15 / 7:.4f}"
    assert noisy[3:] == ["0.031", "0.031"]


def test_from_six_classes_on_a_class_is_a_pair(write_run, titled) -> None:
    for i, category in enumerate("abcdef"):
        for seed in range(2):
            name = f"{category}{seed}"
            write_run(f"n{name}", "none", seed=seed, category=category, auroc=0.5)
            # What a class's seeds say is averaged first.
            area = 0.5 + (i + 1) / 100 + (0.1 if seed else -0.1)
            write_run(f"i{name}", "irp", seed=seed, category=category, auroc=area)
    pairs, difference, _, p, _ = rows(paired_table(titled()))["> 0 %", "irp", "vanilla"]
    assert (pairs, difference, p) == ("6 classes", "+0.0350", "0.031")


def test_below_six_classes_a_class_and_seed_is_a_pair(write_run, titled) -> None:
    for category in "abcde":
        for seed in range(2):
            for noise in (0.1, 0.2):
                place = {"seed": seed, "category": category, "noise": noise}
                write_run(f"n{category}{seed}{noise}", "none", auroc=0.5, **place)
                write_run(f"i{category}{seed}{noise}", "irp", auroc=0.5 + noise, **place)
    pairs, difference, *_ = rows(paired_table(titled()))["> 0 %", "irp", "vanilla"]
    assert (pairs, difference) == ("10 classes × seeds", "+0.1500")


def test_runs_that_nothing_pairs_with_are_left_out(write_run, titled) -> None:
    write_run("a", "none", seed=0)
    write_run("b", "irp", seed=1)
    write_run("c", "irp", seed=0, epochs=99)
    assert not paired_table(titled()).rows


def test_the_gap_is_closed_against_the_same_seed_and_setting(write_run, titled) -> None:
    write_run("n", "none", auroc=0.6, lam=1.5)
    write_run("o", "oracle", auroc=0.8, lam=1.5)
    closing = write_run("i", "irp", auroc=0.7, lam=2)
    alone = write_run("x", "irp", auroc=0.7, lam=2, seed=1)
    found = gap_closures(titled())
    assert found[closing] == pytest.approx(0.5)
    assert alone not in found
    line = next(row for row in overview(titled()).rows if row[3].text == "irp")
    assert [cell.text for cell in line][4:7] == ["2", "0.700 ± 0.000¶", "0.500¶"]
