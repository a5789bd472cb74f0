from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from nouns import a_candidate

from rung.registry.home import Home, open_home
from rung.registry.names import Evidence
from rung.types import Candidate


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


def test_many_that_register_one_name_at_once_get_a_version_each(registry: Home) -> None:
    candidates = [a_candidate(str(number)) for number in range(8)]
    for candidate in candidates:
        registry.candidates.add(candidate, "t" * 64)
    together = threading.Barrier(len(candidates))

    def register(candidate: Candidate) -> str:
        with open_home(registry.path, write=True) as another:
            together.wait()
            return another.names.register("tone", candidate.id, Evidence(climb=candidate.id))

    with ThreadPoolExecutor(len(candidates)) as pool:
        refs = set(pool.map(register, candidates))
    assert refs == {f"tone@{version}" for version in range(1, 9)}
    assert {version.candidate for version in registry.names.all()} == {candidate.id for candidate in candidates}
