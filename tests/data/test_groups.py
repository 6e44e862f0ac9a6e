"""Behaviour of grouping: from nothing, from a file, and from the pictures alone."""

import os
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from irp_lightning.data.config import DataConfig
from irp_lightning.data.groups import connected_components, find_groups, fold_groups, near_duplicates
from irp_lightning.data.readers import mvtec
from irp_lightning.data.samples import Sample
from irp_lightning.foundation.errors import InputError

SHARED = Path(os.environ.get("IRP_SHARED", Path(__file__).parents[3] / "shared"))
TILES = SHARED / "data/mvtec_layout/magnetic_tile"

SIZE = 96


def _samples(*names: str, folder: Path = Path()) -> list[Sample]:
    return [Sample(folder / name, name, "train") for name in names]


def _pairs(groups: Sequence[Hashable]) -> set[tuple[int, int]]:
    """The pairs of positions that share a group: a partition without its names."""
    return {(i, j) for i, j in combinations(range(len(groups)), 2) if groups[i] == groups[j]}


# --- none, and from a file ---------------------------------------------------------------------


def test_none_makes_each_image_a_group_of_its_own() -> None:
    groups = find_groups(_samples("train/good/a.png", "train/good/b.png"), "none", 1)
    assert len(set(groups)) == 2


def test_file_groups_the_images_it_names_and_leaves_others_alone(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,7\nc.png,7\nb.png,8\nnot_here.png,8\n")
    groups = find_groups(_samples("a.png", "b.png", "c.png", "d.png", "e.png"), str(file), 1)
    assert _pairs(groups) == {(0, 2)}


def test_file_may_have_further_columns_in_any_order(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text('group,remark,path\n1,"two, shots",a.png\n1,,b.png\n')
    assert _pairs(find_groups(_samples("a.png", "b.png", "c.png"), str(file), 1)) == {(0, 1)}


def test_group_called_like_an_unnamed_image_does_not_take_it_in(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,b.png\n")
    assert _pairs(find_groups(_samples("a.png", "b.png"), str(file), 1)) == set()


def test_file_that_puts_an_image_into_two_groups_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,7\nb.png,8\na.png,7\na.png,8\n")
    with pytest.raises(InputError, match=r"puts a.png into two groups, the second \(8\) in line 5"):
        find_groups(_samples("a.png", "b.png"), str(file), 1)


def test_groups_of_a_table_that_is_no_utf_8_stay_apart(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_bytes("path,group\na.png,\xfc\nb.png,\xf6\nc.png, \xf6\n".encode("latin-1"))
    assert _pairs(find_groups(_samples("a.png", "b.png", "c.png"), str(file), 1)) == {(1, 2)}


def _error(source: Path) -> str:
    with pytest.raises(InputError) as caught:
        find_groups(_samples("train/good/a.png"), str(source), 1)
    assert "\n" not in str(caught.value)
    assert str(source) in str(caught.value)
    return str(caught.value)


def test_missing_file_is_named_with_what_else_is_allowed(tmp_path: Path) -> None:
    message = _error(tmp_path / "groups.csv")
    assert "none" in message
    assert "auto" in message


def test_folder_instead_of_a_file_is_refused(tmp_path: Path) -> None:
    _error(tmp_path)


@pytest.mark.parametrize(
    "content", ["file,group\na,1\n", "path\na.png\n", "path;group\na;1\n", '"a\nb",c\n1,2\n']
)
def test_file_with_other_columns_says_which_it_needs(tmp_path: Path, content: str) -> None:
    file = tmp_path / "groups.csv"
    file.write_text(content)
    assert "path and group" in _error(file)


def test_file_that_names_none_of_the_images_shows_how_a_path_looks(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\n/data/screw/train/good/a.png,1\n")
    assert "train/good/a.png" in _error(file).replace("/data/screw/train/good/a.png", "")


def test_file_saved_by_excel_is_read(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,1\nb.png,1\n", encoding="utf-8-sig")
    assert _pairs(find_groups(_samples("a.png", "b.png"), str(file), 1)) == {(0, 1)}


def test_file_that_is_no_text_is_refused_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "groups.csv"
    file.write_bytes(b"path,group\n\xff\xfe\x00.png,1\n")
    _error(file)


@pytest.mark.parametrize("row", ["{},\n", "{}\n"])
def test_image_with_an_empty_group_is_a_group_of_its_own(tmp_path: Path, row: str) -> None:
    file = tmp_path / "groups.csv"
    file.write_text("path,group\n" + row.format("a.png") + row.format("b.png") + "c.png,1\n")
    assert _pairs(find_groups(_samples("a.png", "b.png", "c.png"), str(file), 1)) == set()


# --- from the pictures -------------------------------------------------------------------------


def _texture(seed: int) -> np.ndarray:
    """A part's own random structure, some pixels coarse: (SIZE, SIZE), about -2 to 2."""
    coarse = np.random.default_rng(seed).standard_normal((SIZE // 3, SIZE // 3))
    image = Image.fromarray(coarse.astype(np.float32))
    return np.asarray(image.resize((SIZE, SIZE), Image.Resampling.BICUBIC))


def _outline() -> np.ndarray:
    """A structure that all parts of one kind share: a ring and a bar, 0 or 1."""
    image = Image.new("L", (SIZE, SIZE))
    draw = ImageDraw.Draw(image)
    draw.ellipse((18, 18, 78, 78), outline=1, width=5)
    draw.rectangle((30, 44, 66, 50), fill=1)
    return np.asarray(image).astype(float)


def _shoot(
    path: Path, scene: np.ndarray, gain: float = 1, offset: float = 0, noise_seed: int = 0
) -> None:
    """A photograph of a scene: exposure, sensor noise, eight bits."""
    noise = np.random.default_rng(noise_seed).normal(0, 2, scene.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray((scene * gain + offset + noise).clip(0, 255).astype(np.uint8)).save(path)


EXPOSURES = [(1.0, 0.0), (0.7, 0.0), (1.25, 5.0), (0.9, 40.0)]


@pytest.fixture(scope="module")
def shots(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Sample], list[int]]:
    """Eight parts: every second one under several exposures; the shots and the part on each."""
    folder = tmp_path_factory.mktemp("shots")
    samples, parts = [], []
    for part in range(8):
        for k, (gain, offset) in enumerate(EXPOSURES[: 4 if part % 2 else 1]):
            name = f"part{part}_{k}.png"
            scene = 110 + 30 * _texture(part)
            _shoot(folder / name, scene, gain, offset, noise_seed=100 * part + k)
            samples += _samples(name, folder=folder)
            parts.append(part)
    return samples, parts


def test_same_part_is_found_under_changed_exposure_and_noise(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, parts = shots
    assert _pairs(find_groups(samples, "auto", 2)) == _pairs(parts)


def test_auto_does_not_see_labels(shots: tuple[list[Sample], list[int]]) -> None:
    samples, _ = shots
    kinds = ("good", "scratch", "bent")
    relabelled = [
        Sample(s.path, f"test/{kinds[i % 3]}/{s.name}", "test", kinds[i % 3])
        for i, s in enumerate(samples)
    ]
    assert find_groups(relabelled, "auto", 2) == find_groups(samples, "auto", 2)


@pytest.mark.parametrize("seed", [0, 1])
def test_auto_does_not_depend_on_the_order_of_the_images(
    shots: tuple[list[Sample], list[int]], seed: int
) -> None:
    samples, parts = shots
    order = np.random.default_rng(seed).permutation(len(samples))
    groups = find_groups([samples[i] for i in order], "auto", 2)
    assert _pairs(groups) == _pairs([parts[i] for i in order])


def test_auto_does_not_depend_on_the_number_of_threads(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, _ = shots
    assert find_groups(samples, "auto", 1) == find_groups(samples, "auto", 4)


@pytest.mark.parametrize("same", [True, False])
def test_auto_judges_two_images_on_their_own(tmp_path: Path, same: bool) -> None:
    for i in range(2):
        _shoot(tmp_path / f"{i}.png", 110 + 30 * _texture(0 if same else i), noise_seed=i)
    groups = find_groups(_samples("0.png", "1.png", folder=tmp_path), "auto", 1)
    assert (groups[0] == groups[1]) is same


def test_auto_compares_images_of_different_size_and_colour(tmp_path: Path) -> None:
    scenes = [110 + 30 * _texture(seed) for seed in range(5)]
    for i, scene in enumerate(scenes):
        _shoot(tmp_path / f"{i}.png", scene)
    with Image.open(tmp_path / "3.png") as image:
        image.resize((240, 240), Image.Resampling.BICUBIC).convert("RGB").save(tmp_path / "5.jpg")
    names = [f"{i}.png" for i in range(5)] + ["5.jpg"]
    assert _pairs(find_groups(_samples(*names, folder=tmp_path), "auto", 2)) == {(3, 5)}


def _fixture_shots(folder: Path, gains: Sequence[float]) -> list[Sample]:
    """Parts in one fixture: a strong outline that they share, a faint texture of their own."""
    for i, gain in enumerate(gains):
        _shoot(folder / f"{i}.png", 60 + 120 * _outline() + 6 * _texture(i), gain, noise_seed=i)
    return _samples(*(f"{i}.png" for i in range(len(gains))), folder=folder)


def test_parts_that_share_an_outline_are_not_chained(tmp_path: Path) -> None:
    samples = _fixture_shots(tmp_path, [1.0] * 24)
    assert _pairs(find_groups(samples, "auto", 2)) == set()


def test_parts_that_share_an_outline_are_not_chained_by_their_exposure(tmp_path: Path) -> None:
    gains = np.random.default_rng(0).uniform(0.7, 1.3, 24).tolist()
    samples = _fixture_shots(tmp_path, gains)
    assert _pairs(find_groups(samples, "auto", 2)) == set()


def test_light_from_one_side_does_not_matter(tmp_path: Path) -> None:
    # Shading makes all parts under one lamp alike, and a part under two lamps unlike.
    slope = np.linspace(-60, 60, SIZE)
    for part in range(6):
        for lamp in (-1, 1):
            scene = 120 + 20 * _texture(part) + lamp * slope
            _shoot(tmp_path / f"{part}{lamp}.png", scene, noise_seed=2 * part + (lamp > 0))
    parts = [(part, lamp) for part in range(6) for lamp in (-1, 1)]
    samples = _samples(*(f"{part}{lamp}.png" for part, lamp in parts), folder=tmp_path)
    assert _pairs(find_groups(samples, "auto", 2)) == _pairs([part for part, _ in parts])


def test_unreadable_image_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"bad\.png"):
        find_groups(_samples("bad.png", folder=tmp_path), "auto", 1)


@pytest.mark.skipif(not TILES.is_dir(), reason=f"needs {TILES}; set IRP_SHARED")
def test_auto_finds_the_tiles_that_were_photographed_repeatedly() -> None:
    samples = mvtec.read(
        DataConfig("mvtec", str(TILES.parent), TILES.name, "published", "auto", 64, "none", "error")
    ).samples
    auto = find_groups(samples, "auto", 2)
    known = find_groups(samples, str(TILES / "groups.csv"), 2)
    assert 600 <= len(set(auto)) <= 800
    assert max(Counter(auto).values()) <= 40  # A tile has six shots or so; more is a chain.
    found, true = _pairs(auto), _pairs(known)
    assert len(found & true) >= 0.5 * len(found)
    # Fewer pairs than half of the known ones would mean that little is found, however precise.
    assert len(found & true) >= 0.4 * len(true)


def test_near_duplicates_are_found_across_blocks_of_images() -> None:
    # Rows are compared 1024 at a time: the first and the last two lie in different blocks.
    thumbnails = torch.randn(1100, 256, generator=torch.Generator().manual_seed(0))
    thumbnails[-1] = thumbnails[3] * 2 + 1
    thumbnails[-2] = thumbnails[1050]
    groups = near_duplicates(thumbnails)
    assert groups == [*range(1098), 1050, 3]


# --- folds --------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", ["auto", "groups.csv"])
def test_folds_keep_the_known_groups_of_the_training_images_together(source: str) -> None:
    # The files are not there: nothing is looked for where groups are known.
    samples = _samples("a.png", "b.png", "c.png", "d.png", "e.png")
    assert fold_groups(samples, ["y", "x", "z", "x", "w"], source) == [0, 1, 2, 1, 3]


def test_folds_find_groups_of_the_training_images_where_none_are_known(
    shots: tuple[list[Sample], list[int]],
) -> None:
    samples, parts = shots
    train = list(range(len(samples)))[::-1][:-1]
    chosen = [samples[i] for i in train]
    groups = fold_groups(chosen, [s.name for s in chosen], "none")
    assert _pairs(groups) == _pairs([parts[i] for i in train])
    assert groups[0] == 0


# --- components --------------------------------------------------------------------------------


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int]]]:
    count = draw(st.integers(1, 25))
    node = st.integers(0, count - 1)
    return count, draw(st.lists(st.tuples(node, node), max_size=30))


@settings(max_examples=80, deadline=None, derandomize=True)
@given(graph=_graphs())
def test_components_are_those_of_a_naive_union(graph: tuple[int, list[tuple[int, int]]]) -> None:
    count, edges = graph
    naive = [{i} for i in range(count)]
    for i, j in edges:
        union = naive[i] | naive[j]
        for node in union:
            naive[node] = union
    components = connected_components(count, edges)
    assert _pairs(components) == _pairs([min(union) for union in naive])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(graph=_graphs())
def test_components_are_numbered_by_first_appearance(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    components = connected_components(*graph)
    assert list(dict.fromkeys(components)) == list(range(max(components) + 1))


def test_parts_that_look_alike_are_not_chained_into_one() -> None:
    generator = torch.Generator().manual_seed(0)
    poses, parts = torch.randn(5, 400, generator=generator), torch.randn(60, 400, generator=generator)
    # Twelve different parts in each of five poses: alike by 0.7; the first was photographed twice.
    photographs = poses.repeat_interleave(12, 0) + 0.65 * parts
    again = photographs[:1] + 0.1 * torch.randn(1, 400, generator=generator)
    assert _pairs(near_duplicates(torch.cat([photographs, again]))) == {(0, 60)}


def test_a_part_that_was_photographed_often_stays_one() -> None:
    generator = torch.Generator().manual_seed(0)
    parts = torch.randn(4, 400, generator=generator).repeat_interleave(15, 0)
    groups = near_duplicates(parts + 0.05 * torch.randn(60, 400, generator=generator))
    assert groups == [i // 15 for i in range(60)]
