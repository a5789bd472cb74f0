"""Jobs on a Ray cluster of two nodes, one of which is killed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from rung.errors import BrokenEnvironment
from rung.registry.home import Home
from rung.registry.job_states import Job
from rung.worker.on_ray import Cluster, RayWorker

Shell = Callable[..., Job]


def test_without_ray_it_says_what_is_missing(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(BrokenEnvironment, match="needs the package ray") as caught:
        RayWorker(registry, Cluster(address="auto")).run()
    assert caught.value.hint == "pip install 'rung[ray]'"
