import pytest
from omegaconf import OmegaConf

from irp_lightning.comparison.names import without_duplicates
from irp_lightning.comparison.overview import overview
from irp_lightning.comparison.values import Method
from irp_lightning.config.compose import CONF


def names(runs, kind: str) -> dict[str, str]:
    return {run.folder.name: str(getattr(run, kind)) for run in runs}


def test_settings_that_differ_are_in_the_name_and_others_are_not(write_run, titled) -> None:
    write_run("a", "irp", lam=1.5)
    write_run("b", "irp", lam=2)
    write_run("c", "osr", lam=2)
    assert names(titled(), "method") == {"a": "irp (lam=1.5)", "b": "irp (lam=2)", "c": "osr"}


LITE = OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / "efficientnet_lite0.yaml"))
OTSU = {"_target_": "irp_lightning.refinement.rules.otsu"}
CROSS_FIT = {"_target_": "irp_lightning.refinement.scorers.cross_fit.CrossFit"}


@pytest.mark.parametrize("refine", ["none", "oracle", "robust"])
def test_a_method_without_lambda_is_the_same_at_any(refine: str, write_run, titled) -> None:
    write_run("a", refine, lam=1.5)
    write_run("b", refine, lam=2)
    first, second = titled()
    assert first.method == second.method
    assert first.setting == second.setting


def test_the_network_that_decides_what_goes_tells_methods_apart(write_run, titled) -> None:
    network = OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / "resnet18.yaml"))
    write_run("lite", "robust", refine__scoring__backbone=LITE)
    write_run("other", "robust", refine__scoring__backbone=network)
    write_run("layers", "robust", refine__scoring__backbone=network | {"layers": ["layer2"]}, seed=1)
    found = names([run for run in titled() if run.seed == 0], "method")
    assert found["lite"].startswith("robust (backbone=tf_efficientnet_lite0")
    assert found["other"].startswith("robust (backbone=resnet18")


def test_of_a_network_the_name_is_enough(write_run, titled) -> None:
    network = OmegaConf.to_container(OmegaConf.load(CONF / "backbone" / "resnet18.yaml"))
    write_run("lite", "robust", refine__scoring__backbone=LITE)
    write_run("other", "robust", refine__scoring__backbone=network)
    assert set(names(titled(), "method").values()) == {
        "robust (backbone=tf_efficientnet_lite0)",
        "robust (backbone=resnet18)",
    }


def test_a_vanilla_run_pairs_with_irp_of_any_lambda(write_run, titled) -> None:
    write_run("a", "none", lam=1.5)
    write_run("b", "irp", lam=2, round_epochs=7, max_rounds=3)
    vanilla, irp = titled()
    assert vanilla.setting == irp.setting
    assert (str(vanilla.method), str(irp.method)) == ("vanilla", "irp")


def test_two_and_two_point_zero_are_one_setting(write_run, titled) -> None:
    write_run("a", lam=2)
    write_run("b", lam=2.0, seed=1)
    assert names(titled(), "method") == {"a": "irp", "b": "irp"}


def test_rules_and_scorings_of_one_method_are_told_apart(write_run, titled) -> None:
    write_run("a", "robust")
    write_run("b", "robust", refine__rule__k=2)
    write_run("c", "robust", refine__rule=OTSU)
    write_run("d", "robust", refine__rule=OTSU, lam=9)
    write_run("e", "robust", refine__scoring=CROSS_FIT)
    found = names(titled(), "method")
    assert found["c"] == found["d"] == "robust (scoring=ensemble, rule=otsu)"
    assert found["b"] == "robust (scoring=ensemble, rule=two_groups, k=2)"
    assert len(set(found.values())) == 4


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({"epochs": 80}, "gaussian (epochs=80)"),
        ({"batch_size": 8}, "gaussian (batch_size=8)"),
        ({"data__image_size": 64}, "gaussian (image_size=64)"),
        ({"views__count": 4}, "gaussian (views.count=4)"),
        ({"features__dtype": "float16"}, "gaussian (features.dtype=float16)"),
        ({"features__cache": "live"}, "gaussian (features.live=True)"),
        ({"backbone__name": "resnet18"}, "gaussian on resnet18"),
        ({"model__name": "mine"}, "mine"),
        ({"patches__grid": 5}, "gaussian (patches.grid=5)"),
        ({"false_alarms": 0.01}, "gaussian (false_alarms=0.01)"),
    ],
)
def test_detectors_are_told_apart(overrides: dict, name: str, write_run, titled) -> None:
    write_run("a")
    write_run("b", **overrides)
    first, second = titled()
    assert str(second.detector) == name
    assert first.setting != second.setting


@pytest.mark.parametrize(
    "overrides",
    [
        {"cache_dir": "elsewhere"},
        {"features__cache": "memory"},
        {"features__workers": 3},
        {"trainer__accelerator": "gpu"},
        {"backbone__weights": None, "data__root": "/other/place/mvtec"},
    ],
)
def test_where_and_how_fast_a_run_ran_does_not_matter(overrides: dict, write_run, titled) -> None:
    write_run("a")
    write_run("b", **overrides)
    first, second = titled()
    assert (first.method, first.setting) == (second.method, second.setting)


def test_datasets_are_told_apart(write_run, titled) -> None:
    write_run("a", root="data/mvtec")
    write_run("b", root="data/tiles")
    write_run("c", root="data/tiles", data__split="grouped")
    write_run("d", reader="ksdd2", root="data/ksdd2")
    assert names(titled(), "dataset") == {
        "a": "mvtec: mvtec",
        "b": "mvtec: tiles (split=published)",
        "c": "mvtec: tiles (split=grouped)",
        "d": "ksdd2",
    }


def test_a_groups_file_in_each_class_s_folder_is_one_setting(write_run, titled) -> None:
    write_run("a", category="tile", data__groups="data/mvtec/tile/groups.csv")
    write_run("b", category="pill", data__groups="data/mvtec/pill/groups.csv")
    assert {str(run.dataset) for run in titled()} == {"mvtec"}


def test_the_first_of_equal_runs_counts(write_run, titled) -> None:
    write_run("one/a", "none", lam=1.5)
    write_run("two/a", "none", lam=2)
    write_run("two/b", "none", seed=1)
    kept, repeated = without_duplicates(titled())
    assert [run.folder.parent.name for run in kept] == ["one", "two"]
    assert [(again.parent.name, first.parent.name) for again, first in repeated] == [("two", "one")]


def test_methods_have_an_order() -> None:
    names = {"oracle": "oracle", "mine": "mine", "none": "vanilla", "osr": "osr"}
    methods = [Method(name, title=title) for name, title in names.items()]
    methods += [Method("irp", {"refine.rule.k": k}, title=f"irp (lam={k})") for k in ("2", "1.5")]
    expected = ["vanilla", "osr", "irp (lam=1.5)", "irp (lam=2)", "mine", "oracle"]
    assert [method.title for method in sorted(methods)] == expected


def test_a_name_with_brackets_is_a_name(write_run, titled) -> None:
    """Titles are never read: neither of these is the other, vanilla, or IRP."""
    for name, area in (("irp", 0.9), ("irp (a)", 0.8), ("irp (b)", 0.7), ("none (a)", 0.6)):
        write_run(name, refine__name=name, auroc=area)
    runs = titled()
    assert names(runs, "method") == {name: name for name in ("irp", "irp (a)", "irp (b)", "none (a)")}
    areas = {row[3].text: row[5].key for row in overview(runs).rows}
    assert areas == {"irp": 0.9, "irp (a)": 0.8, "irp (b)": 0.7, "none (a)": 0.6}
    assert {run.method.rank for run in runs if run.method.name != "irp"} == {Method("mine").rank}


def test_methods_of_one_title_stay_apart(write_run, titled) -> None:
    write_run("a", refine__name="irp (lam=2)", auroc=0.6)
    write_run("b", lam=2, auroc=0.7)
    write_run("c", lam=3, auroc=0.8)
    runs = titled()
    assert sorted(names(runs, "method").values()) == ["irp (lam=2)", "irp (lam=2)", "irp (lam=3)"]
    assert len(without_duplicates(runs)[0]) == 3
    assert sorted(row[5].key for row in overview(runs).rows) == [0.6, 0.7, 0.8]


def test_two_classes_of_one_name_are_two_detectors(write_run, titled) -> None:
    write_run("a", model___target_="mine.One", model__name="mine")
    write_run("b", model___target_="mine.Two", model__name="mine")
    assert set(names(titled(), "detector").values()) == {
        "mine (_target_=mine.One)",
        "mine (_target_=mine.Two)",
    }


def test_a_detector_that_has_moved_is_the_same(write_run, titled) -> None:
    write_run("a", model="knn")
    write_run("b", model="knn", model___target_="irp_lightning.models.knn.KNN")
    first, second = titled()
    assert first.setting == second.setting
