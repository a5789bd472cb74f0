"""What the page and the terminal both say of a climb document."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass

from rung.registry.documents import ClimbDocument, DevScore
from rung.report import text
from rung.types import Bar, Unit, Verdict


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
}
_SAME = {"pass": "passed", "fail": "failed"}


def state(name: str, word: str | None = None) -> State:
    """The State of a rung's `state` or a verdict's `status`, by its own word or a given one."""
    known = STATES[_SAME.get(name, name)]
    return State(word=word, mark=known.mark, tone=known.tone) if word else known


def unit_of(bar: Bar | None) -> Unit:
    """What the figures of a verdict on a bar are; of a limit, which has none: shares."""
    return bar.unit if bar is not None else "share"


def dev_words(dev: DevScore | None) -> str:
    """What came out on dev."""
    return text.share(dev.mean, unit=dev.unit) if dev else text.DASH


def bar_words(bar: Bar) -> str:
    """`at least 80.0%`, `recall of spam at least 95.0%`, `better than r1_prompt by 10.0 points`."""
    if bar.better_than is not None:
        words = f"better than {bar.better_than} by {text.points(bar.by).removeprefix('+')}"
    elif bar.not_worse_than is not None:
        words = f"not worse than {bar.not_worse_than} by more than {text.points(bar.margin).removeprefix('+')}"
    else:
        words = f"{'at most' if bar.at_most is not None else 'at least'} {text.share(bar.line, unit=bar.unit)}"
    return " ".join(filter(None, [bar.measured, words]))


def shown(verdict: Verdict, bar: Bar) -> str:
    """What a pass has shown, `at least 92.1%`: the bound, since the estimate at an early stop is high given a pass."""
    ends = (None, verdict.upper) if bar.at_most is not None else (verdict.lower, None)
    return text.interval(*ends, unit=unit_of(bar), bar=verdict.bar)


def anchor(rung: str) -> str:
    """The name under which a page can point to a rung."""
    return re.sub(r"[^\w-]+", "-", rung)


def answer_command(version: str) -> str:
    """How to ask the winner something."""
    return f'rung answer {shlex.quote(version)} "..."'


def repeat_command(document: ClimbDocument) -> str:
    """How to run the same climb again."""
    return f"rung climb {shlex.quote(document.task.path or 'task.yaml')}"
