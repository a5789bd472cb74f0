"""What the scorers made of made-up answers, kind by kind; and what racing a rung's trials on dev has saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.registry.documents import CardLine, ClimbDocument, RungRecord
from rung.report import text
from rung.report.grids import Column, Table

COLUMNS = (
    Column(label="Made-up answer"),
    Column(label="Made", numeric=True),
    Column(label="Taken for right", numeric=True),
    Column(label="For instance"),
)
LONGEST = 120


def trial_tables(document: ClimbDocument) -> list[Table]:
    """One for each bar's scorer."""
    return [_table(line) for line in document.trials if line.figures.get("trial")]


def _table(line: CardLine) -> Table:
    trial: Mapping[str, Any] = line.figures["trial"]
    harmless = [_row(kind, kind["made"] - kind["slipped"]) for kind in trial["harmless"]]
    near = [_row(kind, kind["slipped"]) for kind in trial["kinds"]]
    return Table(caption=f"{trial['bar']}: {trial['scorer']}, kind by kind", columns=COLUMNS, rows=(*harmless, *near))


def _row(kind: Mapping[str, Any], right: int) -> tuple[str, ...]:
    return (kind["kind"], text.count(kind["made"]), text.count(right), _instance(kind))


def _instance(kind: Mapping[str, Any]) -> str:
    """What went wrong, by an example; why it may, where it may."""
    made = kind["example"]
    if not made:
        return text.DASH
    said = text.cut(made["said"] or "''", LONGEST)
    accepted = f" ({kind['accepted']})" if kind["accepted"] else ""
    return f"{said} for {text.cut(made['ideal'], LONGEST)}{accepted}"


def saved(rung: RungRecord) -> str:
    """What its trials were asked of dev, and why no more; "" where they were asked all, or it tried nothing there."""
    raced = rung.raced
    if raced is None or raced.asked >= raced.of:
        return ""
    return f"{raced.asked:,} of {raced.of:,} dev answers asked; the rest could hardly have bettered the choice"
