from __future__ import annotations

import pytest
from nouns import a_candidate

from rung.errors import UserError
from rung.registry.home import Home
from rung.registry.names import Evidence


def test_a_candidate_comes_back_with_the_same_id(registry: Home) -> None:
    whole = a_candidate(
        demos={"pool": "a" * 64, "k": 4},
        constraint={"kind": "choice", "choices": ["yes", "no"]},
        adapters=("b" * 64,),
        parent="c" * 64,
    )
    registry.candidates.add(whole, "t" * 64)
    registry.candidates.add(whole, "t" * 64)
    assert registry.candidates.get(whole.id) == registry.candidates.get(whole.id[:8]) == whole
    assert registry.candidates.get(whole.id).id == whole.id


def test_what_is_not_there_is_said_with_the_nearest_name(registry: Home) -> None:
    with pytest.raises(UserError, match="Nothing is registered yet"):
        registry.candidates.get("tone")
    candidate = a_candidate()
    registry.candidates.add(candidate, "t" * 64)
    registry.names.register("tone", candidate.id, Evidence())
    for wrong in ("tune", "tone@2", "tone@x"):
        with pytest.raises(UserError, match="Did you mean 'tone'"):
            registry.candidates.get(wrong)
    with pytest.raises(UserError, match="cannot be a name"):
        registry.names.register("../tone", candidate.id, Evidence())
    with pytest.raises(UserError, match="no candidate 000000000000 is stored"):
        registry.names.register("tone", "0" * 64, Evidence())


def test_a_beginning_that_two_ids_share_is_refused(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.candidates.SHORTEST_PREFIX", 1)
    candidates = [a_candidate(str(i)) for i in range(17)]
    for candidate in candidates:
        registry.candidates.add(candidate, "t" * 64)
    firsts = [candidate.id[0] for candidate in candidates]
    shared = next(digit for digit in firsts if firsts.count(digit) > 1)
    with pytest.raises(UserError, match="the beginning of"):
        registry.candidates.get(shared)
