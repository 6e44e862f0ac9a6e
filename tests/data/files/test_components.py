"""Behaviour of connected components: those of a naive union, in the order of their appearance."""

from groupings import pairs
from hypothesis import given, settings
from hypothesis import strategies as st

from irp_lightning.data.groups import connected_components


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
    assert pairs(components) == pairs([min(union) for union in naive])


@settings(max_examples=80, deadline=None, derandomize=True)
@given(graph=_graphs())
def test_components_are_numbered_by_first_appearance(
    graph: tuple[int, list[tuple[int, int]]],
) -> None:
    components = connected_components(*graph)
    assert list(dict.fromkeys(components)) == list(range(max(components) + 1))
