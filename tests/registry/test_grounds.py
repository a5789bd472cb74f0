from __future__ import annotations

import json
import sqlite3
import sys
from pathlib import Path

import pytest
from nouns import a_candidate

sys.path.insert(0, str(Path(__file__).parent))
from old_home import FINISHED, TASK, TRIGGER, write_old_home

from rung.registry.home import Home, open_home
from rung.registry.names import Evidence

PIN, MADE, TRAIN = "ab" * 32, "cd" * 32, "ef" * 32


def refs(home: Home, ground: str) -> list[str]:
    return [version.ref for version in home.names.on(ground)]


def test_versions_are_found_by_what_they_rest_on(registry: Home) -> None:
    known = {
        "prompt": a_candidate(base=f"pip:llm@sha256:{PIN}", template="81" * 32),
        "adapter": a_candidate(base=f"int8:pip:llm@sha256:{PIN}", adapters=("ad" * 32,)),
        "full": a_candidate(base=f"tree:{MADE}"),
    }
    for name, candidate in known.items():
        registry.candidates.add(candidate, "t" * 64)
        registry.names.register(name, candidate.id, Evidence(task="7a" * 32, data={"train": TRAIN} if name == "adapter" else {}))
    for ground in (PIN, PIN[:10], "pip:llm", f"pip:llm@sha256:{PIN}", "pip:"):
        assert refs(registry, ground) == ["adapter@1", "prompt@1"], ground
    assert refs(registry, "int8:") == refs(registry, TRAIN) == refs(registry, "ad" * 32) == ["adapter@1"]
    assert refs(registry, MADE) == refs(registry, f"tree:{MADE[:8]}") == ["full@1"]
    assert refs(registry, "81" * 4) == ["prompt@1"]
    assert refs(registry, "7a" * 32) == ["adapter@1", "full@1", "prompt@1"]
    assert refs(registry, "00" * 32) == refs(registry, "%") == refs(registry, "pip_llm") == []


@pytest.mark.sqlite
def test_they_cannot_be_changed_or_removed(registry: Home) -> None:
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.names.register("tone", candidate.id, Evidence())
    raw = sqlite3.connect(registry.path / "registry.db")
    for statement in ("DELETE FROM grounds", "UPDATE grounds SET digest = ''"):
        with pytest.raises(sqlite3.IntegrityError, match="grounds is append-only"):
            raw.execute(statement)
        raw.rollback()
    raw.close()


def test_what_an_earlier_version_registered_is_found_too(home: Path) -> None:
    write_old_home(home)
    raw = sqlite3.connect(home / "registry.db")
    for verb in ("update", "delete"):
        raw.execute(f"DROP TRIGGER facts_no_{verb}")
    lock = json.dumps({"task": TASK, "data": {"train": TRAIN}})
    raw.execute("UPDATE facts SET payload = ? WHERE climb = ? AND key = 'lock'", (lock, FINISHED))
    for verb in ("update", "delete"):
        raw.execute(TRIGGER.format("facts", verb))
    raw.commit()
    raw.close()
    with open_home() as opened:
        for ground in ("pip:llm", "00", "81", TASK, TRAIN):
            assert refs(opened, ground) == ["tone@1"], ground
        assert refs(opened, "ad" * 32) == [], "built, and not registered"
        assert opened.aliases.standing() == []
