from pathlib import Path

import pytest

from irp_lightning.reporting.loggers import has_wandb_key


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("WANDB_API_KEY", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_without_a_key_there_is_none() -> None:
    assert not has_wandb_key()


def test_a_key_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    assert has_wandb_key()


@pytest.mark.parametrize(("machine", "found"), [("api.wandb.ai", True), ("wandb.example.org", False)])
def test_a_key_that_wandb_login_left(tmp_path: Path, machine: str, found: bool) -> None:
    (tmp_path / "netrc").write_text(f"machine {machine}\n  login user\n  password {'0' * 40}\n")
    assert has_wandb_key() == found


def test_a_key_for_ones_own_server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "netrc").write_text("machine wandb.example.org\n  login u\n  password p\n")
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org:8080")
    assert has_wandb_key()
