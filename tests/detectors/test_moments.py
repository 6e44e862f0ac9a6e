import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from irp_lightning.detectors.config import DECLARED
from irp_lightning.detectors.moments import Moments, whitening_of
from irp_lightning.foundation.errors import WrongValue
from irp_lightning.foundation.plugins import named_object


@given(st.integers(1, 3), st.lists(st.integers(5, 40), min_size=1, max_size=5), st.integers(0, 99))
def test_moments_of_batches_add_up_to_those_of_all(sets: int, batches: list[int], seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(sets, sum(batches), 4, generator=generator) @ torch.diag(torch.arange(1.0, 5))
    vectors = vectors - vectors[:, :1]
    parts = [Moments.of(part) for part in vectors.split(batches, dim=1)]
    mean, whitening = sum(parts[1:], start=parts[0]).gaussian()
    exact = vectors.double()
    torch.testing.assert_close(mean, exact.mean(dim=1))
    covariance = torch.stack([torch.cov(one.T, correction=0) for one in exact]).view(sets, 4, 4)
    # Products are float32.
    torch.testing.assert_close(whitening, whitening_of(covariance), rtol=1e-3, atol=1e-4)


def test_a_whitening_makes_every_direction_vary_alike() -> None:
    covariance = torch.tensor([[4.0, 1.0], [1.0, 9.0]]).double()
    whitening = whitening_of(covariance[None])[0]
    varied = whitening.T @ covariance @ whitening
    torch.testing.assert_close(varied, torch.eye(2).double(), rtol=0, atol=0.03)  # shrunk by 1 %


@pytest.mark.parametrize("target", [t for t, kind in DECLARED.items() if dataclasses.fields(kind)])
def test_a_detector_refuses_by_name_what_it_does_not_declare(target: str) -> None:
    made = named_object("_target_", target)
    with pytest.raises(WrongValue, match=r"^neighbors=2 is unknown; "):
        made(4, neighbors=2)
