import os
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from irp_lightning.foundation.cluster import connected_ray
from irp_lightning.foundation.errors import InputError


def test_ray_is_started_once_and_calls_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[dict[str, Any]] = []

    def init(**arguments: Any) -> None:
        started.append({**arguments, "calls": os.environ["RAY_USAGE_STATS_ENABLED"]})

    ray = SimpleNamespace(init=init, is_initialized=lambda: bool(started))
    monkeypatch.setitem(sys.modules, "ray", ray)  # type: ignore[arg-type]
    monkeypatch.setenv("RAY_DEDUP_LOGS", "1")  # what somebody chose stays
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "")  # so that it is put back
    del os.environ["RAY_USAGE_STATS_ENABLED"]
    assert connected_ray(num_cpus=2) is connected_ray(num_cpus=3) is ray
    assert started == [{"num_cpus": 2, "calls": "0"}]
    assert os.environ["RAY_DEDUP_LOGS"] == "1"


def test_without_ray_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(InputError, match=r"pip install 'irp-lightning\[ray\]'"):
        connected_ray()
