"""What the history needs, holds on to, and only names."""

from __future__ import annotations

import hashlib

from nouns import a_candidate, a_run

from rung.registry.db import now
from rung.registry.home import Home
from rung.registry.names import Evidence

LATER = "9"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_a_version_needs_what_it_is_made_of_and_what_it_answered(registry: Home) -> None:
    adapter, other = registry.blobs.put_bytes(b"adapter"), registry.blobs.put_bytes(b"trial")
    mine, trial = a_candidate(adapters=(adapter,)), a_candidate("Another.", adapters=(other,))
    for candidate in (mine, trial):
        registry.candidates.add(candidate, "t")
    runs = [registry.runs.add(a_run(candidate)) for candidate in (mine, trial)]
    registry.names.register("tone", mine.id, Evidence())
    assert registry.reach.needed() == {adapter: "tone@1", runs[0]: "the answers of tone@1"}
    assert set(registry.reach.named()) == {adapter, other, *runs}
    assert registry.reach.ids() == {mine.id}


def test_an_unfinished_climb_holds_what_it_names_and_what_that_is_made_of(registry: Home) -> None:
    blob = registry.blobs.put_bytes(b"adapter")
    candidate = a_candidate(adapters=(blob,))
    registry.candidates.add(candidate, "t")
    registry.climbs.begin("c1", form=1, task="t")
    registry.climbs.put("c1", "built/r4", {"candidate": candidate.id, "curve": digest("curve")})
    held = registry.reach.held(LATER)
    assert {candidate.id, blob, digest("curve")} <= held
    assert blob not in registry.reach.held(LATER, abandoned=True)
    registry.climbs.put("c1", "document", {"verdict": {}})
    assert blob not in registry.reach.held(LATER)
    assert blob in registry.reach.held(LATER, ["c1"]), "one that is under way again"
    assert blob in registry.reach.held("2020"), "one that has lately ended"


def test_a_table_that_is_not_known_loses_nothing(registry: Home) -> None:
    with registry._database.changing() as connection:
        connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS theirs (said TEXT)")
        connection.exec_driver_sql(f"INSERT INTO theirs VALUES ('runs {digest('x')} now'), (NULL)")
    assert digest("x") in registry.reach.held(LATER)


def test_what_was_cleared_away_is_known_by_its_moment(registry: Home) -> None:
    before = now()
    with registry.together():
        registry.cleared.add({digest("x"): 12})
    assert registry.cleared.when()[digest("x")] >= before
    assert digest("x") not in registry.reach.held(LATER)
