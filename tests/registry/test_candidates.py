from __future__ import annotations

import sqlite3

import pytest
from nouns import a_candidate

from rung.errors import UserError
from rung.parts import Abstention, ChoiceConstraint, Demonstrations, Retrieval, Tool, ToolServer, ToolSet, ToolUse
from rung.registry.home import Home
from rung.registry.names import Evidence

TOOLS = ToolSet(
    tools=(Tool(name="price", description="A price.", parameters={"type": "object"}, consequence="read", origin="tools.py"),),
    digests={"tools.py": "f" * 64},
    servers=(ToolServer(name="shop", digest="0" * 64, command=("python", "server.py"), env=("TOKEN",)),),
)


def test_a_candidate_comes_back_with_the_same_id(registry: Home) -> None:
    whole = a_candidate(
        demonstrations=Demonstrations(pool="a" * 64, k=4),
        constraint=ChoiceConstraint(choices=("yes", "no")),
        retrieval=Retrieval(index="d" * 64, mode="lexical", k=2, form="cited", abstain=Abstention(below=0.5, answer="unknown")),
        tools=ToolUse(toolset=TOOLS, files="e" * 64, steps=2),
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


@pytest.mark.sqlite
def test_an_id_of_an_earlier_version_still_leads_to_it(registry: Home) -> None:
    candidate, other = a_candidate("one"), a_candidate("two")
    for each in (candidate, other):
        registry.candidates.add(each, "t" * 64)
    with sqlite3.connect(registry.path / "registry.db") as raw:
        raw.execute("INSERT INTO aliases (old, candidate, created) VALUES (?, ?, '')", ("0a1d" * 16, candidate.id))
    raw.close()
    assert registry.candidates.get("0a1d" * 16) == registry.candidates.get("0a1d0a") == candidate
    with pytest.raises(UserError, match="no candidate is called '0a1d0b'"):
        registry.candidates.get("0a1d0b")
