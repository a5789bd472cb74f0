"""What the page and the terminal both ask a climb document. Documents of unfinished climbs lack parts: those come out as None."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rung.report import text

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class State:
    """How a rung, a guard or a whole climb stands: a word, a mark that does not need colour, and the name of its colour."""

    word: str
    mark: str
    tone: str


STATES = {
    "passed": State(word="passed", mark="✓", tone="pass"),
    "failed": State(word="failed", mark="✗", tone="fail"),
    "undecided": State(word="undecided", mark="?", tone="undecided"),
    "skipped": State(word="skipped", mark="–", tone="quiet"),
    "not_tried": State(word="not tried", mark="–", tone="quiet"),
    "unfinished": State(word="not finished", mark="…", tone="undecided"),
}
_SAME = {"pass": "passed", "fail": "failed"}


def at(value: Any, *keys: str) -> Any:
    """The value under nested keys, None where any of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def listed(value: Any, *keys: str) -> Sequence[Any]:
    """The list under nested keys, empty where there is none."""
    found = at(value, *keys)
    return found if isinstance(found, list | tuple) else ()


def state(name: Any) -> State:
    """The State of a rung's `state` or a verdict's `status`; an unknown word stands as it is."""
    key = _SAME.get(str(name), str(name))
    return STATES.get(key) or State(word=text.plain(name), mark="·", tone="quiet")


def standing(document: Document) -> State:
    """How the whole climb stands. One that was interrupted has no verdict, whatever its rungs say so far."""
    status = at(document, "verdict", "status")
    return state(status) if status and document.get("finished", True) else STATES["unfinished"]


def is_difference(bar: Any) -> bool:
    """Whether a bar compares two candidates, so that its verdict's figures are differences in percentage points."""
    return at(bar, "better_than") is not None or at(bar, "not_worse_than") is not None


def bar_words(bar: Any) -> str:
    """`at least 80.0%`, `better than r1_prompt by 10.0 points`, `not worse than champion by more than 2.0 points`."""
    if at(bar, "better_than") is not None:
        return f"better than {text.plain(at(bar, 'better_than'))} by {_distance(at(bar, 'by'))}"
    if at(bar, "not_worse_than") is not None:
        return f"not worse than {text.plain(at(bar, 'not_worse_than'))} by more than {_distance(at(bar, 'margin'))}"
    return f"at least {text.percent(at(bar, 'at_least'))}"


def bar_line(document: Document) -> float | None:
    """Where the bar stands on the scale that the rungs' verdicts are measured on."""
    bar = at(document, "task", "bar")
    if at(bar, "better_than") is not None:
        return text.number(at(bar, "by"))
    if at(bar, "not_worse_than") is not None:
        margin = text.number(at(bar, "margin"))
        return None if margin is None else -margin
    return text.number(at(bar, "at_least"))


def rungs(document: Document) -> list[Mapping[str, Any]]:
    """The rungs, cheapest first."""
    return [rung for rung in listed(document, "rungs") if isinstance(rung, Mapping)]


def anchor(rung: Mapping[str, Any]) -> str:
    """The name under which a page can point to a rung."""
    return re.sub(r"[^\w-]+", "-", text.plain(rung.get("rung")))


def winner(document: Document) -> Mapping[str, Any] | None:
    """The rung that passed, None where none did."""
    name = at(document, "verdict", "rung")
    return next((rung for rung in rungs(document) if name is not None and rung.get("rung") == name), None)


def guard_bar(document: Document, name: Any) -> Any:
    """The bar of the guard called `name`."""
    return next((guard for guard in listed(document, "task", "guards") if at(guard, "name") == name), None)


def fewest_labels(document: Document) -> int | None:
    """The fewest further gate labels that would settle an undecided rung."""
    needs = [text.number(at(rung, "verdict", "needed")) for rung in rungs(document)]
    return min((int(need) for need in needs if need), default=None)


def answer_command(document: Document) -> str | None:
    """How to ask the winner something, None where nothing was registered."""
    version = document.get("version")
    return f'rung answer {shlex.quote(str(version))} "..."' if version else None


def repeat_command(document: Document) -> str:
    """How to run the same climb again."""
    path = at(document, "task", "path")
    return str(at(document, "lock", "repeat") or f"rung climb {shlex.quote(str(path or 'task.yaml'))}")


def card_lines(document: Document) -> list[str]:
    """What this gate can and cannot prove, one sentence a line."""
    lines = (at(line, "text") if isinstance(line, Mapping) else line for line in listed(document, "card"))
    return [text.plain(line) for line in lines if line]


def _distance(value: Any) -> str:
    return text.points(value).removeprefix("+")
