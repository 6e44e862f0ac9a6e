"""Looks at a ranking move the cut."""

from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.refinement.looks import belief, best_cut, next_look


@given(st.integers(1, 200), st.integers(0, 200), st.dictionaries(st.integers(0, 199), st.booleans()))
def test_a_belief_is_a_distribution(count: int, expected: int, seen: dict[int, bool]) -> None:
    looks = {rank: bad for rank, bad in seen.items() if rank < count}
    found = belief(count, min(expected, count), looks)
    assert abs(found.sum().item() - 1) < 1e-9
    assert 0 <= best_cut(count, min(expected, count), looks) <= count
    proposed = next_look(count, min(expected, count), looks)
    assert (proposed is None) == (len(looks) == count)
    assert proposed not in looks


def test_nobody_looked() -> None:
    assert best_cut(100, 17, {}) == 17
    assert next_look(100, 17, {}) in (16, 17)


@given(st.integers(0, 100), st.integers(1, 60))
def test_a_sharp_cut_is_found_with_few_looks(true: int, expected: int) -> None:
    looks: dict[int, bool] = {}
    for _ in range(30):
        place = next_look(200, expected, looks)
        assert place is not None
        looks[place] = place < true
    assert abs(best_cut(200, expected, looks) - true) <= 2


def test_a_verdict_moves_the_cut_its_way() -> None:
    assert best_cut(100, 20, {25: True}) > 20
    assert best_cut(100, 20, {15: False}) < 20
