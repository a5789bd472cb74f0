"""Class balance: one class that nearly answers for all, classes too rare to learn, and test classes that train never shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pydantic import BaseModel, Field

from rung.data.findings import found
from rung.data.sensitive import shown
from rung.types import Example, Finding, Severity

ROWS = "split"
SEVERITY: Severity = "warning"
NAMED = 5


class Config(BaseModel, extra="forbid", frozen=True):
    """`most_classes`: targets with more distinct values are free text. `largest_share` of one class and `fewest_rows` of a class in
    train before a word is said."""

    most_classes: int = Field(default=100, ge=2)
    largest_share: float = Field(default=0.9, gt=0, le=1)
    fewest_rows: int = Field(default=5, ge=0)


def check(examples: Sequence[Example], config: Config) -> list[Finding]:
    """Findings on rows whose targets are a closed set of texts; none on others."""
    rows = [example for example in examples if isinstance(example.target, str)]
    classes = Counter(example.target for example in rows)
    if len(rows) < len(examples) or not classes or len(classes) > config.most_classes or len(rows) < 2 * len(classes):
        return []
    return [*_one_class(rows, classes, config), *_unseen(rows), *_rare(rows, config)]


def _one_class(rows: Sequence[Example], classes: Counter[str], config: Config) -> list[Finding]:
    name, count = classes.most_common(1)[0]
    if count / len(rows) <= config.largest_share:
        return []
    message = f"{count / len(rows):.0%} of the rows are '{shown(name)}': always answering so scores as much"
    return [Finding(severity=SEVERITY, message=message, count=count)]


def _unseen(rows: Sequence[Example]) -> list[Finding]:
    known = {example.target for example in rows if example.split == "train"}
    unseen = [example for example in rows if example.split == "test" and known and example.target not in known]
    if not unseen:
        return []
    are = "test row is" if len(unseen) == 1 else "test rows are"
    message = f"{len(unseen):,} {are} of classes that train never shows: {_names({e.target for e in unseen})}"
    return [found(SEVERITY, message, unseen)]


def _rare(rows: Sequence[Example], config: Config) -> list[Finding]:
    train = Counter(example.target for example in rows if example.split == "train")
    rare = {name for name, count in train.items() if count < config.fewest_rows}
    if not rare:
        return []
    have = "class has" if len(rare) == 1 else "classes have"
    message = f"{len(rare)} {have} fewer than {config.fewest_rows} rows in train: {_names(rare)}"
    return [Finding(severity="info", message=message, count=len(rare))]


def _names(classes: set[str]) -> str:
    return ", ".join(map(shown, sorted(classes)[:NAMED]))
