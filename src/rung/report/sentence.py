"""The verdict in one sentence."""

from __future__ import annotations

from rung.report import text
from rung.report.facts import Document, at, bar_words, fewest_labels, rungs, winner


def sentence(document: Document) -> str:
    """The climb's own sentence where it is finished and has one, else one made from its facts."""
    status = at(document, "verdict", "status")
    if not document.get("finished", True):
        return _unfinished(document)
    return at(document, "verdict", "sentence") or {"pass": _passed, "undecided": _undecided}.get(str(status), _failed)(document)


def _passed(document: Document) -> str:
    rung = winner(document) or {}
    title = rung.get("title") or rung.get("rung") or "A rung"
    return f"{title} is the cheapest rung found to reach the bar, {bar_words(at(document, 'task', 'bar'))}."


def _failed(document: Document) -> str:
    tried = sum(rung.get("state") == "failed" for rung in rungs(document))
    return f"No rung reaches the bar, {bar_words(at(document, 'task', 'bar'))}: {text.plural(tried, 'rung')} tried."


def _undecided(document: Document) -> str:
    needed = fewest_labels(document)
    more = f"; about {text.plural(needed, 'more gate label')} would settle it" if needed else ""
    return f"This gate cannot tell whether a rung reaches the bar, {bar_words(at(document, 'task', 'bar'))}{more}."


def _unfinished(document: Document) -> str:
    every = rungs(document)
    decided = sum(rung.get("state") in ("passed", "failed", "undecided", "skipped") for rung in every)
    return f"This climb is not finished: {decided} of {text.plural(len(every), 'rung')} settled so far."
