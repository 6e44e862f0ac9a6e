"""Values that properties are tried on."""

from hypothesis import strategies as st

any_seed = st.integers(0, 2**32)
