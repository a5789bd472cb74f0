"""The end of the page: cheaper attempts, what was not tried, the lock and how to repeat it, and how to use and undo the winner."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.report import text
from rung.report.charts import mark
from rung.report.facts import Document, answer_command, at, fewest_labels, is_difference, listed, repeat_command, standing, winner
from rung.report.markup import Column, Html, element, join, pairs, section, table

CHEAPER = (
    Column(label="The winner, but"),
    Column(label="Outcome"),
    Column(label="Score", numeric=True),
    Column(label="Bounds", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True),
    Column(label="What that adds", numeric=True),
)
LOOKS = (Column(label="Rung"), Column(label="Candidate"), Column(label="Gate rows", numeric=True))


def closing(document: Document) -> Html:
    """Everything after the rungs."""
    notes = [element("li", note, dir="auto") for note in listed(document, "notes") if note]
    return join(
        [
            section("Something cheaper?", _cheaper(document), id_="cheaper"),
            section("What was not tried, and why", element("ul", notes, class_="prose") if notes else None, id_="notes"),
            section("The lock, and how to repeat this", _lock(document), id_="lock"),
            section("What to do now", _next(document), id_="next"),
        ]
    )


def code(value: Any) -> Html:
    """A digest or a reference in one short line: the whole is in the page, is shown on pointing, and is what copying takes."""
    if not value:
        return element("span", text.DASH)
    whole = text.plain(value)
    head, at_sign, digest = whole.rpartition("@")
    if at_sign and ":" in digest:
        return element("code", head, "@", element("span", digest, class_="clip"), class_="copy", title=whole)
    return element("code", whole, class_="copy clip", title=whole)


def command(line: str) -> Html:
    """A line to type."""
    return element("pre", element("code", line), tabindex="0")


def _cheaper(document: Document) -> Html | None:
    rows = [
        _attempt(attempt, is_difference(at(document, "task", "bar")))
        for attempt in listed(document, "cheaper")
        if isinstance(attempt, Mapping)
    ]
    intro = (
        "After a pass, the same thing is tried with less, one part at a time. A form holds where it passes the same bar on "
        "its part of a share of alpha; of those that hold, the one that takes the fewest tokens is kept."
    )
    return join([element("p", intro), table("Cheaper attempts", CHEAPER, rows)]) if rows else None


def _attempt(attempt: Mapping[str, Any], difference: bool) -> list[Any]:
    verdict = attempt.get("verdict")
    line, held = at(verdict, "bar"), attempt.get("held")
    figure = text.points if difference else text.percent
    missed = "fail" if at(verdict, "status") == "fail" else "undecided"
    outcome = mark("pass", "kept" if attempt.get("kept") else "holds") if held else mark(missed, "does not hold")
    return [
        text.plain(attempt.get("name")),
        text.DASH if held is None else outcome,
        figure(at(verdict, "estimate"), line),
        text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line),
        figure(line),
        text.looked(at(verdict, "n"), at(verdict, "n_total")),
        text.points(text.number(attempt.get("part_added"))),
    ]


def _lock(document: Document) -> Html | None:
    lock, rows = at(document, "lock") or {}, at(document, "task", "rows") or {}
    data = [
        (f"{name.capitalize()} data", [code(root), element("small", f" {text.count(rows.get(name))} rows")])
        for name, root in (at(lock, "data") or {}).items()
    ]
    facts: list[tuple[str, Any]] = [
        ("Task", code(at(lock, "task") or at(document, "task", "digest"))),
        *data,
        ("Base model", code(at(lock, "base"))),
        ("Chat template", code(at(lock, "template"))),
        ("Seed", text.plain(lock.get("seed", at(document, "task", "seed")))),
        ("Alpha of the whole climb", text.small(at(document, "task", "alpha"))),
        ("Climb", code(document.get("climb"))),
    ]
    return join(
        [
            element("p", "The same inputs and seed give the same verdict on the same machine."),
            pairs(facts, class_="facts lock"),
            command(repeat_command(document)),
            _folded("Hardware", at(lock, "hardware")),
            _folded("Packages", at(lock, "packages")),
            _looks(document),
        ]
    )


def _folded(title: str, facts: Any) -> Html | None:
    if not isinstance(facts, Mapping) or not facts:
        return None
    return element("details", element("summary", title), pairs([(str(key), text.plain(value)) for key, value in facts.items()]))


def _looks(document: Document) -> Html | None:
    rows = [
        [text.plain(at(look, "rung")), code(at(look, "candidate")), text.count(at(look, "n"))] for look in listed(document, "looks")
    ]
    if not rows:
        return None
    return element("details", element("summary", f"Looks at the gate: {len(rows)}"), table("Every look at the gate", LOOKS, rows))


def _next(document: Document) -> Html:
    state, line, won = standing(document), answer_command(document), winner(document)
    if state.word == "not finished":
        hint = element("p", "Nothing is lost: the same command goes on where this climb stopped.")
        return join([hint, command(repeat_command(document))])
    if line:
        undo = at(won, "undo")
        return join(
            [
                element("p", "Ask the winner, in the way the evaluation asked it:"),
                command(line),
                element("p", element("b", "To undo it: "), undo, dir="auto") if undo else None,
            ]
        )
    needed = fewest_labels(document)
    if state.tone == "undecided" and needed:
        return element("p", f"Nothing was registered. Label about {needed:,} more gate rows, and climb again.")
    if won:
        return element("p", "A rung passed, but nothing was registered.")
    return element("p", "Nothing was registered, because no rung passed. See above which examples each rung still gets wrong.")
