"""Class balance: one class that nearly answers for all, classes too rare to learn or judge, and classes that train never shows."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, Field

from rung.choice_words import one_form
from rung.choices import in_one_form
from rung.data.closed_set import are_repeated
from rung.data.findings import found
from rung.data.read.where import as_text
from rung.data.sensitive import shown
from rung.types import Example, Finding, Severity

ROWS = "split"
SEVERITY: Severity = "warning"
NAMED = 5
FEWEST_JUDGED = 2  # rows of a class in test, below which its own share of right answers is all or nothing


class Config(BaseModel, extra="forbid", frozen=True):
    """`largest_share` of one class and `fewest_rows` of a class in train before a word is said."""

    largest_share: float = Field(default=0.9, gt=0, le=1)
    fewest_rows: int = Field(default=5, ge=0)


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """Findings on rows whose targets are a closed set of labels, or lists of them; none on others."""
    labels = [_labels(example.target) for example in examples]
    named = in_one_form(Counter(label for mine in labels for label in mine or ()))
    if None in labels or not (are_repeated(named) or len(named) == 1):
        return []
    spelling = {one_form(name): name for name in named}
    rows = _Rows(examples, [[spelling[one_form(label)] for label in mine or ()] for mine in labels], named)
    return [*_one_class(rows, config), *_forms(labels, named), *_unseen(rows), *_rare(rows, config), *_unjudged(rows)]


class _Rows:
    """Rows with their labels in one spelling, and for each split how often each label stands there."""

    def __init__(self, examples: Sequence[Example], labels: Sequence[Sequence[str]], named: Mapping[str, int]) -> None:
        self.examples, self.labels, self.named = examples, labels, named
        self.of: dict[str, Counter[str]] = defaultdict(Counter)
        for example, mine in zip(examples, labels, strict=True):
            self.of[example.split].update(mine)


def _labels(target: Any) -> list[str] | None:
    """The labels that a target names; None where it is no label nor a list of them."""
    if isinstance(target, list | tuple):
        return None if any(isinstance(item, list | tuple | Mapping) for item in target) else list(map(as_text, target))
    return None if target is None or isinstance(target, Mapping | float) else [as_text(target)]


def _one_class(rows: _Rows, config: Config) -> list[Finding]:
    name, count = max(rows.named.items(), key=lambda item: item[1])
    if count / len(rows.labels) <= config.largest_share or any(len(labels) != 1 for labels in rows.labels):
        return []
    message = f"{count / len(rows.labels):.0%} of the rows are '{shown(name)}': always answering so scores as much"
    return [Finding(severity=SEVERITY, message=message, count=count)]


def _forms(labels: Sequence[Sequence[str] | None], named: Mapping[str, int]) -> list[Finding]:
    """Labels that look the same and are encoded differently, which are one."""
    written = {label for mine in labels for label in mine or ()} - set(named)
    if not written:
        return []
    names = {one_form(label) for label in written}
    are = "label stands" if len(names) == 1 else "labels stand"
    message = f"{len(names)} {are} in several unicode forms that look the same, and count as one: {_names(names)}"
    return [Finding(severity="info", message=message, count=len(names))]


def _unseen(rows: _Rows) -> list[Finding]:
    known = rows.of["train"]
    pairs = zip(rows.examples, rows.labels, strict=True)
    unseen = [(row, labels) for row, labels in pairs if row.split == "test" and known and not set(labels) <= set(known)]
    if not unseen:
        return []
    are = "test row is" if len(unseen) == 1 else "test rows are"
    names = {label for _, labels in unseen for label in labels} - set(known)
    message = f"{len(unseen):,} {are} of classes that train never shows: {_names(names)}"
    return [found(SEVERITY, message, [row for row, _ in unseen])]


def _rare(rows: _Rows, config: Config) -> list[Finding]:
    rare = {name for name, count in rows.of["train"].items() if count < config.fewest_rows}
    if not rare:
        return []
    have = "class has" if len(rare) == 1 else "classes have"
    message = f"{len(rare)} {have} fewer than {config.fewest_rows} rows in train: {_names(rare)}"
    return [Finding(severity="info", message=message, count=len(rare))]


def _unjudged(rows: _Rows) -> list[Finding]:
    """Classes of which test holds so few rows that nothing is known of them, whatever the whole scores."""
    if not rows.of["test"]:
        return []
    names = {name for name in rows.named if rows.of["test"][name] < FEWEST_JUDGED}
    if not names:
        return []
    have = "class has" if len(names) == 1 else "classes have"
    message = (
        f"{len(names)} {have} fewer than {FEWEST_JUDGED} rows in test, so that no score says anything of them: {_names(names)}"
    )
    return [Finding(severity="info", message=message, count=len(names))]


def _names(classes: set[str]) -> str:
    return ", ".join(map(shown, sorted(classes)[:NAMED])) + (", ..." if len(classes) > NAMED else "")
