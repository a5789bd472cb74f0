"""A rung's own part of the page: its verdict in full, what was tried, how training went, and which examples changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rung.report import text
from rung.report.charts import mark, trials
from rung.report.curves import curves
from rung.report.facts import Document, anchor, at, guard_bar, is_difference, listed, rungs
from rung.report.markup import Column, Html, element, join, pairs, section, table

MOST_EXAMPLES = 20
LONGEST = 800
GUARDS = (
    Column(label="Guard"),
    Column(label="Verdict"),
    Column(label="Estimate", numeric=True),
    Column(label="Bounds", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True),
)


def details(document: Document) -> Html:
    """Every rung, cheapest first."""
    every = [_rung(rung, document) for rung in rungs(document)]
    return section("Rung by rung", every, id_="rungs")


def _rung(rung: Mapping[str, Any], document: Document) -> Html:
    name = element("h3", element("code", text.plain(rung.get("rung"))), " ", rung.get("title"), mark(rung.get("state")))
    reason = rung.get("reason") or at(rung, "verdict", "reason")
    return element(
        "article",
        name,
        element("p", reason, dir="auto") if reason else None,
        _verdict_note(rung, reason),
        _guards(rung, document),
        trials(rung),
        curves(rung),
        _changed(rung, "fixed"),
        _changed(rung, "broke"),
        _settings(rung),
        id=anchor(rung),
        class_="rung",
    )


def _verdict_note(rung: Mapping[str, Any], already: Any) -> Html | None:
    """What the verdict says beyond its numbers; its reason is left out where the page has `already` said the same."""
    verdict = rung.get("verdict")
    reason, missing, needed = at(verdict, "reason"), text.number(at(verdict, "missing")), text.number(at(verdict, "needed"))
    said = [
        f"{reason} " if reason and reason != already else None,
        f"{text.plural(int(missing), 'answer')} could not be scored: missing, not wrong. " if missing else None,
        f"About {text.plural(int(needed), 'more gate label')} would settle it." if needed else None,
    ]
    return element("p", said, class_="note", dir="auto") if any(said) else None


def _guards(rung: Mapping[str, Any], document: Document) -> Html | None:
    rows = []
    for verdict in listed(rung, "guards"):
        difference, line = is_difference(guard_bar(document, at(verdict, "name"))), at(verdict, "bar")
        rows.append(
            [
                text.plain(at(verdict, "name")),
                mark(at(verdict, "status")),
                text.share(at(verdict, "estimate"), difference=difference, bar=line),
                text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line),
                text.share(line, difference=difference),
                text.looked(at(verdict, "n"), at(verdict, "n_total")),
            ]
        )
    return table("Guards, all of which must hold", GUARDS, rows) if rows else None


def _changed(rung: Mapping[str, Any], key: str) -> Html | None:
    examples = [example for example in listed(rung, key) if isinstance(example, Mapping)]
    if not examples:
        return None
    shown = examples[:MOST_EXAMPLES]
    total = text.number(rung.get(f"{key}_total"))
    of_all = f"{len(shown)} of {total:,.0f} shown" if total and total > len(shown) else f"{len(shown)} shown"
    summary = f"Examples of dev that it {key}, against the rung below: {of_all}"
    return element("details", element("summary", summary), [_example(example) for example in shown])


def _example(example: Mapping[str, Any]) -> Html:
    label = element("p", text.plain(example.get("example")), class_="source")
    facts = [(name.capitalize(), _speech(example.get(name))) for name in ("question", "target", "before", "after")]
    return element("div", label, pairs(facts, class_="speech"), class_="example")


def _speech(value: Any) -> Html:
    """A model's or a person's words, in their own direction, cut where they are too long to read here."""
    if value == "":
        return element("em", "(empty)")
    words, left = text.shorten(text.plain(value), LONGEST)
    note = element("small", f"{left:,} more characters are left out here") if left else None
    return join([element("div", words, class_="words", dir="auto"), note])


def _settings(rung: Mapping[str, Any]) -> Html | None:
    settings = rung.get("settings")
    if not isinstance(settings, Mapping) or not settings:
        return None
    return element("details", element("summary", "Settings"), pairs(_flat(settings)))


def _flat(settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(str(key), text.shorten(_value(value), LONGEST)[0]) for key, value in settings.items()]


def _value(value: Any) -> str:
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(item, str) for item in value):
        return ", ".join(value) or text.DASH
    return text.plain(value)
