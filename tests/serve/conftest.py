"""A server over a home with a Candidate of every kind, once for all tests that only ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="the server is not installed: pip install 'rung[serve]'")


@pytest.fixture(scope="session")
def float32() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("RUNG_PRECISION", "float32")
        yield


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, tiny_base: Path, float32: None) -> Iterator:
    """A server over every kind of Candidate, and what each is. Ask it; register nothing."""
    from serving_home import every_kind, serving

    from rung.registry.home import open_home
    from rung.serve.opening import Settings, open_door

    with open_home(tmp_path_factory.mktemp("served") / "home", write=True) as home:
        kinds = every_kind(home, tiny_base)
        with serving(open_door(home, Settings())) as running:
            yield running, kinds


@pytest.fixture
def client(served):
    import openai

    with openai.OpenAI(base_url=f"{served[0].url}/v1", api_key="none", max_retries=0) as made:
        yield made
