import pytest

from irp_lightning.comparison.labels import method_rank, without_duplicates


def names(runs, kind: str) -> dict[str, str]:
    return {run.run.folder.name: getattr(run, kind) for run in runs}


def test_settings_that_differ_are_in_the_name_and_others_are_not(write_run, labelled) -> None:
    write_run("a", "irp", lam=1.5)
    write_run("b", "irp", lam=2)
    write_run("c", "osr", lam=2)
    assert names(labelled(), "method") == {"a": "irp (lam=1.5)", "b": "irp (lam=2)", "c": "osr"}


@pytest.mark.parametrize("refine", ["none", "oracle", "robust"])
def test_a_method_without_lambda_is_the_same_at_any(refine: str, write_run, labelled) -> None:
    write_run("a", refine, lam=1.5)
    write_run("b", refine, lam=2)
    first, second = labelled()
    assert first.method == second.method
    assert first.setting == second.setting


def test_a_vanilla_run_pairs_with_irp_of_any_lambda(write_run, labelled) -> None:
    write_run("a", "none", lam=1.5)
    write_run("b", "irp", lam=2, round_epochs=7, max_rounds=3)
    vanilla, irp = labelled()
    assert vanilla.setting == irp.setting
    assert (vanilla.method, irp.method) == ("vanilla", "irp")


def test_two_and_two_point_zero_are_one_setting(write_run, labelled) -> None:
    write_run("a", lam=2)
    write_run("b", lam=2.0, seed=1)
    assert names(labelled(), "method") == {"a": "irp", "b": "irp"}


def test_rules_and_scorings_of_one_method_are_told_apart(write_run, labelled) -> None:
    write_run("a", "robust")
    write_run("b", "robust", refine__k=2)
    write_run("c", "robust", refine__rule="otsu", refine__k=1)
    write_run("d", "robust", refine__rule="otsu", refine__k=9)  # otsu has no k
    write_run("e", "robust", refine__scoring="cross_fit")
    found = names(labelled(), "method")
    assert found["c"] == found["d"] == "robust (scoring=local, rule=otsu)"
    assert found["b"] == "robust (scoring=local, rule=lower_mad, k=2)"
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
    ],
)
def test_detectors_are_told_apart(overrides: dict, name: str, write_run, labelled) -> None:
    write_run("a")
    write_run("b", **overrides)
    first, second = labelled()
    assert second.detector == name
    assert first.setting != second.setting


@pytest.mark.parametrize(
    "overrides",
    [
        {"cache_dir": "elsewhere"},
        {"features__cache": "memory"},
        {"features__workers": 3},
        {"trainer__accelerator": "gpu"},
        {"backbone__weights": None, "data__root": "/other/place/mvtec"},
        {"refine__folds": 9},
    ],
)
def test_where_and_how_fast_a_run_ran_does_not_matter(overrides: dict, write_run, labelled) -> None:
    write_run("a")
    write_run("b", **overrides)
    first, second = labelled()
    assert (first.method, first.setting) == (second.method, second.setting)


def test_datasets_are_told_apart(write_run, labelled) -> None:
    write_run("a", root="data/mvtec")
    write_run("b", root="data/tiles")
    write_run("c", root="data/tiles", data__split="grouped")
    write_run("d", reader="ksdd2", root="data/ksdd2")
    assert names(labelled(), "dataset") == {
        "a": "mvtec: mvtec",
        "b": "mvtec: tiles (split=published)",
        "c": "mvtec: tiles (split=grouped)",
        "d": "ksdd2",
    }


def test_a_groups_file_in_each_class_s_folder_is_one_setting(write_run, labelled) -> None:
    write_run("a", category="tile", data__groups="data/mvtec/tile/groups.csv")
    write_run("b", category="pill", data__groups="data/mvtec/pill/groups.csv")
    assert {run.dataset for run in labelled()} == {"mvtec"}


def test_the_first_of_equal_runs_counts(write_run, labelled) -> None:
    write_run("one/a", "none", lam=1.5)
    write_run("two/a", "none", lam=2)
    write_run("two/b", "none", seed=1)
    kept, repeated = without_duplicates(labelled())
    assert [run.run.folder.parent.name for run in kept] == ["one", "two"]
    assert [(again.parent.name, first.parent.name) for again, first in repeated] == [("two", "one")]


def test_methods_have_an_order() -> None:
    methods = ["oracle", "mine", "irp (lam=2)", "irp (lam=1.5)", "vanilla", "osr"]
    expected = ["vanilla", "osr", "irp (lam=1.5)", "irp (lam=2)", "mine", "oracle"]
    assert sorted(methods, key=method_rank) == expected
