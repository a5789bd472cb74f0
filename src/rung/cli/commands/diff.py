"""`rung diff`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from rung.cli.output import example, json_option, print_json, show, table
from rung.escapes import visible
from rung.report.text import cut, percent, plain, points, small

if TYPE_CHECKING:
    from rung.promote.differences import Changed, Differences, Listed
    from rung.verify.same_rows import OnSameRows

SHOWN = 8
LONGEST = 90


@click.command(epilog=example("rung diff tone@3 tone@5"))
@click.argument("before")
@click.argument("after")
@json_option
def command(before: str, after: str, as_json: bool) -> None:
    """Say what parts two versions: prompt, demonstrations, documents, data, settings, adapters, scores.

    Their scores are compared on rows that both answered, of the same split of the same task. Nothing is asked: `rung eval` measures
    what has not been. Each is a name, name@version, name@alias, or the beginning of a candidate's id.
    """
    from rung.json_form import as_json as plain_json
    from rung.promote.differences import differences
    from rung.registry.home import open_home
    from rung.registry.lookup import look_up

    with open_home() as home:
        found = differences(home, look_up(home, before), look_up(home, after))
    if as_json:
        print_json(plain_json(found))
    else:
        _show(found)


def _show(found: Differences) -> None:
    show(f"{found.before} and {found.after}{': the same candidate' if found.same else ''}")
    if found.prompt:
        show("", *map(visible, found.prompt))
    elif not found.same:
        show("The prompt is the same.")
    _show_changes("made of", found.parts)
    show(*_list_lines("demonstration", found.demonstrations), *_list_lines("document", found.documents))
    _show_changes("data (Merkle roots)", found.data)
    _show_changes("settings", found.settings)
    if found.scores:
        _show_scores(found)
    show(*[f"{note}." for note in found.notes])


def _show_changes(title: str, changes: Sequence[Changed]) -> None:
    if changes:
        show(table([title, "before", "after"], [_row(change) for change in changes[:SHOWN]]))
        show(*_more(len(changes) - SHOWN, "differences: --json has all"))


def _row(change: Changed) -> tuple[str, Any, Any]:
    if change.came or change.went:
        return change.key, _minus(change.went), _plus(change.came)
    before, after = (None if value is None else _said(plain(value)) for value in (change.before, change.after))
    return change.key, before, after


def _minus(values: Sequence[Any]) -> str:
    return _said(", ".join(f"- {plain(value)}" for value in values))


def _plus(values: Sequence[Any]) -> str:
    return _said(", ".join(f"+ {plain(value)}" for value in values))


def _more(count: int, of: str) -> list[str]:
    return [f"... and {count} more {of}."] if count > 0 else []


def _list_lines(noun: str, listed: Listed | None) -> list[str]:
    if listed is None:
        return []
    counts = f"{len(listed.came)} came, {len(listed.went)} went, {len(listed.changed)} changed, {listed.kept} are the same"
    marked = (
        [("+", name) for name in listed.came] + [("-", name) for name in listed.went] + [("~", name) for name in listed.changed]
    )
    shown = [f"  {mark} {_said(name)}" for mark, name in marked[:SHOWN]]
    return [f"{noun.capitalize()}s: {counts}.", *shown, *_more(len(marked) - SHOWN, f"{noun}s")]


def _show_scores(found: Differences) -> None:
    titles = ("split", "bar", "rows", "before", "after", "difference", "95% interval", "better", "worse", "p")
    show(table(titles, [_score_row(one) for one in found.scores], numbers=["rows", "better", "worse", "p"]))
    show("Mean scores, row by row; p is McNemar's exact one, where rows stand alone.")
    if any(one.split == "test" for one in found.scores):
        show("Test rows were asked until a verdict stood: what is claimed of them is in the climbs' verdicts, not here.")
    for one in found.scores:
        if one.turned and one.bar == found.scores[0].bar:
            _show_turned(one, found)


def _score_row(one: OnSameRows) -> tuple[Any, ...]:
    known = one.compared
    ends = f"{points(known.lower).removesuffix(' points')} to {points(known.upper)}"
    figures = (percent(known.before), percent(known.after), points(known.estimate), ends, known.better, known.worse)
    return one.split, one.bar, known.n, *figures, None if known.p is None else small(known.p)


def _show_turned(one: OnSameRows, found: Differences) -> None:
    rows = [
        (turned.example, _score(turned.score_before), _score(turned.score_after), _said(turned.before), _said(turned.after))
        for turned in one.turned[:SHOWN]
    ]
    show(table([f"{one.split} row", "before", "after", found.before, found.after], rows, numbers=["before", "after"]))
    show(*_more(len(one.turned) - SHOWN, f"rows of {one.split} differ: --json has all"))


def _score(value: float | None) -> str | None:
    return None if value is None else f"{value:.3g}"


def _said(text: str) -> str:
    return cut(visible(" ".join(text.split())), LONGEST)
