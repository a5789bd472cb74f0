"""The text of a model card: each section from the record alone, and a list of what the record does not say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from rung.escapes import visible
from rung.export.records.base_words import base_name
from rung.export.records.told import CLAIMED, Told
from rung.report import text
from rung.report.facts import bar_words, unit_of
from rung.types import Bar, Candidate, Verdict

UNKNOWN = "not known"
_MARKS = re.compile(r"([\\`*_{}\[\]<>|#])")


def body(told: Told) -> str:
    """The card below its head, in Markdown. The same record gives the same text."""
    sections = (
        (f"# {inline(told.ref)}", [_opening(told)]),
        ("## What it is", _made_of(told)),
        ("## What was asked for", _asked(told)),
        ("## What was shown", _shown(told)),
        ("## Data", _data(told)),
        ("## Recipe", _recipe(told)),
        ("## What an answer takes", _takes(told)),
        ("## Limits", _limits(told)),
        ("## How to undo it", _undo(told)),
        ("## What the record does not say", [f"- {line}" for line in missing(told)] or ["Nothing that this card asks for."]),
    )
    return "\n\n".join("\n\n".join([head, "\n".join(lines)]) for head, lines in sections) + "\n"


def missing(told: Told) -> list[str]:
    """What the record says nothing about, in words."""
    asked = (
        (told.receipt is None, "a verdict: no receipt that holds covers it"),
        (not told.lock, "the task that it was judged on"),
        (not told.splits, "the digests of the data"),
        (bool(told.splits) and any(split.rows is None for split in told.splits), "how many rows the splits have"),
        (not base_name(told.candidate.base_reference).digest, "a digest of the base: it is known by its name alone"),
        (told.settings is None, f"the settings of the rung that built it ({told.note})" if told.note else "how it was built"),
        (not told.packages, "the packages and the machine that it was judged with"),
        (not (told.receipt and told.receipt.maker), "who made it"),
        (told.winner is None, "what an answer takes"),
    )
    always = ["a licence: whoever publishes it says under which one", "the licence and the training data of the base"]
    return [said for lacks, said in asked if lacks] + always


def _opening(told: Told) -> str:
    words = inline(told.sentence)
    if told.status == CLAIMED:
        return f"**{CLAIMED}**{words.removeprefix(CLAIMED)}"
    return f"{words} The verdict is signed: receipt `{told.receipt_digest[:12]}`."


def _made_of(told: Told) -> list[str]:
    candidate, base = told.candidate, base_name(told.candidate.base_reference)
    rows = [
        ("version", f"{inline(told.ref)}, registered {text.moment(told.registered)}"),
        ("candidate", f"`{candidate.id}`"),
        ("made by", inline(told.winner.title if told.winner else candidate.rung)),
        ("base", f"{inline(base.said)}{f', sha256 `{base.digest}`' if base.digest else ''}"),
        ("chat template", f"sha256 `{candidate.template}`" if candidate.template else "none"),
        *_parts(candidate),
        ("an answer ends", f"after {candidate.max_tokens:,} tokens at the latest"),
    ]
    files = [f"- {part.role}: {code(part.name)}, {text.size(part.size_bytes)}, sha256 `{part.digest}`" for part in told.parts]
    prompt = ["", "The system message:", "", fenced(candidate.prompt)] if candidate.prompt else []
    return [*_table(("", ""), rows), *prompt, *(["", "Its own files:", "", *files] if files else [])]


def _parts(candidate: Candidate) -> Iterator[tuple[str, str]]:
    shown, held, found, tools = candidate.demonstrations, candidate.constraint, candidate.retrieval, candidate.tools
    if shown:
        nearest = f", {shown.k} more are the nearest to each question" if shown.k else ""
        yield "demonstrations", f"{shown.shared} stand before every question{nearest}; they are rows of the train split"
    if held:
        choices = f": {', '.join(inline(choice) for choice in held.choices)}" if held.kind == "choice" else ""
        yield "answers are held to", f"{held.kind.replace('_', ' ')}{choices}"
    if candidate.calibration:
        yield "calibration", f"a bias for each of {len(candidate.calibration.bias)} choices"
    if found:
        search = f"{found.mode} search shows {text.plural(found.k, 'passage')}"
        models = [f"{what} {inline(name)}" for what, name in (("encoder", found.encoder), ("reranker", found.reranker)) if name]
        yield "documents", ", ".join([search, *models])
    if tools:
        named = ", ".join(f"{inline(tool.name)} ({tool.consequence})" for tool in tools.toolset.tools)
        yield "tools", f"{named}; at most {text.plural(tools.steps, 'call')} for a question"


def _asked(told: Told) -> list[str]:
    if told.receipt is None:
        return ["Not known: no task has judged it."]
    receipt, locked = told.receipt, told.document.task if told.document else None
    bars = [f"- {inline(bar.name)}: {_bar(bar)}" for bar in receipt.bars]
    limits = [
        f"- {said}: {value:g}"
        for said, value in (
            ("seconds that 95% of answers may take", locked.limits.p95_latency_s if locked else None),
            ("tokens of an answer", locked.limits.tokens_per_answer if locked else None),
        )
        if value is not None
    ]
    instruction = ["The instruction:", "", fenced(locked.instruction), ""] if locked and locked.instruction else []
    costs = {"low": "little", "medium": "something", "high": "much"}[receipt.consequence]
    task = inline(told.task.name) if told.task else UNKNOWN
    about = f"Task {task}, lock sha256 `{receipt.task}`. A wrong answer costs {costs} (consequence {receipt.consequence})."
    return [*instruction, about, "", *bars, *limits]


def _bar(bar: Bar) -> str:
    settings = f" with {inline(json.dumps(dict(bar.config), ensure_ascii=False, sort_keys=True))}" if bar.config else ""
    return f"{inline(bar_words(bar))}, scored by {inline(bar.scorer)}{settings}"


def _shown(told: Told) -> list[str]:
    if told.receipt is None:
        return ["Nothing: no gate has judged it."]
    rows = [_verdict(bar, verdict) for bar, verdict in told.judged]
    heads = ("bar", "verdict", "estimate", "bounds", "asked", "rows", "without a score", "chance of being wrong")
    signer = f"{inline(told.signed_by[1])} (`{told.signed_by[0][:16]}`)"
    chance = f"The chance that a version passes its gate and does not meet it is at most {told.receipt.alpha:.2%}"
    return [
        *_table(heads, rows),
        "",
        f"{chance}; this verdict may spend {told.receipt.level:.2%} of it. An estimate at an early stop is high given a pass: the "
        "bound is not.",
        "",
        f"Receipt `{told.receipt_digest}`, signed by {signer}. `rung verify {told.ref}` holds it against what is stored.",
    ]


def _verdict(bar: Bar | None, verdict: Verdict) -> tuple[str, ...]:
    unit = unit_of(bar)
    return (
        inline(verdict.name),
        verdict.status,
        text.share(verdict.estimate, unit=unit, bar=verdict.bar),
        text.interval(verdict.lower, verdict.upper, unit=unit, bar=verdict.bar),
        text.share(verdict.bar, unit=unit),
        text.looked(verdict.n, verdict.n_total),
        f"{verdict.missing:,}",
        f"{verdict.alpha:.2%}",
    )


def _data(told: Told) -> list[str]:
    if not told.splits:
        return ["Not known: nothing says on which rows it was made."]
    rows = [(split.name, f"{split.rows:,}" if split.rows is not None else UNKNOWN, f"`{split.digest}`") for split in told.splits]
    findings = [f"- {one.severity}: {inline(one.message)}" for one in (told.document.findings if told.document else ())]
    found = ["", "What the audit of the data found:", "", *findings] if findings else []
    return [*_table(("split", "rows", "root of its rows"), rows), "", "The rows are not part of this card.", *found]


def _recipe(told: Told) -> list[str]:
    if told.document is None or told.winner is None:
        return [f"Not known: {told.note}." if told.note else "Not known."]
    lock, settings = told.document.lock, told.settings or {}
    said = ", ".join(f"{inline(key)} {inline(text.listing(value))}" for key, value in sorted(settings.items())) or "as usual"
    rows = [
        ("rung", f"{inline(told.winner.rung)}: {inline(told.winner.title)}"),
        ("settings", said),
        ("seed", str(lock.seed)),
        ("packages", ", ".join(f"{name} {version}" for name, version in told.packages.items()) or UNKNOWN),
        ("machine", ", ".join(f"{key} {text.plain(value)}" for key, value in sorted(lock.hardware.items()) if value) or UNKNOWN),
        ("again", f"{code('rung climb ' + PurePath(told.document.task.path or 'task.yaml').name)}"),
    ]
    last = told.winner.history[-1] if told.winner.history else None
    trained = [("training", f"{last.step:,} steps, loss {last.loss:.4g} at the last")] if last else []
    made = [("then", f"a cheaper form of that: {inline(told.cheaper.name)}")] if told.cheaper else []
    return _table(("", ""), [*rows, *trained, *made])


def _takes(told: Told) -> list[str]:
    rung = told.winner
    if rung is None:
        return ["Not known."]
    figures = (
        ("this machine's time for an answer, in batches", text.seconds(rung.answer_s)),
        ("what a caller waits for one, the median", text.seconds(rung.wait_p50_s)),
        ("what 95% of callers do not exceed", text.seconds(rung.wait_p95_s)),
        ("tokens read", text.count(rung.prompt_tokens)),
        ("tokens written", text.count(rung.completion_tokens)),
        ("a thousand answers cost", text.dollars(rung.cost_usd_per_1k)),
        ("its own files", text.size(told.cheaper.artefact_bytes if told.cheaper else rung.artefact_bytes)),
        ("making it took", text.seconds(rung.build_s)),
    )
    of_before = ["", "Times, tokens and costs are of the form before the cheaper one that is registered."] if told.cheaper else []
    rows = [(what, UNKNOWN if said == text.DASH else said) for what, said in figures]
    return [*_table(("", "mean of the dev rows"), rows), *of_before]


def _limits(told: Told) -> list[str]:
    found = ["What was shown holds for questions like those of the locked split, and for no others."] if told.receipt else []
    if told.candidate.base_reference.is_server:
        found.append("Its base answers over HTTP: what stands behind the address can change without a trace here.")
    if told.receipt and told.receipt.remade:
        found.append(f"Its receipt was made afterwards, from the record, by rung {told.receipt.remade}.")
    for remark in told.winner.remarks if told.winner else ():
        found.append(text.sentence(inline(remark)))
    if told.candidate.demonstrations or told.candidate.retrieval:
        found.append("It holds texts of its own (demonstrations, passages): whoever has its files can read them.")
    return [f"- {line}" for line in found] or ["Not known: no gate has judged it."]


def _undo(told: Told) -> list[str]:
    made = [text.sentence(inline(told.winner.undo))] if told.winner and told.winner.undo else []
    back = f"`rung rollback {told.name}` goes back to the champion before, at once, where this version is the champion."
    return [*made, back]


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    return [f"| {' | '.join(line)} |" for line in (heads, ["---"] * len(heads), *rows)]


def inline(words: str) -> str:
    """Somebody's words on one line of Markdown: no mark of theirs means anything, and what cannot be seen is spelt out."""
    return _MARKS.sub(r"\\\1", " ".join(visible(words).split()))


def code(words: str) -> str:
    """Somebody's name as code, on one line."""
    return f"`{' '.join(visible(words).replace('`', chr(39)).replace('|', '/').split())}`"


def fenced(words: str) -> str:
    """Somebody's text as it stands, in a fence that is longer than any of its own."""
    longest = max((len(run) for run in re.findall(r"`{3,}", words)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}text\n{visible(words)}\n{fence}"
