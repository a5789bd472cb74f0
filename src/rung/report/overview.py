"""The top of the page: the verdict, the ladder, what each rung showed and took, and what the gate can prove."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rung.report import text
from rung.report.charts import ladder, mark
from rung.report.facts import Document, anchor, at, bar_words, card_lines, is_difference, rungs, standing, winner
from rung.report.markup import Column, Html, element, pairs, section, table
from rung.report.sentence import sentence

SHOWED = (
    Column(label="Rung"),
    Column(label="Verdict"),
    Column(label="Estimate", numeric=True),
    Column(label="Bounds", numeric=True),
    Column(label="Bar", numeric=True),
    Column(label="Looked at", numeric=True, help="gate rows scored before the test stopped, of all gate rows"),
    Column(label="Alpha", numeric=True, help="the share of the climb's chance of a wrong pass that this rung could spend"),
    Column(label="Score on dev", numeric=True),
)
TOOK = (
    Column(label="Rung"),
    Column(label="Build time", numeric=True),
    Column(label="Time on gate", numeric=True),
    Column(label="Per answer, median", numeric=True),
    Column(label="Per answer, 95th percentile", numeric=True),
    Column(label="Tokens in", numeric=True, help="mean prompt tokens per answer"),
    Column(label="Tokens out", numeric=True, help="mean completion tokens per answer"),
    Column(label="Cost per 1,000 answers", numeric=True),
    Column(label="Artefact", numeric=True, help="bytes that this rung adds to the base model"),
    Column(label="How to undo it"),
)


def header(document: Document) -> Html:
    """The verdict in one sentence, and the figures that it rests on."""
    state, instruction = standing(document), at(document, "task", "instruction")
    known = ("Climb report", at(document, "task", "name"), at(document, "task", "base"), _when(document))
    line = " · ".join(text.plain(part) for part in known if part)
    return element(
        "header",
        element("p", line, class_="eyebrow", dir="auto"),
        element("h1", mark(_standing_key(document)), element("span", sentence(document), dir="auto"), class_=state.tone),
        _key_figures(document),
        element("p", instruction, class_="instruction", dir="auto") if instruction else None,
    )


def overview(document: Document) -> Html:
    """The ladder drawn, the two tables of rungs, and the gate's card."""
    every = rungs(document)
    difference = is_difference(at(document, "task", "bar"))
    card = [element("li", line, dir="auto") for line in card_lines(document)]
    measured = [rung for rung in every if _measured(rung)]
    showed = table("What each rung showed on the gate", SHOWED, [_showed(rung, difference=difference) for rung in every])
    took = table("What each rung took", TOOK, [_took(rung) for rung in measured], class_="took") if measured else None
    return Html(
        section("The ladder", [ladder(document), showed, took, element("p", _NOTE, class_="note")] if every else None, id_="ladder")
        + section("What this gate can prove", element("ul", card, class_="prose") if card else None, id_="card")
    )


_NOTE = (
    "Time, tokens and cost per answer are those of the dev rows. Time per answer is the time of the batch that an answer came in, "
    "divided by its rows; tokens are means per answer. "
    f"{text.DASH} stands for a figure that is not known."
)


def _key_figures(document: Document) -> Html:
    won, bar = winner(document), at(document, "task", "bar")
    facts: list[tuple[str, Any]] = [("The bar", bar_words(bar))] if bar else []
    if won:
        verdict, difference = won.get("verdict"), is_difference(bar)
        line = at(verdict, "bar")
        estimate = text.share(at(verdict, "estimate"), difference=difference, bar=line)
        bounds = text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line)
        facts = [
            ("Winner", document.get("version") or won.get("rung")),
            ("Estimate", estimate),
            ("Bounds", bounds),
            *facts,
            ("Looked at", f"{text.looked(at(verdict, 'n'), at(verdict, 'n_total'))} rows"),
            ("Per answer", text.seconds(won.get("latency_p50_s"))),
            ("Artefact", text.size(won.get("artefact_bytes"))),
        ]
    elif bar:
        rows = at(document, "task", "rows") or {}
        facts += [(f"{name.capitalize()} rows", text.count(rows.get(name))) for name in ("train", "dev", "gate") if name in rows]
    return pairs(facts, class_="key") if facts else Html("")


def _showed(rung: Mapping[str, Any], *, difference: bool) -> list[Any]:
    verdict = rung.get("verdict")
    line = at(verdict, "bar")
    return [
        _name(rung),
        mark(rung.get("state")),
        text.share(at(verdict, "estimate"), difference=difference, bar=line),
        text.interval(at(verdict, "lower"), at(verdict, "upper"), difference=difference, bar=line),
        text.share(line, difference=difference),
        text.looked(at(verdict, "n"), at(verdict, "n_total")),
        text.small(rung.get("alpha")),
        text.percent(at(rung, "dev", "mean")),
    ]


def _took(rung: Mapping[str, Any]) -> list[Any]:
    return [
        _name(rung),
        text.seconds(rung.get("build_s")),
        text.seconds(rung.get("gate_s")),
        text.seconds(rung.get("latency_p50_s")),
        text.seconds(rung.get("latency_p95_s")),
        text.count(rung.get("prompt_tokens")),
        text.count(rung.get("completion_tokens")),
        text.dollars(rung.get("cost_usd_per_1k")),
        text.size(rung.get("artefact_bytes")),
        rung.get("undo") or text.DASH,
    ]


def _measured(rung: Mapping[str, Any]) -> bool:
    return any(text.number(rung.get(key)) is not None for key in ("build_s", "gate_s", "latency_p50_s", "artefact_bytes"))


def _name(rung: Mapping[str, Any]) -> Html:
    return element("a", text.plain(rung.get("rung")), href=f"#{anchor(rung)}")


def _standing_key(document: Document) -> Any:
    return at(document, "verdict", "status") if document.get("finished", True) else "unfinished"


def _when(document: Document) -> str:
    took = text.number(document.get("seconds"))
    started = text.moment(document["started"]) if document.get("started") else None
    return ", ".join(part for part in (started, f"took {text.seconds(took)}" if took is not None else None) if part)
