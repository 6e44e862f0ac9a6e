import pickle
import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path

import lightning as L
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from irp_lightning.detectors import bf16_advice
from irp_lightning.detectors.differnet import DifferNet
from irp_lightning.detectors.flow import build_flow, latent_score, nll, nll_score


def load_golden_weights(flow: nn.Module, golden: dict[str, Tensor]) -> None:
    """The original's weights: block k is a permutation and a coupling; fc1, fc2, fc2b, fc3."""
    for k in range(8):
        permutation, coupling = flow[2 * k], flow[2 * k + 1]  # type: ignore[index]
        assert torch.equal(permutation.perm, golden[f"block{k}.perm"])
        for ours, theirs in ((coupling.subnet1, "s1"), (coupling.subnet2, "s2")):
            for layer, name in zip(list(ours)[::2], ("fc1", "fc2", "fc2b", "fc3"), strict=True):
                layer.weight.data = golden[f"block{k}.{theirs}.{name}.weight"]
                layer.bias.data = golden[f"block{k}.{theirs}.{name}.bias"]


def test_flow_matches_the_original(shared: Path) -> None:
    golden = {
        key: torch.as_tensor(value)
        for key, value in np.load(shared / "golden" / "differnet_flow.npz").items()
    }
    flow = build_flow(24, n_blocks=8, hidden=32, clamp=golden["clamp"].item())
    load_golden_weights(flow, golden)
    with torch.no_grad():
        z, log_det = flow(golden["x"])
    torch.testing.assert_close(z, golden["z"], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(log_det, golden["log_det"], atol=1e-5, rtol=1e-5)
    loss = nll(z, log_det).mean()
    torch.testing.assert_close(loss.double(), golden["loss"], atol=1e-5, rtol=1e-5)
    score = latent_score(z[:, None], log_det[:, None])
    torch.testing.assert_close(score, golden["score"].float(), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dim", [2, 7, 10])
def test_flow_is_invertible(dim: int) -> None:
    flow = build_flow(dim, 3, 16, 3.0)
    x = torch.randn(5, dim)
    z, log_det = flow(x)
    back, log_det_back = flow(z, rev=True)
    torch.testing.assert_close(back, x, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(log_det_back, -log_det, atol=1e-4, rtol=1e-4)


def test_log_determinant_is_autograds() -> None:
    flow = build_flow(6, 3, 16, 3.0).double()
    x = torch.randn(6, dtype=torch.float64)
    _, log_det = flow(x[None])
    jacobian = torch.autograd.functional.jacobian(lambda v: flow(v[None])[0][0], x)
    torch.testing.assert_close(torch.linalg.slogdet(jacobian).logabsdet, log_det[0])


def test_gradients_reach_every_subnet() -> None:
    module = DifferNet(6, n_blocks=2, hidden=8)
    nll(*module(torch.randn(4, 2, 6))).mean().backward()
    trained = [p for p in module.parameters() if p.requires_grad]
    assert trained
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained)


def test_bf16_is_of_the_matrix_products_alone() -> None:
    exact, rough = (DifferNet(12, n_blocks=3, hidden=16, precision=p) for p in ("fp32", "bf16"))
    rough.load_state_dict(exact.state_dict())
    x = torch.randn(40, 2, 12)
    z, log_det = rough(x)
    assert z.dtype == log_det.dtype == torch.float32
    assert not torch.equal(z, exact(x)[0])
    torch.testing.assert_close(z, exact(x)[0], atol=0.03, rtol=0.03)
    torch.testing.assert_close(rough.score(x), exact.score(x), atol=0, rtol=0.02)
    # What the subnets say is rounded; what the couplings make of it is not.
    back, _ = rough.flow(z.flatten(0, 1), rev=True)
    torch.testing.assert_close(back, x.flatten(0, 1), atol=1e-4, rtol=1e-4)
    nll(z, log_det).mean().backward()
    assert all(p.grad.dtype == torch.float32 for p in rough.parameters() if p.requires_grad)


@pytest.mark.parametrize(
    ("precision", "hidden", "cost", "said"),
    [
        ("bf16", 8, 10.0, ["10 times slower"]),
        ("bf16", 8, 0.25, []),
        ("fp32", bf16_advice.WIDE, 0.25, ["4 times faster"]),
        ("fp32", bf16_advice.WIDE, 10.0, []),
        ("fp32", 8, 0.25, []),  # a small fit takes a minute: not worth a word
    ],
)
def test_what_bf16_costs_or_would_save_is_said(
    monkeypatch: pytest.MonkeyPatch, precision: str, hidden: int, cost: float, said: list[str]
) -> None:
    monkeypatch.setattr(bf16_advice, "_cost_of_bf16", lambda: cost)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        flow = DifferNet(6, n_blocks=1, hidden=hidden, precision=precision)
        bf16_advice.Bf16Advice().on_fit_start(L.Trainer(logger=False), flow)
    assert len(caught) == len(said)
    assert all(part in str(warning.message) for part, warning in zip(said, caught, strict=True))


@given(st.integers(1, 4), st.integers(1, 4), st.integers(1, 9), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_scores_are_what_their_formulas_say(images: int, views: int, d: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(images, views, d, generator=generator, dtype=torch.float64)
    log_det = torch.randn(images, views, generator=generator, dtype=torch.float64)
    normal = torch.distributions.MultivariateNormal(torch.zeros(d).double(), torch.eye(d).double())
    log_p = normal.log_prob(z) + log_det
    torch.testing.assert_close(nll_score(z, log_det), -log_p.mean(dim=1) / d)
    assert (latent_score(z, log_det) >= 0).all()


def test_paper_size_is_172_million_parameters() -> None:
    with torch.device("meta"):
        module = DifferNet(768)
    assert sum(p.numel() for p in module.parameters() if p.requires_grad) == pytest.approx(
        172e6, rel=0.005
    )


def test_scores_do_not_depend_on_the_images_beside() -> None:
    module = DifferNet(8, n_blocks=2, hidden=8)
    features = torch.randn(6, 3, 8)
    alone = torch.cat([module.score(one[None]) for one in features])
    torch.testing.assert_close(module.score(features), alone, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("average", [0, 0.9])
def test_module_pickles(average: float) -> None:
    module = DifferNet(8, n_blocks=2, hidden=8, average=average)
    twin = pickle.loads(pickle.dumps(module))
    features = torch.randn(2, 3, 8)
    assert torch.equal(twin.score(features), module.score(features))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_compiled_scores_and_state_are_the_same() -> None:
    plain, compiled = (DifferNet(8, n_blocks=1, hidden=8, compile=flag) for flag in (False, True))
    compiled.load_state_dict(plain.state_dict())
    features = torch.randn(4, 3, 8)
    torch.testing.assert_close(compiled.score(features), plain.score(features), atol=1e-5, rtol=1e-5)


def test_optimiser_is_the_originals() -> None:
    optimiser = DifferNet(8, n_blocks=1, hidden=8).configure_optimizers()
    assert isinstance(optimiser, torch.optim.Adam)
    settings_ = {k: optimiser.defaults[k] for k in ("lr", "betas", "eps", "weight_decay")}
    assert settings_ == {"lr": 2e-4, "betas": (0.8, 0.8), "eps": 1e-4, "weight_decay": 1e-5}


def trained(module: DifferNet, features: Tensor, steps: int) -> Iterator[DifferNet]:
    """One batch after another, as Lightning trains; yields after each step."""
    optimiser = module.configure_optimizers()
    for _ in range(steps):
        optimiser.zero_grad()
        nll(*module(features)).mean().backward()
        optimiser.step()
        module.on_train_batch_end(None, None, 0)
        yield module


@pytest.mark.parametrize("average", [0.3, 0.98])
def test_the_average_is_what_its_formula_says(average: float) -> None:
    """To the last bit: wₙ is the average's, with a decay of at most (1 + n) / (10 + n) at step n."""
    module = DifferNet(8, n_blocks=2, hidden=8, average=average)
    weights = [p for p in module.flow.parameters() if p.requires_grad]
    expected = [p.detach().clone() for p in weights]
    assert module.averaged is not None
    for n, _ in enumerate(trained(module, torch.randn(16, 2, 8), steps=40), start=1):
        decay = min(average, (1 + n) / (10 + n))
        for mean, weight in zip(expected, weights, strict=True):
            mean.lerp_(weight.detach(), 1 - decay)
        found = [p for p in module.averaged.parameters() if p.is_floating_point()]
        assert all(map(torch.equal, found, expected))
        assert not any(map(torch.equal, found, weights))


def test_the_average_scores_and_starts_anew_with_the_state() -> None:
    module = DifferNet(8, n_blocks=1, hidden=8, average=0.9)
    first = {key: value.clone() for key, value in module.state_dict().items()}
    features = torch.randn(16, 2, 8)
    for _ in trained(module, features, steps=5):
        pass
    assert module.averaged is not None
    plain = latent_score(*module(features))
    assert not torch.allclose(module.score(features), plain)  # it lags behind the weights
    permutations = zip(module.averaged.parameters(), module.flow.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in permutations if not a.is_floating_point())
    after = module.score(features)
    module.load_state_dict(first)
    torch.testing.assert_close(module.score(features), latent_score(*module(features)))
    for _ in trained(module, features, steps=5):
        pass
    assert torch.equal(module.score(features), after)  # the steps count from 0 again, too


def test_the_average_is_not_trained() -> None:
    module = DifferNet(8, n_blocks=1, hidden=8, average=0.9)
    assert module.averaged is not None
    assert not any(p.requires_grad for p in module.averaged.parameters())
    assert DifferNet(8, n_blocks=1, hidden=8).averaged is None
