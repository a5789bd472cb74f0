"""Single figures of the climb document, and what a Candidate adds to its base."""

from __future__ import annotations

import pytest

from rung.climb.rung_record import quantile
from rung.parts import Demonstrations, Retrieval, ToolSet, ToolUse
from rung.types import Candidate


@pytest.mark.parametrize(("n", "p50", "p95"), [(1, 1, 1), (2, 1, 2), (3, 2, 3), (20, 10, 19), (100, 50, 95)])
def test_a_quantile_is_the_least_figure_that_its_share_does_not_exceed(n: int, p50: int, p95: int):
    """So that a p95 at the limit on latency is a limit that holds: at least 95% of the answers within it."""
    figures = [float(figure) for figure in range(1, n + 1)]
    assert (quantile(figures, 0.5), quantile(figures, 0.95)) == (p50, p95)
    assert sum(figure <= p95 for figure in figures) / n >= 0.95
    assert quantile([], 0.5) is None


def test_artefacts_are_all_that_a_candidate_names_in_the_store():
    plain = Candidate(rung="r1_prompt", base="pip:llm@sha256:00")
    assert plain.artefacts == ()
    assert Candidate(rung="r0_linear", base="linear:aa").artefacts == ("aa",)
    whole = Candidate(
        rung="r4_adapter",
        base="tree:aa",
        demonstrations=Demonstrations(pool="bb", k=4),
        retrieval=Retrieval(index="cc", mode="lexical", k=3, form="cited"),
        tools=ToolUse(toolset=ToolSet(tools=()), files="dd"),
        adapters=("ee", "ff"),
    )
    assert whole.artefacts == ("aa", "bb", "cc", "dd", "ee", "ff")
    assert Candidate(rung="r3_tools", base="b", tools=ToolUse(toolset=ToolSet(tools=()), files=None)).artefacts == ()
