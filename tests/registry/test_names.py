from __future__ import annotations

from nouns import a_candidate

from rung.registry.home import Home
from rung.registry.names import Evidence


def test_names_have_versions_and_keep_their_history(registry: Home) -> None:
    first, second = a_candidate("one"), a_candidate("two")
    for candidate in (first, second):
        registry.candidates.add(candidate, "t" * 64)
    assert registry.names.register("tone", first.id, Evidence(climb="c1")) == "tone@1"
    assert registry.names.register("tone", first.id, Evidence(climb="c1", rung="r1_prompt")) == "tone@1"
    assert registry.names.register("tone", second.id, Evidence(climb="c2")) == "tone@2"
    assert registry.names.register("tone", first.id, Evidence(climb="c3")) == "tone@3"
    assert registry.candidates.get("tone") == first
    assert registry.candidates.get("tone@2") == second
    assert [(row.name, row.version, row.candidate) for row in registry.names.all()] == [
        ("tone", 1, first.id),
        ("tone", 2, second.id),
        ("tone", 3, first.id),
    ]
    assert registry.names.all()[0].evidence == Evidence(climb="c1")
    assert registry.names.all()[0].rung == "r1_prompt"
