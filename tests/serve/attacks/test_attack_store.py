"""What a server stands on is changed, taken away or locked: nothing answers rather than something else, and then it goes on."""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from attacked import Attacked, under_attack
from serving_home import register

from rung.registry import db
from rung.types import Candidate


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attacked]:
    """A server of these tests' own: they take away what it stands on."""
    with under_attack(tmp_path_factory.mktemp("alone") / "home") as made:
        yield made


@pytest.fixture
def kept(alone: Attacked) -> Iterator[Path]:
    """The blob of `spam`, brought back afterwards."""
    place = alone.home.blobs.local(alone.home.candidates.get(alone.home.names.find("spam").candidate).base_reference.stored)
    copy = alone.home.path / "copy"
    shutil.copytree(place, copy)
    yield place
    shutil.rmtree(place, ignore_errors=True)
    shutil.move(copy, place)


def test_a_poisoned_blob_answers_nothing(alone: Attacked, kept: Path) -> None:
    before = alone.wire.chat("spam", "good day")
    assert before.status == 200
    [weights] = kept.glob("*.safetensors")
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.chmod(0o644)
    weights.write_bytes(bytes(data))
    came = alone.wire.chat("spam", "good day")
    assert came.status == 503 and came.error["code"] == "unavailable" and str(kept) not in came.body.decode(), came
    assert alone.wire.chat("echo").status == 200, "others are answered"


def test_a_blob_that_was_put_right_answers_again(alone: Attacked) -> None:
    assert alone.wire.chat("spam", "good day").status == 200


def test_a_vanished_blob_answers_nothing(alone: Attacked, kept: Path) -> None:
    shutil.rmtree(kept)
    assert alone.wire.chat("spam").status == 503
    assert alone.wire.chat("echo").status == 200


def test_a_blob_that_is_a_link_elsewhere(alone: Attacked, kept: Path, tmp_path: Path) -> None:
    shutil.move(kept, tmp_path / "elsewhere")
    kept.mkdir()
    for file in (tmp_path / "elsewhere").iterdir():
        (kept / file.name).symlink_to(file)
    assert alone.wire.chat("spam").status in (200, 503)
    shutil.rmtree(kept)


@pytest.mark.parametrize("name", ["adapter_model.bin", "adapter_model.pt", "adapter_model.pkl"])
def test_an_adapter_that_is_a_pickle_is_never_read(alone: Attacked, tmp_path: Path, name: str) -> None:
    """Its bytes would make a file when they are unpickled."""
    folder, trap = tmp_path / "adapter", tmp_path / "ran"
    folder.mkdir()
    (folder / "adapter_config.json").write_text("{}")
    (folder / name).write_bytes(b"cos\nsystem\n(S'touch " + str(trap).encode() + b"'\ntR.")
    word = f"pickled-{name.rpartition('.')[2]}"
    base = alone.home.candidates.get(alone.home.names.find("echo").candidate).base
    digest = alone.home.blobs.put_tree(folder)
    register(alone.home, word, Candidate(rung="r4_adapter", base=base, adapters=(digest,), max_tokens=8))
    came = alone.wire.chat(word)
    assert not trap.exists() and came.status in (200, 503)


def test_a_registry_that_is_locked_is_waited_for_or_told(alone: Attacked) -> None:
    """Another process that holds the registry for long makes nobody wait for ever, and nothing is answered that is not written."""
    file = alone.home.path / "registry.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        timer = threading.Timer(1.0, lambda: other.execute("ROLLBACK"))
        timer.start()
        began = time.monotonic()
        came = alone.wire.chat("echo")
        timer.join()
    assert came.status in (200, 503) and time.monotonic() - began < 20 and b"sqlite" not in came.body.lower(), came
    assert alone.wire.chat("echo").status == 200


def test_a_registry_that_was_taken_away_or_replaced(alone: Attacked) -> None:
    """What is written to a file that nobody finds any more is no journal: nothing is answered meanwhile."""
    file = alone.home.path / "registry.db"
    file.rename(file.with_name("elsewhere.db"))
    for stands in (lambda: None, lambda: file.write_bytes(b"")):
        stands()
        came = alone.wire.chat("echo")
        assert came.status in (500, 503) and str(file) not in came.body.decode(), came
    file.with_name("elsewhere.db").rename(file)
    until = time.monotonic() + 20
    while alone.wire.chat("echo").status != 200:
        assert time.monotonic() < until, "put back, it answers"
        time.sleep(0.2)
    assert alone.home.integrity.faults() == []


def test_a_clock_that_goes_back(alone: Attacked, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moments are told, and nothing goes by them: answers, and the journal's order, go on."""
    real = db.datetime

    class Earlier(real):  # type: ignore[valid-type,misc]
        @classmethod
        def now(cls, tz=None):
            return real.now(tz) - timedelta(days=400)

    monkeypatch.setattr(db, "datetime", Earlier)
    for _ in range(3):
        assert alone.wire.chat("echo").status == 200
    monkeypatch.undo()
    assert alone.wire.chat("echo").status == 200
    assert alone.home.integrity.faults() == []
