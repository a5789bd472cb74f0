"""What a home keeps for answers on the line: rules, sessions, spending, sums of adapters; each change a line of the audit."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rung.errors import BrokenEnvironment
from rung.line import LineCaps, LineCheck, Mix, Serving, Share
from rung.registry.home import Home
from rung.registry.sessions import Chosen

POLITE = LineCheck(name="polite", scorer="forbidden", config={"words": ["damn"]})
SAID = Serving(
    checks=(POLITE,), retry=1, caps=LineCaps(tokens=9), mixes=(Mix(mode="legal", shares=(Share(name="law", least=1.0, most=1.0),)),)
)


def test_the_newest_word_on_a_subject_counts_and_is_only_news_once(registry: Home) -> None:
    assert registry.serving.of("lock") is None and not registry.serving.put("lock", None)
    assert registry.serving.put("lock", SAID, "anna") and not registry.serving.put("lock", SAID)
    rules = registry.serving.of("lock")
    assert rules is not None and (rules.serving, rules.number, rules.who) == (SAID, 1, "anna")
    assert registry.serving.put("lock", None)
    taken = registry.serving.of("lock")
    assert taken is not None and taken.serving is None and taken.number == 2
    assert [one.number for one in registry.serving.history("lock")] == [1, 2] and registry.serving.of("other") is None
    assert registry.integrity.faults() == []


def test_a_word_that_a_newer_version_wrote_is_not_guessed_at(registry: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rung.registry.serving.as_json", lambda _: {"checks": [], "newer": 1})
    registry.serving.put("lock", SAID)
    with pytest.raises(BrokenEnvironment, match="cannot be read: Serving has an unknown 'newer'"):
        registry.serving.of("lock")


def test_a_session_is_its_tenants_and_its_models(registry: Home) -> None:
    sessions, legal = registry.sessions, Chosen(mode="legal")
    assert not sessions.choose("t1", "s", "desk", Chosen())
    assert sessions.choose("t1", "s", "desk", legal) and not sessions.choose("t1", "s", "desk", legal)
    assert sessions.of("t1", "s", "desk") == legal
    assert sessions.of("t2", "s", "desk") == sessions.of("t1", "s", "") == sessions.of("t1", "z", "desk") == Chosen()
    stack = Chosen(stack=(("law@1", 0.3), ("tone", 1.0)))
    assert sessions.choose("t1", "s", "desk", stack) and sessions.of("t1", "s", "desk") == stack
    assert sessions.choose("t1", "s", "desk", Chosen()) and sessions.of("t1", "s", "desk") == Chosen()
    assert [one.number for one in sessions.all("t1")] == [3, 2, 1] and sessions.all("t2") == []
    assert len([line for line in registry.audit.lines() if line.kind == "session"]) == 3
    assert all(part != "s" for line in registry.audit.lines() for part in line.subject.split("/"))
    assert registry.integrity.faults() == []


def test_a_days_spending_is_added_up(registry: Home) -> None:
    for usd in (0.25, 0.5):
        registry.spending.add("desk", "2026-11-03", usd)
    registry.spending.add("desk", "2026-11-04", 1.0)
    assert registry.spending.of("desk", "2026-11-03") == 0.75 and registry.spending.of("other", "2026-11-03") == 0.0


def test_a_sum_is_found_by_its_parts_in_any_order_and_no_other(registry: Home) -> None:
    registry.stackings.enter("base", [("a", 0.7), ("b", 0.3)], "ab@1", "sum")
    assert registry.stackings.of("base", [("b", 0.3), ("a", 0.7)]) == [("ab@1", "sum")]
    for base, parts in (("other", [("a", 0.7), ("b", 0.3)]), ("base", [("a", 0.3), ("b", 0.7)]), ("base", [("a", 0.7)])):
        assert registry.stackings.of(base, parts) == []
